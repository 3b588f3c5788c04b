"""What a study found: its points over their seeds, what each factor does, and what to beware of."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tui_trainer.record.experiment_file import read_provenance
from tui_trainer.record.fields import table as table_of
from tui_trainer.record.fields import text
from tui_trainer.record.words import ABSENT
from tui_trainer.spec.wording import counted
from tui_trainer.study import tables
from tui_trainer.study.complexity import Size, complexity_table, size_of
from tui_trainer.study.effects import LEVEL, Effect, Effects, Sample, Spread, effects_of
from tui_trainer.study.facts import final_figures
from tui_trainer.study.metrics import Metric
from tui_trainer.study.tables import Cell, Column, Table, spread_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tui_trainer.record.index import Run

# Of longer lists a sentence names the first.
_NAMED = 6


_ALWAYS_SHOWN: Final = (Metric.TEST, Metric.OOD, Metric.GAP, Metric.BEST)


class Trial(NamedTuple):
    """One point of a study, and the run that answers it."""

    name: str
    """`depth.depth-4.seed-1`."""
    label: str
    """What people call it and its like with other seeds: `depth 4`."""
    levels: Mapping[str, str]
    """Of every factor of the study; seeds are none."""
    seed: int
    status: str
    """In a word: `done`, `missing`, `crashed`, …"""
    run: Run | None
    """The finished one; None where there is none."""


@dataclass(frozen=True, kw_only=True)
class PointOutcome:
    """A point over its seeds."""

    label: str
    levels: Mapping[str, str]
    planned: int
    runs: tuple[Run, ...]
    """The finished run of each seed."""
    spreads: Mapping[Metric, Spread | None]

    def cell(self, metric: Metric) -> Cell:
        """One metric over its seeds."""
        return tables.spread(self.spreads[metric], metric.spell, len(self.runs))

    @property
    def size(self) -> Size:
        """Its metrics beside how large it is."""
        return size_of(self.label, self.runs)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a study found."""

    study: str
    metric: Metric
    points: tuple[PointOutcome, ...]
    effects: Effects
    warnings: tuple[str, ...]
    """What to beware of, a sentence each."""

    def tables(self) -> tuple[Table, Table, Table]:
        """Points, effects and complexity."""
        sizes = [point.size for point in self.points if point.runs]
        return self._points_table(), self._effects_table(), complexity_table(sizes)

    def as_record(self) -> dict[str, Any]:
        """For programs."""
        noise = self.effects.noise
        return {
            "study": self.study,
            "metric": self.metric.value,
            "seed_noise": noise,
            "warnings": list(self.warnings),
            **{table.title: table.records() for table in self.tables()},
        }

    def _points_table(self) -> Table:
        metrics = list(dict.fromkeys((self.metric, *_ALWAYS_SHOWN)))
        factors = list(dict.fromkeys(factor for point in self.points for factor in point.levels))
        columns = (
            Column("point", ("point", *factors), is_figure=False),
            Column("n", ("n", "planned")),
            *(spread_column(metric.heading, metric.value) for metric in metrics),
        )
        rows = (
            (
                Cell(point.label, (point.label, *(_level(point.levels[each]) for each in factors))),
                Cell(f"{len(point.runs)}/{point.planned}", (len(point.runs), point.planned)),
                *(point.cell(metric) for metric in metrics),
            )
            for point in self.points
        )
        notes = ("mean ± sample standard deviation over seeds (n)",)
        return Table(title="points", columns=columns, rows=tuple(rows), notes=notes)

    def _effects_table(self) -> Table:
        unit = f" ({self.metric.unit})" if self.metric.unit else ""
        name, _, _ = self.metric.heading.partition(" (")
        columns = (
            Column("factor", ("factor",), is_figure=False),
            Column("from", ("reference",), is_figure=False),
            Column("to", ("level",), is_figure=False),
            Column(f"effect on {name}{unit}", ("difference",)),
            Column(f"{1 - LEVEL:.0%} interval", ("low", "high")),
            Column("p (Holm)", ("p", "p_corrected")),
            Column("beyond seed noise", ("is_beyond_noise",), is_figure=False, is_for_papers=False),
            Column("n", ("n", "settings")),
        )
        rows = tuple(map(self._effect_row, self.effects.effects))
        return Table(title="effects", columns=columns, rows=rows, notes=tuple(self._notes()))

    def _effect_row(self, effect: Effect) -> tuple[Cell, ...]:
        said = self.metric.spell_difference
        low, high = effect.low, effect.high
        p, verdict = effect.corrected_p, effect.is_beyond_noise
        return (
            tables.words(effect.factor),
            tables.words(effect.reference),
            tables.words(effect.level),
            tables.figure(effect.difference, said),
            Cell(
                ABSENT if low is None or high is None else f"[{said(low)}, {said(high)}]",
                (low, high),
            ),
            Cell(ABSENT if p is None else f"{p:.3f}" if p >= 0.001 else "< 0.001", (effect.p, p)),
            Cell({None: ABSENT, True: "yes", False: "no"}[verdict], (verdict,)),
            Cell(str(effect.n), (effect.n, effect.settings)),
        )

    def _notes(self) -> Iterator[str]:
        yield "effect: all else equal, averaged over settings of the others that have both levels"
        yield f"interval: by Welch-Satterthwaite's t, {1 - LEVEL:.0%} for each effect by itself"
        yield (
            f"beyond seed noise: p at most {LEVEL:g} after Holm's correction over all effects; "
            "no means not shown, not that there is none"
        )
        if self.effects.noise is not None:
            noise = self.metric.spell_difference(self.effects.noise).lstrip("+")
            words = f"{noise} {self.metric.unit}".rstrip()
            yield f"seed noise, the standard deviation within points pooled over them: {words}"


