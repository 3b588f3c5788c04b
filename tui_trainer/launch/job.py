"""A run's supervisor as a scheduler's job: it stays in the job, and has it begin anew in time.

`python -m tui_trainer.launch.job RUN_FOLDER TOKEN` is what the script of a job ends in. It claims
the next attempt and supervises it, as on any machine. Before the wall-time ends the core saves and
ends, and the scheduler is asked to begin the job anew, as long as that brings the run on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tui_trainer.errors import ExitCode, OwnedByAnotherError, TuiTrainerError
from tui_trainer.launch.attempt import WANTED, log
from tui_trainer.launch.clusters.scheduler import UnreachableError
from tui_trainer.launch.clusters.slurm import Slurm
from tui_trainer.launch.clusters.submission import scheduler_of, submit
from tui_trainer.launch.signals import FORWARDED, Signals
from tui_trainer.launch.supervisor import Supervisor
from tui_trainer.launch.turn import AtOnce
from tui_trainer.record.claim import claim
from tui_trainer.record.events import (
    JobContinues,
    JobEnded,
    JobSubmitted,
    append_event,
    read_events,
)
from tui_trainer.record.experiment_file import read_experiment_to_train
from tui_trainer.record.index import RunReader
from tui_trainer.record.run_folder import RunFolder
from tui_trainer.record.state import fold

if TYPE_CHECKING:
    from tui_trainer.launch.clusters.scheduler import Scheduler
    from tui_trainer.launch.restarts import Ending
    from tui_trainer.record.job import Job
    from tui_trainer.spec.experiment import Experiment

# Signals of the wall-time come a little before it is due by this process's clock, which began
# later than the scheduler's.
SLACK_SECONDS = 5.0
# Slurm's own come at moments half a minute apart; seen was up to 32 s ahead.
EARLY_SECONDS = 90.0
# A controller that is busy for a moment must not cost a run its night.
TRIES_TO_GO_ON = 4
SECONDS_BETWEEN_TRIES = 5.0


def main(arguments: list[str]) -> int:
    """Take the run over for this job, and bring it on; what the job is to exit with."""
    began = time.monotonic()
    folder, token = RunFolder(Path(arguments[0]).absolute()), arguments[1]
    try:
        job = _own_job(folder, token)
        if job.was_cancelled:
            log(f"{folder.run} was stopped before this job began")
            return ExitCode.STOPPED
        experiment = read_experiment_to_train(folder).experiment
        life = Life(folder, job, experiment, began)
        attempt, owner = claim(folder, token)
    except TuiTrainerError as error:
        log(f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""))
        return error.exit_code
    except OSError as error:
        log(f"error: cannot start {folder.run}: {error}")
        return ExitCode.CRASHED
    # The scheduler gave the slots.
    turn = AtOnce(experiment.resources.slots)
    supervisor = Supervisor(folder, experiment.resources, turn, life.signals, life.goes_on)
    supervisor.supervise(attempt, owner)
    # The scheduler's own signals of the end come now; an interpreter that takes itself apart would
    # die of them, and what it exits with is what has the job begin anew.
    for number in FORWARDED:
        signal.signal(number, signal.SIG_IGN)
    return life.end()


class JobSignals(Signals):
    """Signals, with those that mean the end of the wall-time told from the others.

    Grid Engine sends USR1 before the end and when it suspends, USR2 before the end and when a job
    is deleted or put back. Slurm sends USR1 before the end, up to a minute too early. The clock
    tells which is which.

    Args:
        ends_at: When the job should save and end, by the monotonic clock; None where its wall-time
            is not known.
        usr1_is_end: Whether USR1 has no other meaning.
    """

    def __init__(self, ends_at: float | None, *, usr1_is_end: bool) -> None:
        super().__init__()
        self._ends_at = ends_at
        self._usr1_is_end = usr1_is_end
        self.time_is_up = False
        """Whether the end of the wall-time is near, and was told of."""

    def wait(self, seconds: float, *descriptors: int) -> None:
        """As for any supervisor, but no longer than the wall-time allows."""
        if self._ends_at is not None and not self.time_is_up:
            seconds = min(seconds, max(0.0, self._ends_at - time.monotonic()))
        super().wait(seconds, *descriptors)

    def take(self) -> list[int]:
        """The signals that came; the end of the wall-time is one, whoever tells it."""
        taken = super().take()
        is_end = any(map(self._means_the_end, taken)) or self._is_due(0.0)
        if self.time_is_up or not is_end:
            return taken
        self.time_is_up = True
        return [*(number for number in taken if number != signal.SIGUSR1), signal.SIGUSR2]

    def _means_the_end(self, number: int) -> bool:
        if self._is_due(SLACK_SECONDS):
            return True
        # Earlier than too early: somebody has shortened the wall-time.
        is_known = self._ends_at is not None and self._is_due(EARLY_SECONDS)
        return number == signal.SIGUSR1 and self._usr1_is_end and not is_known

    def _is_due(self, slack: float) -> bool:
        return self._ends_at is not None and time.monotonic() >= self._ends_at - slack


class Life:
    """What becomes of the run when this job ends.

    Args:
        folder: The run.
        job: The submission that this process is the job of.
        experiment: What is trained.
        began: When the job began, by the monotonic clock.
    """

    def __init__(self, folder: RunFolder, job: Job, experiment: Experiment, began: float) -> None:
        self._folder = folder
        self._job = job
        self._experiment = experiment
        self._scheduler: Scheduler = scheduler_of(job.requested.kind)
        seconds = job.requested.seconds
        ends_at = None if seconds is None else began + seconds
        is_slurm = job.requested.kind == Slurm.kind
        self.signals = JobSignals(ends_at, usr1_is_end=is_slurm)
        self._begins_anew = False
        self._asks_to_begin_anew = False

    def goes_on(self, attempt: int, ending: Ending) -> bool:
        """Whether the job begins anew after this attempt; told before the attempt's end is."""
        # Schedulers send their signals to every process of a job: the core may die of one itself.
        if ending.exit_code != ExitCode.STOPPED and -ending.exit_code not in WANTED:
            return False
        if self._folder.attempt(attempt).stop_request() is not None:
            return False
        if self.signals.time_is_up:
            if not self._is_worth_it(ending):
                log("the job does not begin anew: its attempts made no progress")
                return False
            self._asks_to_begin_anew = True
            self._tell(attempt, "its wall-time was about to end")
        elif self._is_requeued():
            self._begins_anew = True
            self._tell(attempt, f"{self._job.kind} put it back into the queue")
        return self._asks_to_begin_anew or self._begins_anew

    def end(self) -> int:
        """Have the job begin anew where it is to; what this process is to exit with."""
        if not self._asks_to_begin_anew:
            return self._exit_code()
        ways = [self._begin_anew, self._chain]
        refusals = []
        for way in ways if self._scheduler.renews_wall_time else reversed(ways):
            try:
                return way()
            except TuiTrainerError as error:  # noqa: PERF203  there are two
                log(error.message)
                refusals.append(error.message)
        self._tell_of_failure("; ".join(refusals))
        return ExitCode.STOPPED

    def _begin_anew(self, tries: int = TRIES_TO_GO_ON) -> int:
        try:
            return self._scheduler.go_on(self._job.job_id)
        except UnreachableError as error:
            if tries == 1:
                raise
            log(error.message)
            time.sleep(SECONDS_BETWEEN_TRIES)
            return self._begin_anew(tries - 1)

    def _chain(self) -> int:
        """Submit another job, which begins when this one is over, with what it may use by now."""
        if not _own_job(self._folder, self._job.token).was_cancelled:
            experiment = read_experiment_to_train(self._folder).experiment
            submit(self._folder, experiment, after_job=self._job.job_id)
        return ExitCode.STOPPED

    def _is_worth_it(self, ending: Ending) -> bool:
        """Whether it got on, or may yet: as often as a run that crashes may be tried, or once."""
        if ending.made_progress:
            return True
        attempts = fold(read_events(self._folder.events_file)).attempts.values()
        in_vain = 0
        for attempt in sorted(attempts, key=lambda attempt: attempt.number, reverse=True):
            if attempt.made_progress:
                break
            in_vain += 1
        return in_vain <= max(1, self._experiment.resources.max_restarts)

    def _is_requeued(self) -> bool:
        with contextlib.suppress(TuiTrainerError):
            return self._scheduler.is_begun_anew(self._job.job_id)
        return False

    def _tell(self, attempt: int, cause: str) -> None:
        event = JobContinues(
            token=self._job.token, attempt=attempt, host=socket.gethostname(), cause=cause
        )
        with contextlib.suppress(OSError):
            append_event(self._folder.events_file, event)
        log(f"the job begins anew: {cause}")

    def _tell_of_failure(self, why: str) -> None:
        ended = JobEnded(token=self._job.token, outcome="interrupted", cause=why)
        with contextlib.suppress(OSError):
            append_event(self._folder.events_file, ended)

    def _exit_code(self) -> int:
        """How the run stands, in what a scheduler's accounting keeps."""
        run = RunReader(self._folder).look()
        attempt = run.history.attempts.get(run.newest_attempt)
        code = attempt.exit_code if attempt is not None else None
        # Grid Engine takes 99 and 100 for requests of its own.
        known = {each.value for each in ExitCode}
        return code if code in known and code is not None else ExitCode.CRASHED


def _own_job(folder: RunFolder, token: str) -> Job:
    """The submission that this process is the job of, with its id written down.

    Raises:
        OwnedByAnotherError: The run was submitted anew since.
    """
    job = fold(read_events(folder.events_file)).job
    if job is None or job.token != token:
        raise OwnedByAnotherError(
            f"{folder.run} was submitted anew since; this job ends",
            hint=f"see what becomes of it: tui-trainer show {folder.run}",
        )
    job_id = os.environ.get("SLURM_JOB_ID") or os.environ.get("JOB_ID") or ""
    if job_id and job.job_id != job_id:
        append_event(folder.events_file, JobSubmitted(token=token, job_id=job_id))
        job.job_id = job_id
    return job


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
