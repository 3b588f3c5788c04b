"""The figures that the points of a study are compared by, and how each is said."""

from __future__ import annotations

from enum import Enum
from typing import Final

from tui_trainer.record.words import about
from tui_trainer.study import tables


class Metric(str, Enum):
    """What the points of a study are compared by."""

    TEST = "test"
    OOD = "ood"
    GAP = "gap"
    BEST = "best"
    VALIDATION = "val"
    TRAIN = "train"
    LOSS = "loss"
    SECONDS = "seconds"

    @property
    def is_fraction(self) -> bool:
        """Whether people say it in percent."""
        return self not in {Metric.LOSS, Metric.SECONDS}

    @property
    def heading(self) -> str:
        """Above a column of it."""
        return _TITLES[self]

    @property
    def unit(self) -> str:
        """Of a difference of two; empty for one without."""
        if self is Metric.SECONDS:
            return "s"
        return "pt" if self.is_fraction else ""

    def spell(self, value: float) -> str:
        """A value in the unit of its title."""
        if self is Metric.SECONDS:
            return about(value)
        return tables.percent(value) if self.is_fraction else f"{value:.3f}"

    def spell_difference(self, value: float) -> str:
        """A difference of two, without its unit."""
        if self is Metric.SECONDS:
            return tables.signed(value, 1)
        return tables.signed_percent(value) if self.is_fraction else tables.signed(value, 3)


_TITLES: Final = {
    Metric.TEST: "test (%)",
    Metric.OOD: "OOD (%)",
    Metric.GAP: "gap (pt)",
    Metric.BEST: "best (%)",
    Metric.VALIDATION: "last (%)",
    Metric.TRAIN: "last train (%)",
    Metric.LOSS: "last loss",
    Metric.SECONDS: "time",
}
