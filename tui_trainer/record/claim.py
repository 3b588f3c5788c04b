"""Takes a run over: looks whether it has a living owner, and claims the next attempt if not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tui_trainer.errors import OwnedByAnotherError
from tui_trainer.record.durable import sweep
from tui_trainer.record.index import RunReader, look_until_sure
from tui_trainer.record.owner import Owner

if TYPE_CHECKING:
    from tui_trainer.record.run_folder import AttemptFolder, RunFolder


def claim(folder: RunFolder) -> tuple[AttemptFolder, Owner]:
    """Make this process the owner of the run's next attempt.

    What is claimed is the attempt after the one that was judged to be over: who claims in between
    makes this claim fail.

    Raises:
        OwnedByAnotherError: the run has a living owner, or another process claimed it first.
    """
    run = look_until_sure([RunReader(folder)])[0]
    if run.state.is_live:
        attempt = folder.attempt(run.newest_attempt)
        raise OwnedByAnotherError(
            f"{run.name} is {run.state.value}: {attempt.owner()} owns it",
            hint=f"watch it: tui-trainer logs -f {run.name}",
        )
    owner = Owner.of_process(os.getpid())
    attempt = folder.claim_attempt(owner, after=run.newest_attempt)
    for swept in (folder.path, folder.attempts):
        sweep(swept)
    return attempt, owner
