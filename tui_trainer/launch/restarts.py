"""When a run that crashed is tried again, and how long that waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_trainer.record.failure import Hope

if TYPE_CHECKING:
    from tui_trainer.record.heartbeat import Progress

# A disk that was full or a file server that was away for a moment is back within some seconds; a
# disk that stays full for a night is met again every few minutes.
FIRST_WAIT_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How an attempt ended."""

    exit_code: int
    cause: str
    """In words; empty for an attempt that finished."""
    hope: Hope
    where: Progress
    """Where the core stood when it last said so."""
    made_progress: bool
    """Whether a checkpoint stands of more than the attempt began with."""
    peak_memory_bytes: int = 0

    def is_repeated_by(self, later: Ending) -> bool:
        """Whether the next attempt failed in the same way at the same step."""
        return (self.cause, *_place(self.where)) == (later.cause, *_place(later.where))


@dataclass(frozen=True)
class Decision:
    """What follows an attempt."""

    cause: str
    """Why it ended and, where it is given up, why it is not tried again."""
    wait_seconds: float | None = None
    """Before the next one; None: there is none."""


class Restarts:
    """Decides after each attempt of a run; remembers those before.

    Args:
        most: Restarts in a row that may bring no progress; 0: there are none at all.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._without_progress = 0
        self._without_room = 0
        self._before: Ending | None = None

    def after(self, ending: Ending) -> Decision:
        """What follows this attempt, which is the newest."""
        before, self._before = self._before, ending
        if ending.hope is Hope.NONE or not self._most:
            return Decision(ending.cause)
        if ending.hope is Hope.ONCE and before is not None and before.is_repeated_by(ending):
            return _given_up(ending, "the same step failed twice in the same way")
        if ending.made_progress:
            self._without_progress = self._without_room = 0
        if ending.hope is Hope.ROOM:
            self._without_room += 1
            return Decision(ending.cause, wait_before(self._without_room))
        if self._without_progress == self._most:
            return _given_up(ending, f"{_counted(self._most)} in a row made no progress")
        self._without_progress += 1
        return Decision(ending.cause, wait_before(self._without_progress))


def wait_before(restart: int) -> float:
    """Seconds before the first, the second, ... try in a row."""
    doublings = min(restart - 1, 10)  # a power of a night's tries is no number any more
    return min(FIRST_WAIT_SECONDS * 2.0**doublings, LONGEST_WAIT_SECONDS)


def _given_up(ending: Ending, why: str) -> Decision:
    return Decision(f"{ending.cause}; not tried again: {why}")


def _place(progress: Progress) -> tuple[str, int, int]:
    return progress.stage, progress.epoch, progress.step


def _counted(restarts: int) -> str:
    return "1 restart" if restarts == 1 else f"{restarts} restarts"
