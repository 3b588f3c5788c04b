"""Owns one attempt of a run: starts the core, beats, passes signals on, records how it ended.

`python -m tui_trainer.launch.supervisor RUN_FOLDER` claims the next attempt, answers on standard
output with one JSON line whether it owns it, and lives on in a session of its own, without a
terminal, until the core has ended. The same program runs on a laptop and inside a cluster's job.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tui_trainer.errors import ExitCode, TuiTrainerError
from tui_trainer.launch.core_process import CoreProcess
from tui_trainer.launch.resources import allotted_cores, threads_for
from tui_trainer.record.claim import claim
from tui_trainer.record.events import AttemptEnded, AttemptStarted, Event, Warned, append_event
from tui_trainer.record.experiment_file import read_experiment
from tui_trainer.record.heartbeat import SECONDS_PER_BEAT, Heartbeat
from tui_trainer.record.run_folder import RunFolder
from tui_trainer.record.state import exit_cause

if TYPE_CHECKING:
    from tui_trainer.record.owner import Owner
    from tui_trainer.record.run_folder import AttemptFolder

# What a scheduler or a person sends, and what the core is to get for it. TERM: finish the batch,
# save, end. USR1: save and go on.
FORWARDED = {
    signal.SIGTERM: signal.SIGTERM,
    signal.SIGINT: signal.SIGTERM,
    signal.SIGUSR2: signal.SIGTERM,
    signal.SIGXCPU: signal.SIGTERM,
    signal.SIGUSR1: signal.SIGUSR1,
}


# Five minutes for somebody to make room, with the run's owner alive and seen.
TRIES_TO_RECORD_THE_END = 300


def main() -> None:
    """Claim, answer, live on alone, supervise."""
    folder = RunFolder(Path(sys.argv[1]).absolute())
    _leave_the_terminal()
    signals = _Signals()
    try:
        slots = read_experiment(folder).experiment.resources.slots
        attempt, owner = claim(folder)
    except TuiTrainerError as error:
        _answer({"message": error.message, "hint": error.hint, "exit_code": error.exit_code})
        sys.exit(error.exit_code)
    except OSError as error:
        _answer({"message": f"cannot start {folder.run}: {error}", "exit_code": ExitCode.CRASHED})
        sys.exit(ExitCode.CRASHED)
    _answer({"attempt": attempt.number})
    _print_into(attempt.log_file)
    Supervisor(folder, attempt, owner, slots).supervise(signals)


class Supervisor:
    """One attempt, from the start of the core to the record of its end.

    Args:
        folder: The run.
        attempt: The attempt that this process claimed.
        owner: This process.
        slots: The CPU slots that the experiment declares, if it does.
    """

    def __init__(
        self, folder: RunFolder, attempt: AttemptFolder, owner: Owner, slots: int | None
    ) -> None:
        self._folder = folder
        self._attempt = attempt
        self._owner = owner
        self._slots = slots
        self._beat, self._beat_at = 0, 0.0
        self._heard_at = time.monotonic()
        self._obeyed: bool | None = None

    def supervise(self, signals: _Signals) -> None:
        """Run the core to its end, and record that end whatever happens."""
        try:
            core = self._start()
        except OSError as error:
            self._record_end(ExitCode.CRASHED, f"the core could not be started: {error}")
            return
        while core.process.poll() is None:
            signals.wait_for(core.progress_descriptor, self._seconds_to_beat())
            _pass_on(signals.take(), core)
            self._obey_stop_request(core)
            self._listen(core)
            if not self._seconds_to_beat():
                self._give_sign_of_life(core)
        self._listen(core)
        core.close()
        exit_code = core.process.returncode
        self._record_end(exit_code, core.cause or exit_cause(exit_code))

    def _start(self) -> CoreProcess:
        allotment = allotted_cores()
        threads = threads_for(self._slots, allotment)
        self._record(
            AttemptStarted(attempt=self._attempt.number, owner=self._owner, threads=threads)
        )
        for warning in allotment.warnings:
            self._record(Warned(attempt=self._attempt.number, message=warning))
        _log(f"attempt {self._attempt.number}: {_counted(threads)} ({allotment.source})")
        core = CoreProcess.start(self._folder, self._attempt, threads)
        self._give_sign_of_life(core)
        return core

    def _obey_stop_request(self, core: CoreProcess) -> None:
        at_once = self._attempt.stop_request()
        if at_once is None or at_once == self._obeyed:
            return
        core.send(signal.SIGKILL if at_once else signal.SIGTERM)
        self._obeyed = at_once

    def _listen(self, core: CoreProcess) -> None:
        if core.hear():
            self._heard_at = time.monotonic()

    def _give_sign_of_life(self, core: CoreProcess) -> None:
        self._beat, self._beat_at = self._beat + 1, time.monotonic()
        beat = Heartbeat(
            beat=self._beat,
            attempt=self._attempt.number,
            owner=self._owner,
            core=core.owner,
            progress=core.progress,
            idle_seconds=time.monotonic() - self._heard_at,
        )
        # A full disk must not end a run: the core meets it on its own and says so.
        with contextlib.suppress(OSError):
            beat.write(self._folder.heartbeat_file)

    def _seconds_to_beat(self) -> float:
        return max(0.0, self._beat_at + SECONDS_PER_BEAT - time.monotonic())

    def _record_end(self, exit_code: int, cause: str) -> None:
        """Record how it ended; a disk that is full is given time to be cleared."""
        ended = AttemptEnded(
            attempt=self._attempt.number,
            exit_code=exit_code,
            cause=cause,
            peak_memory_bytes=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
        )
        for _ in range(TRIES_TO_RECORD_THE_END):
            with contextlib.suppress(OSError):
                self._record(ended)
                break
            time.sleep(SECONDS_PER_BEAT)
        _log(f"attempt {self._attempt.number} ended: {cause or 'done'}")

    def _record(self, event: Event) -> None:
        append_event(self._folder.events_file, event)


class _Signals:
    """Signals as something to wait for: handlers only note them, the loop acts."""

    def __init__(self) -> None:
        self._noted: list[int] = []
        self._reader, writer = os.pipe()
        for descriptor in (self._reader, writer):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in FORWARDED:
            signal.signal(number, lambda number, _frame: self._noted.append(number))
        # A core that ends must wake the loop: only a handled signal does.
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def wait_for(self, descriptor: int, seconds: float) -> None:
        """Wait until a signal comes, the descriptor can be read, or the time is over."""
        select.select([self._reader, descriptor], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(self._reader, 1 << 12)

    def take(self) -> list[int]:
        """The signals that came since the last call."""
        taken, self._noted = self._noted, []
        return taken


def _pass_on(numbers: list[int], core: CoreProcess) -> None:
    for number in numbers:
        core.send(FORWARDED[signal.Signals(number)])


def _leave_the_terminal() -> None:
    """Go on in a child with a session of its own, which no terminal or parent can take along."""
    if os.fork():
        os._exit(0)
    os.setsid()


def _answer(record: dict[str, object]) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(record) + "\n")
        sys.stdout.flush()


def _counted(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def _log(line: str) -> None:
    with contextlib.suppress(OSError):
        os.write(1, f"{line}\n".encode(errors="backslashreplace"))


def _print_into(log_file: Path) -> None:
    """Send everything printed from now on to the log; closes the pipe that was answered through."""
    descriptor = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)


if __name__ == "__main__":
    main()
