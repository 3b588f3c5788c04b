"""The keys that an experiment may be given, each with what it may be: for whoever types them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args, get_origin

from msgspec import Struct

from tui_trainer.spec.check import annotated_keys, kinds, names_of, open_package
from tui_trainer.spec.experiment import Experiment
from tui_trainer.spec.table import OPEN
from tui_trainer.spec.wording import expectation

if TYPE_CHECKING:
    from collections.abc import Iterator


class KnownKey(NamedTuple):
    """A key that can be written."""

    key: str
    """Dotted, as `--set` takes it."""
    expected: str
    """What its value has to be, in words."""
    choices: tuple[str, ...] = ()
    """The values themselves, where they are a few words."""
    is_text: bool = False
    """Whether its values are texts, which TOML has in quotes."""


def known_keys(experiment: Experiment) -> tuple[KnownKey, ...]:
    """The keys that fit an experiment as it is, in the order of the schema."""
    return tuple(_keys(experiment))


def _keys(experiment: Experiment) -> Iterator[KnownKey]:
    for key, annotation in annotated_keys(Experiment).items():
        tables, value = kinds(annotation), getattr(experiment, key)
        if not tables:
            yield _known(key, annotation)
            continue
        kind = type(value) if isinstance(value, Struct) else tables[0]
        yield from _keys_within(key, kind, tables)
        parameters = getattr(value, OPEN, {})
        yield from (KnownKey(f"{key}.{name}", "as PyTorch has it") for name in parameters)


@lru_cache(maxsize=256)
def _keys_within(
    key: str, kind: type[Struct], tables: tuple[type[Struct], ...]
) -> tuple[KnownKey, ...]:
    """The keys of a table of one kind, where any of the tables may stand."""
    keys = annotated_keys(kind).items()
    inner = [_known(f"{key}.{name}", of) for name, of in keys if name not in {"name", OPEN}]
    return (*([_named(key, tables)] if "name" in annotated_keys(kind) else []), *inner)


def _named(key: str, tables: tuple[type[Struct], ...]) -> KnownKey:
    names = tuple(name for kind in tables for name in names_of(kind))
    packages = [package for kind in tables if (package := open_package(kind))]
    also = "".join(f", or a class of {package}" for package in packages)
    return KnownKey(f"{key}.name", f"one of {', '.join(names)}{also}", names)


def _known(key: str, annotation: Any) -> KnownKey:
    literals = tuple(_literals(annotation))
    choices = tuple(value for value in literals if isinstance(value, str))
    is_flag = not choices and bool in _parts(annotation)
    return KnownKey(
        key,
        expectation(annotation).replace("`", ""),
        ("true", "false") if is_flag else choices,
        is_text=str in _parts(annotation),
    )


def _literals(annotation: Any) -> Iterator[object]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    elif get_origin(annotation) is not tuple:
        for part in get_args(annotation):
            yield from _literals(part)


def _parts(annotation: Any) -> set[Any]:
    """The types that a value may have: those of a union, without their limits."""
    inner = [part for part in get_args(annotation) if get_origin(annotation) is not Literal]
    return {annotation, *inner} if get_origin(annotation) is not tuple else {tuple}
