"""Digests of files, and the file beside a checkpoint that says which digest it must have."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tui_trainer.record.tail import read_small

if TYPE_CHECKING:
    from pathlib import Path

CHANGED = "its bytes are not those that were written"
_BLOCK = 1 << 20


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def digest_file(path: Path) -> Path:
    """The file beside `path` that holds its digest."""
    return path.with_name(f"{path.name}.sha256")


def digest_line(path: Path, digest: str) -> str:
    """What stands in it, in the form that `sha256sum --check` reads."""
    return f"{digest}  {path.name}\n"


def digest_fault(path: Path, digest: str) -> str:
    """Why a file of that digest is not what was written; empty for one that is.

    Raises:
        OSError: What stands beside it cannot be read.
    """
    expected = read_small(digest_file(path))
    if expected is None:
        return "its digest is missing"
    return "" if expected == digest_line(path, digest).encode() else CHANGED
