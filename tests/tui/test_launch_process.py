"""The form before a real core: it answers from a process of its own, and leaves none behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from tests.tui import terminal as terminals
from tests.tui.run_folders import write_project
from tests.tui.terminal import Terminal, terminal

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

# Importing torch takes seconds on a quiet machine.
SECONDS_TO_ANSWER = 120.0


def cores_of(shown: Terminal) -> list[psutil.Process]:
    children = psutil.Process(shown.process.pid).children(recursive=True)
    return [child for child in children if "tui_trainer.train." in " ".join(child.cmdline())]


def test_the_scheduler_itself_is_asked_and_who_leaves_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminals, "SECONDS_TO_SHOW", SECONDS_TO_ANSWER)
    with terminal(write_project(tmp_path)) as shown:
        shown.sees("cnn2")
        shown.press("L")
        shown.sees("launch cnn2")
        shown.press("scheduler={name='step_lr',step_size=7}")
        shown.sees("learning rate  step_lr")
        shown.sees("lr 0.01")
        shown.press("\x12")  # Ctrl+R
        shown.sees("rehearsing every stage")
        assert cores_of(shown)
        shown.press("\x1b")
        shown.sees("launches it")
        shown.shows_until(lambda: not cores_of(shown), "the end of the core")
        assert not list(tmp_path.glob("runs/*/*"))
