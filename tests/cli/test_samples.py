"""Pictures on a terminal, in a pipe, and as a file."""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING

import pytest

from tui_trainer.cli.graphics import Graphics, as_kitty, as_png, as_sixel, terminals_graphics
from tui_trainer.errors import ExitCode
from tui_trainer.tui.widgets.pictures import Picture, Row, Sheet

if TYPE_CHECKING:
    from tests.conftest import CommandLine

RED, BLUE = (255, 0, 0), (0, 0, 255)


def test_a_pipe_gets_ascii_with_the_names_of_the_classes(tui_trainer: CommandLine) -> None:
    done = tui_trainer("samples", "one", "--count", "3")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert done.stdout.isascii()
    assert "original" in done.stdout
    assert "as trained" in done.stdout
    assert re.search(r"^ \d +\d +\d$", done.stdout, re.MULTILINE)
    assert "\x1b" not in done.stdout


def test_a_png_holds_the_pixels(tui_trainer: CommandLine) -> None:
    arguments = ("samples", "one", "--corruption", "fog", "--severity", "5", "--png", "fog.png")
    done = tui_trainer(*arguments)
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "original, fog 5" in done.stdout
    assert (tui_trainer.folder / "fog.png").read_bytes().startswith(b"\x89PNG")


def test_what_stands_is_never_written_over_and_the_core_not_asked(tui_trainer: CommandLine) -> None:
    (tui_trainer.folder / "mine.png").write_text("mine")
    changes = ("--set", "data={ name = 'absent:data' }")  # which the core would name
    done = tui_trainer("samples", "one", *changes, "--png", "mine.png")
    assert done.returncode == ExitCode.USAGE
    assert "mine.png exists; it is left as it is" in done.stderr
    assert (tui_trainer.folder / "mine.png").read_text() == "mine"


def test_an_unknown_corruption_names_those_that_there_are(tui_trainer: CommandLine) -> None:
    done = tui_trainer("samples", "one", "--corruption", "rain")
    assert done.returncode == ExitCode.USAGE
    assert "gaussian_noise" in done.stderr


@pytest.mark.parametrize(
    ("environment", "graphics"),
    [
        ({"TERM": "xterm-256color"}, Graphics.BLOCKS),
        ({"TERM": "xterm-256color", "LC_ALL": "C"}, Graphics.ASCII),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, Graphics.ASCII),
        ({"TERM": "xterm-kitty"}, Graphics.KITTY),
        ({"TERM": "xterm-kitty", "TMUX": "1"}, Graphics.BLOCKS),
        ({"TERM": "screen-256color", "KITTY_WINDOW_ID": "1"}, Graphics.BLOCKS),
        ({"TERM": "foot"}, Graphics.SIXEL),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, Graphics.SIXEL),
    ],
)
def test_the_environment_alone_says_what_a_terminal_draws(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], graphics: Graphics
) -> None:
    for name in ("NO_COLOR", "TMUX", "STY", "TERM_PROGRAM", "KITTY_WINDOW_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"LC_ALL": "C.UTF-8", **environment}.items():
        monkeypatch.setenv(name, value)
    assert terminals_graphics(environment, is_terminal=True) is graphics
    assert terminals_graphics(environment, is_terminal=False) is Graphics.ASCII


def test_kitty_gets_every_pixel_and_is_told_not_to_answer() -> None:
    import base64

    sent = as_kitty([[RED, None], [BLUE, RED]], 4, 1)
    found = re.fullmatch(r"\x1b_G(.*?);([A-Za-z0-9+/=]*)\x1b\\", sent)
    assert found is not None
    assert {"a=T", "f=32", "q=2", "s=2", "v=2", "c=4", "r=1"} <= set(found[1].split(","))
    pixels = zlib.decompress(base64.b64decode(found[2]))
    assert pixels == b"\xff\0\0\xff\0\0\0\0\0\0\xff\xff\xff\0\0\xff"


def test_sixels_draw_each_pixel_in_its_colour() -> None:
    sent = as_sixel([[RED, None], [BLUE, RED]], 3, 4)
    assert sent.startswith('\x1bP0;1;0q"1;1;6;8')
    assert sent.endswith("\x1b\\")
    assert "#180;2;100;0;0" in sent
    assert "#5;2;0;0;100" in sent
    first, second, *_ = sent.partition('"1;1;6;8')[2].split("-")
    # Of the first six rows four are red on the left, and two below them on the right.
    assert f"#180!3{chr(63 + 0b001111)}!3{chr(63 + 0b110000)}$" in first
    assert f"#5!3{chr(63 + 0b110000)}!3{chr(63)}$" in first
    assert f"#180!3{chr(63)}!3{chr(63 + 0b11)}$" in second


def test_a_png_is_well_formed() -> None:
    sheet = Sheet((Row("original", (Picture(2, bytes((*RED, *BLUE, *BLUE, *RED))),)),), ("a",))
    content = as_png(sheet)
    at, kinds = 8, []
    while at < len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        kind, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        assert zlib.crc32(kind + data) == struct.unpack(">I", content[at + 8 + length :][:4])[0]
        kinds.append(kind)
        at += 12 + length
        if kind == b"IDAT":
            lines = zlib.decompress(data)
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]
    assert lines[:9] == b"\0" + b"\xff\0\0\xff" * 2
    assert len(lines) == 16 * (1 + 4 * 16)
