"""Who runs a run: one process, named so that no other can be mistaken for it."""

from __future__ import annotations

import os
import socket
from dataclasses import asdict, dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui_trainer.record.fields import integer, text

if TYPE_CHECKING:
    from collections.abc import Mapping


class Presence(Enum):
    """What this process can say of another one by looking at /proc."""

    ALIVE = "alive"
    DEAD = "dead"
    OUT_OF_SIGHT = "out of sight"
    """On another host, in another PID namespace or hidden: only its heartbeat can tell."""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """A process by host, boot, PID namespace, pid and start time; `token` names this ownership."""

    host: str
    boot_id: str
    pid_namespace: str
    pid: int
    start_ticks: int
    """Start of the process in clock ticks since boot: field 22 of /proc/PID/stat."""
    token: str
    job_id: str = ""
    """The scheduler's id of the job that the process lives in, if any."""

    @classmethod
    def of_process(cls, pid: int) -> Owner:
        """A process of this host that lives now, with a fresh token."""
        return cls(
            host=socket.gethostname(),
            boot_id=_boot_id(),
            pid_namespace=_pid_namespace(),
            pid=pid,
            start_ticks=_start_ticks(pid) or 0,
            token=os.urandom(8).hex(),
            job_id=os.environ.get("SLURM_JOB_ID") or os.environ.get("JOB_ID") or "",
        )

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Owner:
        """The owner that `as_record` wrote; what is missing or damaged becomes empty."""
        return cls(
            host=text(record, "host"),
            boot_id=text(record, "boot_id"),
            pid_namespace=text(record, "pid_namespace"),
            pid=integer(record, "pid"),
            start_ticks=integer(record, "start_ticks"),
            token=text(record, "token"),
            job_id=text(record, "job_id"),
        )

    def as_record(self) -> dict[str, Any]:
        """What JSON can hold of it."""
        return asdict(self)

    def presence(self) -> Presence:
        """Whether the process lives, as far as it can be seen from here."""
        if (self.boot_id, self.pid_namespace) != (_boot_id(), _pid_namespace()):
            return Presence.OUT_OF_SIGHT
        if self.pid > 0 and _start_ticks(self.pid) == self.start_ticks:
            return Presence.ALIVE
        return Presence.OUT_OF_SIGHT if _is_hidden(self.pid) else Presence.DEAD

    def is_of_another_boot(self) -> bool:
        """Whether it ran on the host of this name before that was started anew."""
        return (
            self.host == socket.gethostname()
            and bool(self.boot_id)
            and (self.boot_id != _boot_id())
        )

    def is_suspended(self) -> bool:
        """Whether the process lives and SIGSTOP holds it, as far as it can be seen from here."""
        return self.presence() is Presence.ALIVE and _stat_fields(self.pid)[:1] in (["T"], ["t"])

    def __str__(self) -> str:
        where = f"pid {self.pid} on {self.host}"
        return f"{where} (job {self.job_id})" if self.job_id else where


@lru_cache(maxsize=1)
def _boot_id() -> str:
    return _read("/proc/sys/kernel/random/boot_id")


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def processor_seconds(pid: int) -> float:
    """What a process of this host has used of the processors so far, in all its threads."""
    fields = _stat_fields(pid)
    if len(fields) < 20:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """What a process of this host holds in memory; 0 for one that is gone."""
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else 0


def _stat_fields(pid: int) -> list[str]:
    """/proc/PID/stat from field 3 on, the state; empty for a process that is gone."""
    # The command name, field 2, may hold spaces and parentheses: count from its last one.
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _start_ticks(pid: int) -> int | None:
    """Start time of a living process; None for one that is gone or only waits to be reaped."""
    fields = _stat_fields(pid)
    if len(fields) < 20 or fields[0] in "ZXx":
        return None
    return int(fields[19])


def _is_hidden(pid: int) -> bool:
    """Whether /proc, mounted with hidepid, keeps a process of another user from us."""
    if pid <= 0 or Path(f"/proc/{pid}").exists():
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
