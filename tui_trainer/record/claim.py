"""Who may write to a run: takes one over that has no living owner, and notices having lost it."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from tui_trainer.errors import OwnedByAnotherError, RunCrashedError
from tui_trainer.record.durable import sweep
from tui_trainer.record.events import append_event
from tui_trainer.record.index import RunReader, look_until_sure
from tui_trainer.record.owner import Owner

if TYPE_CHECKING:
    from tui_trainer.record.index import Run
    from tui_trainer.record.run_folder import AttemptFolder, RunFolder

MOVED = "nothing was written elsewhere; put the folder back and resume the run"


def claim(folder: RunFolder, job: str = "") -> tuple[AttemptFolder, Owner]:
    """Make this process the owner of the run's next attempt.

    What is claimed is the attempt after the one that was judged to be over: who claims in between
    makes this claim fail.

    Args:
        folder: The run.
        job: The token of the scheduler's job that this process is, if it is one.

    Raises:
        OwnedByAnotherError: the run has a living owner, or another process claimed it first.
    """
    run = look_until_sure([RunReader(folder)])[0]
    check_free(run, job)
    owner = Owner.of_process(os.getpid())
    attempt = folder.claim_attempt(owner, after=run.newest_attempt)
    for swept in (folder.path, folder.attempts):
        sweep(swept)
    if run.unrecorded_end is not None:
        # It stands where only the newest attempt's is looked for.
        with contextlib.suppress(OSError):
            append_event(folder.events_file, run.unrecorded_end)
    return attempt, owner


def check_free(run: Run, job: str = "") -> None:
    """Make sure that a run can be started: nothing works on it, and it waits for nothing else.

    Args:
        run: As it was seen.
        job: The token of the scheduler's job that would start it; empty for none.

    Raises:
        OwnedByAnotherError: It cannot.
    """
    if run.awaited_job is not None and run.awaited_job.token != job:
        raise OwnedByAnotherError(
            f"{run.name} is {run.state.value}: {run.cause}",
            hint=f"take it out of that queue first: tui-trainer stop {run.name}",
        )
    # Where none has begun it is this very process that it waits for.
    if run.state.is_live and run.newest_attempt and run.awaited_job is None:
        attempt = run.folder.attempt(run.newest_attempt)
        why = f" ({run.cause})" if run.cause else ""
        raise OwnedByAnotherError(
            f"{run.name} is {run.state.value}{why}: {attempt.owner()} owns it",
            hint=f"watch it: tui-trainer logs -f {run.name}",
        )


def check_ownership(folder: RunFolder, attempt: int, owner: Owner | None) -> None:
    """Make sure that an attempt still is the newest one, and of the run that it began.

    Args:
        folder: The run.
        attempt: The number that was claimed.
        owner: Who claimed it; None where that cannot be read.

    Raises:
        OwnedByAnotherError: It is not, and must write nothing more.
        RunCrashedError: The run folder is gone, or another run's stands in its place.
    """
    newest = folder.newest_attempt()
    if newest is None:
        raise RunCrashedError(f"the run folder was removed or renamed: {folder.path}", hint=MOVED)
    if newest.number != attempt:
        raise OwnedByAnotherError(
            f"attempt {newest.number} took {folder.run} over: {newest.owner()}",
            hint="nothing was overwritten; this attempt ends",
        )
    claimed_by = newest.owner()
    if owner is not None and claimed_by is not None and claimed_by.token != owner.token:
        raise RunCrashedError(f"another run stands in the place of {folder.path}", hint=MOVED)
