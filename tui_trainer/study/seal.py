"""A seal in files that are made for a user: one that was edited since is never written over."""

from __future__ import annotations

import hashlib
import re
import zlib
from typing import TYPE_CHECKING

from tui_trainer.errors import UsageError
from tui_trainer.record.durable import write_durably
from tui_trainer.record.tail import read_small

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_WORDS = b"made by tui-trainer, sha256 of all before this line: "
_SEAL = re.compile(re.escape(_WORDS) + rb"([0-9a-f]{64})")
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_COMMENT_END, _LINE_END = b" -->\n", b"\n"
_LARGEST = 1 << 28


def write_sealed(files: Mapping[Path, bytes], *, force: bool) -> None:
    """Write files; none of them, where one may not be written over.

    Args:
        files: Their contents, first of what refers to the others, and so stands only where they
            do; the ends of the names say of what form they are.
        force: Whether also files are written over that are not as tui-trainer made them.

    Raises:
        UsageError: One stands there that is somebody else's, or was edited; or is no file.
        OSError: The disk is full, read-only or failing.
    """
    for path in files:
        _check(path, force=force)
    for path, content in reversed([*files.items()]):
        # One folder may be new; a path of which more is missing is a slip of the keyboard.
        path.parent.mkdir(exist_ok=True)
        write_durably(path, sealed(content, path.suffix))


def sealed(content: bytes, suffix: str) -> bytes:
    """The content with a seal that its form allows."""
    if suffix == ".png":
        whole = content.removesuffix(_PNG_END)
        # The length of the chunk stands before its words, and both before the digest.
        begin = whole + (len(_WORDS) + 64 + len(b"Comment\0")).to_bytes(4, "big")
        chunk = b"tEXtComment\0" + _seal(begin + b"tEXtComment\0")
        return begin + chunk + zlib.crc32(chunk).to_bytes(4, "big") + _PNG_END
    begin, end = (b"%", _LINE_END) if suffix == ".pdf" else (b"<!-- ", _COMMENT_END)
    content += begin
    return content + _seal(content) + end


def is_as_made(content: bytes) -> bool:
    """Whether this is a file of ours, and still as it was made."""
    found = next(iter([*_SEAL.finditer(content)][-1:]), None)
    if found is None or not _is_end(content[found.end() :]):
        return False
    return hashlib.sha256(content[: found.start()]).hexdigest().encode() == found[1]


def _is_end(rest: bytes) -> bool:
    """Whether nothing but the end of a comment, or of a chunk and its file, stands behind."""
    return rest in {_COMMENT_END, _LINE_END} or rest[4:] == _PNG_END


def _seal(before: bytes) -> bytes:
    return _WORDS + hashlib.sha256(before).hexdigest().encode()


def _check(path: Path, *, force: bool) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a folder", hint="name a file: -o FILE")
    if force or not (path.exists() or path.is_symlink()):
        return
    content = read_small(path, _LARGEST)
    if content is None or not is_as_made(content):
        raise UsageError(
            f"{path} exists, and is not as tui-trainer made it; it is left as it is",
            hint="write elsewhere, or over it: --force",
        )