def outcome_of(
    study: str, trials: Sequence[Trial], metric: Metric, reference: Mapping[str, str]
) -> Outcome:
    """What a study found.

    Args:
        study: Its name.
        trials: Its points, in order.
        metric: What they are compared by.
        reference: The level of each factor that others are measured by: the base's.
    """
    figures = {trial.name: final_figures(trial.run) for trial in trials if trial.run}
    points = tuple(_points(trials, figures))
    samples = [
        Sample(trial.levels, trial.seed, value)
        for trial in trials
        if (value := figures.get(trial.name, {}).get(metric.value)) is not None
    ]
    effects = effects_of(samples, reference)
    warnings = _warnings(study, trials, points, effects, metric)
    return Outcome(
        study=study, metric=metric, points=points, effects=effects, warnings=tuple(warnings)
    )


def _level(said: str) -> tables.Value:
    """A level for programs: what is a number stays one."""
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            if math.isfinite(number := kind(said)):
                return number
    return said


def _points(
    trials: Iterable[Trial], figures: Mapping[str, Mapping[str, float | None]]
) -> Iterator[PointOutcome]:
    cells = dict[frozenset[tuple[str, str]], dict[int, Trial]]()
    for trial in trials:
        cells.setdefault(frozenset(trial.levels.items()), {})[trial.seed] = trial
    for seeds in cells.values():
        alike = list(seeds.values())
        known = [figures[trial.name] for trial in alike if trial.run]
        yield PointOutcome(
            label=alike[0].label,
            levels=alike[0].levels,
            planned=len(alike),
            runs=tuple(trial.run for trial in alike if trial.run),
            spreads={
                metric: Spread.of(each.get(metric.value) for each in known) for metric in Metric
            },
        )


def _warnings(
    study: str,
    trials: Sequence[Trial],
    points: Sequence[PointOutcome],
    effects: Effects,
    metric: Metric,
) -> Iterator[str]:
    yield from _undone(study, trials)
    yield from _seeds(points, metric)
    yield from _unpaired(points, effects)
    runs = [run for point in points for run in point.runs]
    yield from _versions(runs)
    yield from _unequal_epochs(points)


def _undone(study: str, trials: Sequence[Trial]) -> Iterator[str]:
    undone = [trial for trial in trials if trial.run is None]
    if undone:
        counts = Counter(trial.status for trial in undone)
        states = ", ".join(f"{count} {status}" for status, count in counts.items())
        names = _some([trial.name for trial in undone])
        yield (
            f"not done are {len(undone)} of {counted(len(trials), 'run')} ({states}): {names}; "
            f"tui-trainer run {study} goes on"
        )


def _seeds(points: Sequence[PointOutcome], metric: Metric) -> Iterator[str]:
    measured = [(point.label, point.spreads[metric], len(point.runs)) for point in points]
    if unmeasured := [label for label, spread, runs in measured if runs and spread is None]:
        yield f"{metric.value} was not measured of {_some(unmeasured)}"
    known = [(label, spread) for label, spread, _ in measured if spread is not None]
    if single := [label for label, spread in known if spread.n == 1]:
        yield (
            f"n = 1: a single seed of {_some(single)}; there is no spread, and no interval where "
            "an effect rests on it alone"
        )
    if same := [label for label, spread in known if spread.std == 0]:
        yield f"every seed gave the same {metric.value} at {_some(same)}"
    most = max((spread.n for _, spread in known), default=0)
    if fewer := [f"{label} ({spread.n})" for label, spread in known if 1 < spread.n < most]:
        yield f"fewer seeds than the {most} of others: {_some(fewer)}"


def _unpaired(points: Sequence[PointOutcome], effects: Effects) -> Iterator[str]:
    if effects.unpaired:
        labels = [point.label for point in points if point.levels in effects.unpaired]
        yield (
            f"two things or more changed at once: {_some(labels)} differ in several factors from "
            "every measured point that they could be compared with, so no effect is told from them"
        )


def _versions(runs: Iterable[Run]) -> Iterator[str]:
    versions = Counter(_version(run) for run in runs)
    if len(versions) > 1:
        told = [f"{version} ({counted(n, 'run')})" for version, n in versions.most_common()]
        yield f"runs of different code are mixed: {_some(told)}"


def _version(run: Run) -> str:
    provenance = read_provenance(run.folder)
    torch = text(table_of(provenance, "packages"), "torch")
    commit = text(provenance, "git_commit")[:7]
    own_files = table_of(provenance, "own_files")
    changed = " with changes" if commit and provenance.get("git_changed") is True else ""
    known = (
        f"tui-trainer {text(provenance, 'tui_trainer') or '?'}",
        *([f"torch {torch}"] if torch else []),
        *([f"commit {commit}{changed}"] if commit else []),
        *([f"own files {_digest(own_files)}"] if own_files else []),
    )
    return ", ".join(known)


def _digest(digests: Mapping[str, object]) -> str:
    """One short word for many digests."""
    return hashlib.sha256(repr(sorted(digests.items())).encode()).hexdigest()[:7]


def _unequal_epochs(points: Sequence[PointOutcome]) -> Iterator[str]:
    """Where epochs are a factor they differ as they should."""
    if any("epochs" in point.levels for point in points):
        return
    trained = [len(run.epochs) for point in points for run in point.runs]
    if trained and min(trained) != max(trained):
        least, most = min(trained), max(trained)
        yield f"not all were trained for the same number of epochs: from {least} to {most}"


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    named = "; ".join(names[:_NAMED])
    return f"{named} and {more} more" if more > 0 else named
