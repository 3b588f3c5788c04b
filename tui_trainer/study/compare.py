"""Sets runs beside each other: their figures, and the settings in which they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tui_trainer.spec.summary import said

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
        }


@dataclass(frozen=True)
class Comparison:
    """Runs beside each other; the first one is what the others are measured by."""

    runs: tuple[Compared, ...]
    differences: tuple[Difference, ...]

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
        best_epoch=None if best_epoch is None else int(best_epoch),
        final=figures.get("val"),
        test=figures.get("test"),
        ood=figures.get("ood"),
        gap=figures.get("gap"),
        above_first=None if best is None or first is None else best - first,
    )


def _differences(runs: Sequence[Facts]) -> list[Difference]:
    keys = dict.fromkeys(key for facts in runs for key in facts.settings)
    rows = [Difference(key, tuple(facts.settings.get(key) for facts in runs)) for key in keys]
    return [row for row in rows if len(set(row.settings)) > 1]
