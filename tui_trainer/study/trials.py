"""Makes of a study and its runs the trials that its outcome is reckoned from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tui_trainer.record.state import State
from tui_trainer.spec.point_names import short_keys
from tui_trainer.spec.summary import in_words
from tui_trainer.spec.table import plain
from tui_trainer.study.outcome import Trial

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tui_trainer.record.index import Run
    from tui_trainer.spec.experiment import Experiment
    from tui_trainer.spec.study import Point, Study

_MISSING = "missing"


class Levels:
    """What experiments have of the keys that a study varies, in the study's own words.

    A level is what the experiment comes to, said or inherited: a base with four layers and a point
    of a grid with four layers have the same.
    """

    def __init__(self, study: Study) -> None:
        self._keys = tuple(factor.key for factor in study.factors)
        self._labels = {
            (key, _value(point.experiment, key)): label
            for point in study.points
            for key, label in point.labels.items()
        }

    def of(self, experiment: Experiment) -> dict[str, str]:
        """The level of each factor."""
        return {key: self._level(experiment, key) for key in self._keys}

    def _level(self, experiment: Experiment, key: str) -> str:
        value = _value(experiment, key)
        known = self._labels.get((key, value))
        return in_words(json.loads(value)) if known is None else known


def trials_of(study: Study, found: Iterable[tuple[Point, Sequence[Run]]]) -> list[Trial]:
    """The study's points, each with the newest of its runs that is finished.

    Args:
        study: The study.
        found: Its points with the runs that train them, the newest first.
    """
    levels, short = Levels(study), short_keys(tuple(factor.key for factor in study.factors))
    return [
        Trial(
            name=point.name,
            label=_label(point, short),
            levels=levels.of(point.experiment),
            seed=point.seed,
            status=runs[0].state.value if runs else _MISSING,
            run=next((run for run in runs if run.state is State.FINISHED), None),
        )
        for point, runs in found
    ]


def _label(point: Point, short: Mapping[str, str]) -> str:
    changes = (f"{short[key]} {label}" for key, label in point.labels.items())
    return ", ".join(changes) or "base"


def _value(experiment: Experiment, key: str) -> str:
    """What an experiment comes to at a dotted key, as a text that equal values share."""
    value: Any = plain(experiment)
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return json.dumps(value, sort_keys=True)


def with_runs(study: Study, runs: Iterable[Run]) -> list[tuple[Point, list[Run]]]:
    """The study's points, each with the runs that train what it says, the newest first."""
    known: dict[str, list[Run]] = {}
    for run in runs:
        if run.plan is not None:
            known.setdefault(run.plan.fingerprint, []).insert(0, run)
    return [(point, known.get(point.experiment.fingerprint, [])) for point in study.points]
