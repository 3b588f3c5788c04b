"""What the log of an attempt says last of an error, where the core itself could not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LOOKED_AT_BYTES = 1 << 16
LONGEST = 600
TRACEBACK = "Traceback (most recent call last):"
# Python's own end, that of an uncaught C++ exception, and that of the dynamic linker.
NATIVE = ("Fatal Python error: ", "  what():", "terminate called ", "symbol lookup error")


def last_words(log_file: Path) -> str:
    """The error that the log ends with, in one line; empty where there is none."""
    lines = _end_of(log_file).splitlines()
    native = [line.strip() for line in lines if line.startswith(NATIVE)]
    return (_error_of_traceback(lines) or "".join(native[-1:]))[:LONGEST]


def _error_of_traceback(lines: Sequence[str]) -> str:
    """The line that the last traceback leads to; everything of the way there is indented."""
    begins = [number for number, line in enumerate(lines) if line.strip() == TRACEBACK]
    after = lines[begins[-1] + 1 :] if begins else ()
    return next((line.strip() for line in after if line and not line.startswith(" ")), "")


def _end_of(log_file: Path) -> str:
    try:
        with log_file.open("rb") as log:
            size = os.fstat(log.fileno()).st_size
            log.seek(max(0, size - LOOKED_AT_BYTES))
            return log.read(LOOKED_AT_BYTES).decode(errors="replace")
    except OSError:
        return ""
