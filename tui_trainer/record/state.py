"""What a run's state is: concluded from its events, owner and heartbeat, never stored."""

from __future__ import annotations

import math
import signal
import time
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import singledispatchmethod
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.errors import ExitCode
from tui_trainer.record.events import (
    Alarmed,
    AttemptEnded,
    AttemptStarted,
    CheckpointRejected,
    CheckpointSaved,
    Evaluated,
    Event,
    Extended,
    JobCancelled,
    JobContinues,
    JobEnded,
    JobRequested,
    JobSubmitted,
    Launched,
    LaunchFailed,
    TrainingBegan,
    Warned,
)
from tui_trainer.record.job import Job
from tui_trainer.record.owner import Owner, Presence
from tui_trainer.record.sighting import UNSEEN, Sighting, Word

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tui_trainer.record.heartbeat import Heartbeat

# Twenty times the usual step, whose time is measured, is no step any more; under a minute it may
# still be a busy machine.
STALLED_STEPS = 20
STALLED_SECONDS = 60.0
# Where no step can be counted: data decoded, a network compiled in its first step, a checkpoint
# on its way to a slow disk. NVIDIA's ft_launcher waits as long for a first sign.
STALLED_WITHOUT_STEPS_SECONDS = 1800.0
# A supervisor takes its run within a minute; the clocks of two machines may be further apart.
SECONDS_TO_BE_TAKEN = 3600.0
# The stage of a supervisor that waits for the slots of its run: nothing is wrong with that.
WAITS_FOR_SLOTS = "queued"


class State(str, Enum):
    """Every state that a run can be in."""

    QUEUED = "queued"
    PREFLIGHT = "preflight"
    RUNNING = "running"
    EVALUATING = "evaluating"
    STALLED = "stalled"
    STOPPING = "stopping"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    CRASHED = "crashed"
    LOST = "lost"
    FAILED = "failed"
    FINISHED = "finished"

    @property
    def is_live(self) -> bool:
        """Whether a process works on the run or is about to."""
        return self in _LIVE

    @property
    def is_resumable(self) -> bool:
        """Whether `resume` can bring it on."""
        return not self.is_live and self is not State.FINISHED

    @property
    def has_died(self) -> bool:
        """Whether it ended without anybody having wanted it, and may go well another time."""
        return self in _DIED


_LIVE = {
    State.QUEUED,
    State.PREFLIGHT,
    State.RUNNING,
    State.EVALUATING,
    State.STALLED,
    State.STOPPING,
}
_DIED = {State.CRASHED, State.LOST, State.INTERRUPTED}


@dataclass
class Attempt:
    """One life of a run, as its events tell it."""

    number: int
    owner: Owner | None = None
    started: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    cause: str = ""
    peak_memory_bytes: int = 0
    seconds: float = 0.0
    """How long it took; 0 where that was not recorded."""
    began_at_epoch: int = 0
    """The first epoch it trained; 0 until it got so far."""
    began_at_step: int = 0
    """Steps of that epoch that were done before."""
    made_progress: bool = False
    """Whether it saved a checkpoint of more than it began with."""


class Complexity(NamedTuple):
    """How large a network is, and what it computes for one image."""

    parameters: int
    flops: int
    """Floating-point operations of a forward pass; a multiplication and an addition are two."""


