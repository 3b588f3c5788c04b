"""What a run's state is: concluded from its events, owner and heartbeat, never stored."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from tui_trainer.errors import ExitCode
from tui_trainer.record.events import (
    Alarmed,
    AttemptEnded,
    AttemptStarted,
    CheckpointSaved,
    Evaluated,
    Event,
    Launched,
    LaunchFailed,
    TrainingBegan,
    Warned,
)
from tui_trainer.record.owner import Owner, Presence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tui_trainer.record.heartbeat import Heartbeat

# A step that takes twenty times a slow CPU step of a large network (3 s) is no step any more.
STALLED_SECONDS = 60.0


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


_LIVE = {
    State.PREFLIGHT,
    State.RUNNING,
    State.EVALUATING,
    State.STALLED,
    State.STOPPING,
}


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
    began_at_epoch: int = 0
    """The first epoch it trained; 0 until it got so far."""


@dataclass
class History:
    """The fold of a run's events; any prefix of the events gives a history of its own."""

    launched: Launched | None = None
    launch_failure: str = ""
    attempts: dict[int, Attempt] = field(default_factory=dict)
    checkpoint: CheckpointSaved | None = None
    evaluations: dict[str, Evaluated] = field(default_factory=dict)
    warnings: list[Warned | Alarmed] = field(default_factory=list)

    @property
    def alarms(self) -> list[Alarmed]:
        """Those of the warnings that are about the training."""
        return [warning for warning in self.warnings if isinstance(warning, Alarmed)]

    def apply(self, event: Event) -> None:
        """Take one more event in."""
        if isinstance(event, Launched):
            self.launched, self.launch_failure = event, ""
        elif isinstance(event, LaunchFailed):
            self.launch_failure = event.cause
        elif isinstance(event, AttemptStarted):
            attempt = self._attempt(event.attempt)
            attempt.owner, attempt.started = event.owner, event.time
        elif isinstance(event, AttemptEnded):
            attempt = self._attempt(event.attempt)
            attempt.ended, attempt.exit_code, attempt.cause = (
                event.time,
                event.exit_code,
                event.cause,
            )
            attempt.peak_memory_bytes = event.peak_memory_bytes
        elif isinstance(event, TrainingBegan):
            self._attempt(event.attempt).began_at_epoch = event.epoch
        elif isinstance(event, CheckpointSaved):
            self.checkpoint = event
        elif isinstance(event, Evaluated):
            self.evaluations[event.split] = event
        elif isinstance(event, Warned | Alarmed):
            self.warnings.append(event)

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


@dataclass(frozen=True)
class Verdict:
    """A state and, where it needs one, its cause in words."""

    state: State
    cause: str = ""


def judge(evidence: Evidence) -> Verdict:
    """Conclude the state of a run."""
    if not evidence.newest_attempt:
        return _without_attempt(evidence)
    attempt = evidence.history.attempts.get(evidence.newest_attempt)
    if attempt is not None and attempt.exit_code is not None:
        return _ended(attempt, evidence.stop_request)
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


def _without_attempt(evidence: Evidence) -> Verdict:
    if not evidence.was_prepared:
        return Verdict(State.FAILED, "its launch was cut off before the experiment was written")
    if evidence.history.launch_failure:
        return Verdict(State.FAILED, evidence.history.launch_failure)
    launched = evidence.history.launched
    if launched is None or launched.owner.presence() is Presence.DEAD:
        return Verdict(State.FAILED, "its launch was cut off before a supervisor took it")
    return Verdict(State.QUEUED, "waits for its supervisor")


def _ended(attempt: Attempt, stop_request: bool | None) -> Verdict:  # noqa: FBT001
    if attempt.exit_code == ExitCode.DONE:
        return Verdict(State.FINISHED)
    if attempt.exit_code == ExitCode.STOPPED:
        state = State.INTERRUPTED if stop_request is None else State.STOPPED
        return Verdict(state, attempt.cause)
    if attempt.exit_code == ExitCode.PREFLIGHT:
        return Verdict(State.FAILED, attempt.cause)
    # One that was asked to stop gently and died of SIGKILL died of something else.
    if stop_request and attempt.exit_code == -signal.SIGKILL:
        return Verdict(State.STOPPED, "stopped at once, without a checkpoint")
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
        return Verdict(State.LOST, f"no sign of life from {evidence.owner or 'its owner'}")
    return _alive(evidence)


def _core_lives(evidence: Evidence) -> bool:
    beat = evidence.heartbeat
    return (
        beat is not None
        and beat.attempt == evidence.newest_attempt
        and beat.core is not None
        and beat.core.presence() is Presence.ALIVE
    )


def _alive(evidence: Evidence) -> Verdict:
    if evidence.stop_request is not None:
        return Verdict(State.STOPPING)
    beat = evidence.heartbeat
    if beat is None or beat.attempt != evidence.newest_attempt:
        return Verdict(State.RUNNING)
    if beat.idle_seconds > STALLED_SECONDS:
        return Verdict(State.STALLED, f"no step for {beat.idle_seconds:.0f} s")
    return Verdict(_STATE_OF_STAGE.get(beat.progress.stage, State.RUNNING))


_STATE_OF_STAGE = {
    "rehearsing": State.PREFLIGHT,
    "preparing": State.PREFLIGHT,
    "evaluating": State.EVALUATING,
}


def _signal_cause(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    if number == signal.SIGKILL:
        return f"killed by {name}: by a person, the scheduler, or for lack of memory"
    return f"killed by {name}"
