"""Every value that a key must refuse, and the words it does so in."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest

from tui_trainer.spec.check import check_experiment
from tui_trainer.spec.experiment import Experiment
from tui_trainer.spec.learning import Adam, OneCycleLR, Sgd
from tui_trainer.spec.model import Cnn, ResNet
from tui_trainer.spec.wording import show

EPOCHS = "must be an integer from 1 to 1000000, not"
LR = "must be a number > 0, not"


def problems(tree: dict[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
    checked = check_experiment(tree)
    assert (checked.table is None) == bool(checked.problems)
    return [(problem.keys, problem.message) for problem in checked.problems]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (-1, "-1"),
        (1_000_001, "1000001"),
        (True, "true"),
        (1.0, "1.0"),
        ("0.1", '"0.1"'),
        ([], "an array"),
        ({}, "a table"),
        (10**4000, "an integer beyond 64 bits"),
        (-(10**5000), "an integer beyond 64 bits"),
        (dt.date(2026, 1, 1), "a date or time"),
        ("\x1b[31m", '"\\x1b[31m"'),
        ("\u202etxt.exe", '"\\u202etxt.exe"'),
        ("x" * 1000, '"' + "x" * 59 + '…"'),
    ],
    ids=show,
)
def test_epochs_refuse(value: object, shown: str) -> None:
    assert problems({"epochs": value}) == [(("epochs",), f"{EPOCHS} {shown}")]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, f"{LR} 0"),
        (-0.1, f"{LR} -0.1"),
        (True, f"{LR} true"),
        ("0.1", f'{LR} "0.1"'),
        (math.nan, "must be finite, not nan"),
        (math.inf, "must be finite, not inf"),
        (-math.inf, "must be finite, not -inf"),
        (float("1e400"), "must be finite, not inf"),
        (10**4000, f"{LR} an integer beyond 64 bits"),
    ],
    ids=show,
)
def test_a_learning_rate_refuses(value: object, message: str) -> None:
    assert problems({"optimizer": {"lr": value}}) == [(("optimizer", "lr"), message)]


def test_a_whole_number_is_a_number() -> None:
    checked = check_experiment({"optimizer": {"lr": 1}})
    assert checked.table is not None
    assert isinstance(checked.table.optimizer, Sgd)
    assert isinstance(checked.table.optimizer.lr, float)


@pytest.mark.parametrize(
    ("tree", "keys", "message"),
    [
        ({"lerning_rate": 1}, ("lerning_rate",), "unknown key; did you mean `optimizer.lr`?"),
        ({"epoch": 1}, ("epoch",), "unknown key; did you mean `epochs`? known keys: `desc"),
        ({"qqq": 1}, ("qqq",), "unknown key; known keys: `desc"),
        (
            {"optimizer": {"learning_rate": 1}},
            ("optimizer", "learning_rate"),
            "unknown key; did you mean `lr`? known keys: `name`, `lr`, `momentum`",
        ),
        ({"loss": {"\x1b": 1}}, ("loss", "\x1b"), "unknown key; known keys: `name`, `label_sm"),
        (
            {"model": {"name": "rsnet18"}},
            ("model", "name"),
            '"rsnet18" is not a model; did you mean `resnet18`? allowed: `cnn`, `simple_cnn`',
        ),
        (
            {"model": {"name": "resnet18", "weights": "IMAGENET1K_V2"}},
            ("model", "weights"),
            'resnet18 has no weights "IMAGENET1K_V2"; did you mean `IMAGENET1K_V1`?',
        ),
        (
            {"model": {"name": "vgg11", "weights": "yes"}},
            ("model", "weights"),
            'vgg11 has no weights "yes"; allowed: `none`, `default`, `IMAGENET1K_V1`, a file',
        ),
        (
            {"model": {"name": "my-nets:build"}},
            ("model", "name"),
            'must be `module:function`, both names of Python, not "my-nets:build"',
        ),
        ({"data": {"name": 3}}, ("data", "name"), "3 is not a data set; allowed: `digits`"),
        ({"data": "digits"}, ("data",), 'must be a table such as { name = "digits" }, not "dig'),
        ({"resources": 3}, ("resources",), "must be a table, not 3"),
        ({"augment": {}}, ("augment",), "must be an array of tables, not a table"),
        ({"augment": [{}]}, ("augment", 0, "name"), "missing; one of `random_crop`"),
        ({"augment": [3]}, ("augment", 0), "must be a table such as { name ="),
        (
            {"augment": [{"name": "rotation"}, {"name": "rotaton"}]},
            ("augment", 1, "name"),
            '"rotaton" is not an augmentation; did you mean `rotation`?',
        ),
        ({"augment": [{"name": "rotation"}] * 101}, ("augment",), "must have at most 100"),
        (
            {"scheduler": {"name": "step_lr"}},
            ("scheduler", "step_size"),
            "missing; must be an integer >= 1",
        ),
        (
            {"scheduler": {"name": "multi_step_lr", "milestones": []}},
            ("scheduler", "milestones"),
            "must be a non-empty array of integers >= 1, not empty",
        ),
        (
            {"scheduler": {"name": "cosine_annealing_lr", "T_max": 0}},
            ("scheduler", "T_max"),
            "must be an integer >= 1, not 0",
        ),
        (
            {"optimizer": {"name": "adam", "betas": [0.9]}},
            ("optimizer", "betas"),
            "must be an array of 2 numbers >= 0 and < 1, not 1 element",
        ),
        (
            {"optimizer": {"name": "adam", "betas": [0.9, 1]}},
            ("optimizer", "betas", 1),
            "must be a number >= 0 and < 1, not 1",
        ),
        ({"pipeline": {"mean": [math.nan, 0, 0]}}, ("pipeline", "mean", 0), "must be finite"),
        ({"pipeline": {"std": [1, 0, 1]}}, ("pipeline", "std", 1), "must be a number > 0, not 0"),
        (
            {"model": {"activation": "rely"}},
            ("model", "activation"),
            'must be one of `relu`, `leaky_relu`, `elu`, `gelu`, `silu`, `tanh`, not "rely"; did',
        ),
        (
            {"data": {"name": "cifar10", "root": ""}},
            ("data", "root"),
            'must be a non-empty text in quotes without control characters, not ""',
        ),
        (
            {"data": {"name": "cifar10", "root": "a\0b"}},
            ("data", "root"),
            "must be a non-empty text",
        ),
        (
            {"data": {"name": "cifar10", "root": "a\n"}},
            ("data", "root"),
            "must be a non-empty text",
        ),
        (
            {"model": {"name": "resnet18", "weights": "./\x1b.pt"}},
            ("model", "weights"),
            "must be a non-empty text in quotes without control characters, not ",
        ),
        (
            {"resources": {"device": "gpu"}},
            ("resources", "device"),
            'must be one of `auto`, `cpu`, `cuda`, not "gpu"; did you mean `cuda`?',
        ),
        ({"epochs": math.nan}, ("epochs",), f"{EPOCHS} nan"),
        (
            {"optimizer": {"name": "adam", "weight_decay": math.inf}},
            ("optimizer", "weight_decay"),
            "must be finite, not inf",
        ),
        (
            {"scheduler": {"name": "step_lr", "stepsize": 3}},
            ("scheduler", "stepsize"),
            "unknown key; did you mean `step_size`?",
        ),
        (
            {"optimizer": {"nesterov": True, "momntum": 0.9}},
            ("optimizer", "momntum"),
            "unknown key; did you mean `momentum`?",
        ),
        (
            {"optimizer": {"nesterov": True, "momentum": "x"}},
            ("optimizer", "momentum"),
            "must be a number >= 0 and < 1",
        ),
        ({"description": 3}, ("description",), "must be a text in quotes, not 3"),
        ({"seed": -1}, ("seed",), "must be an integer from 0 to 2^63 - 1, not -1"),
        ({"optimizer": {"nesterov": 1}}, ("optimizer", "nesterov"), "must be `true` or `false`"),
    ],
)
def test_a_mistake_is_told_at_its_key(
    tree: dict[str, Any], keys: tuple[str | int, ...], message: str
) -> None:
    ((found, said),) = problems(tree)
    assert found == keys
    assert said.startswith(message)
    assert said.isprintable()


@pytest.mark.parametrize(
    ("tree", "keys", "message"),
    [
        ({"optimizer": {"nesterov": True}}, ("optimizer", "nesterov"), "nesterov needs momentum"),
        (
            {"optimizer": {"nesterov": True, "momentum": 0.9, "dampening": 0.1}},
            ("optimizer", "nesterov"),
            "nesterov needs dampening = 0",
        ),
        (
            {"scheduler": {"name": "multi_step_lr", "milestones": [3, 5, 5]}},
            ("scheduler", "milestones", 2),
            "milestones must increase, but 5 follows 5",
        ),
        (
            {"loss": {"jsd": 12}, "augment": [{"name": "rotation"}]},
            ("loss", "jsd"),
            "loss.jsd compares views of aug_mix, which must come last, once",
        ),
        (
            {"loss": {"jsd": 12}, "augment": [{"name": "aug_mix"}, {"name": "rotation"}]},
            ("loss", "jsd"),
            "loss.jsd compares views of aug_mix",
        ),
        (
            {"loss": {"jsd": 12}, "augment": [{"name": "aug_mix"}, {"name": "aug_mix"}]},
            ("loss", "jsd"),
            "loss.jsd compares views of aug_mix",
        ),
        (
            {"augment": [{"name": "gaussian_blur", "kernel_size": 4}]},
            ("augment", 0, "kernel_size"),
            "must be odd, not 4",
        ),
        (
            {"augment": [{"name": "gaussian_blur", "sigma": [2.0, 1.0]}]},
            ("augment", 0, "sigma"),
            "must be [smallest, largest]",
        ),
        (
            {"augment": [{"name": "gaussian_blur", "kernel_size": 5}], "pipeline": {"size": 2}},
            ("augment", 0, "kernel_size"),
            "a kernel of 5 pixels is too large for images of 2",
        ),
        (
            {"augment": [{"name": "random_crop", "padding": 512}]},
            ("augment", 0, "padding"),
            "must be less than the images' 32 pixels, not 512: 100% of the crops",
        ),
        (
            {"augment": [{"name": "random_crop"}], "pipeline": {"size": 3}},
            ("augment", 0, "padding"),
            "must be less than the images' 3 pixels, not 4: 69% of the crops",
        ),
        (
            {"augment": [{"name": "affine", "degrees": 0, "scale": [1.5, 0.5]}]},
            ("augment", 0, "scale"),
            "must be [smallest, largest]",
        ),
        (
            {"augment": [{"name": "random_erasing", "ratio": [3, 0.3]}]},
            ("augment", 0, "ratio"),
            "must be [smallest, largest]",
        ),
        (
            {"augment": [{"name": "rand_augment", "magnitude": 31}]},
            ("augment", 0, "magnitude"),
            "must be less than num_magnitude_bins, which is 31",
        ),
        (
            {"augment": [{"name": "mixup"}, {"name": "rotation"}]},
            ("augment", 0),
            "mixup mixes images with each other and must come last, once",
        ),
        (
            {"augment": [{"name": "cutmix"}, {"name": "mixup"}]},
            ("augment", 0),
            "cutmix mixes images with each other and must come last, once",
        ),
    ],
)
def test_a_rule_between_keys_is_told_at_one_of_them(
    tree: dict[str, Any], keys: tuple[str | int, ...], message: str
) -> None:
    ((found, said),) = problems(tree)
    assert found == keys
    assert said.startswith(message)


@pytest.mark.parametrize(
    "tree",
    [
        {"optimizer": {"nesterov": True, "momentum": 0.9}},
        {"scheduler": {"name": "multi_step_lr", "milestones": [3, 5]}},
        {"model": {"name": "resnet50", "weights": "IMAGENET1K_V2"}},
        {"model": {"name": "resnet50", "weights": "nets/mine"}},
        {"model": {"name": "vgg11", "weights": "mine.pth"}},
        {"model": {"name": "nets.mine:build"}},
        {"augment": [{"name": "gaussian_blur", "kernel_size": 5, "sigma": [1, 1]}]},
        {"augment": [{"name": "gaussian_blur", "kernel_size": 5}], "pipeline": {"size": 3}},
        {"augment": [{"name": "affine", "degrees": 0, "scale": [1, 1]}, {"name": "mixup"}]},
        {"augment": [{"name": "rand_augment", "magnitude": 30}, {"name": "cutmix"}]},
        {"augment": [{"name": "random_erasing", "scale": [0.1, 0.1], "ratio": [1, 1]}]},
    ],
)
def test_a_kept_rule_is_no_problem(tree: dict[str, Any]) -> None:
    assert problems(tree) == []


def test_all_mistakes_are_told_at_once() -> None:
    tree = {"epochs": 0, "seed": "x", "model": {"depth": 0, "width": 0}, "augment": [1, 2]}
    assert [keys for keys, _ in problems(tree)] == [
        ("model", "depth"),
        ("model", "width"),
        ("epochs",),
        ("seed",),
        ("augment", 0),
        ("augment", 1),
    ]


@pytest.mark.parametrize(
    ("tree", "keys"),
    [
        (
            {"optimizer": {"nesterov": True, "lr": -1}},
            [("optimizer", "lr"), ("optimizer", "nesterov")],
        ),
        (
            {"epochs": 0, "augment": [{"name": "mixup", "alpha": -1}, {"name": "rotation"}]},
            [("epochs",), ("augment", 0, "alpha"), ("augment", 0)],
        ),
        ({"model": {"name": "rsnet18", "dpth": 3}}, [("model", "name"), ("model", "dpth")]),
        ({"model": {"name": "rsnet18", "depth": 3}}, [("model", "name")]),
        ({"augment": [{"degrees": -3}]}, [("augment", 0, "name"), ("augment", 0, "degrees")]),
    ],
)
def test_one_mistake_does_not_hide_another_in_the_same_table(
    tree: dict[str, Any], keys: list[tuple[str | int, ...]]
) -> None:
    assert [found for found, _ in problems(tree)] == keys


def test_the_name_decides_the_table() -> None:
    tree = {
        "model": {"name": "resnet34"},
        "optimizer": {"name": "adamw"},
        "scheduler": {"name": "one_cycle_lr"},
    }
    experiment = check_experiment(tree).table
    assert experiment is not None
    assert experiment.model == ResNet("resnet34")
    assert experiment.optimizer == Adam("adamw")
    assert experiment.scheduler == OneCycleLR("one_cycle_lr")


def test_without_a_name_the_default_kind_is_meant() -> None:
    experiment = check_experiment({"model": {"depth": 3}}).table
    assert experiment is not None
    assert experiment.model == Cnn(depth=3)


def test_the_pipeline_comes_from_the_data_set_key_by_key() -> None:
    tree = {"data": {"name": "cifar100"}, "pipeline": {"size": 64}}
    experiment = check_experiment(tree).table
    assert isinstance(experiment, Experiment)
    assert experiment.pipeline.size == 64
    assert experiment.pipeline.mean == (0.5071, 0.4867, 0.4408)


def test_a_wrong_data_set_is_one_problem_and_not_four() -> None:
    assert [keys for keys, _ in problems({"data": {"name": "cifra10"}})] == [("data", "name")]
