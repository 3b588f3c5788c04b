"""Runs the user's own command once a run has come to its end, whatever becomes of the command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING

from tui_trainer.errors import TuiTrainerError
from tui_trainer.record.index import RunReader
from tui_trainer.record.plain_text import plain_line
from tui_trainer.spec.find import find_project
from tui_trainer.spec.project import load_project

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui_trainer.record.index import Run
    from tui_trainer.record.run_folder import RunFolder

# Enough for a message over a slow network; the supervisor has nothing else left to do.
SECONDS = 60.0


def run_on_end(folder: RunFolder, tell: Callable[[str], None]) -> None:
    """Run what `project.on_end` says, as it stands by now; what goes wrong is told.

    Args:
        folder: The run that is over.
        tell: Takes a line for the log.
    """
    try:
        command = load_project(find_project(folder.project)).on_end
        if command:
            _run(command, RunReader(folder).look(), tell)
    except (TuiTrainerError, OSError) as error:
        tell(f"project.on_end was not run: {error}")


def _run(command: str, run: Run, tell: Callable[[str], None]) -> None:
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=run.folder.project,
        env={**os.environ, **_variables(run)},
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        process.communicate(json.dumps(run.summary()).encode(), timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        tell(f"project.on_end was ended after {SECONDS:.0f} s")
    else:
        if process.returncode:
            tell(f"project.on_end ended with exit code {process.returncode}")


def _variables(run: Run) -> dict[str, str]:
    return {
        "TUI_TRAINER_RUN": run.name,
        "TUI_TRAINER_STATE": run.state.value,
        "TUI_TRAINER_CAUSE": plain_line(run.cause),
        "TUI_TRAINER_PATH": str(run.folder.path),
    }