@dataclass
class History:
    """The fold of a run's events; any prefix of the events gives a history of its own."""

    launched: Launched | None = None
    launch_failure: str = ""
    job: Job | None = None
    """With a scheduler, the newest one; None for a run that was never submitted."""
    attempts: dict[int, Attempt] = field(default_factory=dict)
    checkpoint: CheckpointSaved | None = None
    rejected: list[CheckpointRejected] = field(default_factory=list)
    evaluations: dict[str, Evaluated] = field(default_factory=dict)
    extended: Extended | None = None
    """What was asked for in addition to what the run was launched for, the newest that counts."""
    warnings: list[Warned | Alarmed] = field(default_factory=list)
    complexity: Complexity | None = None
    """Of its network; None in records of before it was kept."""

    @property
    def has_trained(self) -> bool:
        """Whether a checkpoint was ever saved."""
        return self.checkpoint is not None

    @property
    def alarms(self) -> list[Alarmed]:
        """Those of the warnings that are about the training."""
        return [warning for warning in self.warnings if isinstance(warning, Alarmed)]

    @singledispatchmethod
    def apply(self, event: Event) -> None:
        """Take one more event in."""

    @apply.register(Launched)
    def _(self, event: Launched) -> None:
        self.launched, self.launch_failure = event, ""

    @apply.register(LaunchFailed)
    def _(self, event: LaunchFailed) -> None:
        self.launch_failure = event.cause

    @apply.register(JobRequested)
    def _(self, event: JobRequested) -> None:
        self.job = Job(
            event,
            replaces=self.job,
            awaited_after=event.after,
            since=event.time,
            since_host=event.owner.host,
        )

    @apply.register(JobSubmitted)
    def _(self, event: JobSubmitted) -> None:
        if self.job is not None and self.job.token == event.token:
            self.job.job_id = event.job_id

    @apply.register(JobContinues)
    def _(self, event: JobContinues) -> None:
        if self.job is not None and self.job.token == event.token:
            self.job.awaited_after, self.job.ended = event.attempt, None
            self.job.since, self.job.since_host = event.time, event.host
            self.job.begins_anew_because = event.cause

    @apply.register(JobCancelled)
    def _(self, event: JobCancelled) -> None:
        if self.job is not None and self.job.token == event.token:
            self.job.was_cancelled = True

    @apply.register(JobEnded)
    def _(self, event: JobEnded) -> None:
        if self.job is None or self.job.token != event.token:
            return
        if event.outcome == "refused" and self.job.replaces is not None:
            self.job = self.job.replaces
        else:
            self.job.ended = event

    @apply.register(AttemptStarted)
    def _(self, event: AttemptStarted) -> None:
        attempt = self._attempt(event.attempt)
        attempt.owner, attempt.started = event.owner, event.time

    @apply.register(AttemptEnded)
    def _(self, event: AttemptEnded) -> None:
        attempt = self._attempt(event.attempt)
        attempt.ended, attempt.exit_code, attempt.cause = event.time, event.exit_code, event.cause
        attempt.peak_memory_bytes, attempt.seconds = event.peak_memory_bytes, event.seconds

    @apply.register(TrainingBegan)
    def _(self, event: TrainingBegan) -> None:
        attempt = self._attempt(event.attempt)
        attempt.began_at_epoch, attempt.began_at_step = event.epoch, event.step
        if event.parameters > 0:
            self.complexity = Complexity(event.parameters, max(0, event.flops))

    @apply.register(CheckpointSaved)
    def _(self, event: CheckpointSaved) -> None:
        self.checkpoint = event
        self._note_progress(event)

    @apply.register(CheckpointRejected)
    def _(self, event: CheckpointRejected) -> None:
        self.rejected.append(event)

    @apply.register(Evaluated)
    def _(self, event: Evaluated) -> None:
        self.evaluations[event.split] = event

    @apply.register(Warned)
    @apply.register(Alarmed)
    def _(self, event: Warned | Alarmed) -> None:
        self.warnings.append(event)

    @apply.register(Extended)
    def _(self, event: Extended) -> None:
        if event.after < max(self.attempts, default=0):
            return  # an attempt began before it could know
        self.extended = event
        if "test" in self.evaluations:
            # The attempt that goes on sets these results aside and tells where they stand.
            self.evaluations = {}

    def and_then(self, event: Event) -> History:
        """The history with one more event, beside this one."""
        attempts = {number: replace(attempt) for number, attempt in self.attempts.items()}
        job = None if self.job is None else replace(self.job)
        history = replace(self, attempts=attempts, job=job)
        history.apply(event)
        return history

    def _note_progress(self, saved: CheckpointSaved) -> None:
        attempt = self.attempts.get(saved.attempt)
        if attempt is not None and attempt.began_at_epoch:
            began = (attempt.began_at_epoch - 1, attempt.began_at_step)
            attempt.made_progress |= (saved.epoch, saved.step) > began

    def _attempt(self, number: int) -> Attempt:
        return self.attempts.setdefault(number, Attempt(number))


def fold(events: Iterable[Event]) -> History:
    """The history that these events make."""
    history = History()
    for event in events:
        history.apply(event)
    return history


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that can be known of a run at this moment."""

    is_there: bool
    """Whether the run folder stands where it stood."""
    was_prepared: bool
    """Whether the run folder holds its experiment."""
    history: History
    newest_attempt: int
    """0 where none was claimed."""
    owner: Owner | None
    """Who claimed the newest attempt."""
    heartbeat: Heartbeat | None
    is_beating: bool | None
    """Whether the heartbeat changes; None while it has not been watched for long enough."""
    stop_request: bool | None
    """None: nobody asked the newest attempt to stop."""
    sighting: Sighting = UNSEEN
    """What the scheduler says of the run's job, if it has one."""


