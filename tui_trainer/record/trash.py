"""Throws runs away so that they can be had back: by one rename, below `runs/.trash`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tui_trainer.errors import OwnedByAnotherError, UsageError
from tui_trainer.record.durable import sync_folder
from tui_trainer.record.index import RunReader, look_until_sure
from tui_trainer.record.run_folder import TRASH, RunFolder, all_runs, find_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def trash(folder: RunFolder) -> RunFolder:
    """Move a run that nobody works on to the trash; where it is then.

    Raises:
        OwnedByAnotherError: The run has an owner who lives, or waits for one.
        UsageError: The trash has a run of this name.
    """
    run = look_until_sure([RunReader(folder)])[0]
    if run.state.is_live:
        raise OwnedByAnotherError(
            f"{run.name} is {run.state.value}; it was left where it is",
            hint=f"stop it first: tui-trainer stop {run.name}",
        )
    moved = _moved(folder, folder.runs / TRASH)
    if moved.attempts_claimed != run.newest_attempt:
        _moved(moved, folder.runs)
        raise OwnedByAnotherError(
            f"{run.name} was resumed at this moment; it was left where it is",
            hint=f"watch it: tui-trainer logs -f {run.name}",
        )
    # From now on the folder's time is that of its throwing away; nothing else asks for it.
    os.utime(moved.path)
    return moved


def restore(runs: Path, name: str) -> RunFolder:
    """Bring a run back from the trash; where it is then.

    Raises:
        UsageError: The trash has no such run, or one of this name stands among the runs.
    """
    try:
        folder = find_run(runs / TRASH, name)
    except UsageError as error:
        raise UsageError(error.message, hint="the trash: tui-trainer restore") from None
    return _moved(folder, runs)


def trashed(runs: Path) -> Iterator[RunFolder]:
    """Every run in the trash, by experiment name and number."""
    return all_runs(runs / TRASH)


def _moved(folder: RunFolder, to: Path) -> RunFolder:
    target = to / folder.experiment_name / folder.path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise UsageError(f"{folder.run} stands already in {to}; nothing was moved")
    # Onto a folder that is not empty no rename goes, should one appear at this moment.
    folder.path.rename(target)
    for family in (target.parent, folder.path.parent):
        sync_folder(family)
    return RunFolder(target)
