from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from tests.train.conftest import experiment_of
from tui_trainer.train import digits, remains
from tui_trainer.train.dataset import Split
from tui_trainer.train.pipeline import ImagePipeline

if TYPE_CHECKING:
    from tui_trainer.spec.experiment import Experiment

COUNT = 64


def lost(split: Split, experiment: Experiment, seed: int = 0) -> int:
    pipeline = ImagePipeline(experiment.pipeline, torch.device("cpu"))
    return remains.lost(experiment.augment, split, pipeline, seed)


def noise() -> Split:
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 32, 32, 3), np.uint8)
    return Split.pack(images, np.zeros(COUNT, np.int64))


@pytest.mark.parametrize(
    ("step", "least"),
    [
        ({"name": "gaussian_noise", "sigma": 1000.0}, COUNT),
        ({"name": "affine", "degrees": 0, "scale": [0.01, 0.01]}, COUNT),
        ({"name": "gaussian_blur", "kernel_size": 63, "sigma": [1000.0, 1000.0]}, COUNT),
        ({"name": "affine", "degrees": 0, "translate": [1, 1], "scale": [0.3, 0.3]}, COUNT // 4),
    ],
    ids=["noise", "shrunk", "blurred", "moved away"],
)
def test_images_of_which_nothing_is_left_are_counted(step: dict[str, Any], least: int) -> None:
    assert lost(noise(), experiment_of(augment=[step])) >= least


@pytest.mark.parametrize(
    "step",
    [
        {"name": "random_crop", "padding": 8},
        {"name": "rotation", "degrees": 180},
        {"name": "random_erasing", "p": 1.0},
        {"name": "gaussian_blur", "kernel_size": 5},
        {"name": "gaussian_noise", "sigma": 0.3},
        {"name": "color_jitter", "brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.5},
        {"name": "rand_augment"},
        {"name": "trivial_augment_wide"},
        {"name": "aug_mix", "severity": 10},
        {"name": "mixup"},
        {"name": "cutmix"},
        {"name": "affine", "degrees": 180, "translate": [0.3, 0.3], "scale": [0.5, 2]},
    ],
    ids=lambda step: step["name"],
)
def test_what_recipes_do_leaves_something_of_every_image(step: dict[str, Any]) -> None:
    for split in (digits.load().train.only(torch.arange(COUNT)), noise()):
        gone = sum(lost(split, experiment_of(augment=[step]), seed) for seed in range(4))
        assert gone <= 4 * COUNT * 0.03


def test_images_of_one_colour_had_nothing_to_lose() -> None:
    split = Split.pack(np.full((COUNT, 32, 32, 3), 7, np.uint8), np.zeros(COUNT, np.int64))
    assert lost(split, experiment_of(augment=[{"name": "gaussian_noise", "sigma": 9.0}])) == 0
