"""Interrupted equals uninterrupted, to the last bit, whatever is combined with what.

Each combination is trained once in one go, and once stopped in the middle of its first epoch, at
its end, and in the middle of the second. (There are no loader workers whose state could be lost:
images are in memory, and what is drawn for them depends on seed, epoch and step alone.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.train.conftest import events_of, new_run, train
from tests.train.test_learning import kept
from tests.train.test_loop import StopAt
from tui_trainer.record.events import TrainingBegan
from tui_trainer.train import hardware
from tui_trainer.train.loop import Stopped

if TYPE_CHECKING:
    from pathlib import Path

MODELS: list[dict[str, Any]] = [
    {"name": "cnn", "depth": 2, "width": 4, "dropout": 0.2},
    {"name": "cnn", "depth": 3, "width": 4, "normalization": "group_norm", "activation": "gelu"},
    {"name": "simple_cnn", "depth": 2, "width": 4, "dropout": 0.3},
    {"name": "cnn4", "width": 4, "dropout": 0.1},
    {"name": "cnn", "depth": 2, "width": 4, "normalization": "layer_norm", "hidden": 8},
]
PUBLISHED = {"name": "shufflenet_v2_x0_5"}
"""One of torchvision's; it takes ten times as long as the others."""
OPTIMIZERS: list[dict[str, Any]] = [
    {"name": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True},
    {"name": "adam", "lr": 0.01, "amsgrad": True},
    {"name": "adamw", "lr": 0.01},
    {"name": "rmsprop", "lr": 0.001, "momentum": 0.5, "centered": True},
    {"name": "torch.optim.NAdam", "lr": 0.001},
    {"name": "torch.optim.Adagrad", "lr": 0.01},
]
SCHEDULERS: list[dict[str, Any]] = [
    {"name": "none"},
    {"name": "step_lr", "step_size": 1, "gamma": 0.5},
    {"name": "multi_step_lr", "milestones": [1], "gamma": 0.1},
    {"name": "cosine_annealing_lr"},
    {"name": "one_cycle_lr"},
    {"name": "reduce_lr_on_plateau", "patience": 0, "threshold": 1.0},
    {"name": "torch.optim.lr_scheduler.PolynomialLR", "total_iters": 3},
]
AUGMENTATIONS: list[list[dict[str, Any]]] = [
    [],
    [{"name": "random_crop", "padding": 2}, {"name": "horizontal_flip"}],
    [{"name": "rotation", "degrees": 15}, {"name": "gaussian_blur"}, {"name": "mixup"}],
    [{"name": "trivial_augment_wide"}, {"name": "random_erasing"}],
    [{"name": "aug_mix"}, {"name": "cutmix"}],
    [{"name": "rand_augment"}, {"name": "gaussian_noise", "sigma": 0.05}, {"name": "mixup"}],
    [{"name": "affine", "degrees": 10}, {"name": "color_jitter", "brightness": 0.4}],
]
WAYS: list[dict[str, Any]] = [
    {},
    {"ema": {"decay": 0.9}},
    {"training": {"precision": "bf16"}},
    {"training": {"accumulate": 3, "gradient_clip_norm": 0.5}, "ema": {"decay": 0.9}},
    {"training": {"layout": "contiguous"}, "warmup": {"steps": 3}},
    {"training": {"precision": "bf16"}, "ema": {"decay": 0.99}},
    {"loss": {"label_smoothing": 0.1}},
    {"training": {"precision": "fp16"}},
]
COUNT = 32
"""Enough that each choice meets several of each other kind; their numbers share few factors."""


def combination(number: int) -> dict[str, Any]:
    return {
        "model": PUBLISHED if number in {13, 30} else MODELS[number % len(MODELS)],
        "optimizer": OPTIMIZERS[number % len(OPTIMIZERS)],
        "scheduler": SCHEDULERS[number % len(SCHEDULERS)],
        "augment": AUGMENTATIONS[(number + number // len(AUGMENTATIONS)) % len(AUGMENTATIONS)],
        **WAYS[number % len(WAYS)],
        "seed": number,
    }


def label(number: int) -> str:
    chosen = combination(number)
    names = [chosen[part]["name"].rpartition(".")[2] for part in ("model", "optimizer")]
    names += [chosen["scheduler"]["name"].rpartition(".")[2]]
    names += [each["name"] for each in chosen["augment"]]
    return "-".join([*names, *(key for key in chosen if key in {"ema", "training", "warmup"})])


@pytest.fixture(autouse=True)
def _any_precision_on_this_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "check_precision", lambda *_: None)


@pytest.mark.parametrize("number", range(COUNT), ids=label)
def test_interrupted_in_the_middle_and_at_the_end_of_epochs(project: Path, number: int) -> None:
    whole, stopped = (new_run(project, **combination(number)) for _ in range(2))
    train(whole)
    for look in (3, 5, 3):
        with pytest.raises(Stopped):
            train(stopped, StopAt(look))
    train(stopped)
    began = [event for event in events_of(stopped) if isinstance(event, TrainingBegan)]
    assert [event.checkpoint for event in began] == [
        "",
        "epoch-0001-step-000002.pt",
        "epoch-0001.pt",
        "epoch-0002-step-000002.pt",
    ]
    assert kept(stopped) == kept(whole)


def test_every_choice_is_combined_with_others() -> None:
    chosen = [combination(number) for number in range(COUNT)]
    every: dict[str, list[Any]] = {
        "model": MODELS,
        "optimizer": OPTIMIZERS,
        "scheduler": SCHEDULERS,
        "augment": AUGMENTATIONS,
    }
    for key, choices in every.items():
        for choice in choices:
            assert sum(combined[key] == choice for combined in chosen) >= 3
