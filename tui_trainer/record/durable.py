"""Writes that a crash, a kill or a full disk cannot tear.

The order is the one of ALICE (Pillai et al., OSDI 2014): written aside in the same folder, fsync,
rename, fsync of the folder.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import shutil
import stat
import time
from typing import TYPE_CHECKING, Any

from tui_trainer.record.tail import LONGEST_LINE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TEMPORARY_SUFFIX = ".tmp"
# In all a second: a line takes milliseconds, on a slow disk tens of them.
_TRIES_TO_LOCK = 45
_RENAME_NOREPLACE = 1  # linux/fs.h
_NOT_SUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


def write_durably(path: Path, content: bytes, mode: int | None = None) -> None:
    """Replace `path` by `content`: after a crash the old or the new file stands there, whole.

    Args:
        path: What is replaced, or written where there is nothing yet.
        content: All that it is to hold.
        mode: Its permissions, from its first byte on; where left out, those of any new file.

    Raises:
        OSError: the disk is full, read-only or failing; `path` is as it was.
    """
    with _aside(path) as temporary:
        _write_whole(temporary, content, sync=True, mode=mode)
        temporary.replace(path)
    sync_folder(path.parent)


def replace_quickly(path: Path, content: bytes) -> None:
    """Replace `path` in one step for readers, without waiting for the disk: for heartbeats."""
    with _aside(path) as temporary:
        _write_whole(temporary, content, sync=False)
        temporary.replace(path)


def overwrite(path: Path, content: bytes) -> None:
    """Write over the bytes of `path`, which takes no room: for heartbeats on a full disk.

    Raises:
        OSError: `path` is none of a regular file that is as long as `content`.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_size != len(content):
            raise _disk_full(path)
        os.pwrite(descriptor, content, 0)
    finally:
        os.close(descriptor)


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

    What a kill left unfinished at the end is cut off first. A line that a full disk cut short is
    taken back.

    Raises:
        OSError: the disk is full, read-only or failing, or `path` is no file; it ends where it
            ended.
    """
    with _naming(path):
        _append_line(path, encode_record(record))


def _append_line(path: Path, line: bytes) -> None:
    descriptor = _open_to_append(path)
    try:
        is_alone = _lock(descriptor)
        size, torn = _end(descriptor)
        if torn and torn < LONGEST_LINE and is_alone:
            size -= torn
            os.ftruncate(descriptor, size)
        elif torn:
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
        # What was synced is on the disk, whatever becomes of the descriptor.
        with contextlib.suppress(OSError):
            os.close(descriptor)


def print_whole(descriptor: int, line: bytes) -> None:
    """Write a line to a log, or nothing of it where a full disk takes only its beginning.

    Raises:
        OSError: The disk is full or failing, or nobody reads any more.
    """
    written = os.write(descriptor, line)
    if written == len(line):
        return
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        _take_back(descriptor, os.fstat(descriptor).st_size - written, written)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    print_whole(descriptor, line[written:])


def encode_record(record: Mapping[str, Any]) -> bytes:
    """One JSON line; NaN and infinities, which JSON has no word for, become null."""
    return json.dumps(_finite(record), separators=(",", ":"), allow_nan=False).encode() + b"\n"


def give_name(prepared: Path, name: Path) -> None:
    """Give a file or folder that was prepared in the same file system its name, in one step.

    Raises:
        FileExistsError: Something has this name; both are as they were.
    """
    try:
        _rename_onto_nothing(prepared, name)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
        # On file systems that know no such rename an empty folder keeps the place meanwhile.
        name.mkdir() if prepared.is_dir() else os.link(prepared, name)
        prepared.rename(name) if prepared.is_dir() else prepared.unlink()
    sync_folder(name.parent)


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


def _rename_onto_nothing(source: Path, target: Path) -> None:
    """A rename that replaces nothing, not even an empty folder; Python has no word for it."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    names = (os.fsencode(path.absolute()) for path in (source, target))
    if library.renameat2(-1, next(names), -1, next(names), _RENAME_NOREPLACE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(source), None, str(target))


@contextlib.contextmanager
def _aside(path: Path) -> Iterator[Path]:
    temporary = temporary_beside(path)
    with _naming(path):
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in an error of its descriptor, or of what was written aside for it."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def _write_whole(path: Path, content: bytes, *, sync: bool, mode: int | None = None) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        if mode is not None:
            os.fchmod(descriptor, mode)
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open_to_append(path: Path) -> int:
    """A descriptor of a regular file; a FIFO or a device in its place must not take the record."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o644)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def _lock(descriptor: int) -> bool:
    """Keep other writers away while a line is added; False where somebody holds them up.

    A stopped process keeps its lock, and not every network file system has any: then the line is
    added all the same, only that nothing is cut off that may be another writer's.
    """
    for tried in range(_TRIES_TO_LOCK):
        fault = _lock_fault(descriptor)
        if fault != errno.EWOULDBLOCK:
            return not fault
        time.sleep(0.001 * tried)
    return False


def _lock_fault(descriptor: int) -> int | None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno
    return None


def _end(descriptor: int) -> tuple[int, int]:
    """The file's size, and how many bytes stand behind its last whole line."""
    size = os.fstat(descriptor).st_size
    for length in (1, LONGEST_LINE):
        tail = os.pread(descriptor, length, max(0, size - length))
        if b"\n" in tail:
            break
    return size, len(tail) - tail.rfind(b"\n") - 1


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
