"""Which learning rate each step of a run will have, found by leading its scheduler to the end.

python -m tui_trainer.train.schedule PROJECT < EXPERIMENT_TOML
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from tui_trainer.errors import PreflightError
from tui_trainer.spec.snapshot import experiment_from_toml
from tui_trainer.train import optim, sources
from tui_trainer.train.answer import answer
from tui_trainer.train.equipment import spans
from tui_trainer.train.stepping import Windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tui_trainer.spec.experiment import Experiment

Point = tuple[float, float]
# Each takes a scheduler some ten microseconds.
_MOST_STEPS = 1_000_000
# More than any terminal has dots beside each other.
_MOST_POINTS = 2000


def schedule(experiment: Experiment, project: Path) -> dict[str, Any]:
    """The learning rate over the epochs, as training would have it.

    Raises:
        PreflightError: The optimizer or the scheduler cannot be built, the run is too long, or the
            data set, which says how many steps an epoch has, is not there.
    """
    optimizer = optim.optimizer_for(experiment.optimizer, [nn.Parameter(torch.zeros(1))])
    steps = _steps_per_epoch(experiment, project) if _changes_within_epochs(experiment) else 1
    if experiment.epochs * steps > _MOST_STEPS:
        raise PreflightError(
            f"{experiment.epochs * steps:,} learning rates are too many to be led through",
            hint="look at fewer epochs: --set epochs=100",
        )
    way = optim.Schedule(experiment, optimizer, steps)
    points = list(_points(way, experiment.epochs, steps))
    rates = [rate for _, rate in points]
    if wrong := [rate for rate in rates if not math.isfinite(rate)]:
        raise PreflightError(f"{experiment.scheduler.name} comes to a learning rate of {wrong[0]}")
    return {
        "scheduler": experiment.scheduler.name,
        "epochs": experiment.epochs,
        "steps_per_epoch": steps if _changes_within_epochs(experiment) else None,
        "depends_on_metric": way.depends_on_metric,
        "first": rates[0],
        "last": rates[-1],
        "lowest": min(rates),
        "highest": max(rates),
        "by_epoch": rates[steps - 1 :: steps],
        "points": _thinned(points),
    }


def _changes_within_epochs(experiment: Experiment) -> bool:
    warmup = experiment.warmup
    is_by_batch = optim.is_stepped_by_batch(experiment.scheduler)
    return is_by_batch or bool(warmup.steps or warmup.epochs)


def _steps_per_epoch(experiment: Experiment, project: Path) -> int:
    data = sources.load(experiment.data, project, experiment.pipeline.size)
    batches = list(spans(len(data.train), experiment.batch_size))
    return Windows(batches, experiment.training.accumulate).count


def _points(way: optim.Schedule, epochs: int, steps: int) -> Iterator[Point]:
    """Epoch and learning rate of every step; epoch 1 is trained from 0 to 1."""
    for epoch in range(epochs):
        for step in range(steps):
            with way.at(epoch * steps + step + 1):
                yield epoch + step / steps, way.lr
            way.after_step()
        # Always a little better: what a plateau would do nobody can know.
        way.after_epoch(loss=1.0 / (epoch + 1), accuracy=1.0 - 1.0 / (epoch + 1))


def _thinned(points: Sequence[Point]) -> list[Point]:
    """So few points that each can be drawn; of those between two their extremes stay."""
    if len(points) <= _MOST_POINTS:
        return list(points)
    length = -(-len(points) // (_MOST_POINTS // 2))
    kept: list[Point] = []
    for begin in range(0, len(points), length):
        some = points[begin : begin + length]
        low, high = (end(some, key=_rate) for end in (min, max))
        kept += sorted({low, high})
    return kept if kept[-1] == points[-1] else [*kept, points[-1]]


def _rate(point: Point) -> float:
    return point[1]


def _asked() -> dict[str, Any]:
    experiment, _ = experiment_from_toml(sys.stdin.read())
    return schedule(experiment, Path(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(answer(_asked))