@dataclass(frozen=True)
class Verdict:
    """A state and, where it needs one, its cause in words."""

    state: State
    cause: str = ""
    awaits_job: bool = False
    """Whether the run waits for its scheduler's job to begin."""


def judge(evidence: Evidence) -> Verdict:
    """Conclude the state of a run."""
    verdict, job = _of_attempts(evidence), evidence.history.job
    if job is None or not (evidence.is_there and evidence.was_prepared):
        return verdict
    if evidence.newest_attempt and (verdict.state.is_live or verdict.state is State.FINISHED):
        return verdict
    if evidence.newest_attempt <= job.awaited_after:
        return _awaited(job, evidence)
    attempt = evidence.history.attempts.get(evidence.newest_attempt)
    is_told = attempt is not None and attempt.exit_code is not None
    return verdict if is_told else _vanished(verdict, job, evidence.sighting)


def _of_attempts(evidence: Evidence) -> Verdict:
    """What the run itself tells, without its scheduler."""
    if not evidence.newest_attempt:
        return _without_attempt(evidence)
    attempt = evidence.history.attempts.get(evidence.newest_attempt)
    if attempt is not None and attempt.exit_code is not None:
        extended = evidence.history.extended
        if extended is not None and extended.after == attempt.number:
            return Verdict(State.STOPPED, f"to go on to {extended.epochs} epochs: resume it")
        return _ended(attempt, evidence)
    return _unfinished(evidence)


def exit_cause(exit_code: int) -> str:
    """How a process ended, in words; empty for one that reached its end."""
    if exit_code < 0:
        return _signal_cause(-exit_code)
    return _EXIT_CAUSES.get(exit_code, f"exit code {exit_code}")


_EXIT_CAUSES: dict[int, str] = {
    ExitCode.DONE: "",
    ExitCode.STOPPED: "stopped, resumable",
    ExitCode.PREFLIGHT: "refused before training",
}


STOPPED_AT_ONCE = "stopped at once, without a checkpoint"


def new_in_cause(state: State, cause: str) -> str:
    """The cause without the state's word, where it begins with that: `after a checkpoint`."""
    first, _, rest = cause.partition(" ")
    return rest if rest and first.rstrip(",:;") == state.value else cause


def stop_cause(number: int, job_id: str = "") -> str:
    """What ended a process that a signal asked to save and end, in words.

    Args:
        number: The signal; 0 where none was seen.
        job_id: Of the scheduler's job that it lived in, if any.
    """
    if not number:
        return _EXIT_CAUSES[ExitCode.STOPPED]
    sender = _SENDERS.get(number, "")
    if number == signal.SIGTERM and job_id:
        sender = f", as schedulers send when the wall-time ends or job {job_id} is cancelled"
    return f"stopped by {signal_name(number)}{sender}; resumable"


