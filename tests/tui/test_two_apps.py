"""Two apps over one project, as in two panes: both live, and what both ask for is done once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.launch.test_supervision import is_over
from tests.tui.terminal import Terminal, terminal
from tui_trainer.errors import ExitCode
from tui_trainer.record.epochs import read_epochs
from tui_trainer.record.state import State

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import CommandLine


def goes_to_the_crashed_run(shown: Terminal) -> None:
    shown.sees("two/1")
    shown.press("G")
    shown.sees("planted at epoch 3")


def test_what_two_apps_ask_for_at_once_is_done_once_and_both_show_it(
    tui_trainer: CommandLine, runs: Path
) -> None:
    fake = {
        "TUI_TRAINER_CORE_MODULE": "tests.fakes.core",
        "TUI_TRAINER_FAKE": json.dumps({"hold_at": 3}),
    }
    with terminal(tui_trainer.folder, fake) as one, terminal(tui_trainer.folder, fake) as other:
        for shown in (one, other):
            goes_to_the_crashed_run(shown)
        for shown in (one, other):
            shown.press("r")
        for shown in (one, other):
            shown.sees("1 running")
        tui_trainer.let_go()
        run = tui_trainer.wait("two", lambda run: run.newest_attempt == 2 and is_over(run))
        for shown in (one, other):
            shown.sees("2 finished")
            shown.press("q")
            shown.read(3)
            assert shown.process.wait(timeout=60) == ExitCode.DONE
    assert run.state is State.FINISHED
    assert [epoch.epoch for epoch in read_epochs(runs / "two" / "1" / "epochs.jsonl")] == [
        1,
        2,
        3,
        4,
    ]
    assert [attempt.number for attempt in run.attempts] == [1, 2]
