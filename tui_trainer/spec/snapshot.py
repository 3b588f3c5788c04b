"""Writes the experiment that a run was started with, and reads it back exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from tui_trainer.errors import InvalidExperimentsError
from tui_trainer.spec.check import check
from tui_trainer.spec.experiment import Experiment
from tui_trainer.spec.summary import SNAPSHOT_HINT, SNAPSHOT_NAME, snapshot_table
from tui_trainer.spec.table import plain
from tui_trainer.spec.toml_file import parse

if TYPE_CHECKING:
    from collections.abc import Mapping


def experiment_to_toml(experiment: Experiment, provenance: Mapping[str, Any]) -> str:
    """The resolved experiment and where it came from, for the run's folder.

    Args:
        experiment: What the run trains.
        provenance: Code version, packages, host and the like; values that TOML can hold, or None.
    """
    import tomlkit

    settings = {"fingerprint": experiment.fingerprint, **plain(experiment)}
    return tomlkit.dumps({"experiment": settings, "provenance": _without_none(provenance)})


def experiment_from_toml(text: str) -> tuple[Experiment, dict[str, Any]]:
    """The experiment and the provenance of a snapshot.

    Raises:
        InvalidExperimentsError: The snapshot is damaged or of another version.
    """
    document = parse(text, SNAPSHOT_NAME)
    settings = dict(snapshot_table(document, "experiment"))
    settings.pop("fingerprint", None)
    checked = check(Experiment, settings)
    if checked.table is None:
        problems = (
            structs.replace(problem, keys=("experiment", *problem.keys))
            for problem in checked.problems
        )
        raise InvalidExperimentsError(
            [
                structs.replace(problem, line=document.line_of(problem.keys)).text(SNAPSHOT_NAME)
                for problem in problems
            ],
            hint=SNAPSHOT_HINT,
        )
    return checked.table, snapshot_table(document, "provenance")


def _without_none(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in tree.items()
        if value is not None
    }
