from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.train.test_dataset import random_split
from tests.train.test_pipeline import pipeline_of
from tui_trainer.train import evaluate
from tui_trainer.train.dataset import Split

if TYPE_CHECKING:
    from collections.abc import Callable


class Network(nn.Module):
    """Notes its batches; guesses from the mean of each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[int, bool]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.batches.append((len(images), self.training))
        return images.mean((2, 3))


def split_of(count: int) -> tuple[Split, Tensor, Tensor]:
    split, images = random_split(count, 4)
    labels = torch.arange(count) % 3
    return Split(split.pixels, labels, split.side), images, labels


def nothing() -> None:
    """Nobody listens."""


@pytest.mark.parametrize("count", [1, 256, 257, 600])
def test_loss_and_accuracy_are_means_over_all_images(count: int) -> None:
    split, images, labels = split_of(count)
    network = Network()
    measured = evaluate.measure(network, split, pipeline_of(4), nothing)
    logits = pipeline_of(4)(images).mean((2, 3))
    wanted = float(functional.cross_entropy(logits, labels))
    assert measured.images == count == sum(size for size, _ in network.batches)
    assert measured.loss == pytest.approx(wanted, rel=1e-5)
    assert measured.accuracy == float((logits.argmax(1) == labels).double().mean())


def test_the_network_is_in_evaluation_mode_and_learns_nothing() -> None:
    split, *_ = split_of(4)
    network = Network()
    evaluate.measure(network, split, pipeline_of(4), nothing)
    assert network.batches == [(4, False)]


def test_it_can_be_ended_after_any_batch() -> None:
    def end_after(count: int) -> Callable[[], None]:
        seen: list[None] = []

        def after_batch() -> None:
            seen.append(None)
            if len(seen) == count:
                raise InterruptedError

        return after_batch

    split, *_ = split_of(600)
    network = Network()
    with pytest.raises(InterruptedError):
        evaluate.measure(network, split, pipeline_of(4), end_after(2))
    assert len(network.batches) == 2
