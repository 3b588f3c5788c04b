"""The launcher of this machine: a supervisor in a session of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tui_trainer.errors import ExitCode, OwnedByAnotherError, RunCrashedError, TuiTrainerError
from tui_trainer.record.fields import integer, text
from tui_trainer.record.tail import parse_record

if TYPE_CHECKING:
    from tui_trainer.record.run_folder import RunFolder

# A supervisor answers within a second; on a login node whose file system hangs it may take longer
# than anybody waits.
ANSWER_SECONDS = 60.0
NO_QUEUE = "--no-queue"


def start_supervisor(folder: RunFolder, *, queue: bool = True) -> int:
    """Start a supervisor for the run's next attempt and return the attempt's number.

    Args:
        folder: The run.
        queue: Whether it waits for its turn.

    Raises:
        OwnedByAnotherError: the run has a living owner.
        RunCrashedError: the supervisor did not come to life.
    """
    try:
        answer = subprocess.run(
            [
                *(sys.executable, "-m", "tui_trainer.launch.supervisor", str(folder.path)),
                *(() if queue else (NO_QUEUE,)),
            ],
            stdin=subprocess.DEVNULL,
            # Not in the project: a file of the user's named like a module would be imported.
            cwd=folder.path,
            # What the terminal sends to this command is not meant for the run.
            start_new_session=True,
            capture_output=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RunCrashedError(
            f"the supervisor of {folder.run} gave no answer within {ANSWER_SECONDS:.0f} s",
            hint="is the file system of the runs folder hanging?",
        ) from error
    record = parse_record(answer.stdout.strip()) or {}
    if attempt := integer(record, "attempt"):
        return attempt
    raise _refusal(folder, record, answer.stderr.decode(errors="replace").strip())


def _refusal(folder: RunFolder, record: dict[str, object], printed: str) -> TuiTrainerError:
    hint = text(record, "hint")
    kind = OwnedByAnotherError if record.get("exit_code") == ExitCode.OWNED else RunCrashedError
    message = text(record, "message") or f"the supervisor of {folder.run} ended at once: {printed}"
    return kind(message, hint=hint)
