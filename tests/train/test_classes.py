"""Any optimizer and scheduler of PyTorch by its name, or an error before the first epoch."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from tests.train.conftest import experiment_of
from tests.train.test_optim import parameters, walk
from tui_trainer.errors import PreflightError
from tui_trainer.spec.choices import OUT_OF_PLACE
from tui_trainer.train import optim
from tui_trainer.train.classes import make_optimizer, make_scheduler

LR = "torch.optim.lr_scheduler"


def names_in(module: Any, base: type) -> list[str]:
    classes = inspect.getmembers(module, inspect.isclass)
    found = [name for name, kind in classes if issubclass(kind, base) and name[0] != "_"]
    return [name for name in found if name not in OUT_OF_PLACE]


def build(optimizer: dict[str, Any], scheduler: dict[str, Any] | None = None) -> Any:
    experiment = experiment_of(optimizer=optimizer, scheduler=scheduler or {"name": "none"})
    built = optim.optimizer_for(experiment.optimizer, parameters())
    return built, optim.Schedule(experiment, built, 5)


@pytest.mark.parametrize("name", names_in(torch.optim, torch.optim.Optimizer))
def test_every_optimizer_is_built_by_its_name(name: str) -> None:
    built, _ = build({"name": f"torch.optim.{name}", "lr": 0.25})
    assert type(built) is getattr(torch.optim, name)
    assert built.param_groups[0]["lr"] == 0.25
    built.step()


@pytest.mark.parametrize("name", [name for name in OUT_OF_PLACE if hasattr(torch.optim, name)])
def test_an_optimizer_that_the_spec_refuses_could_not_be_used(name: str) -> None:
    with pytest.raises(PreflightError, match=name):
        make_optimizer(f"torch.optim.{name}", parameters(), {"lr": 0.25})


@pytest.mark.parametrize("name", [name for name in OUT_OF_PLACE if name not in vars(torch.optim)])
def test_a_scheduler_that_the_spec_refuses_could_not_be_used(name: str) -> None:
    if name == "Muon":
        pytest.skip("an optimizer that this PyTorch does not have yet")
    assert issubclass(getattr(lr_scheduler, name), lr_scheduler.LRScheduler)
    with pytest.raises(PreflightError, match=name):
        make_scheduler(f"{LR}.{name}", torch.optim.SGD(parameters(), lr=0.1), {})


SCHEDULERS: dict[str, dict[str, Any]] = {
    "ConstantLR": {"factor": 0.5, "total_iters": 2},
    "CosineAnnealingLR": {"T_max": 3},
    "CosineAnnealingWarmRestarts": {"T_0": 2, "T_mult": 2},
    "CyclicLR": {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4, "mode": "exp_range"},
    "ExponentialLR": {"gamma": 0.9},
    "LinearLR": {"total_iters": 3},
    "MultiStepLR": {"milestones": [1, 3]},
    "OneCycleLR": {"max_lr": 0.3, "total_steps": 12},
    "PolynomialLR": {"total_iters": 3, "power": 2},
    "StepLR": {"step_size": 2},
}


def test_the_schedulers_above_are_all_that_there_are() -> None:
    assert set(SCHEDULERS) == set(names_in(lr_scheduler, lr_scheduler.LRScheduler))


@pytest.mark.parametrize("by", [None, "epoch", "batch"])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_is_built_and_goes_on_exactly(name: str, by: str | None) -> None:
    table = {"name": f"{LR}.{name}", **SCHEDULERS[name], **({"step_each": by} if by else {})}
    experiment = experiment_of(epochs=5, scheduler=table)
    whole, _ = walk(experiment, range(5))
    assert len(set(whole)) > 1
    for stop in range(5):
        before, state = walk(experiment, range(stop))
        after, _ = walk(experiment, range(stop, 5), state)
        assert before + after == whole


def test_cyclic_and_one_cycle_step_by_batches_and_the_others_by_epochs() -> None:
    for name, options in SCHEDULERS.items():
        table = {"name": f"{LR}.{name}", **options}
        rates, _ = walk(experiment_of(epochs=1, scheduler=table), range(1))
        assert (len(set(rates)) > 1) is (name in {"CyclicLR", "OneCycleLR"})


@pytest.mark.parametrize(
    ("optimizer", "scheduler", "message", "hint"),
    [
        ({"name": "torch.optim.Nadam"}, None, "has no torch.optim.Nadam", "torch.optim.NAdam?"),
        ({"name": "torch.optim.lr_scheduler"}, None, "has no torch.optim.lr_scheduler", ""),
        ({"name": "torch.optim.NAdam", "learning_rate": 1}, None, "no parameter learning_rate", ""),
        (
            {"name": "torch.optim.NAdam", "beta": 1},
            None,
            "did you mean betas",
            "it takes lr, betas",
        ),
        ({"name": "torch.optim.NAdam", "params": 1}, None, "no parameter params", ""),
        ({"name": "torch.optim.NAdam", "lr": -1}, None, "Invalid learning rate: -1", ""),
        ({"name": "torch.optim.NAdam", "lr": "high"}, None, "cannot be used like this", ""),
        ({"name": "torch.optim.NAdam", "betas": [0.9]}, None, "cannot be used like this", ""),
        (None, {"name": f"{LR}.StepLR"}, "needs step_size", "it takes step_size, gamma"),
        (None, {"name": f"{LR}.StepLR", "step_size": "x"}, "cannot be used like this", ""),
        (None, {"name": f"{LR}.OneCycleLR", "max_lr": 1}, "total_steps", ""),
    ],
)
def test_a_mistake_is_told_before_training(
    optimizer: Any, scheduler: Any, message: str, hint: str
) -> None:
    with pytest.raises(PreflightError) as caught:
        build(optimizer or {"name": "sgd"}, scheduler)
    assert message in caught.value.message
    assert hint in caught.value.hint
