"""Reads one `--set KEY=VALUE` from the command line."""

from __future__ import annotations

from functools import reduce
from typing import Any

from tui_trainer.errors import InvalidExperimentsError
from tui_trainer.spec.layers import Layer
from tui_trainer.spec.problem import show_change
from tui_trainer.spec.toml_file import parse

_MAX_LENGTH = 10_000  # a command line is no place for more
# What starts like this was meant as TOML, so a mistake in it is no bare word.
_OPENS_TOML = ("[", "{", '"', "'")


def parse_change(text: str) -> tuple[tuple[str, ...], Any]:
    """The key and the value of a change; a bare word is a text: `model.activation=gelu`.

    Raises:
        InvalidExperimentsError: The change has no key or no value, or is no TOML.
    """
    if len(text) > _MAX_LENGTH or not text.isprintable():
        raise refused(text, "is too long, or holds unprintable characters")
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise refused(text, "must be KEY=VALUE, such as epochs=5")
    return _key(text, key.strip()), _value(text, value.strip())


def change_layer(text: str) -> Layer:
    """The change as a layer to lay over an experiment.

    Raises:
        InvalidExperimentsError: As parse_change.
    """
    keys, value = parse_change(text)
    return Layer(reduce(lambda inner, key: {key: inner}, reversed(keys), value), change=text)


def refused(text: str, message: str) -> InvalidExperimentsError:
    """The error of one change."""
    return InvalidExperimentsError([f"{show_change(text)}: {message}"])


def _key(text: str, key: str) -> tuple[str, ...]:
    tree = _toml(f"{key} = 0")
    if tree is None or "\n" in key:
        raise refused(text, "the key must be like model.depth")
    keys = []
    while isinstance(tree, dict):
        name, tree = next(iter(tree.items()))
        keys.append(name)
    return tuple(keys)


def _value(text: str, value: str) -> Any:
    tree = _toml(f"value = {value}")
    if tree is not None and tree.keys() == {"value"}:
        return tree["value"]
    if value.startswith(_OPENS_TOML):
        raise refused(text, "the value is no TOML")
    return value


def _toml(text: str) -> dict[str, Any] | None:
    try:
        return parse(text, "--set").tree
    except InvalidExperimentsError:
        return None
