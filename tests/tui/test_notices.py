"""Whoever looks elsewhere is told when a run ends: once, and in words that can do no harm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import RunWriter, write_project
from tests.tui.terminal import terminal
from tui_trainer.tui import notices
from tui_trainer.tui.store import Store

if TYPE_CHECKING:
    from pathlib import Path

KITTY = {"TERM": "xterm-kitty"}


def test_a_run_that_ends_rings_once_and_says_how(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    RunWriter(project, "cnn2").start().train(14).end(0)
    run = RunWriter(project, "cnn4").start().train(3).beat()
    with terminal(project, KITTY) as shown:
        shown.sees("1 running")
        begun = len(shown.sent)  # with a title, which ends like a bell
        run.end(1, "MemoryError: no \x1b]0;more\x07 memory")
        shown.sees("1 crashed")
        shown.read(4)
        notice = b"\x1b]9;cnn4/1 crashed: MemoryError: no ]0;more memory\x1b\\"
        sent = shown.sent[begun:]
        assert (sent.count(notice), sent.count(b"\x07")) == (1, 1)


def test_what_ended_badly_is_named_first(tmp_path: Path) -> None:
    project, store = write_project(tmp_path), Store(tmp_path)
    runs = [RunWriter(project, name).start().train(3).beat() for name in ("cnn2", "cnn4", "cnn8")]
    before = store.look()
    assert notices.ended(None, before) == []
    assert notices.ended(before, before) == []
    runs[0].end(0)
    runs[2].end(1, "RuntimeError: planted")
    over = notices.ended(before, store.look())
    assert notices.words(over) == "cnn8/1 crashed: RuntimeError: planted, and 1 other run"
    assert notices.words(over[:1]) == "cnn2/1 finished"


@pytest.mark.parametrize(
    ("environment", "begins"),
    [
        ({"TERM": "xterm-kitty"}, "\x1b]9;a; b"),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, "\x1b]9;a; b"),
        ({"TERM": "foot"}, "\x1b]777;notify;tui-trainer;a, b"),
        ({"TERM": "xterm-256color"}, ""),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/x", "TERM_PROGRAM": "WezTerm"}, ""),  # noqa: S108
        ({}, ""),
    ],
)
def test_only_terminals_that_show_notifications_are_sent_one(
    environment: dict[str, str], begins: str
) -> None:
    sent = notices.notification("a; b", environment)
    assert sent == (f"{begins}\x1b\\" if begins else "")
