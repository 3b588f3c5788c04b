"""Makes of a study and its runs the trials that its outcome is reckoned from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tui_trainer.errors import TuiTrainerError
from tui_trainer.spec.point_names import short_keys
from tui_trainer.spec.summary import in_words
from tui_trainer.spec.table import plain
from tui_trainer.study.outcome import Trial

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tui_trainer.spec.experiment import Experiment
    from tui_trainer.spec.project import Project
    from tui_trainer.spec.study import Point, Study
    from tui_trainer.study.points import Standing


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


def reference_of(project: Project, study: Study) -> dict[str, str]:
    """The base's level of each factor; none where the base cannot be told, which need not run."""
    try:
        return Levels(study).of(project.experiment(study.base))
    except TuiTrainerError:
        return {}


def trials_of(study: Study, standings: Iterable[Standing]) -> list[Trial]:
    """The study's points, each with the newest of its runs that is finished."""
    levels, short = Levels(study), short_keys(tuple(factor.key for factor in study.factors))
    return [
        Trial(
            name=standing.point.name,
            label=_label(standing.point, short),
            levels=levels.of(standing.point.experiment),
            seed=standing.point.seed,
            status=standing.run.state.value if standing.run else standing.status,
            run=standing.run if standing.status == "done" else None,
        )
        for standing in standings
    ]


def setup_names(study: Study) -> dict[str, str]:
    """What the study calls whatever it trains, by fingerprint: `base`, `depth 4`."""
    short = short_keys(tuple(factor.key for factor in study.factors))
    return {point.experiment.fingerprint: _label(point, short) for point in study.points}


def _label(point: Point, short: Mapping[str, str]) -> str:
    changes = (f"{short[key]} {label}" for key, label in point.labels.items())
    return ", ".join(changes) or "base"


def _value(experiment: Experiment, key: str) -> str:
    """What an experiment comes to at a dotted key, as a text that equal values share."""
    value: Any = plain(experiment)
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return json.dumps(value, sort_keys=True)
