"""Compiles the shim, and says what it is to do to a process."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("shim.c")
COMPILER = shutil.which("cc") or shutil.which("gcc")
WHY_NOT = "" if COMPILER else "no C compiler (cc) to build the fault shim with"

KILL_BEFORE, KILL_HALFWAY, KILL_AFTER, FILL_UP = -1, -2, -3, -4
CALLS = ("create", "write", "fsync", "close", "rename", "link", "unlink", "mkdir", "truncate")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to a process at its n-th call on files that match."""

    match: str
    """A pattern as `fnmatch` takes it, for the whole path."""
    call: str = "*"
    """One of CALLS, or any of them."""
    at: int = 1
    do: int
    """An errno, or one of the kills."""
    stays: bool = False
    """Whether all such calls fail from then on."""

    def environment(self) -> dict[str, str]:
        """What arms it in a process of its own."""
        return {
            "FAULT_MATCH": self.match,
            "FAULT_CALL": self.call,
            "FAULT_AT": str(self.at),
            "FAULT_DO": str(self.do),
            **({"FAULT_STAYS": "1"} if self.stays else {}),
        }

    def as_record(self) -> dict[str, Any]:
        return asdict(self)


@lru_cache(maxsize=1)
def built() -> Path:
    """The shared library; built once for each state of its source."""
    assert COMPILER
    source = SOURCE.read_bytes()
    place = Path(tempfile.gettempdir()) / f"tui-trainer-faults-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    library = place / f"shim-{hash_of(source)}.so"
    if not library.exists():
        aside = library.with_suffix(f".{os.getpid()}")
        command = [COMPILER, "-O1", "-shared", "-fPIC", "-o", str(aside), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True)
        aside.replace(library)
    return library


def hash_of(source: bytes) -> str:
    import hashlib

    return hashlib.sha256(source).hexdigest()[:16]


def preloading() -> dict[str, str]:
    """The environment of a process that the shim is in."""
    return {"LD_PRELOAD": str(built())}


def arm(record: dict[str, Any] | None, trace: str = "", traced: str = "*") -> None:
    """Arm this process, which the shim was preloaded into."""
    shim = ctypes.CDLL(None)
    if trace:
        shim.fault_trace(os.fsencode(trace))
    fault = record or {"match": traced, "call": "*", "at": 0, "do": 0, "stays": False}
    match, call = os.fsencode(fault["match"]), os.fsencode(fault["call"])
    shim.fault_arm(match, call, fault["at"], fault["do"], int(fault["stays"]))
