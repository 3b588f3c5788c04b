"""What the app shows of a study, reckoned in the store's thread; every text is safe to show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.errors import TuiTrainerError, told
from tui_trainer.record.plain_text import LONGEST_SHOWN_LINE, plain_line
from tui_trainer.study.metrics import Metric
from tui_trainer.study.outcome import outcome_of
from tui_trainer.study.points import Standing, by_fingerprint
from tui_trainer.study.trials import reference_of, trials_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tui_trainer.record.index import Run
    from tui_trainer.record.state import State
    from tui_trainer.spec.project import Project
    from tui_trainer.spec.study import Study
    from tui_trainer.study.complexity import Size
    from tui_trainer.study.effects import Effect, Spread
    from tui_trainer.study.outcome import Outcome, Trial

METRICS = (Metric.TEST, Metric.OOD, Metric.GAP, Metric.BEST, Metric.VALIDATION, Metric.LOSS)
"""What effects are shown of, in the order in which a key goes through it."""


class PointRow(NamedTuple):
    """A point over its seeds."""

    label: str
    done: int
    planned: int
    spreads: Mapping[Metric, Spread | None]
    size: Size
    states: tuple[tuple[State, int], ...]
    """Of the runs that stand for seeds that are not done."""
    missing: int
    """Seeds without a run."""


@dataclass(frozen=True, kw_only=True)
class StudyView:
    """A study at one moment."""

    metric: Metric = Metric.TEST
    done: int = 0
    planned: int = 0
    startable: int = 0
    """Points without a run, and those whose run died or was stopped."""
    points: tuple[PointRow, ...] = ()
    effects: tuple[Effect, ...] = ()
    noise: float | None = None
    """The standard deviation between seeds; None where there is none."""
    warnings: tuple[str, ...] = ()
    fault: str = ""
    """Why nothing can be told."""


@dataclass
class TheStudy:
    """The question that the screen of a study asks of the store: reckoned where runs changed."""

    name: str
    metric: Metric
    _project: Project | None = field(default=None, compare=False)
    _fingerprints: tuple[str, ...] = field(default=(), compare=False)
    _seen: object = field(default=None, compare=False)
    _view: StudyView = field(default_factory=StudyView, compare=False)

    def answer(self, project: Project, runs: Sequence[Run]) -> StudyView:
        """The study as it is now."""
        try:
            study = project.studies.get(self.name) or project.study(self.name)
        except TuiTrainerError as error:
            return StudyView(metric=self.metric, fault=plain_line(told(error).message))
        if project is not self._project:
            self._project, self._seen = project, None
            self._fingerprints = tuple(point.experiment.fingerprint for point in study.points)
        known = by_fingerprint(runs)
        standings = [
            Standing(point, tuple(known.get(fingerprint, ())))
            for point, fingerprint in zip(study.points, self._fingerprints, strict=True)
        ]
        # A live run is another one at each look, and says nothing yet.
        seen = [each.run if each.status == "done" else _state(each) for each in standings]
        if seen != self._seen:
            self._seen, self._view = seen, self._reckoned(project, study, standings)
        return self._view

    def _reckoned(self, project: Project, study: Study, standings: Sequence[Standing]) -> StudyView:
        trials = trials_of(study, standings)
        outcome = outcome_of(study.name, trials, self.metric, reference_of(project, study))
        return StudyView(
            metric=self.metric,
            done=sum(each.status == "done" for each in standings),
            planned=len(standings),
            startable=sum(each.status in {"missing", "resumable"} for each in standings),
            points=tuple(_rows(outcome, trials, standings)),
            effects=tuple(map(_plain, outcome.effects.effects)),
            noise=outcome.effects.noise,
            warnings=tuple(plain_line(each, LONGEST_SHOWN_LINE) for each in outcome.warnings),
        )


def _state(standing: Standing) -> State | None:
    return None if standing.run is None else standing.run.state


def _rows(
    outcome: Outcome, trials: Sequence[Trial], standings: Sequence[Standing]
) -> Iterator[PointRow]:
    """A row for each point, with what became of its seeds that are not done."""
    states: dict[frozenset[tuple[str, str]], list[State | None]] = {}
    for trial, standing in zip(trials, standings, strict=True):
        undone = states.setdefault(frozenset(trial.levels.items()), [])
        if standing.status != "done":
            undone.append(_state(standing))
    for point in outcome.points:
        undone = states[frozenset(point.levels.items())]
        yield PointRow(
            label=plain_line(point.label),
            done=len(point.runs),
            planned=point.planned,
            spreads=point.spreads,
            size=point.size,
            states=tuple(Counter(state for state in undone if state is not None).items()),
            missing=undone.count(None),
        )


def _plain(effect: Effect) -> Effect:
    factor, reference, level = map(plain_line, (effect.factor, effect.reference, effect.level))
    return replace(effect, factor=factor.rpartition(".")[2], reference=reference, level=level)
