"""Sets runs beside each other: their figures, and the settings in which they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tui_trainer.record.words import about, amount
from tui_trainer.spec.summary import said
from tui_trainer.study import tables
from tui_trainer.study.facts import PROBE_NOTE
from tui_trainer.study.tables import Cell, Column, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui_trainer.spec.summary import Setting
    from tui_trainer.study.facts import Facts

MISSING = "-"
"""Said of a setting that a run does not have: its optimizer, say, knows no such key."""


class Difference(NamedTuple):
    """A setting in which the runs differ."""

    key: str
    settings: tuple[Setting | None, ...]
    """What each run has, in the order of the runs; None for one that knows no such key."""

    @property
    def values(self) -> tuple[str, ...]:
        """The settings in words."""
        return tuple(MISSING if setting is None else said(setting) for setting in self.settings)


class Compared(NamedTuple):
    """The figures of one run; fractions of 1, None for what is not known."""

    name: str
    state: str
    epochs: int
    best: float | None
    best_epoch: int | None
    final: float | None
    """Validation accuracy of the newest epoch."""
    test: float | None
    ood: float | None
    gap: float | None
    above_first: float | None
    """How much better its best epoch is than that of the first run."""
    seconds: float | None = None
    """The time trained."""
    parameters: int | None = None
    flops: int | None = None
    """Of a forward pass of one image."""

    def as_record(self) -> dict[str, Any]:
        """For programs, in the words of `runs --json`."""
        best = {"epoch": self.best_epoch, "validation_accuracy": self.best}
        return {
            "run": self.name,
            "state": self.state,
            "epoch": self.epochs,
            "validation_accuracy": self.final,
            "best": None if self.best_epoch is None else best,
            "above_first": self.above_first,
            "clean_accuracy": self.test,
            "ood_accuracy": self.ood,
            "ood_gap": self.gap,
            "trained_seconds": self.seconds,
            "parameters": self.parameters,
            "flops": self.flops,
        }


@dataclass(frozen=True)
class Comparison:
    """Runs beside each other; the first one is what the others are measured by."""

    runs: tuple[Compared, ...]
    differences: tuple[Difference, ...]

    def table(self) -> Table:
        """A row for each run: the settings that differ, and its figures."""
        return self._with(self.differences)

    def figures(self) -> Table:
        """A row for each run: its figures."""
        return self._with(())

    def _with(self, differences: Sequence[Difference]) -> Table:
        settings = (Column(each.key, (each.key,), is_figure=False) for each in differences)
        rows = (
            (
                tables.words(run.name),
                *(_setting(difference.settings[index]) for difference in differences),
                *_figures(run),
            )
            for index, run in enumerate(self.runs)
        )
        columns = (Column("run", ("run",), is_figure=False), *settings, *_FIGURES)
        return Table(title="runs", columns=columns, rows=tuple(rows), notes=_NOTES)

    def as_record(self) -> dict[str, Any]:
        """For programs, in the words of `runs --json`."""
        keys = [difference.key for difference in self.differences]
        columns = zip(*(difference.settings for difference in self.differences), strict=True)
        settings = list(columns) if keys else [()] * len(self.runs)
        return {
            "runs": [
                {**run.as_record(), "settings": dict(zip(keys, column, strict=True))}
                for run, column in zip(self.runs, settings, strict=True)
            ],
            "differences": keys,
        }


_FIGURES: Final = (
    Column("state", ("state",), is_figure=False, is_for_papers=False),
    Column("best (%)", ("best_validation_accuracy",)),
    Column("best epoch", ("best_epoch",), is_for_papers=False),
    Column("last (%)", ("validation_accuracy",), is_for_papers=False),
    Column("last epoch", ("epoch",), is_for_papers=False),
    Column("vs first (pt)", ("above_first",), is_for_papers=False),
    Column("test (%)", ("clean_accuracy",)),
    Column("OOD (%)", ("ood_accuracy",)),
    Column("gap (pt)", ("ood_gap",)),
    Column("time", ("trained_seconds",), is_for_papers=False),
    Column("parameters", ("parameters",)),
    Column("FLOPs", ("flops",), is_for_papers=False),
)
_NOTES: Final = (
    "best, last: validation accuracy of the best and of the newest epoch",
    "test, OOD: accuracy of the best epoch's weights; gap: how far OOD is below clean",
    PROBE_NOTE,
    "FLOPs: of a forward pass of one image",
)


def _figures(run: Compared) -> tuple[Cell, ...]:
    percent, whole = tables.percent, str
    return (
        tables.words(run.state),
        tables.figure(run.best, percent),
        tables.figure(run.best_epoch, whole),
        tables.figure(run.final, percent),
        tables.figure(run.epochs, whole),
        tables.figure(run.above_first, tables.signed_percent),
        tables.figure(run.test, percent),
        tables.figure(run.ood, percent),
        tables.figure(run.gap, percent),
        tables.figure(run.seconds, about),
        tables.figure(run.parameters, amount),
        tables.figure(run.flops, amount),
    )


def _setting(setting: Setting | None) -> Cell:
    if isinstance(setting, str):
        return tables.words(setting)
    return Cell(MISSING if setting is None else said(setting), (setting,))


def compare(runs: Sequence[Facts]) -> Comparison:
    """The runs' figures, and the settings in which they differ, by key."""
    first = runs[0].figures.get("best") if runs else None
    return Comparison(tuple(_compared(facts, first) for facts in runs), tuple(_differences(runs)))


def _compared(facts: Facts, first: float | None) -> Compared:
    figures = facts.figures
    best, best_epoch = figures.get("best"), figures.get("best_epoch")
    return Compared(
        name=facts.name,
        state=facts.state.value,
        epochs=int(figures.get("epoch") or 0),
        best=best,
        best_epoch=_whole(best_epoch),
        final=figures.get("val"),
        test=figures.get("test"),
        ood=figures.get("ood"),
        gap=figures.get("gap"),
        above_first=None if best is None or first is None else best - first,
        seconds=figures.get("seconds"),
        parameters=_whole(figures.get("parameters")),
        flops=_whole(figures.get("flops")),
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _differences(runs: Sequence[Facts]) -> list[Difference]:
    keys = dict.fromkeys(key for facts in runs for key in facts.settings)
    rows = [Difference(key, tuple(facts.settings.get(key) for facts in runs)) for key in keys]
    return [row for row in rows if len(set(row.settings)) > 1]
