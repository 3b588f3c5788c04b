"""The sign of life that a supervisor gives: a counter, and where the training stands."""

from __future__ import annotations

import errno
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from tui_trainer.record.durable import overwrite, replace_quickly
from tui_trainer.record.events import AttemptEnded, event_from_record, event_record
from tui_trainer.record.fields import integer, number, table, text
from tui_trainer.record.owner import Owner
from tui_trainer.record.tail import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SECONDS_PER_BEAT = 1.0
# Ten beats: NFS clients answer a re-opened file within one round trip, and no round trip that a
# person would put up with takes ten seconds.
SILENCE_SECONDS = 10.0
# Blanks make up for it, so that the next beat finds its room in this one where a disk is full.
_BYTES = 4096
# JSON spells a character in up to six bytes; all of it has to fit.
_LONGEST_WORDS = 480


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where the core stands; the core says it, the supervisor passes it on."""

    stage: str = "starting"
    """`queued`, `waiting`, `starting`, `rehearsing`, `preparing`, `training`, `validating`,
    `saving` or `evaluating`."""
    epoch: int = 0
    """The epoch in progress, from 1."""
    step: int = 0
    """Steps of that epoch that are done."""
    steps: int = 0
    """Steps that an epoch has."""
    images_per_second: float | None = None

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Progress:
        """The progress that `as_record` wrote; what is missing or damaged becomes a default."""
        return cls(
            stage=text(record, "stage") or "starting",
            epoch=integer(record, "epoch"),
            step=integer(record, "step"),
            steps=integer(record, "steps"),
            images_per_second=number(record, "images_per_second"),
        )

    def as_record(self) -> dict[str, Any]:
        """What JSON can hold of it."""
        return asdict(self)


class Usage(NamedTuple):
    """What a core uses of its machine at this moment."""

    processors: float
    """Since the last beat, in processors: 1.5 is one and a half of them."""
    memory_bytes: int
    """Its resident set."""
    gpu_memory_bytes: int = 0
    """What it holds on GPUs; 0 for one that computes on none."""
    gpu_busy: float | None = None
    """The share of the time in which its GPUs computed, whoever for; None where nobody tells."""

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Usage | None:
        """None where the record is not of one."""
        processors, gpu_busy = number(record, "processors"), number(record, "gpu_busy")
        if processors is None:
            return None
        return cls(
            max(0.0, processors),
            max(0, integer(record, "memory_bytes")),
            max(0, integer(record, "gpu_memory_bytes")),
            None if gpu_busy is None else max(0.0, gpu_busy),
        )


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """One beat. Its age is judged by whether `beat` changes, never by a clock of another host."""

    beat: int
    attempt: int
    owner: Owner
    core: Owner | None
    progress: Progress
    idle_seconds: float
    """Since the core last came forward, by the supervisor's clock."""
    step_seconds: float | None = None
    """What a training step usually takes; None while too few were seen."""
    restart_seconds: float | None = None
    """Until the core is started again; None unless the supervisor waits for that."""
    usage: Usage | None = None
    """What the core uses of its machine; None where there is none, or too little was seen."""
    waits_for: str = ""
    """What has to change before the run goes on, in words; empty where nothing has."""
    ended: AttemptEnded | None = None
    """How the attempt ended, in the last beat of a supervisor that could not record it."""

    @classmethod
    def read(cls, path: Path) -> Heartbeat | None:
        """The beat that stands in `path`, or None where there is none that can be read."""
        record = read_json(path)
        if record is None:
            return None
        core, ended = table(record, "core"), event_from_record(table(record, "ended"))
        return cls(
            beat=integer(record, "beat"),
            attempt=integer(record, "attempt"),
            owner=Owner.from_record(table(record, "owner")),
            core=Owner.from_record(core) if core else None,
            progress=Progress.from_record(record),
            idle_seconds=number(record, "idle_seconds") or 0.0,
            step_seconds=number(record, "step_seconds"),
            restart_seconds=number(record, "restart_seconds"),
            usage=Usage.from_record(table(record, "usage")),
            waits_for=text(record, "waits_for"),
            ended=ended if isinstance(ended, AttemptEnded) else None,
        )

    def write(self, path: Path) -> None:
        """Put this beat in place of the last one."""
        record = {
            "beat": self.beat,
            "attempt": self.attempt,
            **self.progress.as_record(),
            "idle_seconds": round(self.idle_seconds, 3),
            "step_seconds": _rounded(self.step_seconds),
            "restart_seconds": _rounded(self.restart_seconds),
            "usage": None if self.usage is None else self.usage._asdict(),
            "waits_for": self.waits_for[:_LONGEST_WORDS],
            "ended": None if self.ended is None else _shortened(self.ended),
            "owner": self.owner.as_record(),
            "core": None if self.core is None else self.core.as_record(),
        }
        content = json.dumps(record).encode().ljust(_BYTES)
        try:
            replace_quickly(path, content)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            overwrite(path, content)


def _shortened(ended: AttemptEnded) -> dict[str, Any]:
    return event_record(replace(ended, cause=ended.cause[:_LONGEST_WORDS]))


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
