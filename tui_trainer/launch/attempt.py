"""One attempt of a run under its supervisor: waits, starts the core, beats, tells how it ended."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tui_trainer.errors import ExitCode, OwnedByAnotherError, RunCrashedError, TuiTrainerError
from tui_trainer.launch.core_process import CoreProcess
from tui_trainer.launch.last_words import last_words
from tui_trainer.launch.memory import MemoryWatch
from tui_trainer.launch.restarts import Ending
from tui_trainer.launch.signals import FORWARDED
from tui_trainer.record.claim import check_ownership
from tui_trainer.record.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    Warned,
    append_event,
    end_told_in,
    read_events,
)
from tui_trainer.record.failure import Hope
from tui_trainer.record.heartbeat import SECONDS_PER_BEAT, Heartbeat, Progress
from tui_trainer.record.run_folder import RunFolder
from tui_trainer.record.state import (
    STOPPED_AT_ONCE,
    WAITS_FOR_SLOTS,
    History,
    exit_cause,
    fold,
    stop_cause,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tui_trainer.launch.signals import Signals
    from tui_trainer.launch.turn import Share, Turn
    from tui_trainer.record.owner import Owner
    from tui_trainer.record.run_folder import AttemptFolder

# Five minutes for somebody to make room, with the run's owner alive and seen.
TRIES_TO_RECORD_THE_END = 300
# Somebody waits for that end, and a scheduler kills what takes long over it.
TRIES_OF_THE_STOPPED = 3
# A crash that is tried again soon keeps its slots: others would begin and end in between.
LONGEST_WAIT_WITH_SLOTS = 10.0
# Over NFS a folder can be out of sight for a moment, and a folder that was moved stays away.
BEATS_WITHOUT_FOLDER = 3
# What SIGTERM ends within its ten seconds; a core that may not write has nothing to save.
SECONDS_TO_LEAVE = 10.0
# Ends that a core decides on itself, and signals by which somebody wanted it to end.
DECIDED = {ExitCode.DONE, ExitCode.USAGE, ExitCode.PREFLIGHT, ExitCode.OWNED, ExitCode.STOPPED}
UNTOLD = "its process ended by itself before its training did: own code that calls os._exit?"
WANTED = {signal.SIGTERM, signal.SIGINT, signal.SIGUSR2, signal.SIGXCPU, signal.SIGHUP}


class SupervisedAttempt:
    """From the claim of an attempt to the record of its end.

    Args:
        folder: The run.
        attempt: The attempt that this process claimed.
        owner: This process, as it claimed it.
        turn: When the core may be started, and what it may use.
        signals: What this process is sent.
    """

    def __init__(
        self,
        folder: RunFolder,
        attempt: AttemptFolder,
        owner: Owner,
        turn: Turn,
        signals: Signals,
    ) -> None:
        self._folder = folder
        self.folder = attempt
        self._owner = owner
        self._turn = turn
        self._signals = signals
        self._began: float | None = None
        self._beat, self._beat_at = 0, 0.0
        self._obeyed: bool | None = None
        self._stopped_by = 0
        self._waits_for, self._stage = "", "waiting"
        self._lost = ""
        self._lost_at = 0.0
        self._beats_without_folder = 0

    def live(self, wait_seconds: float = 0.0, waits_for: str = "") -> Ending:
        """Run the core to its end, after a wait.

        Args:
            wait_seconds: Before the core is started, if nobody asks to stop in the meantime.
            waits_for: What has to change in it, in words.
        """
        try:
            if not (self.wait(wait_seconds, waits_for) and self._wait_for_turn()):
                return self._ending(ExitCode.STOPPED, "")
            share = self._begin()
            memory = MemoryWatch()
            core = CoreProcess.start(self._folder, self.folder, share)
        except OSError as error:
            if self.is_asked_to_stop():
                return self._ending(ExitCode.STOPPED, "")
            return self._ending(ExitCode.CRASHED, *_why_not_started(error))
        self._give_sign_of_life(core)
        self._accompany(core)
        return self._ending_of(core, memory)

    def stopped_after(self, ending: Ending) -> Ending:
        """How it ended where somebody asked to stop while the next attempt was waited for."""
        stopped = self._ending(ExitCode.STOPPED, "")
        return replace(stopped, cause=f"{stopped.cause}; before that: {ending.cause}")

    def record_end(self, ending: Ending, cause: str, *, now_owned_by: SupervisedAttempt) -> None:
        """Record how it ended; a disk that is full is given time to be cleared, until a stop.

        Args:
            ending: Of this attempt.
            cause: In words.
            now_owned_by: The attempt that owns the run by now: this one, or the next.
        """
        ended = AttemptEnded(
            attempt=self.folder.number,
            exit_code=ending.exit_code,
            cause=cause,
            peak_memory_bytes=ending.peak_memory_bytes,
            seconds=0.0 if self._began is None else round(time.monotonic() - self._began, 3),
            hope=ending.hope.value,
        )
        # Before the record of it, at which whoever follows the log stops reading.
        log(f"attempt {self.folder.number} ended: {cause or 'done'}")
        tries = TRIES_OF_THE_STOPPED if self.is_asked_to_stop() else TRIES_TO_RECORD_THE_END
        asked = now_owned_by.folder.stop_request()
        for left in range(tries - 1, -1, -1):
            try:
                now_owned_by.record(ended)
                break
            except RunCrashedError as error:
                log(error.message)
                with contextlib.suppress(TuiTrainerError, OSError):
                    now_owned_by.record(ended, _where_it_went())
                break
            except TuiTrainerError as error:
                log(error.message)
                break
            except OSError as error:
                waits_for = (
                    f"{_reason(error)}: waits to record its end, {cause or 'done'}; make room"
                )
                if not left or not now_owned_by.wait_for_room(waits_for, asked=asked):
                    now_owned_by.tell_end_by_beat(ended)
                    break

    def record(self, event: Event, folder: RunFolder | None = None) -> None:
        """Write an event into the run's folder, unless this attempt lost the run.

        Raises:
            OwnedByAnotherError: It did.
            RunCrashedError: The folder is gone.
            OSError: The disk is full or failing.
        """
        folder = folder or self._folder
        check_ownership(folder, self.folder.number, self._owner)
        append_event(folder.events_file, event)

    def wait(self, seconds: float, waits_for: str) -> bool:
        """Wait before a core is started; False where none is to be started any more."""
        until = time.monotonic() + seconds
        if seconds > LONGEST_WAIT_WITH_SLOTS:
            self._turn.step_back()
        with self._saying(waits_for):
            while not self.is_asked_to_stop() and not self._lost:
                left = until - time.monotonic()
                if left <= 0:
                    return True
                self._pass_time(left, restart_seconds=left)
            return False

    def _wait_for_turn(self) -> bool:
        """Wait for slots; False where no core is to be started any more."""
        while not self.is_asked_to_stop() and not self._lost:
            if self._turn.has_come():
                return True
            with self._saying(self._turn.cause, WAITS_FOR_SLOTS):
                self._pass_time(self._turn.seconds_to_look)
        return False

    def wait_for_room(self, waits_for: str, *, asked: bool | None) -> bool:
        """A beat's time, alive and seen; False where somebody asked to stop.

        Args:
            waits_for: What has to change, in words.
            asked: The stop request that is known of already.
        """
        until = time.monotonic() + SECONDS_PER_BEAT
        with self._saying(waits_for):
            while (left := until - time.monotonic()) > 0:
                if self._pass_time(left) or self.folder.stop_request() != asked or self._lost:
                    return False
            return True

    def tell_end_by_beat(self, ended: AttemptEnded) -> None:
        """A beat is written over the last one, for which every disk has room."""
        self._give_sign_of_life(None, ended=ended)

    def is_asked_to_stop(self) -> bool:
        """Whether a signal or a request asked for that."""
        return bool(self._stopped_by) or self.folder.stop_request() is not None

    @contextlib.contextmanager
    def _saying(self, waits_for: str, stage: str = "waiting") -> Iterator[None]:
        self._waits_for, self._stage = waits_for, stage
        try:
            yield
        finally:
            self._waits_for, self._stage = "", "waiting"

    def _pass_time(self, most: float, restart_seconds: float | None = None) -> bool:
        """Beat where that is due, then wait for a moment; whether a signal asked to stop in it."""
        if not self._seconds_to_beat():
            self._give_sign_of_life(None, restart_seconds)
        self._signals.wait(min(most, self._seconds_to_beat()))
        return any(number != signal.SIGUSR1 for number in self._note(self._signals.take()))

    def _begin(self) -> Share:
        """Record that it begins; what the core gets."""
        self._began = time.monotonic()
        share, number = self._turn.share(), self.folder.number
        with self._noting_a_loss():
            self.record(
                AttemptStarted(
                    time=share.since, attempt=number, owner=self._owner, threads=share.threads
                )
            )
            for warning in share.warnings:
                self.record(Warned(attempt=number, message=warning))
        log(f"attempt {number}: {share}")
        return share

    def _accompany(self, core: CoreProcess) -> None:
        while core.exit_code() is None:
            self._signals.wait(self._seconds_to_beat(), core.progress_descriptor)
            for number in self._note(self._signals.take()):
                core.send(FORWARDED[signal.Signals(number)])
            self._obey_stop_request(core)
            core.hear()
            if not self._seconds_to_beat():
                core.pace.watch(core.process.pid)
                self._give_sign_of_life(core)
                self._end_what_is_lost(core)
        # A signal that came with the core's end counts: it must not be started again.
        self._note(self._signals.take())
        core.close()

    def _note(self, numbers: list[int]) -> list[int]:
        stops = [number for number in numbers if number != signal.SIGUSR1]
        self._stopped_by = self._stopped_by or next(iter(stops), 0)
        return numbers

    def _obey_stop_request(self, core: CoreProcess) -> None:
        at_once = self.folder.stop_request()
        if at_once is None or at_once == self._obeyed:
            return
        core.send(signal.SIGKILL if at_once else signal.SIGTERM)
        core.send(signal.SIGCONT)  # one that SIGSTOP holds obeys no other signal
        self._obeyed = at_once

    def _end_what_is_lost(self, core: CoreProcess) -> None:
        """A core whose run belongs to another, or is gone, may write no more and is to end."""
        if not self._lost:
            return
        if not self._lost_at:
            log(f"{self._lost}; the core is ended")
            self._lost_at = time.monotonic()
            core.send(signal.SIGTERM)
        elif time.monotonic() - self._lost_at > SECONDS_TO_LEAVE:
            core.send(signal.SIGKILL)

    def _give_sign_of_life(
        self,
        core: CoreProcess | None,
        restart_seconds: float | None = None,
        ended: AttemptEnded | None = None,
    ) -> None:
        self._beat, self._beat_at = self._beat + 1, time.monotonic()
        self._turn.keep()
        beat = Heartbeat(
            beat=self._beat,
            attempt=self.folder.number,
            owner=self._owner,
            core=core.owner if core else None,
            progress=core.progress if core else Progress(stage=self._stage),
            idle_seconds=core.pace.idle_seconds if core else 0.0,
            step_seconds=core.pace.step_seconds if core else None,
            restart_seconds=restart_seconds,
            usage=core.usage if core else None,
            waits_for=self._waits_for,
            ended=ended,
        )
        # A full disk must not end a run: the core meets it on its own and says so.
        with contextlib.suppress(OSError), self._noting_a_loss():
            check_ownership(self._folder, self.folder.number, self._owner)
            self._beats_without_folder = 0
            beat.write(self._folder.heartbeat_file)

    @contextlib.contextmanager
    def _noting_a_loss(self) -> Iterator[None]:
        try:
            yield
        except OwnedByAnotherError as error:
            self._lost = error.message
        except TuiTrainerError as error:
            self._beats_without_folder += 1
            if self._beats_without_folder >= BEATS_WITHOUT_FOLDER:
                self._lost = error.message

    def _seconds_to_beat(self) -> float:
        return max(0.0, self._beat_at + SECONDS_PER_BEAT - time.monotonic())

    def _ending_of(self, core: CoreProcess, memory: MemoryWatch) -> Ending:
        code = core.process.returncode
        if self._is_told_done(core):
            return self._ending(ExitCode.DONE, "", None, core)  # whatever ended it on its way out
        if code == ExitCode.DONE:
            return self._ending(ExitCode.CRASHED, core.cause or UNTOLD, Hope.ONCE, core)
        told, hope = core.cause, core.hope
        cause = told or self._cause_of(code)
        if code == -signal.SIGKILL and self._obeyed is None:
            cause = memory.cause(core.peak_memory_bytes) or cause
        return self._ending(code, cause, hope, core)

    def _is_told_done(self, core: CoreProcess) -> bool:
        """Whether the core said so: over its pipe, which may be full, or on a disk that may be."""
        if core.is_done:
            return True
        with contextlib.suppress(OSError):
            told = end_told_in(self.folder.core_ended_file, self.folder.number)
            return told is not None and told.exit_code == ExitCode.DONE
        return False

    def _cause_of(self, exit_code: int) -> str:
        """How it ended, for a core that could not say it itself."""
        if exit_code == ExitCode.PREFLIGHT and self._began_to_train():
            return f"exit code {exit_code:d}: {UNTOLD}"
        said = last_words(self.folder.log_file) if exit_code not in DECIDED else ""
        return f"{exit_cause(exit_code)}: {said}" if said else exit_cause(exit_code)

    def _ending(
        self,
        exit_code: int,
        cause: str,
        hope: Hope | None = None,
        core: CoreProcess | None = None,
    ) -> Ending:
        return Ending(
            exit_code=exit_code,
            cause=self._cause_of_stop(exit_code, cause),
            hope=self._hope(exit_code, hope),
            where=core.progress if core else Progress(),
            made_progress=self._made_progress(),
            peak_memory_bytes=core.peak_memory_bytes if core else 0,
        )

    def _cause_of_stop(self, exit_code: int, told: str) -> str:
        """Who stopped it: whoever asked, what this process was sent, or what the core was sent."""
        if exit_code == -signal.SIGKILL and self._obeyed:
            return STOPPED_AT_ONCE
        if exit_code != ExitCode.STOPPED:
            return told
        if self.folder.stop_request() is not None:
            return stop_cause(0)
        return stop_cause(self._stopped_by, self._owner.job_id) if self._stopped_by else told

    def _hope(self, exit_code: int, told: Hope | None) -> Hope:
        if self._lost or self.is_asked_to_stop():
            return Hope.NONE
        if exit_code == ExitCode.PREFLIGHT and self._history().has_trained:
            return Hope.SOME  # what was there before may only be away, on a file server say
        if exit_code in DECIDED or -exit_code in WANTED:
            return Hope.NONE
        if told is not None:
            return told
        return Hope.SOME if exit_code < 0 else Hope.ONCE

    def _made_progress(self) -> bool:
        attempt = self._history().attempts.get(self.folder.number)
        return attempt is not None and attempt.made_progress

    def _began_to_train(self) -> bool:
        attempt = self._history().attempts.get(self.folder.number)
        return attempt is not None and attempt.began_at_epoch > 0

    def _history(self) -> History:
        with contextlib.suppress(OSError):
            return fold(read_events(self._folder.events_file))
        return History()


def log(line: str) -> None:
    """One line into the attempt's log, which standard output leads to."""
    with contextlib.suppress(OSError):
        os.write(1, f"{line}\n".encode(errors="backslashreplace"))


def _why_not_started(error: OSError) -> tuple[str, Hope]:
    why, hope = f"the core could not be started: {error}", Hope.after(error)
    return f"disk full: {why}" if hope is Hope.ROOM else why, hope


def _reason(error: OSError) -> str:
    return "the disk is full" if Hope.after(error) is Hope.ROOM else str(error)


def _where_it_went() -> RunFolder:
    """The run folder after somebody renamed it: the log in it is still open."""
    return RunFolder(Path("/proc/self/fd/1").readlink().parents[2])
