"""Pictures on a terminal, in a pipe, and as a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tui_trainer.errors import ExitCode

if TYPE_CHECKING:
    from tests.conftest import CommandLine


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
