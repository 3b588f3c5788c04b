"""What the learning part of an experiment may say."""

from __future__ import annotations

from typing import Any

import pytest

from tui_trainer.spec.check import check_experiment
from tui_trainer.spec.learning import TorchOptimizer, TorchScheduler
from tui_trainer.spec.table import plain


def test_the_parameters_of_a_class_stand_in_the_table_itself() -> None:
    tree = {"name": "torch.optim.NAdam", "lr": 0.1, "betas": [0.9, 0.99]}
    checked = check_experiment({"optimizer": tree})
    assert checked.table is not None
    parameters: dict[str, Any] = {"lr": 0.1, "betas": (0.9, 0.99)}
    assert checked.table.optimizer == TorchOptimizer("torch.optim.NAdam", parameters)
    assert plain(checked.table)["optimizer"] == {**tree, "betas": (0.9, 0.99)}


def test_a_scheduler_keeps_its_own_keys_apart_from_the_class() -> None:
    name = "torch.optim.lr_scheduler.PolynomialLR"
    checked = check_experiment({"scheduler": {"name": name, "power": 2, "step_each": "batch"}})
    assert checked.table is not None
    assert checked.table.scheduler == TorchScheduler(name, "batch", {"power": 2})


LR = "torch.optim.lr_scheduler"
NADAM = {"name": "torch.optim.NAdam"}


@pytest.mark.parametrize(
    ("tree", "keys", "message"),
    [
        ({"optimizer": {**NADAM, "lr": float("nan")}}, "optimizer.lr", "must be finite"),
        ({"optimizer": {**NADAM, "betas": [float("inf")]}}, "optimizer.betas", "must be finite"),
        ({"optimizer": {**NADAM, "lr": {"a": 1}}}, "optimizer.lr", "must be `true` or `false` or"),
        ({"optimizer": {**NADAM, "parameters": {}}}, "optimizer.parameters", "not a table"),
        ({"optimizer": {"name": "torch.optim."}}, "optimizer.name", "is not an optimizer"),
        ({"optimizer": {"name": "torch.optim.a.b"}}, "optimizer.name", "is not an optimizer"),
        ({"scheduler": {"name": "torch.optim.SGD"}}, "scheduler.name", "is not a scheduler"),
        (
            {"optimizer": {"name": "torch.optim.LBFGS"}},
            "optimizer.name",
            "torch.optim.LBFGS cannot be used here: it computes the loss several times",
        ),
        ({"optimizer": {"name": "torch.optim.SparseAdam"}}, "optimizer.name", "use `adam`"),
        ({"scheduler": {"name": f"{LR}.LambdaLR"}}, "scheduler.name", "it takes a function"),
        ({"scheduler": {"name": f"{LR}.SequentialLR"}}, "scheduler.name", "name one"),
        (
            {"scheduler": {"name": f"{LR}.ReduceLROnPlateau"}},
            "scheduler.name",
            "it is called `reduce_lr_on_plateau` here",
        ),
        ({"loss": {"class_weights": []}}, "loss.class_weights", "a non-empty array"),
        ({"loss": {"class_weights": [1, 0]}}, "loss.class_weights", "array of numbers > 0"),
        ({"loss": {"class_weights": "no"}}, "loss.class_weights", "one of `none`, `balanced` or"),
        (
            {"training": {"gradient_clip_norm": 1, "gradient_clip_value": 1}},
            "training.gradient_clip_norm",
            "by norm or by value, not by both",
        ),
        ({"warmup": {"epochs": 1, "steps": 1}}, "warmup.epochs", "epochs or steps, not both"),
        ({"warmup": {"epochs": 3}, "epochs": 2}, "warmup.epochs", "does not end in a run of 2"),
        ({"ema": {"decay": 1}}, "ema.decay", "must be a number >= 0 and < 1"),
        ({"resources": {"walltime": "12h"}}, "resources.walltime", "hours:minutes:seconds"),
        ({"resources": {"walltime": "0:00:00"}}, "resources.walltime", "leaves no time at all"),
        ({"training": {"accumulate": 0}}, "training.accumulate", "must be an integer from 1"),
    ],
)
def test_a_mistake_is_told_at_its_key(tree: dict[str, Any], keys: str, message: str) -> None:
    (problem,) = check_experiment(tree).problems
    assert ".".join(map(str, problem.keys)) == keys
    assert message in problem.message
