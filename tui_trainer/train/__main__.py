"""The door of the training core: `python -m tui_trainer.train RUN_FOLDER`.

Signals are heard before torch, which takes seconds, is imported. Every error ends here, as an exit
code and, for the supervisor, as a cause in words.
"""

from __future__ import annotations

import errno
import os
import resource
import sys
import traceback
from pathlib import Path

from tui_trainer.errors import ExitCode, TuiTrainerError
from tui_trainer.record.claim import claim
from tui_trainer.record.events import AttemptEnded, AttemptStarted, append_event
from tui_trainer.record.run_folder import AttemptFolder, RunFolder
from tui_trainer.record.state import exit_cause
from tui_trainer.train.reporter import Reporter
from tui_trainer.train.signals import Requests

ATTEMPT_VARIABLE = "TUI_TRAINER_ATTEMPT"
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


def main() -> ExitCode:
    """Train the run that the command line names."""
    requests, reporter = Requests(), Reporter.from_environment()
    requests.listen()
    if len(sys.argv) != 2:
        reporter.complain("usage: python -m tui_trainer.train RUN_FOLDER")
        return ExitCode.USAGE
    # cuBLAS is deterministic only with this, and reads it when it is loaded.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    folder = RunFolder(Path(sys.argv[1]).absolute())
    claimed = os.environ.get(ATTEMPT_VARIABLE)
    if not claimed:
        return _unsupervised(folder, requests, reporter)
    attempt = folder.attempt(int(claimed))
    requests.stop_with(attempt.owner())
    code, cause = _train(folder, attempt, requests, reporter)
    if cause:
        reporter.cause(cause)
    return code


def _unsupervised(folder: RunFolder, requests: Requests, reporter: Reporter) -> ExitCode:
    """Claim an attempt and record its beginning and end, as a supervisor would."""
    try:
        attempt, owner = claim(folder)
    except TuiTrainerError as error:
        return _refused(error, reporter)[0]
    number = attempt.number
    threads = len(os.sched_getaffinity(0))
    append_event(folder.events_file, AttemptStarted(attempt=number, owner=owner, threads=threads))
    code, cause = _train(folder, attempt, requests, reporter)
    ended = AttemptEnded(
        attempt=number,
        exit_code=code,
        cause=cause or exit_cause(code),
        peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )
    append_event(folder.events_file, ended)
    return code


def _train(
    folder: RunFolder, attempt: AttemptFolder, requests: Requests, reporter: Reporter
) -> tuple[ExitCode, str]:
    """Train; how it ended, and why in words where it failed."""
    try:
        from tui_trainer.train import loop

        try:
            loop.run(folder, attempt.number, requests, reporter)
        except loop.Stopped:
            return ExitCode.STOPPED, ""
    except TuiTrainerError as error:
        return _refused(error, reporter)
    except Exception as error:  # noqa: BLE001  the door where every error ends
        reporter.complain(traceback.format_exc().rstrip())
        return ExitCode.CRASHED, _cause(error)
    return ExitCode.DONE, ""


def _refused(error: TuiTrainerError, reporter: Reporter) -> tuple[ExitCode, str]:
    reporter.complain(f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""))
    return error.exit_code, error.message


def _cause(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        return f"disk full: {error.filename or os.strerror(error.errno)}"
    first_line = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
