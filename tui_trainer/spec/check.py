"""Turns a tree from TOML into tables of the schema and names every problem at once."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from itertools import islice
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    Generic,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec
from msgspec import Struct, structs

from tui_trainer.spec.data import Digits, own_pipeline
from tui_trainer.spec.experiment import Experiment
from tui_trainer.spec.learning import ClassParameter
from tui_trainer.spec.problem import Problem
from tui_trainer.spec.rules import broken_rules
from tui_trainer.spec.table import OPEN, fields_of
from tui_trainer.spec.wording import counted, expectation, listed, nearest, show, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tui_trainer.spec.wording import Keys

Table = TypeVar("Table", bound=Struct)

# No setting needs more; a file of a megabyte of mistakes is reported in a screenful.
_MOST_ELEMENTS = 100
_MOST_UNKNOWN_KEYS = 50
_NOUNS = {"augment": "an augmentation", "data": "a data set", "optimizer": "an optimizer"}
UNKNOWN_KEY: Final = "unknown key"
KNOWN_KEYS: Final = " known keys: "


class Checked(Struct, Generic[Table], frozen=True):
    """A table, or the problems that forbid it."""

    table: Table | None
    problems: tuple[Problem, ...] = ()


def check(kind: type[Table], tree: object, *, also_known: tuple[str, ...] = ()) -> Checked[Table]:
    """Check a tree against one table of the schema.

    Args:
        kind: The table of the schema.
        tree: What TOML says.
        also_known: Keys that messages name as known although the schema has them not.
    """
    checker = _Checker(also_known)
    table: Table | None = checker.table(kind, tree, ())
    return Checked(None if checker.problems else table, tuple(checker.problems))


def check_part(tree: Mapping[str, Any], *, also_known: tuple[str, ...] = ()) -> Checked[Experiment]:
    """Name what is wrong in an experiment whatever it inherits, which nobody can tell."""
    checker = _Checker(also_known, partial=True)
    checker.table(Experiment, _with_pipeline(tree), ())
    return Checked(None, tuple(p for p in checker.problems if is_certain(p, tree)))


def is_certain(problem: Problem, tree: Mapping[str, Any]) -> bool:
    """Whether a problem lies in what a tree says, and not in what it leaves to others."""
    return all(_says(tree, keys) for keys in (problem.keys, *problem.related))


def check_experiment(
    tree: Mapping[str, Any], *, also_known: tuple[str, ...] = ()
) -> Checked[Experiment]:
    """Check a whole experiment; what the pipeline leaves out comes from the data set."""
    return check(Experiment, _with_pipeline(tree), also_known=also_known)


@lru_cache(maxsize=1)
def default_names() -> dict[str, str]:
    """The `name` that each table of an experiment has where nobody writes one."""
    return {
        field.name: field.default.name
        for field in fields_of(Experiment)
        if isinstance(field.default, Struct) and hasattr(field.default, "name")
    }


@lru_cache(maxsize=64)
def annotated_keys(kind: type[Struct]) -> dict[str, Any]:
    """The keys of a table in order, each with its annotation."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: hints[name] for name in kind.__struct_fields__}


def kinds(annotation: Any) -> tuple[type[Struct], ...]:
    """The tables that an annotation allows, or nothing where it means a value."""
    parts = get_args(annotation) if get_origin(annotation) in {UnionType, Union} else (annotation,)
    return tuple(part for part in parts if isinstance(part, type) and issubclass(part, Struct))


def names_of(kind: type[Struct]) -> tuple[str, ...]:
    """What a table of this kind may be called, or nothing where it has no name."""
    annotation = annotated_keys(kind).get("name")
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def is_own(kind: type[Struct]) -> bool:
    """Whether a table's name is `module:function`, of a module of the user's own."""
    is_named = "name" in kind.__struct_fields__
    return is_named and not names_of(kind) and not open_pattern(kind)


