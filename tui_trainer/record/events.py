"""The lines of events.jsonl: what happened to a run, by whom it was seen."""

from __future__ import annotations

import time as clock
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, get_args

from tui_trainer.record.durable import append_record
from tui_trainer.record.fields import integer, number, table, text
from tui_trainer.record.owner import Owner
from tui_trainer.record.tail import Tail, read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class _Event:
    time: float = field(default_factory=clock.time)
    """Seconds since 1970 by the writer's clock."""


@dataclass(frozen=True, kw_only=True)
class Launched(_Event):
    """A launcher took the run; what becomes of it is said by attempts."""

    launcher: str
    owner: Owner
    """The process that launched it, until a supervisor takes it over."""
    experiment_sha256: str = ""
    """Of experiment.toml; empty in records of before it was kept."""


@dataclass(frozen=True, kw_only=True)
class LaunchFailed(_Event):
    """No supervisor came to life."""

    cause: str


@dataclass(frozen=True, kw_only=True)
class JobRequested(_Event):
    """A scheduler is about to be asked for a job that brings the run on."""

    token: str
    """Names this submission; the job's name ends in it."""
    kind: str
    """`slurm` or `grid_engine`."""
    scheduler: str
    """Which of several: where its answers are kept."""
    name: str
    """What the scheduler calls the job."""
    number: int
    """The submission's, from 1: its script stands in `jobs/`."""
    after: int
    """The newest attempt at that time; 0 for none."""
    owner: Owner
    """The process that submits it."""
    seconds: float | None = None
    """After how long the job is to save, end and begin anew; None where nothing limits it."""


@dataclass(frozen=True, kw_only=True)
class JobSubmitted(_Event):
    """The scheduler has the job."""

    token: str
    job_id: str


@dataclass(frozen=True, kw_only=True)
class JobContinues(_Event):
    """An attempt ends, and the job begins anew by itself."""

    token: str
    attempt: int
    host: str
    """Whose clock the event's time is."""
    cause: str


@dataclass(frozen=True, kw_only=True)
class JobCancelled(_Event):
    """Somebody took the job out of the queue; should it begin all the same, it ends at once."""

    token: str


@dataclass(frozen=True, kw_only=True)
class JobEnded(_Event):
    """The job is over, and the run has no record of its own of that."""

    token: str
    outcome: str
    """`refused`, `interrupted`, `failed` or, where nobody knows, empty."""
    cause: str
    """In words."""


@dataclass(frozen=True, kw_only=True)
class AttemptStarted(_Event):
    """A supervisor owns the run and starts the core."""

    attempt: int
    owner: Owner
    threads: int


@dataclass(frozen=True, kw_only=True)
class AttemptEnded(_Event):
    """The core ended: its supervisor says how, or itself where none is left."""

    attempt: int
    exit_code: int
    """What the core ended with; negative for the signal that ended it."""
    cause: str
    """In words; empty for an attempt that finished."""
    peak_memory_bytes: int
    """Largest resident set of the core."""
    seconds: float = 0.0
    """How long the attempt took, by a clock that nobody sets."""
    hope: str = ""
    """What a second try was worth, as `Hope` names it; empty in records of before it was kept."""


@dataclass(frozen=True, kw_only=True)
class TrainingBegan(_Event):
    """The core begins at an epoch and step: from the start, or resumed from a checkpoint."""

    attempt: int
    epoch: int
    step: int
    checkpoint: str
    """Name of the checkpoint it resumed from; empty for a start from nothing."""
    parameters: int = 0
    """Of the network; 0 at a resume, and in records of before it was kept."""
    flops: int = 0
    """Floating-point operations of a forward pass of one image, as far as they are counted."""


@dataclass(frozen=True, kw_only=True)
class CheckpointSaved(_Event):
    """A checkpoint is durable."""

    attempt: int
    epoch: int
    step: int
    checkpoint: str
    sha256: str
    """Of the file."""
    weights_sha256: str
    """Of the state dict's entries in name order: name, shape, dtype, raw bytes."""
    epochs_sha256: str = ""
    """Of epochs.jsonl with all the epochs that the checkpoint has behind it; empty in records of
    before it was kept."""


@dataclass(frozen=True, kw_only=True)
class CheckpointRejected(_Event):
    """A damaged checkpoint was set aside."""

    attempt: int
    checkpoint: str
    cause: str


