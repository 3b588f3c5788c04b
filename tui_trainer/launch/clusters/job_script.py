"""The script of a run's job: readable, kept in the run's folder, the same for every scheduler."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

from tui_trainer.launch.clusters.scheduler import environment_of_submission

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tui_trainer.launch.clusters.scheduler import Order, Scheduler
    from tui_trainer.record.run_folder import JobFolder, RunFolder

# Grid Engine gives a job nothing of the environment that it was submitted from, Slurm gives it all:
# what an interpreter and torch may need to be found is said in the script, for both.
_CARRIED = (
    *("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ"),
    *("TORCH_HOME", "XDG_CACHE_HOME", "CUDA_HOME"),
)
_CARRIED_BEGINNING = "TUI_TRAINER_"


def script_of_job(
    scheduler: Scheduler, order: Order, folder: RunFolder, job: JobFolder, token: str
) -> str:
    """All lines of the script."""
    command = [sys.executable, "-m", "tui_trainer.launch.job", str(folder.path.absolute()), token]
    return "\n".join(
        [
            "#!/bin/bash",
            f"# A job of tui-trainer for the run {folder.run}, submitted from its folder by:",
            f"#   {shlex.join(scheduler.command(script_name(folder, job)))}",
            *(f"{scheduler.prefix} {directive}" for directive in scheduler.directives(order)),
            "",
            *_exports(environment_of_submission(os.environ)),
            "",
            "# Signals that come before the supervisor listens are for it, and not the end of it.",
            "trap '' USR1 USR2 XCPU",
            "# The supervisor takes the place of this shell: what the scheduler sends reaches it.",
            f"exec {shlex.join(command)}",
            "",
        ]
    )


def script_name(folder: RunFolder, job: JobFolder) -> str:
    """The script as it is called in the run's folder, from where it is submitted."""
    return job.script.relative_to(folder.path).as_posix()


def _exports(environment: Mapping[str, str]) -> Iterator[str]:
    yield "unset LC_ALL OMP_NUM_THREADS"
    for name, value in sorted(environment.items()):
        if name in _CARRIED or name.startswith(_CARRIED_BEGINNING):
            yield f"export {name}={shlex.quote(value)}"
