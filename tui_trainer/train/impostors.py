"""Names what often lies where data or weights should: a Git LFS pointer, a web page, nothing."""

from __future__ import annotations


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
