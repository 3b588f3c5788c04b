from __future__ import annotations

import torch
from torchvision.transforms.v2 import functional as torchvision

from tui_trainer.spec.data import Pipeline
from tui_trainer.train.pipeline import ImagePipeline

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


def pipeline_of(size: int) -> ImagePipeline:
    return ImagePipeline(Pipeline(size, MEAN, STD), torch.device("cpu"))


def test_it_is_torchvisions_resize_and_normalise() -> None:
    images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    for size in (32, 48, 20):
        wanted = images / 255
        if size != 32:
            wanted = torchvision.resize(wanted, [size, size], antialias=True)
        wanted = torchvision.normalize(wanted, list(MEAN), list(STD))
        assert (pipeline_of(size)(images) - wanted).abs().max() <= 1e-5


def test_the_bytes_stay_as_they_are() -> None:
    images = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
    before = images.clone()
    pipeline = pipeline_of(8)
    unit = pipeline.to_unit(images)
    kept = unit.clone()
    pipeline.normalise(unit)
    assert torch.equal(images, before)
    assert torch.equal(unit, kept)


def test_the_layout_is_channels_last() -> None:
    images = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
    for size in (8, 12):
        assert pipeline_of(size)(images).is_contiguous(memory_format=torch.channels_last)
