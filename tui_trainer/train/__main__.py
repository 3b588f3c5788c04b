"""The door of the training core: `python -m tui_trainer.train RUN_FOLDER`.

Signals are heard before torch, which takes seconds, is imported. Every error ends here, as an exit
code and, for the supervisor, as a cause in words.
"""

from __future__ import annotations

import contextlib
import errno
import faulthandler
import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import NamedTuple

from tui_trainer.errors import ExitCode, TuiTrainerError
from tui_trainer.record.claim import check_ownership, claim
from tui_trainer.record.durable import write_once
from tui_trainer.record.events import AttemptEnded, AttemptStarted, append_event, event_record
from tui_trainer.record.failure import Hope
from tui_trainer.record.owner import Presence
from tui_trainer.record.run_folder import AttemptFolder, RunFolder
from tui_trainer.record.state import exit_cause, stop_cause
from tui_trainer.train import own
from tui_trainer.train.reporter import Reporter
from tui_trainer.train.signals import Requests

ATTEMPT_VARIABLE = "TUI_TRAINER_ATTEMPT"
# What the system says, in words that name what to look at.
_FILE_FAULTS = {
    errno.ENOSPC: "disk full",
    errno.EDQUOT: "disk quota used up",
    errno.EFBIG: "file larger than the limit on files (ulimit -f)",
    errno.EROFS: "disk mounted read-only",
}
_LESS_MEMORY = "lower batch_size; training.accumulate makes up for it"


class Ending(NamedTuple):
    """How a training ended."""

    code: ExitCode
    cause: str = ""
    """Why, in words, where it did not end well."""
    hope: Hope = Hope.NONE
    """What a second try is worth."""


def main() -> ExitCode:
    """Train the run that the command line names."""
    _occupy_standard_descriptors()
    requests = Requests()
    requests.listen()
    try:
        return _run(requests, Reporter.from_environment())
    finally:
        requests.close()


def _run(requests: Requests, reporter: Reporter) -> ExitCode:
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
    # Native code that crashes leaves the Python stack in the log.
    faulthandler.enable()
    began = time.monotonic()
    ending = _train(folder, attempt, requests, reporter)
    if ending.cause:
        reporter.cause(ending.cause, ending.hope)
    _leave_word(folder, attempt, ending, began)
    if ending.code is ExitCode.DONE:
        reporter.done()
    if _is_orphaned(attempt):
        _record_orphans_end(folder, attempt, ending, began)
    return ending.code


def _leave_word(folder: RunFolder, attempt: AttemptFolder, ending: Ending, began: float) -> None:
    """Say how it ended before nobody is left who could: its supervisor may be killed any time."""
    if ending.code is ExitCode.STOPPED and attempt.stop_request() is not None:
        ending = ending._replace(cause=stop_cause(0))
    record = event_record(_ended(attempt, ending, began))
    with contextlib.suppress(TuiTrainerError, OSError):
        check_ownership(folder, attempt.number, attempt.owner())
        write_once(attempt.core_ended_file, json.dumps(record).encode())


def _is_orphaned(attempt: AttemptFolder) -> bool:
    """Whether nobody is left who would record how this process ends."""
    supervisor = attempt.owner()
    return supervisor is not None and supervisor.presence() is Presence.DEAD


def _record_orphans_end(
    folder: RunFolder, attempt: AttemptFolder, ending: Ending, began: float
) -> None:
    """Record the end in the supervisor's place, unless another attempt owns the run by now."""
    if ending.code is ExitCode.STOPPED:
        was_asked = attempt.stop_request() is not None
        cause = stop_cause(0) if was_asked else "stopped: its supervisor was killed; resumable"
        ending = ending._replace(cause=cause)
    # A disk too full for the line leaves the run as it looks from outside: without a word.
    with contextlib.suppress(TuiTrainerError, OSError):
        check_ownership(folder, attempt.number, attempt.owner())
        _record_end(folder, attempt, ending, began)


def _unsupervised(folder: RunFolder, requests: Requests, reporter: Reporter) -> ExitCode:
    """Claim an attempt and record its beginning and end, as a supervisor would."""
    try:
        attempt, owner = claim(folder)
    except TuiTrainerError as error:
        return _refused(error, reporter).code
    began = time.monotonic()
    number = attempt.number
    threads = len(os.sched_getaffinity(0))
    append_event(folder.events_file, AttemptStarted(attempt=number, owner=owner, threads=threads))
    ending = _train(folder, attempt, requests, reporter)
    _record_end(folder, attempt, ending, began)
    return ending.code


def _record_end(folder: RunFolder, attempt: AttemptFolder, ending: Ending, began: float) -> None:
    append_event(folder.events_file, _ended(attempt, ending, began))


def _ended(attempt: AttemptFolder, ending: Ending, began: float) -> AttemptEnded:
    return AttemptEnded(
        attempt=attempt.number,
        exit_code=ending.code,
        cause=ending.cause or exit_cause(ending.code),
        peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        seconds=round(time.monotonic() - began, 3),
        hope=ending.hope.value,
    )


def _train(
    folder: RunFolder, attempt: AttemptFolder, requests: Requests, reporter: Reporter
) -> Ending:
    """Train, and say how it ended."""
    try:
        from tui_trainer.train import loop

        try:
            loop.run(folder, attempt.number, requests, reporter)
        except loop.Stopped:
            return Ending(ExitCode.STOPPED, stop_cause(requests.stopped_by))
    except (SystemExit, KeyboardInterrupt) as error:  # no Ctrl-C: that only sets a flag
        reporter.complain(traceback.format_exc().rstrip())
        return Ending(ExitCode.CRASHED, f"own code: {own.describe(error)}")
    except TuiTrainerError as error:
        return _refused(error, reporter)
    except Exception as error:  # noqa: BLE001  the door where every error ends
        reporter.complain(traceback.format_exc().rstrip())
        return Ending(ExitCode.CRASHED, *_judged(error))
    return Ending(ExitCode.DONE)


def _refused(error: TuiTrainerError, reporter: Reporter) -> Ending:
    reporter.complain(f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""))
    return Ending(error.exit_code, error.message)


def _judged(error: Exception) -> tuple[str, Hope]:
    """An error in words, and what a second try is worth."""
    first_line = str(error).partition("\n")[0]
    named = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
    if isinstance(error, OSError):
        fault = _FILE_FAULTS.get(error.errno or 0)
        cause = f"{fault}: {error.filename or error.strerror}" if fault else named
        return cause, Hope.after(error)
    if _is_for_want_of_memory(error):
        return f"out of memory: {named}; {_LESS_MEMORY}", Hope.SOME
    return named, Hope.ONCE


def _is_for_want_of_memory(error: Exception) -> bool:
    """Python's own error, PyTorch's on an accelerator, and PyTorch's on a processor."""
    is_of_accelerator = type(error).__name__ == "OutOfMemoryError"
    return (
        isinstance(error, MemoryError) or is_of_accelerator or "can't allocate memory" in str(error)
    )


def _occupy_standard_descriptors() -> None:
    """Whoever starts a program with its output closed must not find that in a checkpoint."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
