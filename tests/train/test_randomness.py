from __future__ import annotations

import torch

from tui_trainer.train import randomness


def test_a_key_is_the_same_on_every_machine() -> None:
    assert randomness.key(0, "order", 1) == 5923639985046271966


def test_keys_differ_by_seed_purpose_and_each_counter() -> None:
    keys = {
        randomness.key(seed, purpose, epoch, step)
        for seed in range(3)
        for purpose in ("order", "dropout")
        for epoch in (1, 11, 111)
        for step in (1, 11, 111)
    }
    assert len(keys) == 3 * 2 * 3 * 3


def test_an_order_visits_every_image_once_and_depends_on_seed_and_epoch_only() -> None:
    order = randomness.permutation(0, 1, 100)
    torch.manual_seed(99)
    assert sorted(order.tolist()) == list(range(100))
    assert torch.equal(order, randomness.permutation(0, 1, 100))
    assert not torch.equal(order, randomness.permutation(0, 2, 100))
    assert not torch.equal(order, randomness.permutation(1, 1, 100))


def test_reseeding_repeats_what_torch_draws() -> None:
    randomness.reseed(5, "dropout", 1, 2)
    first = torch.rand(4)
    randomness.reseed(5, "dropout", 1, 2)
    assert torch.equal(first, torch.rand(4))
