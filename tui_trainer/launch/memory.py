"""The memory that a run may use, and whether the kernel ended it for want of more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tui_trainer.launch import resources

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A process whose resident set came so near to what it may have was killed for that.
NEAR = 0.9
ADVICE = "lower batch_size; training.accumulate makes up for it"


class MemoryWatch:
    """Looks at the kernel's counter before a core starts and after it was killed."""

    def __init__(self) -> None:
        self._kills = _kills()
        self._limit = _limit()

    def cause(self, peak_memory_bytes: int) -> str:
        """Why a core died of SIGKILL, if that was for lack of memory; empty if not.

        Args:
            peak_memory_bytes: The largest resident set that the core had.
        """
        of = f"{_gigabytes(peak_memory_bytes)} of {_gigabytes(self._limit)}"
        if _kills() > self._kills:
            return f"killed by SIGKILL for lack of memory: it used {of}; {ADVICE}"
        if peak_memory_bytes > NEAR * self._limit:
            return f"killed by SIGKILL, probably for lack of memory: it used {of}; {ADVICE}"
        return ""


def _kills() -> int:
    """Processes of this cgroup that the kernel has killed for lack of memory so far."""
    for folder in resources.cgroups("memory"):
        for name in ("memory.events", "memory.oom_control"):
            for line in resources.read_fact(folder / name).splitlines():
                word, _, count = line.partition(" ")
                if word == "oom_kill" and count.isdigit():
                    return int(count)
    return 0


def _limit() -> int:
    """Bytes that this cgroup and those around it may use, and never more than the machine has."""
    return min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_cgroup_limits()])


def _cgroup_limits() -> Iterator[int]:
    for folder in resources.cgroups("memory"):
        yield from _limits_in(folder)


def _limits_in(folder: Path) -> Iterator[int]:
    for name in ("memory.max", "memory.limit_in_bytes"):
        content = resources.read_fact(folder / name)
        if content.isdigit():
            yield int(content)


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.2f} GB"