def signal_name(number: int) -> str:
    """`SIGTERM`."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


# Grid Engine: -notify sends SIGUSR2 before the kill, s_cpu SIGXCPU. Slurm: --signal=USR2@120.
_SENDERS: dict[int, str] = {
    signal.SIGUSR2: ", as schedulers send when the wall-time is about to end",
    signal.SIGXCPU: ": its processor time is used up",
}


def _without_attempt(evidence: Evidence) -> Verdict:
    if not evidence.is_there:
        return Verdict(State.FAILED, "its folder was removed or renamed")
    if not evidence.was_prepared:
        return Verdict(State.FAILED, "its launch was cut off before the experiment was written")
    if evidence.history.launch_failure:
        return Verdict(State.FAILED, evidence.history.launch_failure)
    launched = evidence.history.launched
    if launched is None or _is_cut_off(launched):
        return Verdict(State.FAILED, "its launch was cut off before a supervisor took it")
    return Verdict(State.QUEUED, "waits for its supervisor")


def _is_cut_off(launched: Launched) -> bool:
    launcher = launched.owner
    if launcher.presence() is not Presence.OUT_OF_SIGHT:
        return launcher.presence() is Presence.DEAD
    return launcher.is_of_another_boot() or time.time() - launched.time > SECONDS_TO_BE_TAKEN


def _awaited(job: Job, evidence: Evidence) -> Verdict:
    """A run whose next attempt is for its job to begin."""
    sighting = evidence.sighting
    if job.was_cancelled:
        return Verdict(State.STOPPED, f"{job} was cancelled before it began")
    if job.ended is not None:
        return _job_ended(job, job.ended)
    if sighting.word is Word.CANNOT:
        return Verdict(State.FAILED, f"{job} cannot begin: {sighting.reason or 'nobody says why'}")
    if sighting.word is Word.OVER:
        return Verdict(State.CRASHED, f"{_unmet(job)}: {sighting.reason}")
    if sighting.word is Word.GONE:
        return Verdict(State.LOST, f"{_unmet(job)}: its scheduler knows nothing of it any more")
    why = f"; it begins anew: {job.begins_anew_because}" if job.begins_anew_because else ""
    cause = f"{_waiting(job, sighting)}{_silence(job, sighting)}{why}"
    return Verdict(State.QUEUED, cause, awaits_job=True)


def _job_ended(job: Job, ended: JobEnded) -> Verdict:
    state = _STATE_OF_OUTCOME.get(ended.outcome, State.LOST)
    if ended.outcome == "refused":
        return Verdict(state, ended.cause)
    why = ended.cause or "neither it nor the scheduler says why"
    return Verdict(state, f"{_unmet(job)}: {why}")


def _unmet(job: Job) -> str:
    did_not = "did not begin anew" if job.begins_anew_because else "ended before it began to train"
    return f"{job} {did_not}"


def _vanished(verdict: Verdict, job: Job, sighting: Sighting) -> Verdict:
    """An attempt that ended without a word, and what its scheduler makes of that."""
    if sighting.word in {Word.WAITS, Word.HELD}:
        return Verdict(State.QUEUED, _waiting(job, sighting), awaits_job=True)
    if sighting.word is Word.CANNOT:
        return Verdict(State.FAILED, f"{job} cannot begin again: {sighting.reason}")
    over = job.ended.cause if job.ended else sighting.reason if sighting.word is Word.OVER else ""
    if over:
        return Verdict(State.CRASHED, f"{job} ended: {over}")
    more = {
        Word.GONE: f"; {job} is gone without a word",
        Word.BEGUN: f"; {job} still runs, its scheduler says",
    }.get(sighting.word, _silence(job, sighting))
    return (
        replace(verdict, cause=f"{verdict.cause}{more}") if verdict.state is State.LOST else verdict
    )


def _waiting(job: Job, sighting: Sighting) -> str:
    """What a job waits for, in words."""
    what = {
        Word.WAITS: "waits",
        Word.HELD: "is held",
        Word.BEGUN: "begins",
        Word.ENDS: "ends, or is put back",
    }.get(sighting.word)
    if what is not None:
        return f"{job} {what}: {sighting.reason}" if sighting.reason else f"{job} {what}"
    if not job.job_id:
        was_cut_off = job.requested.owner.presence() is Presence.DEAD
        rest = "; it was cut off, and whether the scheduler has the job is asked"
        return f"{job} is being submitted{rest if was_cut_off else ''}"
    has_been = "put back into the queue" if job.begins_anew_because else "submitted"
    return f"{job} was {has_been}, and has not been seen there yet"


def _silence(job: Job, sighting: Sighting) -> str:
    seconds = sighting.silent_seconds
    return f"; {job.kind} has not answered for {_seconds(seconds)}" if seconds else ""


_STATE_OF_OUTCOME = {
    "refused": State.FAILED,
    "interrupted": State.INTERRUPTED,
    "failed": State.CRASHED,
}


def _ended(attempt: Attempt, evidence: Evidence) -> Verdict:
    stop_request = evidence.stop_request
    if attempt.exit_code == ExitCode.DONE:
        return Verdict(State.FINISHED)
    if attempt.exit_code == ExitCode.STOPPED:
        state = State.INTERRUPTED if stop_request is None else State.STOPPED
        return Verdict(state, attempt.cause)
    # What a run that has trained finds missing may be back by the next time.
    if attempt.exit_code == ExitCode.PREFLIGHT and not evidence.history.has_trained:
        return Verdict(State.FAILED, attempt.cause)
    # One that was asked to stop gently and died of SIGKILL died of something else.
    if stop_request and attempt.exit_code == -signal.SIGKILL:
        return Verdict(State.STOPPED, STOPPED_AT_ONCE)
    return Verdict(State.CRASHED, attempt.cause)


def _unfinished(evidence: Evidence) -> Verdict:
    # An owner that cannot be read may live: then, too, only the heartbeat can tell.
    presence = evidence.owner.presence() if evidence.owner else Presence.OUT_OF_SIGHT
    if presence is Presence.ALIVE:
        return _alive(evidence)
    if presence is Presence.OUT_OF_SIGHT:
        return _out_of_sight(evidence)
    if _core_lives(evidence):
        return Verdict(State.STOPPING, "its supervisor was killed; the core saves and ends")
    return Verdict(State.CRASHED, "killed: supervisor and core vanished without a word")


def _out_of_sight(evidence: Evidence) -> Verdict:
    if evidence.is_beating is False:
        owner = evidence.owner
        since = ", and its machine was started anew" if owner and owner.is_of_another_boot() else ""
        return Verdict(State.LOST, f"no sign of life from {owner or 'its owner'}{since}")
    return _alive(evidence)


def _core_lives(evidence: Evidence) -> bool:
    beat = _own_beat(evidence)
    return beat is not None and beat.core is not None and beat.core.presence() is Presence.ALIVE


def _alive(evidence: Evidence) -> Verdict:
    beat = _own_beat(evidence)
    waits_for_slots = beat is not None and beat.progress.stage == WAITS_FOR_SLOTS
    standstill = _standstill(evidence)
    if evidence.stop_request is not None:
        return Verdict(State.STOPPING, "" if waits_for_slots else standstill)
    if waits_for_slots and beat and standstill == beat.waits_for:
        return Verdict(State.QUEUED, standstill)
    if standstill:
        return Verdict(State.STALLED, standstill)
    if beat is None and not _has_begun(evidence):
        return Verdict(State.PREFLIGHT)
    # A core that was started by hand never has a heartbeat.
    stage = beat.progress.stage if beat else ""
    return Verdict(_STATE_OF_STAGE.get(stage, State.RUNNING))


def _has_begun(evidence: Evidence) -> bool:
    """Whether the newest attempt said that its training began."""
    attempt = evidence.history.attempts.get(evidence.newest_attempt)
    return attempt is not None and attempt.began_at_epoch > 0


def _standstill(evidence: Evidence) -> str:
    """Why a run that lives does not come forward; empty for one that does."""
    beat = _own_beat(evidence)
    owners = [evidence.owner, beat.core if beat else None]
    for owner in owners:
        if owner is not None and owner.is_suspended():
            return f"suspended by SIGSTOP; kill -CONT {owner.pid} lets it go on"
    if beat is None:
        return ""
    if beat.waits_for:
        return f"{beat.waits_for}{_next_try(beat)}"
    if beat.restart_seconds is not None:
        return f"starts again in {_seconds(beat.restart_seconds)}{_last_end(evidence)}"
    if beat.idle_seconds > _longest_pause(beat):
        return f"no step for {beat.idle_seconds:.0f} s"
    return ""


def _next_try(beat: Heartbeat) -> str:
    left = beat.restart_seconds
    return "" if left is None else f"; tries again in {_seconds(left)}"


def _seconds(left: float) -> str:
    return f"{max(1, math.ceil(left))} s"


def _last_end(evidence: Evidence) -> str:
    before = evidence.history.attempts.get(evidence.newest_attempt - 1)
    return f"; attempt {before.number} ended: {before.cause}" if before and before.cause else ""


def _longest_pause(beat: Heartbeat) -> float:
    if beat.progress.stage != "training" or beat.step_seconds is None:
        return STALLED_WITHOUT_STEPS_SECONDS
    return max(STALLED_SECONDS, STALLED_STEPS * beat.step_seconds)


def _own_beat(evidence: Evidence) -> Heartbeat | None:
    """The beat of the newest attempt, if there is one."""
    beat = evidence.heartbeat
    return beat if beat is not None and beat.attempt == evidence.newest_attempt else None


_STATE_OF_STAGE = {
    "waiting": State.PREFLIGHT,
    "starting": State.PREFLIGHT,
    "rehearsing": State.PREFLIGHT,
    "preparing": State.PREFLIGHT,
    "evaluating": State.EVALUATING,
}


def _signal_cause(number: int) -> str:
    if number == signal.SIGKILL:
        return "killed by SIGKILL: by a person, the scheduler, or for lack of memory"
    return f"killed by {signal_name(number)}"
