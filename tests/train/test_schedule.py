"""The learning rate that is drawn beforehand is the one that is trained with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.train.conftest import experiment_of, new_run, train
from tui_trainer.errors import PreflightError
from tui_trainer.record.epochs import read_epochs
from tui_trainer.train.schedule import schedule

if TYPE_CHECKING:
    from pathlib import Path

LR = "torch.optim.lr_scheduler"
WAYS: dict[str, dict[str, Any]] = {
    "none": {"scheduler": {"name": "none"}},
    "step": {"scheduler": {"name": "step_lr", "step_size": 2}, "epochs": 5},
    "cosine after a warm-up": {
        "scheduler": {"name": "cosine_annealing_lr"},
        "warmup": {"epochs": 2, "start": 0.1},
        "epochs": 4,
    },
    "one cycle, accumulated": {"training": {"accumulate": 3}},
    "cyclic, by batch": {
        "scheduler": {"name": f"{LR}.CyclicLR", "base_lr": 1e-3, "max_lr": 1e-2, "step_size_up": 3}
    },
    "polynomial": {"scheduler": {"name": f"{LR}.PolynomialLR", "total_iters": 3}, "epochs": 4},
}


@pytest.mark.parametrize("way", WAYS)
def test_each_epoch_is_trained_with_the_rate_that_was_drawn(project: Path, way: str) -> None:
    drawn = schedule(experiment_of(**WAYS[way]), project)
    folder = new_run(project, **WAYS[way])
    train(folder)
    assert drawn["by_epoch"] == [epoch.lr for epoch in read_epochs(folder.epochs_file)]
    assert not drawn["depends_on_metric"]


def test_a_plateau_is_nothing_that_anybody_can_know(project: Path) -> None:
    settings = {"name": "reduce_lr_on_plateau", "patience": 0, "monitor": "accuracy"}
    drawn = schedule(experiment_of(scheduler=settings, epochs=9), project)
    assert drawn["depends_on_metric"]
    assert drawn["highest"] == drawn["lowest"] == 0.01


def test_a_long_run_is_few_points_that_miss_no_extreme(project: Path) -> None:
    drawn = schedule(experiment_of(epochs=2000), project)
    rates = [rate for _, rate in drawn["points"]]
    assert len(rates) <= 2001
    assert (min(rates), max(rates)) == (drawn["lowest"], drawn["highest"])
    assert drawn["points"] == sorted(drawn["points"])


def test_without_its_data_only_what_needs_it_is_refused(tmp_path: Path) -> None:
    settings = {"name": "step_lr", "step_size": 1}
    assert schedule(experiment_of(scheduler=settings), tmp_path)["steps_per_epoch"] is None
    with pytest.raises(PreflightError):
        schedule(experiment_of(), tmp_path)


def test_a_rate_that_is_no_number_is_named(project: Path) -> None:
    settings = {"name": f"{LR}.ExponentialLR", "gamma": 1e300}
    with pytest.raises(PreflightError, match="comes to a learning rate of inf"):
        schedule(experiment_of(scheduler=settings, epochs=4), project)


def test_what_nobody_could_wait_for_is_refused(project: Path) -> None:
    with pytest.raises(PreflightError, match="too many to be led through"):
        schedule(experiment_of(epochs=1_000_000), project)
