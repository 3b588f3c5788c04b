"""What a program costs with all that it started: time of the processor, and memory."""

from __future__ import annotations

import contextlib
import time
from typing import NamedTuple

import psutil

# Neither of these loads without a library of its own, so the maps of a process tell of them.
HEAVY = ("torch", "numpy", "sklearn")


class Memory(NamedTuple):
    """In bytes."""

    resident: int
    """Pages that several processes share are counted for each."""
    proportional: int
    """Pages that several processes share are divided among them."""


class Tree:
    """A process and those below it."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._used: dict[int, float] = {}

    def cpu_seconds(self) -> float:
        """Used so far; of a process that ended, what it had used when it was last asked."""
        for process in self._processes():
            with contextlib.suppress(OSError):  # it has just ended
                self._used[process.pid] = time.clock_gettime(_clock_of(process.pid))
        return sum(self._used.values())

    def memory(self) -> Memory:
        """Of all of them, now."""
        each = [process.memory_full_info() for process in self._processes()]
        return Memory(sum(one.rss for one in each), sum(one.pss for one in each))

    def heavy_modules(self) -> list[str]:
        """Packages that it holds and an app on a login node must not."""
        paths = [part.path for process in self._processes() for part in process.memory_maps()]
        return [name for name in HEAVY if any(f"/{name}/" in path for path in paths)]

    def _processes(self) -> list[psutil.Process]:
        return [self._root, *self._root.children(recursive=True)]


def _clock_of(pid: int) -> int:
    """As clock_getcpuclockid(3): it counts nanoseconds where /proc counts hundredths."""
    return (~pid << 3) | 2
