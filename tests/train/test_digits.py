from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import torch
from torch.nn import functional

from tui_trainer.errors import PreflightError
from tui_trainer.spec.choices import CLASS_COUNT, IMAGE_STATISTICS
from tui_trainer.train import digits

if TYPE_CHECKING:
    from tui_trainer.train.dataset import Split


def all_images(split: Split) -> torch.Tensor:
    return split.take(torch.arange(len(split)))


def test_the_split_is_stratified_complete_and_without_overlap() -> None:
    data = digits.load()
    parts = (data.train, data.validation, data.test)
    assert [len(part) for part in parts] == [1197, 300, 300]
    for part in parts:
        counts = torch.bincount(part.labels, minlength=10)
        assert int(counts.max() - counts.min()) <= 7
    distinct = {bytes(image.flatten().tolist()) for part in parts for image in all_images(part)}
    assert len(distinct) == 1797
    assert data.classes == CLASS_COUNT["digits"]


def test_the_statistics_in_choices_are_those_of_the_training_split() -> None:
    images = all_images(digits.load().train).double() / 255
    statistics = IMAGE_STATISTICS["digits"]
    mean = images.mean((0, 2, 3)).tolist()
    std = images.std((0, 2, 3), correction=0).tolist()
    assert statistics.size == images.shape[-1]
    assert [round(value, 4) for value in mean] == list(statistics.mean)
    assert [round(value, 4) for value in std] == list(statistics.std)


def test_enlarging_is_bilinear() -> None:
    small = torch.arange(64).view(1, 8, 8) % 17
    large = torch.from_numpy(digits._enlarged(small.numpy()))[..., 0].float()
    wanted = functional.interpolate(small[:, None].float(), size=32, mode="bilinear") * 255 / 16
    assert (large - wanted[:, 0]).abs().max() <= 0.501


def test_without_scikit_learn_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(PreflightError, match="scikit-learn"):
        digits.load()
