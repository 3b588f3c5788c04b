"""What a run will take, in time and on the disk, by the runs that trained alike."""

from __future__ import annotations

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


class _Known(NamedTuple):
    """What was measured of a run."""

    name: str
    epoch_seconds: float
    other_seconds: float
    """Before the first epoch and after the last."""
    bytes: int


class Predictor:
    """Predicts what runs will take by others; reads each of those once.

    Args:
        runs: Those that have trained, or do; others tell nothing.
    """

    def __init__(self, runs: Iterable[Run]) -> None:
        self._alike: dict[_Likeness, list[Run]] = {}
        self._known: dict[_Likeness, tuple[_Known, ...]] = {}
        for run in runs:
            if run.plan is not None and run.epochs:
                self._alike.setdefault(_likeness(run.plan), []).append(run)

    def of(self, plan: Summary) -> Prediction:
        """What a run with these settings will take."""
        likeness = _likeness(plan)
        known = self._known.get(likeness)
        if known is None:
            known = self._known[likeness] = _measured(self._alike.get(likeness, []))
        if not known:
            return Prediction(None, None, "not known yet: no run trained alike")
        epochs = median(each.epoch_seconds for each in known)
        others = median(each.other_seconds for each in known)
        basis = f"as {known[0].name}" + (f" and {len(known) - 1} more" if len(known) > 1 else "")
        size = max(each.bytes for each in known)
        return Prediction(plan.epochs * epochs + others, size, basis)


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


def _measured(runs: Sequence[Run]) -> tuple[_Known, ...]:
    """What is known of the runs that tell most: finished ones first, then the newest."""
    order = sorted(runs, key=_telling, reverse=True)[:_MOST_RUNS]
    finished = [run for run in order if run.state is State.FINISHED]
    return tuple(filter(None, map(_measure, finished or order)))


def _telling(run: Run) -> tuple[bool, float]:
    return (run.state is State.FINISHED, run.epochs[-1].time or 0.0)


def _measure(run: Run) -> _Known | None:
    times = [epoch.seconds for epoch in run.epochs if epoch.seconds is not None]
    if not times:
        return None
    whole = run.attempts[-1].seconds if run.state is State.FINISHED else 0.0
    is_one_life = len(run.attempts) == 1 and len(times) == len(run.epochs)
    others = max(0.0, whole - sum(times)) if is_one_life else 0.0
    return _Known(run.name, sum(times) / len(times), others, _size(run))


def _size(run: Run) -> int:
    """Of all its files."""
    return sum(map(_bytes, run.folder.path.rglob("*")))


def _bytes(path: Path) -> int:
    """Of a file; of one that is gone meanwhile none."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0