def _says(tree: object, keys: Keys) -> bool:
    for key in keys:
        if isinstance(tree, list):
            return True  # nothing is laid over an array, so what it leaves out is missing
        if not isinstance(tree, dict) or key not in tree:
            return False
        tree = tree[key]
    return True


def open_package(kind: type[Struct]) -> str:
    """Where the classes are that a table stands for, as in `torch.optim`; else nothing."""
    return re.sub(r"\[.*|[\\^]", "", open_pattern(kind)).rstrip(".")


def open_pattern(kind: type[Struct]) -> str:
    """What the name of a table that stands for any class of PyTorch looks like, else nothing."""
    annotation = annotated_keys(kind).get("name")
    return (get_args(annotation)[1].pattern or "") if get_origin(annotation) is Annotated else ""


def _open_kind(tables: tuple[type[Struct], ...], name: object) -> type[Struct] | None:
    if not isinstance(name, str):
        return None
    patterns = ((kind, open_pattern(kind)) for kind in tables)
    return next((kind for kind, pattern in patterns if pattern and re.search(pattern, name)), None)


def _folded(kind: type[Struct], tree: dict[str, Any]) -> dict[str, Any]:
    fields = set(kind.__struct_fields__) - {OPEN}
    own = {key: value for key, value in tree.items() if key in fields}
    return {**own, OPEN: {key: value for key, value in tree.items() if key not in own}}


def _further_in(key: str) -> str:
    """The suggestion for a key that belongs into a table: `optimizer.lr`."""
    tables = {
        inner: table
        for table, annotation in annotated_keys(Experiment).items()
        for kind in kinds(annotation)
        for inner in annotated_keys(kind)
        if inner not in {"name", OPEN}
    }
    near = nearest(key, tuple(tables))
    return f"; did you mean `{tables[near]}.{near}`?" if near else ""


def _with_pipeline(tree: Mapping[str, Any]) -> dict[str, Any]:
    data, pipeline = tree.get("data", {}), tree.get("pipeline", {})
    if not isinstance(pipeline, dict):
        return dict(tree)
    name = data.get("name", Digits().name) if isinstance(data, dict) else None
    own = own_pipeline(name if isinstance(name, str) else "")
    return {**tree, "pipeline": {**_as_toml(structs.asdict(own)), **pipeline}}


def _as_toml(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in tree.items()}


