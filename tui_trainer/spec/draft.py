"""What changes make of an experiment while they are typed: what becomes what, what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tui_trainer.errors import InvalidExperimentsError, TuiTrainerError
from tui_trainer.spec.check import KNOWN_KEYS
from tui_trainer.spec.known import KnownKey, known_keys
from tui_trainer.spec.layers import Layer, Layers
from tui_trainer.spec.problem import show_change
from tui_trainer.spec.project import checked_over
from tui_trainer.spec.settings import settings_of
from tui_trainer.spec.table import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tui_trainer.spec.experiment import Experiment
    from tui_trainer.spec.project import Project


class Becomes(NamedTuple):
    """A key whose value is another one."""

    key: str
    before: Any
    """None where it had none."""
    after: Any
    """None where it has none any more."""


class Draft(NamedTuple):
    """An experiment with changes, as far as they are typed."""

    experiment: Experiment | None
    """None where something is wrong."""
    becomes: tuple[Becomes, ...] = ()
    faults: Mapping[str, str] = {}
    """What is wrong with each change, by the change; by nothing what is wrong besides."""
    keys: tuple[KnownKey, ...] = ()
    """What else could be changed."""
    base: Experiment | None = None
    """What it was before."""
    now: Mapping[str, Any] = {}
    """What each key was before."""
    of_the_right: Experiment | None = None
    """What those changes make of it that are right; None where something besides is wrong."""


def draft_of(project: Project, name: str, changes: Sequence[str]) -> Draft:
    """An experiment of a project with changes."""
    try:
        base = project.experiment(name)
    except TuiTrainerError as error:
        return Draft(None, faults={"": error.message.partition("\n")[0]})
    return _drafted(base, changes, lambda some: project.experiment(name, some))


def draft_over(base: Experiment, changes: Sequence[str]) -> Draft:
    """An experiment that a run was launched with, with changes."""
    return _drafted(base, changes, lambda some: changed_over(base, some))


def changed_over(base: Experiment, changes: Sequence[str]) -> Experiment:
    """An experiment that comes from no file, with changes.

    Raises:
        InvalidExperimentsError: A change is wrong.
    """
    tree = msgspec.json.decode(msgspec.json.encode(plain(base)))  # arrays, as TOML has them
    return checked_over(Layers().with_layer(Layer(tree)), changes)


def _drafted(
    base: Experiment, changes: Sequence[str], changed: Callable[[Sequence[str]], Experiment]
) -> Draft:
    try:
        experiment = changed(changes)
    except InvalidExperimentsError as error:
        faults = _by_change(error.problems, changes)
        right = [change for change in changes if change not in faults]
        # What is right is shown for what it becomes, whatever is wrong beside it.
        rest = _drafted(base, right, changed) if len(right) < len(changes) else Draft(None)
        known, before = known_keys(base), values_of(base)
        return Draft(None, rest.becomes, faults, known, base, before, rest.of_the_right)
    before = values_of(base)
    becomes = _differences(before, values_of(experiment))
    return Draft(experiment, becomes, {}, known_keys(experiment), base, before, experiment)


def values_of(experiment: Experiment) -> dict[str, Any]:
    """Every key that has a value, and that."""
    return {setting.key: setting.value for setting in settings_of(experiment)}


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Becomes, ...]:
    return tuple(
        Becomes(key, old.get(key), new.get(key))
        for key in dict.fromkeys((*new, *old))
        if old.get(key) != new.get(key)
    )


def _by_change(problems: Sequence[str], changes: Sequence[str]) -> dict[str, str]:
    faults: dict[str, str] = {}
    for problem in problems:
        change = next((c for c in changes if problem.startswith(f"{show_change(c)}: ")), "")
        message = problem.removeprefix(f"{show_change(change)}: ") if change else problem
        faults.setdefault(change, _without_list(message))
    return faults


def _without_list(message: str) -> str:
    """A line of a form has no room for every key, and offers them as they are typed."""
    return message.partition(KNOWN_KEYS)[0].rstrip(";")
