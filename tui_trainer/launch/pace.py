"""How fast the core comes forward: what a step usually takes, and for how long nothing happened."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tui_trainer.record.heartbeat import Usage
from tui_trainer.record.owner import processor_seconds, resident_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui_trainer.record.heartbeat import Progress

# Of each new step time in the usual one: a busy minute is forgotten within fifty messages.
WEIGHT = 0.1
# Of one processor: what works gets more of even a crowded machine, what only waits uses none.
BUSY_SHARE = 0.02


class Pace:
    """Learns from what the core says.

    Args:
        now: A monotonic clock in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._forward_at = now()
        self._last: tuple[float, Progress] | None = None
        self._used: tuple[float, float] | None = None
        self.step_seconds: float | None = None
        """What a training step usually takes; None while too few were seen."""
        self.usage: Usage | None = None
        """What the core used of its machine between the last two looks."""

    @property
    def idle_seconds(self) -> float:
        """Since the core last came forward."""
        return self._now() - self._forward_at

    def heard(self, progress: Progress) -> None:
        """The core said where it stands."""
        now, last = self._now(), self._last
        self._forward_at, self._last = now, (now, progress)
        if last is None or not _are_steps_between(last[1], progress):
            return
        taken = (now - last[0]) / (progress.step - last[1].step)
        usual = taken if self.step_seconds is None else self.step_seconds
        self.step_seconds = usual + WEIGHT * (taken - usual)

    def watch(self, pid: int) -> None:
        """Where no step can be told of, work is seen by the processors that it uses."""
        now, seconds = self._now(), processor_seconds(pid)
        before, self._used = self._used, (now, seconds)
        if before is None or now <= before[0]:
            return
        processors = max(0.0, seconds - before[1]) / (now - before[0])
        self.usage = Usage(round(processors, 2), resident_bytes(pid))
        if self._last is not None and self._last[1].stage == "training":
            return
        if seconds - before[1] > BUSY_SHARE * (now - before[0]):
            self._forward_at = now


def _are_steps_between(earlier: Progress, later: Progress) -> bool:
    """Whether nothing but training steps of one epoch lies between two messages."""
    return (
        earlier.stage == later.stage == "training"
        and earlier.epoch == later.epoch
        and later.step > earlier.step
    )