class _Checker:
    """Builds tables from the leaves up and gathers what is wrong on the way."""

    def __init__(
        self, also_known: tuple[str, ...] = (), *, partial: bool = False, rules: bool = True
    ) -> None:
        self.problems: list[Problem] = []
        self._also_known = also_known
        self._partial = partial
        self._with_rules = rules

    def table(self, kind: type[Table], tree: object, keys: Keys) -> Table | None:
        """One table of a known kind, with defaults in place of what is wrong, or None."""
        if not isinstance(tree, dict):
            self._problem(keys, f"must be a table, not {show(tree)}")
            return None
        self._unknown_keys(kind, tree, keys)
        values = dict(self._values(kind, tree, keys))
        if any(field.required and field.name not in values for field in fields_of(kind)):
            return None
        table = kind(**values)
        self._rules(table, tree, keys)
        return table

    def _values(
        self, kind: type[Struct], tree: dict[str, Any], keys: Keys
    ) -> Iterator[tuple[str, Any]]:
        hints = annotated_keys(kind)
        for field in fields_of(kind):
            here, hint = (*keys, field.name), hints[field.name]
            if field.name == OPEN:
                parameters = tree.get(OPEN, {}).items()
                yield OPEN, {k: self._value(ClassParameter, v, (*keys, k)) for k, v in parameters}
            elif field.name in tree:
                value = self._value(hint, tree[field.name], here, field.default)
                if value is not None:
                    yield field.name, value
            elif field.required and field.name not in _meant(kind, tree):
                self._problem(here, f"missing; must be {expectation(hint)}")

    def _value(self, annotation: Any, value: object, keys: Keys, default: object = None) -> Any:
        tables = kinds(annotation)
        if tables:
            return self._named_table(tables, value, keys, default)
        bare = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
        if get_origin(bare) in {UnionType, Union} and isinstance(value, list):
            bare = next((part for part in get_args(bare) if get_origin(part) is tuple), bare)
        if get_origin(bare) is tuple:
            return self._array(annotation, get_args(bare), value, keys)
        return self._leaf(annotation, value, keys)

    def _named_table(
        self, tables: tuple[type[Struct], ...], value: object, keys: Keys, default: object
    ) -> Struct | None:
        by_name = {name: kind for kind in tables for name in names_of(kind)}
        if not by_name:
            return self.table(tables[0], value, keys)
        if not isinstance(value, dict):
            example = next(iter(by_name))
            wanted = f'a table such as {{ name = "{example}" }}'
            self._problem(keys, f"must be {wanted}, not {show(value)}")
            return None
        # Whatever is inherited may name another kind than the default; arrays inherit nothing.
        open_kind = self._partial and all(isinstance(key, str) for key in keys)
        name = value.get("name", None if open_kind else getattr(default, "name", None))
        if name is None:
            self._problem((*keys, "name"), f"missing; one of {listed(tuple(by_name))}")
            self._whatever_kind(tables, value, keys)
            return None
        return self._kind_called(name, tables, {**value, "name": name}, keys)

    def _kind_called(
        self, name: object, tables: tuple[type[Struct], ...], value: dict[str, Any], keys: Keys
    ) -> Struct | None:
        by_name = {name: kind for kind in tables for name in names_of(kind)}
        own = next((kind for kind in tables if is_own(kind)), None)
        if own and isinstance(name, str) and ":" in name:
            return self.table(own, value, keys)
        if anything := _open_kind(tables, name):
            return self.table(anything, _folded(anything, value), keys)
        if not isinstance(name, str) or name not in by_name:
            packages = tuple(package for kind in tables if (package := open_package(kind)))
            self._unknown_name(name, tuple(by_name), keys, packages)
            self._whatever_kind(tables, value, keys)
            return None
        return self.table(by_name[name], value, keys)

    def _whatever_kind(
        self, tables: tuple[type[Struct], ...], value: dict[str, Any], keys: Keys
    ) -> None:
        """Name what is wrong in a table of whichever kind, in the words of the likeliest."""
        # A table that stands for any class takes any key, and would excuse them all.
        told = [_told_of(kind, value, keys) for kind in tables if not open_pattern(kind)]
        likeliest = min(told, key=_count_unknown)
        wrong = set.intersection(*({problem.keys for problem in problems} for problems in told))
        self.problems += (problem for problem in likeliest if problem.keys in wrong)

    def _array(
        self, annotation: Any, elements: tuple[Any, ...], value: object, keys: Keys
    ) -> tuple[Any, ...] | None:
        if not isinstance(value, list):
            self._problem(keys, f"must be {expectation(annotation)}, not {show(value)}")
            return None
        open_ended = elements[-1] is Ellipsis
        if len(value) > _MOST_ELEMENTS:
            self._problem(keys, f"must have at most {_MOST_ELEMENTS} elements")
            return None
        if not open_ended and len(value) != len(elements):
            wanted = expectation(annotation)
            self._problem(keys, f"must be {wanted}, not {counted(len(value), 'element')}")
            return None
        # An array of tables may be empty; an array of values says so by its least length.
        if open_ended and not value and get_origin(annotation) is Annotated:
            self._problem(keys, f"must be {expectation(annotation)}, not empty")
            return None
        hints = elements[:1] * len(value) if open_ended else elements
        pairs = enumerate(zip(hints, value, strict=True))
        before = len(self.problems)
        parts = tuple(self._value(hint, part, (*keys, at)) for at, (hint, part) in pairs)
        # Rules pass over a wrong table; a wrong value would mislead them.
        return parts if len(self.problems) == before or kinds(elements[0]) else None

    def _leaf(self, annotation: Any, value: object, keys: Keys) -> Any:
        endless = isinstance(value, float) and not math.isfinite(value)
        if endless and expectation(annotation).startswith("a number"):
            self._problem(keys, f"must be finite, not {show(value)}")
            return None
        try:
            return msgspec.convert(value, annotation, strict=True)
        except (msgspec.ValidationError, OverflowError):
            hint = _near(annotation, value)
            wanted = expectation(annotation)
            self._problem(keys, f"must be {wanted}, not {show(value)}{hint}")
            return None

    def _unknown_name(
        self, name: object, allowed: tuple[str, ...], keys: Keys, packages: tuple[str, ...] = ()
    ) -> None:
        near = suggestion(name, allowed) if isinstance(name, str) else ""
        what = next((key for key in reversed(keys) if isinstance(key, str)), "table")
        noun = _NOUNS.get(what, f"a {what}")
        message = f"{show(name)} is not {noun}{near or ';'} allowed: {listed(allowed)}"
        message += "".join(f", any class as `{package}.NAME`" for package in packages)
        self._problem((*keys, "name"), message)

    def _unknown_keys(self, kind: type[Struct], tree: dict[str, Any], keys: Keys) -> None:
        known = kind.__struct_fields__ + (() if keys else self._also_known)
        unknown = (key for key in tree if key not in known)
        for key in islice(unknown, _MOST_UNKNOWN_KEYS):
            near = suggestion(key, known) or (_further_in(key) if kind is Experiment else "")
            message = f"{UNKNOWN_KEY}{near or ';'}{KNOWN_KEYS}{listed(known)}"
            self._problem((*keys, key), message, near=nearest(key, known))

    def _rules(self, table: Struct, tree: dict[str, Any], keys: Keys) -> None:
        wrong = {problem.keys for problem in self.problems}
        misspelled = any(
            (*keys, key) in wrong for key in tree.keys() - set(table.__struct_fields__)
        )
        for rule in broken_rules(table) if self._with_rules else ():
            first, *others = places = [(*keys, *place) for place in rule.places]
            # A default stands where something is wrong, and the rule may hold once that is mended.
            stands_in = any(
                place[:end] in wrong for place in places for end in range(len(place) + 1)
            )
            left_out = misspelled and any(place[0] not in tree for place in rule.places)
            if not stands_in and not left_out:
                self._problem(first, rule.message, tuple(others))

    def _problem(
        self, keys: Keys, message: str, related: tuple[Keys, ...] = (), near: str = ""
    ) -> None:
        self.problems.append(Problem(keys, message, related, near=near))


def _told_of(kind: type[Struct], value: dict[str, Any], keys: Keys) -> list[Problem]:
    """What is certainly wrong in a table if it is of this kind."""
    names = names_of(kind)
    checker = _Checker(rules=len(names) == 1)
    checker.table(kind, {**value, "name": names[0] if names else "module:function"}, ())
    return [
        msgspec.structs.replace(
            problem,
            keys=(*keys, *problem.keys),
            related=tuple((*keys, *place) for place in problem.related),
        )
        for problem in checker.problems
        if is_certain(problem, value)
    ]


def _count_unknown(problems: list[Problem]) -> int:
    return sum(problem.message.startswith(UNKNOWN_KEY) for problem in problems)


def _meant(kind: type[Struct], tree: dict[str, Any]) -> set[str]:
    """The keys that misspelled ones were meant to be; none of them is missing besides."""
    known = kind.__struct_fields__
    unknown = (key for key in tree if key not in known)
    return {nearest(key, known) for key in islice(unknown, _MOST_UNKNOWN_KEYS)}


def _near(annotation: Any, value: object) -> str:
    if get_origin(annotation) is not Literal or not isinstance(value, str):
        return ""
    return suggestion(value, get_args(annotation))
