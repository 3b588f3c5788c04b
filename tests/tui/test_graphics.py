"""Pictures in the pixels of a terminal: what is sent, and that the app comes back."""

from __future__ import annotations

import base64
import re
import struct
import sys
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import write_project
from tests.tui.story import story
from tests.tui.terminal import START, program_in_terminal
from tui_trainer.tui import keys
from tui_trainer.tui.gallery import Gallery
from tui_trainer.tui.graphics import Graphics, as_kitty, as_png, as_sixel, terminals_graphics
from tui_trainer.tui.screens import samples
from tui_trainer.tui.widgets.pictures import Picture, Row, Sheet

if TYPE_CHECKING:
    from pathlib import Path

RED, BLUE = (255, 0, 0), (0, 0, 255)


class CoreThatAnswers:
    """In place of the core, which takes seconds: two rows of six pictures."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def ask(self, _: object) -> dict[str, object]:
        pixels = base64.b64encode(bytes(RED) * 16 * 16 * 6).decode()
        rows = [{"name": name, "side": 16, "pixels": pixels} for name in ("original", "as trained")]
        return {"rows": rows, "labels": list("abcdef"), "batches": 19}

    def withdraw(self) -> None: ...

    def close(self) -> None: ...


WITH_CANNED_PICTURES = """
from tests.tui.test_graphics import CoreThatAnswers
from tui_trainer.tui.screens import samples
samples.Conversation = CoreThatAnswers
"""


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


def test_a_page_has_what_fits_and_nothing_is_left_out() -> None:
    picture = Picture(2, bytes((*RED, *BLUE, *BLUE, *RED)))
    rows = tuple(Row(name, (picture,) * 5) for name in ("plain", "fog", "snow"))
    gallery = Gallery(Sheet(rows, tuple("abcde")), Graphics.KITTY, 20, "~")
    pages = gallery.pages(50, 24)
    shown = [(row.name, len(row.pictures)) for page in pages for row in page.rows]
    assert [page.labels for page in pages] == [("a", "b")] * 2 + [("c", "d")] * 2 + [("e",)] * 2
    assert sum(count for _, count in shown) == 15
    assert [len(page.rows) for page in pages] == [2, 1] * 3
    for size in ((1, 1), (8, 3), (500, 200)):
        assert sum(len(row.pictures) for page in gallery.pages(*size) for row in page.rows) == 15


@pytest.mark.parametrize(
    ("environment", "drawn"),
    [({"TERM": "xterm-kitty"}, b"\x1b_Ga=T"), ({"TERM_PROGRAM": "WezTerm"}, b"\x1bP0;1;0q")],
    ids=["kitty", "sixel"],
)
def test_pictures_are_looked_through_in_pixels_and_the_app_comes_back(
    tmp_path: Path, environment: dict[str, str], drawn: bytes
) -> None:
    project = write_project(tmp_path)
    command = [sys.executable, "-c", WITH_CANNED_PICTURES + START]
    with program_in_terminal(command, project, environment) as shown:
        shown.sees("cnn4")
        shown.press("v")
        shown.sees("Enter pixels")
        assert drawn not in shown.sent
        shown.press("\r")
        shown.sees("page 1 of 1")
        shown.read(0.3)
        assert shown.sent.count(drawn) == 2
        shown.press("\x03")  # no signal: it only goes back
        shown.sees("Enter pixels")
        shown.press("\r")
        shown.sees("Enter back to the app")
        shown.press("\r")
        shown.sees("Enter pixels")
        shown.press("q")
        shown.sees("digits-study")
        shown.press("q")
        shown.read(2)
        assert shown.process.wait(timeout=5) == 0


async def test_a_terminal_without_pixels_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(samples, "Conversation", CoreThatAnswers)
    async with story(write_project(tmp_path), (120, 40)) as told:
        await told.go_to("cnn4")
        await told.press(keys.SAMPLES)
        await told.sees("as trained", "Tab corrupted")
        await told.sees_no("Enter pixels")
        await told.press(keys.PIXELS)
        await told.sees("not known to draw pixels", "as trained")
