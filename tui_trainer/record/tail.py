"""Reads of files that others write: only whole lines, never a wait, never a trust in sizes."""

from __future__ import annotations

import errno
import json
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# One epoch line has under 1 KB; a thousand times that is no line that tui-trainer wrote.
LONGEST_LINE = 1 << 20
# A quarter of a second of JSON parsing at the most, so that a reader stays responsive.
CHUNK = 4 << 20
ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ENXIO, errno.EACCES, errno.ELOOP)
# A file handle that NFS calls stale is a fresh one after the path was looked up again.
TRIES_IF_STALE = 3
_BYTE_ORDER_MARK = "\ufeff"
_BLANKS = " \t\n\r"


class End(NamedTuple):
    """The last bytes of a file."""

    content: bytes
    begin: int
    """Bytes of the file that stand before them."""

    @property
    def whole_lines(self) -> bytes:
        """Without the line that they begin in the middle of; all of it where there is no other."""
        if not self.begin:
            return self.content
        _, newline, rest = self.content.partition(b"\n")
        return rest if newline and rest else self.content


def read_end(path: Path, limit: int, before: int | None = None) -> End | None:
    """The last `limit` bytes of a regular file, or of what stands before a place in it.

    None where none can be read.
    """
    try:
        descriptor = _open_regular(path)
        if descriptor is None:
            return None
        with os.fdopen(descriptor, "rb") as file:
            size = os.fstat(descriptor).st_size
            end = size if before is None else min(before, size)
            begin = max(0, end - limit)
            file.seek(begin)
            # What grows meanwhile belongs to the end, and to nothing before it.
            return End(file.read(limit if before is None else end - begin), begin)
    except OSError:
        return None


def read_small(path: Path, limit: int = LONGEST_LINE) -> bytes | None:
    """The content of a regular file of at most `limit` bytes, or None where there is none."""
    descriptor = _open_regular(path)
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(limit + 1)
    return content if len(content) <= limit else None


def read_lines(path: Path) -> Iterator[bytes]:
    """The whole lines of a regular file as it is now; none where there is no such file."""
    descriptor = _open_regular(path)
    if descriptor is None:
        return
    with os.fdopen(descriptor, "rb") as file:
        while line := file.readline(LONGEST_LINE):
            if line.endswith(b"\n"):
                yield line


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in `path`, or None where there is none."""
    content = read_small(path)
    return None if content is None else parse_record(content)


def identity(path: Path) -> tuple[int, int, int] | None:
    """Which file stands at `path` and how long it is; None where none does."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_dev, about.st_ino, about.st_size


def parse_record(line: bytes) -> dict[str, Any] | None:
    """The JSON object on one line, or None for anything else."""
    try:
        # The codec that takes the mark off itself takes three times as long.
        said = line.decode("utf-8", "surrogatepass").removeprefix(_BYTE_ORDER_MARK)
        said = said.strip(_BLANKS)
        record, end = _DECODER.raw_decode(said)
    except (ValueError, RecursionError):
        return None
    return record if end == len(said) and isinstance(record, dict) else None


@dataclass
class Tail:
    """Follows a file of JSON lines: each `read` returns the records completed since the last.

    The file is opened anew each time, so that what another host wrote is seen over NFS, and so that
    a file that was replaced is noticed.
    """

    path: Path
    skipped: int = 0
    """Lines so far that were no JSON object."""
    is_behind: bool = False
    """Whether the last read ended before the file's end."""
    _offset: int = 0
    _identity: tuple[int, int] | None = None
    _in_long_line: bool = field(default=False, repr=False)

    def read(self) -> tuple[list[dict[str, Any]], bool]:
        """New records, and whether the file began anew, so that what was read before is void."""
        descriptor = _open_regular(self.path)
        if descriptor is None:
            self.is_behind = False
            return [], self._begin_anew(None)
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(file.fileno())
            identity = (about.st_dev, about.st_ino)
            anew = (identity != self._identity or about.st_size < self._offset) and (
                self._begin_anew(identity)
            )
            file.seek(self._offset)
            content = file.read(CHUNK)
        self.is_behind = len(content) == CHUNK
        return self._records(content), anew

    def batches(self) -> Iterator[tuple[list[dict[str, Any]], bool]]:
        """As `read`, again and again until the file's end."""
        yield self.read()
        while self.is_behind:
            yield self.read()

    def _begin_anew(self, identity: tuple[int, int] | None) -> bool:
        had_read = self._offset > 0
        self._offset, self._identity, self._in_long_line = 0, identity, False
        return had_read

    def _records(self, content: bytes) -> list[dict[str, Any]]:
        whole, newline, rest = content.rpartition(b"\n")
        if not newline:
            if len(rest) > LONGEST_LINE:
                self._offset += len(rest)
                self._in_long_line = True
            return []
        self._offset += len(whole) + 1
        lines = whole.split(b"\n")
        if self._in_long_line:
            lines[0], self._in_long_line = b"?", False
        records = [parse_record(line) for line in lines if line]
        self.skipped += records.count(None)
        return [record for record in records if record is not None]


def _open_regular(path: Path) -> int | None:
    """A descriptor of a regular file, or None: a FIFO or a socket must not make a reader wait."""
    descriptor = _open(path)
    if descriptor is None:
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def _open(path: Path, tries: int = TRIES_IF_STALE) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ESTALE and tries > 1:
            return _open(path, tries - 1)
        if error.errno not in ABSENT:
            raise
        return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
