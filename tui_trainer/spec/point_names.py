"""Names the points of a study: stable, safe for shells and folders, at most 64 characters."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from tui_trainer.spec.summary import said

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_NAME: Final = 64
_UNSAFE = re.compile(r"[^A-Za-z0-9._]+")
_DIGITS_OF_ITS_OWN = 8


def short_keys(keys: Sequence[str]) -> dict[str, str]:
    """The last word of each dotted key, or all of them where two keys end in the same one.

    Of a name the table says more: `model.name` is a model.
    """
    last = {key: key.removesuffix(".name").rpartition(".")[2] for key in keys}
    ends = list(last.values())
    return {
        key: _safe(end if ends.count(end) == 1 else key.replace(".", "_"))
        for key, end in last.items()
    }


def value_words(values: Sequence[Any], labels: Sequence[str]) -> tuple[str, ...]:
    """A word for each value of a factor, out of its label where somebody gave one."""
    words: list[str] = []
    for value, label in zip(values, labels or [""] * len(values), strict=True):
        word = _safe(label) or _safe(_briefly(value)) or str(len(words) + 1)
        words.append(unlike(word, words))
    return tuple(words)


def point_name(study: str, parts: Sequence[str]) -> str:
    """The name of a point; one that would be too long ends in digits of its own."""
    name = ".".join([study, *parts])
    if len(name) <= LONGEST_NAME:
        return name
    digits = hashlib.sha256(name.encode()).hexdigest()[:_DIGITS_OF_ITS_OWN]
    return f"{name[: LONGEST_NAME - _DIGITS_OF_ITS_OWN - 1]}-{digits}"


def unlike(word: str, words: Sequence[str]) -> str:
    """A word that none of the others is, whatever their case: `crop`, `crop-2`."""
    taken = {each.lower() for each in words}
    number, free = 1, word
    while free.lower() in taken:
        number += 1
        free = f"{word}-{number}"
    return free


def _briefly(value: Any) -> str:
    """A value in a word: of tables their names, of an empty array `none`."""
    if isinstance(value, list):
        return "-".join(map(_briefly, value)) or "none"
    if isinstance(value, dict):
        rest = "-".join(f"{key}-{_briefly(each)}" for key, each in value.items())
        return str(value.get("name", rest))
    return said(value)


def _safe(text: str) -> str:
    return _UNSAFE.sub("-", text).strip("-.")
