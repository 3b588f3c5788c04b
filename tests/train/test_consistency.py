"""AugMix with its consistency loss: the paper's figures, and exact wherever it is interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.nn import functional

from tests.train.conftest import experiment_of, new_run, train
from tests.train.test_dataset import random_split
from tests.train.test_loop import StopAt, assert_same, finish
from tests.train.test_pipeline import pipeline_of
from tui_trainer.record.epochs import read_epochs
from tui_trainer.spec import augmentation as spec
from tui_trainer.train import augment, consistency, optim
from tui_trainer.train.anatomy import anatomy
from tui_trainer.train.loop import Stopped
from tui_trainer.train.randomness import generator

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

AUG_MIX = spec.AugMix("aug_mix")
JSD: dict[str, Any] = {
    "augment": [{"name": "random_crop", "padding": 2}, {"name": "aug_mix"}],
    "loss": {"jsd": 12.0, "label_smoothing": 0.1},
}


def published(logits: Tensor, labels: Tensor, weight: float) -> Tensor:
    """The loss as google-research/augmix has it in cifar.py."""
    clean, one, other = torch.split(logits, len(labels))
    loss = functional.cross_entropy(clean, labels)
    said = [functional.softmax(part, dim=1) for part in (clean, one, other)]
    mixture = torch.clamp((said[0] + said[1] + said[2]) / 3.0, 1e-7, 1).log()
    apart = [functional.kl_div(mixture, part, reduction="batchmean") for part in said]
    return loss + weight * (apart[0] + apart[1] + apart[2]) / 3.0


@pytest.mark.parametrize("spread", [0.1, 1.0, 5.0])
def test_loss_and_gradient_are_the_published_ones(spread: float) -> None:
    settings = experiment_of(augment=[{"name": "aug_mix"}], loss={"jsd": 12}).loss
    noise = torch.randn(24, 10, generator=generator(0, "test")) * spread
    labels = torch.arange(8)
    results = []
    for loss in (optim.loss_for(settings), lambda said, truth: published(said, truth, 12.0)):
        logits = noise.clone().requires_grad_()
        value = loss(logits, labels)
        torch.autograd.backward(value)
        results.append((value.detach(), logits.grad))
    (ours, our_gradient), (theirs, their_gradient) = results
    assert torch.allclose(ours, theirs, rtol=1e-5)
    assert our_gradient is not None
    assert their_gradient is not None
    assert torch.allclose(our_gradient, their_gradient, atol=1e-6)


def test_the_divergence_has_its_bounds() -> None:
    certain = torch.eye(3) * 1000
    apart = [certain[[index]] for index in range(3)]
    assert torch.allclose(consistency.jensen_shannon(apart), torch.tensor(3.0).log())
    same = torch.randn(4, 5)
    assert consistency.jensen_shannon([same] * 3).abs() < 1e-6
    confident = torch.tensor([[500.0, -500.0]]).requires_grad_()
    torch.autograd.backward(consistency.jensen_shannon([confident, -confident, confident * 0]))
    assert confident.grad is not None
    assert confident.grad.isfinite().all()


def test_smoothing_and_weights_of_classes_are_of_the_first_view_alone() -> None:
    settings = experiment_of(augment=[{"name": "aug_mix"}], loss={"jsd": 3, "label_smoothing": 0.2})
    logits, labels = torch.randn(12, 10), torch.arange(4)
    weights = torch.rand(10) + 0.5
    found = optim.loss_for(settings.loss, weights)(logits, labels)
    own = functional.cross_entropy(
        logits[:4], labels, weight=weights, label_smoothing=0.2, reduction="sum"
    )
    divergence = consistency.jensen_shannon(torch.split(logits, 4))
    assert torch.allclose(found, own / 4 + 3 * divergence)


def test_the_views_are_the_image_and_two_mixtures_of_the_same_crop() -> None:
    split, _ = random_split(6, 32)
    steps: list[spec.Augmentation] = [
        spec.RandomCrop("random_crop"),
        spec.HorizontalFlip("horizontal_flip"),
        AUG_MIX,
    ]
    indices, pipeline = torch.tensor([4, 1, 0, 5]), pipeline_of(32)
    shown = consistency.views(split, indices, steps, pipeline, generator(3, "test"))
    *shared, one, other = augment.draw([*steps, AUG_MIX], 4, 32, generator(3, "test"))
    cropped = augment.augmented(split, indices, shared, pipeline)
    assert torch.equal(shown[:4], cropped)
    for view, mixture in ((shown[4:8], one), (shown[8:], other)):
        assert torch.equal(view, augment.changed(cropped, [mixture]))
        assert not torch.equal(view, cropped)
    assert not torch.equal(shown[4:8], shown[8:])
    assert shown.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("at", [2, 5, 8])
def test_a_run_is_the_same_wherever_it_is_stopped(project: Path, at: int) -> None:
    whole, stopped = (new_run(project, **JSD) for _ in range(2))
    train(whole)
    with pytest.raises(Stopped):
        train(stopped, StopAt(at))
    train(stopped)
    assert_same(stopped, whole)
    for epoch in read_epochs(whole.epochs_file):
        assert epoch.train_accuracy in {count / 32 for count in range(33)}


def test_with_accumulation_and_averaged_weights_too(project: Path) -> None:
    changes = {**JSD, "training": {"accumulate": 2}, "ema": {"decay": 0.9}}
    whole, stopped = (new_run(project, **changes) for _ in range(2))
    train(whole)
    assert finish(stopped, at=3) >= 3
    assert_same(stopped, whole)


def test_a_weight_of_zero_is_none_at_all_and_another_one_is_learnt_with(project: Path) -> None:
    left_out, zero, compared = (
        new_run(project, **{**JSD, "loss": {"label_smoothing": 0.1, **weight}})
        for weight in ({}, {"jsd": 0.0}, {"jsd": 12.0})
    )
    for folder in (left_out, zero, compared):
        train(folder)
    assert_same(left_out, zero)
    losses = [read_epochs(folder.epochs_file)[0].train_loss for folder in (zero, compared)]
    assert losses[0] != losses[1]


def test_the_cost_of_three_views_is_told(tmp_path: Path) -> None:
    plain, compared = (
        anatomy(experiment_of(data={"name": "digits"}, **changes), tmp_path)
        for changes in ({"augment": [{"name": "aug_mix"}]}, JSD)
    )
    assert compared["training_flops"] == 3 * plain["training_flops"]
    assert compared["memory"]["activations"] == 3 * plain["memory"]["activations"]
    assert compared["memory"]["weights"] == plain["memory"]["weights"]
