"""Names what often lies where data or weights should: a Git LFS pointer, a web page, nothing."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from pathlib import Path

_KINDS: Final = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\x93NUMPY", "a single array of numpy.save"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"\x89HDF", "an HDF5 file"),
    (b"MATLAB 5.0", "a MATLAB file"),
    (b"PAR1", "a Parquet file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    *((bytes((0x80, protocol)), "a pickle of Python objects") for protocol in range(2, 6)),
)


def impostor(beginning: bytes) -> tuple[str, str]:
    """What a file is in truth, and the cure; two empty texts where it is neither.

    Args:
        beginning: The file's first bytes, a hundred or more.
    """
    if not beginning:
        return "is empty", ""
    if beginning.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file itself", "run: git lfs pull"
    if beginning.lstrip()[:1] == b"<":
        return "is a web page, not the file: its download was refused or redirected", ""
    return "", ""


def open_regular(path: Path) -> BinaryIO:
    """A file to be read; what is none is refused, where a FIFO or a terminal would be waited for.

    Raises:
        OSError: There is none, it may not be read, or something else lies there.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    raise OSError(errno.EINVAL, "it is no regular file", str(path))


def kind_of(beginning: bytes) -> str:
    """What a file is by its first bytes, as far as they tell: `an HDF5 file`."""
    if not beginning:
        return "an empty file"
    for sign, kind in _KINDS:
        if beginning.startswith(sign):
            return kind
    if beginning.isascii() and beginning.decode().replace("\n", "").isprintable():
        return "a file of text"
    return f"a file that begins with the bytes {beginning[:8].hex(' ')}"
