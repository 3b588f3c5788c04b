"""What a run will take, in time and on the disk, by the runs that trained alike."""

from __future__ import annotations

from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.record.state import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tui_trainer.record.index import Run
    from tui_trainer.spec.summary import Summary

# Newer ones tell more: of the machine, its load, the version of the code.
_MOST_RUNS = 5
# What changes neither the work of a step nor the number of steps of an epoch.
_COSTLESS = (
    "checkpoint_minutes",
    "data.root",
    "data.stage",
    "data.verify",
    "ema.decay",
    "epochs",
    "launcher",
    "loss.label_smoothing",
    "resources.max_restarts",
    "resources.walltime",
    "seed",
)
_COSTLESS_TABLES = ("optimizer.", "scheduler.", "warmup.")
_NAMES = ("optimizer.name",)  # another algorithm is other work

_Likeness = frozenset[tuple[str, object]]


class Prediction(NamedTuple):
    """What a run will take."""

    seconds: float | None
    """From its start to its end; None where no run trained alike."""
    bytes: int | None
    """Of its folder; None as above."""
    basis: str
    """By what that is known, or how it could be."""


class _Times(NamedTuple):
    """What was measured of a run."""

    epoch: float
    """Seconds of one, on average."""
    rest: float
    """Seconds before the first epoch and after the last."""


class Predictor:
    """Predicts what runs will take by others, whose files it looks at only for sizes.

    Args:
        runs: Those that have trained, or do; others tell nothing.
    """

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs = runs
        self._sizes: dict[str, int] = {}

    @cached_property
    def _alike(self) -> dict[_Likeness, list[Run]]:
        alike: dict[_Likeness, list[Run]] = {}
        for run in self._runs:
            if run.plan is not None and any(epoch.seconds for epoch in run.epochs):
                alike.setdefault(_likeness(run.plan), []).append(run)
        return {likeness: _telling_most(those) for likeness, those in alike.items()}

    def of(self, plan: Summary) -> Prediction:
        """What a run with these settings will take."""
        alike = self._alike.get(_likeness(plan))
        if alike is None:
            return Prediction(None, None, "not known yet: no run trained alike")
        more = f" and {len(alike) - 1} more" * (len(alike) > 1)
        size = max(map(self._size, alike))
        return Prediction(self.seconds(plan), size, f"as {alike[0].name}{more}")

    def seconds(self, plan: Summary) -> float | None:
        """Only the time that it will take."""
        alike = self._alike.get(_likeness(plan))
        if alike is None:
            return None
        times = list(map(_times, alike))
        return plan.epochs * median(each.epoch for each in times) + median(
            each.rest for each in times
        )

    def _size(self, run: Run) -> int:
        """Of all its files."""
        if run.name not in self._sizes:
            self._sizes[run.name] = sum(map(_bytes, run.folder.path.rglob("*")))
        return self._sizes[run.name]


def predicted(plan: Summary, runs: Sequence[Run]) -> Prediction:
    """What a run will take; who asks for many keeps a `Predictor`."""
    return Predictor(runs).of(plan)


def _likeness(plan: Summary) -> _Likeness:
    """The settings that decide how much work an epoch is."""
    return frozenset(
        (key, value)
        for key, value in plan.settings.items()
        if key in _NAMES or not (key in _COSTLESS or key.startswith(_COSTLESS_TABLES))
    )


def _telling_most(runs: Sequence[Run]) -> list[Run]:
    """Finished runs where there are any, the newest first."""
    finished = [run for run in runs if run.state is State.FINISHED]
    return sorted(finished or runs, key=_newest_epoch, reverse=True)[:_MOST_RUNS]


def _newest_epoch(run: Run) -> float:
    return run.epochs[-1].time or 0.0


def _times(run: Run) -> _Times:
    epochs = [epoch.seconds for epoch in run.epochs if epoch.seconds is not None]
    is_one_life = run.state is State.FINISHED and len(run.attempts) == 1
    whole = run.attempts[0].seconds if is_one_life else 0.0
    return _Times(sum(epochs) / len(epochs), max(0.0, whole - sum(epochs)))


def _bytes(path: Path) -> int:
    """Of a file; of one that is gone meanwhile none."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0
