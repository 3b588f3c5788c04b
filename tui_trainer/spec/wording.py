"""Says keys, values and expectations as a user would, safe for any terminal."""

from __future__ import annotations

import re
from functools import lru_cache
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msgspec import Meta

Keys = tuple[str | int, ...]
"""A place in a TOML tree: keys of tables and positions in arrays, from the top."""

_SHOWN_LENGTH = 60  # a value longer than this hides the message around it
_LISTED_NAMES = 30  # more than any list of kinds or keys; projects may have more experiments
_INT64 = range(-(2**63), 2**63)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_ALSO_CALLED = {"learning_rate": "lr", "layers": "depth", "channels": "width", "gpu": "cuda"}
_NOUNS = {
    int: ("an integer", "integers"),
    float: ("a number", "numbers"),
    bool: ("`true` or `false`", "booleans"),
    str: ("a text in quotes", "texts in quotes"),
}
_KINDS: tuple[tuple[type, str], ...] = (
    (dict, "a table"),
    (list, "an array"),
    (int, "an integer"),
    (float, "a number"),
)


def escape(text: str) -> str:
    """The text with control, bidirectional and other unprintable characters spelled out."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def shorten(text: str) -> str:
    """The text, cut where it grows longer than a line can bear."""
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…"


def quote(text: str) -> str:
    """A text from the user as a message may show it."""
    return f'"{escape(shorten(text))}"'


def show(value: object) -> str:
    """A value from TOML as a message may show it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quote(value)
    # An integer of thousands of digits cannot even be printed.
    if isinstance(value, int) and value not in _INT64:
        return "an integer beyond 64 bits"
    if isinstance(value, int | float):
        return repr(value)
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "a date or time")


def show_keys(keys: Keys) -> str:
    """Keys the way TOML writes them; positions in brackets."""
    shown = ""
    for key in keys:
        if isinstance(key, int):
            shown += f"[{key}]"
        else:
            written = key if _BARE_KEY.fullmatch(key) else quote(key)
            shown += f".{shorten(written)}" if shown else shorten(written)
    return shown


@lru_cache(maxsize=256)
def listed(names: tuple[str, ...]) -> str:
    """Allowed or known names, as code."""
    shown = [f"`{escape(shorten(name))}`" for name in names[:_LISTED_NAMES]]
    more = len(names) - _LISTED_NAMES
    return ", ".join(shown + ([f"… and {more} more"] if more > 0 else []))


def suggestion(word: str, known: tuple[str, ...]) -> str:
    """`; did you mean …?`, or nothing where no known word is near."""
    near = nearest(word, known)
    return f"; did you mean `{escape(near)}`?" if near else ""


@lru_cache(maxsize=4096)
def nearest(word: str, known: tuple[str, ...]) -> str:
    """The known word that was meant, or an empty text."""
    if len(word) > _SHOWN_LENGTH:
        return ""
    from difflib import get_close_matches

    spoken = {said: key for said, key in _ALSO_CALLED.items() if key in known}
    meant = {**spoken, **{name.lower(): name for name in known}}
    near = get_close_matches(word.lower(), meant, n=1)
    return meant[near[0]] if near else ""


def counted(count: int, noun: str) -> str:
    """A number of things: `1 element`, `2 elements`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def expectation(annotation: Any) -> str:
    """What a value of this annotation has to be: `an integer from 1 to 100`."""
    return _described(annotation)[0]


def _described(annotation: Any) -> tuple[str, str]:
    """An annotation in words, for one value and for several."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _limited(arguments[0], arguments[1])
    if origin in {UnionType, Union}:
        described = [_described(part) for part in arguments if part is not type(None)]
        one, several = (" or ".join(dict.fromkeys(words)) for words in zip(*described, strict=True))
        return one, several
    if origin is Literal:
        return (f"one of {listed(arguments)}", f"values out of {listed(arguments)}")
    if origin is tuple:
        return _array(arguments, "an array")
    return _NOUNS.get(annotation, ("a table", "tables"))


def _limited(annotation: Any, limits: Meta) -> tuple[str, str]:
    if limits.min_length and get_origin(annotation) is tuple:
        return _array(get_args(annotation), "a non-empty array")
    if annotation is str:
        some = "non-empty " if limits.min_length else ""
        rest = " without control characters" if limits.pattern else ""
        return (f"a {some}text in quotes{rest}", f"{some}texts in quotes{rest}")
    one, several = _NOUNS[annotation]
    words = _range(limits)
    return (f"{one} {words}", f"{several} {words}")


def _array(elements: tuple[Any, ...], words: str) -> tuple[str, str]:
    count = "" if elements[-1] is Ellipsis else f"{len(elements)} "
    _, several = _described(elements[0])
    return (f"{words} of {count}{several}", "arrays")


def _range(limits: Meta) -> str:
    if limits.ge is not None and limits.le is not None:
        top = "2^63 - 1" if limits.le == _INT64[-1] else limits.le
        return f"from {limits.ge} to {top}"
    bounds: Mapping[str, float | None] = {
        ">": limits.gt,
        ">=": limits.ge,
        "<": limits.lt,
        "<=": limits.le,
    }
    return " and ".join(f"{sign} {bound}" for sign, bound in bounds.items() if bound is not None)
