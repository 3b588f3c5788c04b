from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torchvision.transforms.v2 import functional as torchvision

from tui_trainer.train import colour

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Operator = Callable[[Tensor, Tensor], Tensor]


def difficult_images(side: int = 32) -> Tensor:
    """Noise, few levels, dark noise, one grey, one colour, a ramp, grey noise; as bytes."""
    generator = torch.Generator().manual_seed(0)

    def noise(most: int) -> Tensor:
        return torch.randint(most, (3, side, side), generator=generator)

    colour_of = torch.tensor([200, 3, 90])[:, None, None].expand(3, side, side)
    ramp = torch.arange(side * side).view(1, side, side).expand(3, side, side) % 256
    grey = noise(256)[:1].expand(3, side, side)
    flat = torch.full((3, side, side), 128)
    every = [noise(256), noise(3) * 120, noise(40), flat, colour_of, ramp, grey, noise(2) * 255]
    return torch.stack(every).byte()


FLOATS: list[tuple[Operator, str, list[float], float]] = [
    (colour.brightness, "adjust_brightness", [0.0, 0.3, 1.0, 1.9], 1e-6),
    (colour.contrast, "adjust_contrast", [0.0, 0.3, 1.0, 1.9], 1e-6),
    (colour.saturation, "adjust_saturation", [0.0, 0.3, 1.0, 1.9], 1e-6),
    (colour.sharpness, "adjust_sharpness", [0.0, 0.3, 1.0, 1.9], 1e-6),
    (colour.hue, "adjust_hue", [-0.5, -0.21, 0.0, 0.1, 0.5], 1e-5),
]


@pytest.mark.parametrize("side", [32, 7, 2])
@pytest.mark.parametrize(("operator", "name", "amounts", "tolerance"), FLOATS)
def test_operators_on_floats_are_torchvisions(
    operator: Operator, name: str, amounts: list[float], tolerance: float, side: int
) -> None:
    images = difficult_images(side) / 255
    for first in range(len(amounts)):
        drawn = [amounts[(first + at) % len(amounts)] for at in range(len(images))]
        ours = operator(images, torch.tensor(drawn))
        theirs = torch.stack(
            [
                getattr(torchvision, name)(image, amount)
                for image, amount in zip(images, drawn, strict=True)
            ]
        )
        assert (ours - theirs).abs().max() <= tolerance


LEVELS: list[tuple[Operator, str, list[float], float]] = [
    (colour.posterize, "posterize", [0, 1, 4, 7, 8], 1),
    (colour.solarize, "solarize", [i / 30 for i in range(31)], 255.0),
    (colour.solarize, "solarize", torch.linspace(1, 0, 10).tolist(), 255.0),
]


@pytest.mark.parametrize("side", [32, 7])
@pytest.mark.parametrize(("operator", "name", "amounts", "factor"), LEVELS)
def test_operators_on_levels_are_torchvisions_on_bytes(
    operator: Operator, name: str, amounts: list[float], factor: float, side: int
) -> None:
    images = difficult_images(side)
    for amount in amounts:
        ours = operator(images / 255, torch.full((len(images),), float(amount)))
        theirs = getattr(torchvision, name)(images, amount * factor)
        assert torch.equal((ours * 255).round().byte(), theirs)


@pytest.mark.parametrize("side", [32, 64, 7, 1])
def test_equalize_is_torchvisions_on_bytes(side: int) -> None:
    images = difficult_images(side)
    ours = colour.equalize(images / 255, torch.zeros(len(images)))
    theirs = torch.stack([torchvision.equalize(image) for image in images])
    assert torch.equal((ours * 255).round().byte(), theirs)


@pytest.mark.parametrize("side", [32, 7, 1])
def test_autocontrast_is_torchvisions(side: int) -> None:
    images = difficult_images(side) / 255
    ours = colour.autocontrast(images, torch.zeros(len(images)))
    theirs = torch.stack([torchvision.autocontrast(image) for image in images])
    assert (ours - theirs).abs().max() <= 1e-6


def test_every_level_survives_being_a_float() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(colour._bytes(levels / 255), levels)