@dataclass(frozen=True, kw_only=True)
class Warned(_Event):
    """Something that a person should know, and that does not end the run."""

    attempt: int
    message: str


@dataclass(frozen=True, kw_only=True)
class Alarmed(_Event):
    """A sign that the training goes wrong."""

    attempt: int
    epoch: int
    kind: str
    """`chance_level`, `nan`, `plateau`, `dead_units` or `still_improving`."""
    message: str
    over_above: float | None = None
    """The validation accuracy above which a later epoch shows it to be over; None: none does."""
    over_after: int = 0
    """The epoch whose end shows it to be over, as it is told again if it is not; 0: none does."""


@dataclass(frozen=True, kw_only=True)
class Extended(_Event):
    """Somebody wants more epochs of the run than it was launched for."""

    after: int
    """The newest attempt at that time. Once a later one has begun, the event counts no more."""
    epochs: int
    """In all."""


@dataclass(frozen=True, kw_only=True)
class Evaluated(_Event):
    """A result was written, once."""

    attempt: int
    split: str
    checkpoint: str
    loss: float | None
    accuracy: float | None
    file: str
    sha256: str


Event = (
    Launched
    | LaunchFailed
    | JobRequested
    | JobSubmitted
    | JobContinues
    | JobCancelled
    | JobEnded
    | AttemptStarted
    | AttemptEnded
    | TrainingBegan
    | CheckpointSaved
    | CheckpointRejected
    | Warned
    | Alarmed
    | Extended
    | Evaluated
)


def append_event(path: Path, event: Event) -> None:
    """Write the event durably at the end of the file.

    Raises:
        OSError: the disk is full, read-only or failing.
    """
    append_record(path, event_record(event))


def event_record(event: Event) -> dict[str, Any]:
    """The line of events.jsonl."""
    return {"event": _word(type(event)), **asdict(event)}


def read_events(path: Path) -> Iterator[Event]:
    """All that happened so far, in order."""
    for records, _ in Tail(path).batches():
        yield from filter(None, map(event_from_record, records))


def event_from_record(record: Mapping[str, Any]) -> Event | None:
    """The event that a line tells of, or None for a word of another version."""
    kind = _KINDS.get(text(record, "event"))
    if kind is None:
        return None
    return kind(**{name: read(record, name) for name, read in _FIELDS[kind].items()})


def telling_events(records: Sequence[Mapping[str, Any]]) -> Iterator[Event]:
    """The events of these lines but checkpoints that the very next line goes beyond.

    They are nearly all of the lines of a long run, and who follows it wants the last one alone.
    """
    for record, after in zip(records, [*records[1:], {}], strict=False):
        if record.get("event") == after.get("event") == _SAVED and _goes_beyond(after, record):
            continue
        event = event_from_record(record)
        if event is not None:
            yield event


def _goes_beyond(after: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    if integer(after, "attempt") != integer(record, "attempt"):
        return False
    later, earlier = integer(after, "epoch"), integer(record, "epoch")
    return (later, integer(after, "step")) >= (earlier, integer(record, "step"))


def end_told_in(file: Path, attempt: int) -> AttemptEnded | None:
    """What the core of an attempt said of its own end, if it came to one."""
    told = event_from_record(read_json(file) or {})
    return told if isinstance(told, AttemptEnded) and told.attempt == attempt else None


def _word(kind: type[Event]) -> str:
    """`AttemptStarted` is written as `attempt_started`."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in kind.__name__).lstrip("_")


def _owner(record: Mapping[str, Any], key: str) -> Owner:
    return Owner.from_record(table(record, key))


def _time(record: Mapping[str, Any], key: str) -> float:
    return number(record, key) or 0.0


_KINDS: dict[str, type[Event]] = {_word(kind): kind for kind in get_args(Event)}
_SAVED = _word(CheckpointSaved)
_READERS: dict[str, Callable[[Mapping[str, Any], str], Any]] = {
    "str": text,
    "int": integer,
    "float": _time,
    "float | None": number,
    "Owner": _owner,
}
_FIELDS: dict[type[Event], dict[str, Callable[[Mapping[str, Any], str], Any]]] = {
    kind: {field.name: _READERS[str(field.type)] for field in fields(kind)}
    for kind in _KINDS.values()
}
