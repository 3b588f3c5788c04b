"""Writes that a crash, a kill or a full disk cannot tear.

The order is the one of ALICE (Pillai et al., OSDI 2014): written aside in the same folder, fsync,
rename, fsync of the folder.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TEMPORARY_SUFFIX = ".tmp"


def write_durably(path: Path, content: bytes) -> None:
    """Replace `path` by `content`: after a crash the old or the new file stands there, whole.

    Raises:
        OSError: the disk is full, read-only or failing; `path` is as it was.
    """
    with _aside(path) as temporary:
        _write_whole(temporary, content, sync=True)
        temporary.replace(path)
    sync_folder(path.parent)


def replace_quickly(path: Path, content: bytes) -> None:
    """Replace `path` in one step for readers, without waiting for the disk: for heartbeats."""
    with _aside(path) as temporary:
        _write_whole(temporary, content, sync=False)
        temporary.replace(path)


def write_once(path: Path, content: bytes) -> None:
    """Write `path` durably, or leave what stands there.

    Raises:
        FileExistsError: `path` exists; it is as it was.
        OSError: as `write_durably`.
    """
    with _aside(path) as temporary:
        _write_whole(temporary, content, sync=True)
        os.link(temporary, path)
    sync_folder(path.parent)


def append_record(path: Path, record: Mapping[str, Any]) -> None:
    """Append one JSON line by a single write and wait for the disk.

    A line that a kill left unfinished is closed first, so that it spoils itself alone; a line that
    a full disk cut short is taken back.

    Raises:
        OSError: the disk is full, read-only or failing; the file ends where it ended.
    """
    line = encode_record(record)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        written = os.write(descriptor, line)
        try:
            if written != len(line):
                raise _disk_full(path)
            os.fsync(descriptor)
        except OSError:
            _take_back(descriptor, size, written)
            raise
    finally:
        os.close(descriptor)


def encode_record(record: Mapping[str, Any]) -> bytes:
    """One JSON line; NaN and infinities, which JSON has no word for, become null."""
    return json.dumps(_finite(record), separators=(",", ":"), allow_nan=False).encode() + b"\n"


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` as durable as the files behind them."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def temporary_beside(path: Path) -> Path:
    """A name in the same folder that no other process uses and that `sweep` knows."""
    return path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}{TEMPORARY_SUFFIX}")


def sweep(folder: Path) -> None:
    """Remove what killed writers left aside; only the owner of the folder may call this."""
    for leftover in folder.glob(f".*{TEMPORARY_SUFFIX}"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


@contextlib.contextmanager
def _aside(path: Path) -> Iterator[Path]:
    temporary = temporary_beside(path)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _write_whole(path: Path, content: bytes, *, sync: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _disk_full(path: Path) -> OSError:
    """What a short write to a file means."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _take_back(descriptor: int, size: int, written: int) -> None:
    """Cut a failed line off, unless another process has written behind it since."""
    with contextlib.suppress(OSError):
        if os.fstat(descriptor).st_size == size + written:
            os.ftruncate(descriptor, size)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return value
