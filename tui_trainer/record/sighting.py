"""What schedulers last said of this user's jobs: one file for each, shared by all that ask.

Whoever asks a scheduler writes its answer here; everybody reads it. An answer that lacks a job says
that it is gone only where the one before lacked it too; no answer says nothing.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tui_trainer.record.durable import replace_quickly
from tui_trainer.record.fields import number, text
from tui_trainer.record.tail import identity, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

# Clocks of a cluster's hosts agree to about a second; munge bears five minutes. Only where the job
# was submitted on another host than the scheduler was asked on.
CLOCKS_DIFFER_BY_SECONDS = 60.0
# A scheduler that was busy for a moment is no news.
SILENCE_TOLD_SECONDS = 30.0


class Word(str, Enum):
    """What a scheduler says of a job."""

    WAITS = "waits"
    HELD = "held"
    CANNOT = "cannot"
    """It is in the queue, and cannot begin before somebody mends it."""
    BEGUN = "begun"
    ENDS = "ends"
    OVER = "over"
    GONE = "gone"
    """The scheduler answers, and knows nothing of it."""
    UNKNOWN = "unknown"
    """The scheduler has not been asked since the job was submitted, or has not answered."""


class Seen(NamedTuple):
    """A job in a scheduler's answer."""

    job_id: str
    name: str
    word: Word
    reason: str
    """In words; empty where nothing is to be said."""


class Sighting(NamedTuple):
    """What is known of one job."""

    word: Word = Word.UNKNOWN
    reason: str = ""
    job_id: str = ""
    """As the scheduler lists it; empty where it does not."""
    silent_seconds: float = 0.0
    """How long the scheduler has been asked in vain; 0 where it answers."""


UNSEEN = Sighting()


@dataclass(frozen=True, kw_only=True)
class Answer:
    """All jobs of the user at one moment."""

    began: float
    """When the question was asked, by the clock of `host`."""
    host: str
    jobs: Mapping[str, Seen]
    """By id."""

    def is_after(self, moment: float, host: str) -> bool:
        """Whether the question was asked after a moment by another host's clock, or this one's."""
        return self.began > moment + (0.0 if self.host == host else CLOCKS_DIFFER_BY_SECONDS)

    def find(self, job_id: str, name: str) -> Seen | None:
        """The job of this id and name; where the id is not known, the one that is called so."""
        if job_id:
            seen = self.jobs.get(job_id)
            if seen is None or seen.name == name:
                return seen
            # Ids begin anew when a cluster does; or a site has renamed it.
            return seen._replace(word=Word.UNKNOWN, reason="")
        return next((seen for seen in self.jobs.values() if seen.name == name), None)


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What one scheduler said, and whether it still answers."""

    asked: float = 0.0
    """When it was last asked."""
    failures: int = 0
    """How often in a row it did not answer."""
    silent_since: float = 0.0
    """When the first of those was asked; 0 for none."""
    error: str = ""
    newest: Answer | None = None
    before: Answer | None = None

    @classmethod
    def read(cls, path: Path) -> Answers:
        """What stands in a file; nothing where there is none that can be read."""
        known = _read.get(path)
        found = identity(path)
        if known is None or known[0] != found:
            record = read_json(path) if found is not None else None
            known = _read[path] = found, cls.from_record(record or {})
        return known[1]

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Answers:
        """The answers that `write` wrote."""
        return cls(
            asked=number(record, "asked") or 0.0,
            failures=int(number(record, "failures") or 0),
            silent_since=number(record, "silent_since") or 0.0,
            error=text(record, "error"),
            newest=_answer(record.get("newest")),
            before=_answer(record.get("before")),
        )

    def write(self, path: Path) -> None:
        """Put these in place of what stands there.

        Raises:
            OSError: The disk is full or failing.
        """
        record = {
            "asked": self.asked,
            "failures": self.failures,
            "silent_since": self.silent_since,
            "error": self.error,
            "newest": _record(self.newest),
            "before": _record(self.before),
        }
        replace_quickly(path, json.dumps(record).encode())

    def sighting(self, job_id: str, name: str, since: float, host: str) -> Sighting:
        """What is known of a job.

        Args:
            job_id: Its id; empty where that was never written down.
            name: What it was submitted as.
            since: When it was submitted or last put back, by the clock of `host`.
            host: Where that was.
        """
        # Until it was last asked: since then it may answer.
        silent = max(0.0, self.asked - self.silent_since) if self.silent_since else 0.0
        silent = silent if silent >= SILENCE_TOLD_SECONDS else 0.0
        newest, before = self.newest, self.before
        if newest is None or not newest.is_after(since, host):
            return Sighting(silent_seconds=silent)
        if seen := newest.find(job_id, name):
            return Sighting(seen.word, seen.reason, seen.job_id, silent)
        if before is None or not before.is_after(since, host):
            return Sighting(silent_seconds=silent)
        if before.find(job_id, name):
            return Sighting(Word.ENDS, silent_seconds=silent)
        return Sighting(Word.GONE, silent_seconds=silent)


_read: dict[Path, tuple[tuple[int, int, int] | None, Answers]] = {}


def answers_file(scheduler: str) -> Path:
    """Where the answers of one scheduler are kept, for all of the user's runs and programs."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "tui-trainer" / "schedulers" / f"{scheduler}.json"


def _record(answer: Answer | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    jobs = [[*seen] for seen in answer.jobs.values()]
    return {"began": answer.began, "host": answer.host, "jobs": jobs}


def _answer(record: Any) -> Answer | None:
    if not isinstance(record, dict) or not isinstance(record.get("jobs"), list):
        return None
    jobs = [_seen(fields) for fields in record["jobs"]]
    return Answer(
        began=number(record, "began") or 0.0,
        host=text(record, "host"),
        jobs={seen.job_id: seen for seen in jobs if seen is not None},
    )


def _seen(fields: Any) -> Seen | None:
    if not isinstance(fields, list) or len(fields) != len(Seen._fields):
        return None
    job_id, name, word, reason = map(str, fields)
    known = {each.value: each for each in Word}
    return Seen(job_id, name, known.get(word, Word.UNKNOWN), reason)
