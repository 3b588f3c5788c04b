"""Copies files that are read all the time to the node that trains: once, checked, used again."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tui_trainer.record.durable import sweep, temporary_beside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BLOCK = 8 << 20
_SECONDS_BETWEEN_TRIES = 0.2


def _nobody(_line: str = "") -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Stage:
    """The node's own disk, `$TMPDIR`, as a place for copies."""

    say: Callable[[str], None] = _nobody
    """Hears what was done."""
    warn: Callable[[str], None] = _nobody
    """Hears why a file is read where it lies."""
    alive: Callable[[], None] = _nobody
    """Called every few megabytes, while another run copies, and after each file that is listed and
    each image that is decoded; what it raises ends the work, and what was half done is removed."""

    def copy_of(self, source: Path) -> Path:
        """A copy on the node whose bytes were checked, or the file itself where there can be none.

        A copy is known by its source's path, size, time and inode, and has its digest in its name.
        """
        try:
            folder = _own_folder()
            if folder.stat().st_dev == source.stat().st_dev:
                self.say(f"not copied, as it lies on the disk of {folder} already: {source}")
                return source
            return self._copy_in(folder, source)
        except OSError as error:
            place = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108  only named
            self.warn(f"{source} is read where it lies; no copy in {place}: {_reason(error)}")
            return source

    def _copy_in(self, folder: Path, source: Path) -> Path:
        before = source.stat()
        key = _key(source, before)
        found = self._standing(folder, key, before.st_size)
        if found is not None:
            return found
        with self._alone_in(folder):
            # Another run may have copied it meanwhile, and one that was killed may have begun to.
            found = self._standing(folder, key, before.st_size)
            if found is not None:
                return found
            sweep(folder)
            for damaged in folder.glob(f"{key}-*"):
                damaged.unlink()
            return self._copied(source, folder, key)

    def _standing(self, folder: Path, key: str, size: int) -> Path | None:
        """The copy that stands there, if every byte is as it was copied."""
        for path in folder.glob(f"{key}-*"):
            if path.stat().st_size == size and self._digest(path) == path.name.rpartition("-")[2]:
                self.say(f"read from the node: {path}")
                return path
        return None

    def _copied(self, source: Path, folder: Path, key: str) -> Path:
        began, before = time.monotonic(), source.stat()
        temporary = temporary_beside(folder / key)
        try:
            digest = self._write(source, temporary, before.st_size)
            if _key(source, source.stat()) != key or self._digest(temporary) != digest:
                raise OSError(errno.EIO, "it changed while it was copied")
            path = folder / f"{key}-{digest}"
            temporary.rename(path)
        finally:
            temporary.unlink(missing_ok=True)
        seconds = time.monotonic() - began
        self.say(f"copied to the node in {seconds:.1f} s: {path} ({before.st_size:,} bytes)")
        return path

    def _write(self, source: Path, target: Path, size: int) -> str:
        digest = hashlib.sha256()
        with source.open("rb") as reader, target.open("xb") as writer:
            if size:
                # A disk that fills up under a mapped file kills the process; here it is an error.
                os.posix_fallocate(writer.fileno(), 0, size)
            for block in self._blocks(reader):
                digest.update(block)
                writer.write(block)
        return digest.hexdigest()

    def _digest(self, path: Path) -> str:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            for block in self._blocks(file):
                digest.update(block)
        return digest.hexdigest()

    def _blocks(self, file: BinaryIO) -> Iterator[bytes]:
        while block := file.read(_BLOCK):
            self.alive()
            yield block

    @contextlib.contextmanager
    def _alone_in(self, folder: Path) -> Iterator[None]:
        """One run copies at a time; the lock of one that dies is free."""
        with (folder / "lock").open("wb") as lock:
            while not _locked(lock):
                self.alive()
                time.sleep(_SECONDS_BETWEEN_TRIES)
            yield


def _own_folder() -> Path:
    """A folder that nobody else can put anything into.

    Raises:
        OSError: There is none.
    """
    base = Path(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108  the folder in it is checked
    folder = base / f"tui-trainer-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    about = folder.lstat()
    is_ours = stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid()
    if not is_ours or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(errno.EPERM, "others can write to it", str(folder))
    return folder


def _key(source: Path, about: os.stat_result) -> str:
    facts = (str(source.resolve()), about.st_size, about.st_mtime_ns, about.st_ino)
    return hashlib.sha256(repr(facts).encode(errors="surrogateescape")).hexdigest()[:32]


def _locked(file: Any) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
