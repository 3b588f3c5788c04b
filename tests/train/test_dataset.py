from __future__ import annotations

import numpy as np
import torch

from tui_trainer.train.dataset import OUTSIDE, Split, stratified_order


def random_split(count: int, side: int) -> tuple[Split, torch.Tensor]:
    """A split, and the same images as torchvision takes them."""
    images = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8)
    rows = np.ascontiguousarray(images.permute(0, 2, 3, 1).numpy())
    return Split.pack(rows, np.arange(count)), images


def test_what_is_packed_comes_out_again() -> None:
    split, images = random_split(5, 7)
    indices = torch.tensor([4, 0, 0, 3])
    assert torch.equal(split.take(indices), images[indices])


def test_a_place_outside_is_black() -> None:
    split, images = random_split(2, 3)
    places = torch.full((2, 9), OUTSIDE)
    places[0, 4] = 0
    taken = split.take(torch.tensor([1, 0]), places)
    assert torch.equal(taken[0, :, 1, 1], images[1, :, 0, 0])
    taken[0, :, 1, 1] = 0
    assert not taken.any()


def test_every_beginning_of_a_stratified_order_holds_each_class_in_its_share() -> None:
    labels = np.repeat(np.arange(4), [100, 200, 300, 400])
    order = stratified_order(labels, 0)
    assert sorted(order) == list(range(1000))
    for end in (10, 100, 500):
        counts = np.bincount(labels[order[:end]], minlength=4)
        assert np.abs(counts - np.array([0.1, 0.2, 0.3, 0.4]) * end).max() <= 1


def test_a_stratified_order_depends_on_its_seed() -> None:
    labels = np.zeros(50, np.int64)
    assert not np.array_equal(stratified_order(labels, 0), stratified_order(labels, 1))
    assert np.array_equal(stratified_order(labels, 1), stratified_order(labels, 1))
