"""How many cores this process may use: what a scheduler allotted, never what the machine has."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CGROUP_ROOT = Path("/sys/fs/cgroup")
CORE_COUNT = re.compile(r"[1-9][0-9]{0,5}")
OWN_CGROUPS = Path("/proc/self/cgroup")


@dataclass(frozen=True)
class Allotment:
    """Cores, who granted them, and what was said but could not be understood."""

    cores: int
    source: str
    warnings: tuple[str, ...] = ()


def allotted_cores(environment: Mapping[str, str] | None = None) -> Allotment:
    """The smallest of what the scheduler, the CPU affinity and the cgroup grant."""
    environment = os.environ if environment is None else environment
    scheduled, warnings = _scheduled(environment)
    grants = [
        *scheduled,
        Allotment(len(os.sched_getaffinity(0)), "CPU affinity"),
        *(Allotment(cores, "cgroup quota") for cores in _cgroup_quotas()),
    ]
    smallest = min(grants, key=lambda grant: grant.cores)
    return Allotment(smallest.cores, smallest.source, tuple(warnings))


def threads_for(slots: int | None, allotment: Allotment) -> int:
    """Threads of one run: the slots it declares, and never more than what is allotted."""
    return allotment.cores if slots is None else min(slots, allotment.cores)


def _scheduled(environment: Mapping[str, str]) -> tuple[list[Allotment], list[str]]:
    """What the first scheduler variable that is set grants, and warnings about unreadable ones."""
    warnings = []
    for variable in ("SLURM_CPUS_PER_TASK", "NSLOTS", "NCPUS", "LSB_DJOB_NUMPROC"):
        text = environment.get(variable)
        if text is None:
            continue
        if not CORE_COUNT.fullmatch(text):
            warnings.append(f"{variable}={text!r} is no number of cores and is ignored")
            continue
        cores = int(text)
        if variable == "NSLOTS":
            cores = _slots_on_this_host(environment) or cores
        return [Allotment(cores, variable)], warnings
    return [], warnings


def _slots_on_this_host(environment: Mapping[str, str]) -> int | None:
    """Grid Engine's NSLOTS counts all hosts; the PE host file says how many are on this one."""
    try:
        lines = Path(environment.get("PE_HOSTFILE", "")).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    here = socket.gethostname().partition(".")[0]
    slots = [
        int(fields[1])
        for fields in map(str.split, lines)
        if len(fields) > 1 and fields[1].isdigit() and fields[0].partition(".")[0] == here
    ]
    return sum(slots) or None


def _cgroup_quotas() -> Iterator[int]:
    """Whole cores that each cgroup around this process may use per period."""
    for folder in cgroups("cpu"):
        quota, _, period = read_fact(folder / "cpu.max").partition(" ")
        if not period:
            quota = read_fact(folder / "cpu.cfs_quota_us")
            period = read_fact(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit():
            yield max(1, int(quota) // int(period))


def cgroups(controller: str) -> Iterator[Path]:
    """Folders of the cgroups around this process that may say something of `cpu` or `memory`.

    Both forms of the kernel's interface: one tree for all (v2), or a tree for each controller (v1).
    """
    for line in read_fact(OWN_CGROUPS).splitlines():
        hierarchy, controllers, path = line.split(":", 2)
        if hierarchy == "0":
            yield from _upwards(CGROUP_ROOT, path.lstrip("/"))
        elif controller in controllers.split(","):
            yield from _upwards(CGROUP_ROOT / controller, path.lstrip("/"))


def _upwards(root: Path, relative: str) -> Iterator[Path]:
    folder = root / relative
    while True:
        yield folder
        if folder == root or root not in folder.parents:
            return
        folder = folder.parent


def read_fact(path: Path) -> str:
    """What the kernel says in a file of its own; empty where it does not."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
