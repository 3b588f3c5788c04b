"""Names the points of a study: stable, safe for shells and folders, at most 64 characters."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

from tui_trainer.spec.summary import said

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_NAME: Final = 64
_UNSAFE = re.compile(r"[^A-Za-z0-9._]+")
_DIGITS_OF_ITS_OWN = 8
_DIGITS_OF_A_VALUE = 6
_LONGEST_WORD = 32


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
    """A word for each value of a factor, out of its label where somebody gave one.

    Without a label it is the value's own, wherever among the others that stands.
    """
    words = [
        _safe(label) or _own_word(value)
        for value, label in zip(values, labels or [""] * len(values), strict=True)
    ]
    lower = [word.lower() for word in words]
    own = [
        word if lower.count(word.lower()) == 1 else f"{word}-{_digits(value)}"
        for word, value in zip(words, values, strict=True)
    ]
    return tuple(unlike(word, own[:position]) for position, word in enumerate(own))


def point_name(study: str, parts: Sequence[str]) -> str:
    """The name of a point; one that would be too long ends in digits of its own."""
    name = ".".join([study, *parts])
    if len(name) <= LONGEST_NAME:
        return name
    digits = _digest(name, _DIGITS_OF_ITS_OWN)
    return f"{name[: LONGEST_NAME - _DIGITS_OF_ITS_OWN - 1]}-{digits}"


def unlike(word: str, words: Sequence[str]) -> str:
    """A word that none of the others is, whatever their case: `crop`, `crop-2`."""
    taken = {each.lower() for each in words}
    number, free = 1, word
    while free.lower() in taken:
        number += 1
        free = f"{word}-{number}"
    return free


def _own_word(value: Any) -> str:
    """A value in a word that another one hardly has, which may be long."""
    word = _safe(_spelled(value))
    if word and len(word) <= _LONGEST_WORD:
        return word
    brief = _safe(_briefly(value))[:_LONGEST_WORD].rstrip("-.")
    return "-".join(filter(None, [brief, _digits(value)]))


def _spelled(value: Any) -> str:
    """A value with all that it says; of an empty array `none`."""
    if isinstance(value, list):
        return "-".join(map(_spelled, value)) or "none"
    if isinstance(value, dict):
        rest = (f"{key}-{_spelled(value[key])}" for key in sorted(value) if key != "name")
        return "-".join([*([_spelled(value["name"])] if "name" in value else []), *rest])
    if isinstance(value, (int, float)) and value < 0:
        return f"minus-{said(-value)}"
    return said(value)


def _briefly(value: Any) -> str:
    """Of tables only their names."""
    if isinstance(value, list):
        return "-".join(map(_briefly, value))
    if isinstance(value, dict):
        return str(value.get("name", "-".join(sorted(value))))
    return said(value)


def _digits(value: Any) -> str:
    """Digits that no other value has."""
    return _digest(json.dumps(value, sort_keys=True, default=str), _DIGITS_OF_A_VALUE)


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def _safe(text: str) -> str:
    return _UNSAFE.sub("-", text).strip("-.")
