from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.nn import functional
from torchvision.transforms import v2

from tests.train.conftest import new_run, train
from tests.train.test_loop import assert_same, finish
from tui_trainer.record.epochs import read_epochs
from tui_trainer.spec import augmentation as spec
from tui_trainer.train import augment, mixing
from tui_trainer.train.randomness import generator

if TYPE_CHECKING:
    from pathlib import Path

COUNT, CLASSES, SIDE = 16, 5, 32
IMAGES = torch.rand(COUNT, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(COUNT) % CLASSES


def drawn_of(step: spec.Mixing, count: int = COUNT) -> mixing.Mixed:
    return mixing.draw(step, count, SIDE, generator(0, "test"))


def by_torchvision(step: mixing.Mixed, at: int) -> tuple[Any, Any]:
    """torchvision's batch with the parameters of one image; that image of it."""
    theirs: Any
    if isinstance(step, mixing.Blend):
        theirs, lam = v2.MixUp(num_classes=CLASSES), float(step.own[at])
        parameters: dict[str, Any] = {"lam": lam, "labels": LABELS, "batch_size": COUNT}
    else:
        theirs = v2.CutMix(num_classes=CLASSES)
        box = [int(edge[at]) for edge in (step.left, step.top, step.right, step.bottom)]
        area = (box[2] - box[0]) * (box[3] - box[1])
        lam = 1.0 - area / (SIDE * SIDE)
        parameters = {"box": box, "lam_adjusted": lam, "labels": LABELS, "batch_size": COUNT}
    return theirs.transform(IMAGES, parameters)[at], theirs.transform(LABELS, parameters)[at]


@pytest.mark.parametrize("step", [spec.Mixup("mixup"), spec.CutMix("cutmix")])
def test_each_image_is_mixed_as_torchvision_would_mix_it(step: spec.Mixing) -> None:
    drawn = drawn_of(step)
    mixed, labels = drawn.apply(IMAGES), mixing.mixed_labels(drawn, LABELS, CLASSES)
    for at in range(COUNT):
        image, label = by_torchvision(drawn, at)
        assert (mixed[at] - image).abs().max() <= 1e-6
        assert (labels[at] - label).abs().max() <= 1e-6


def test_cutmix_copies_exactly() -> None:
    drawn = drawn_of(spec.CutMix("cutmix"))
    assert isinstance(drawn, mixing.Box)
    mixed, own = drawn.apply(IMAGES), 0
    for at in range(COUNT):
        image, _ = by_torchvision(drawn, at)
        assert torch.equal(mixed[at], image)
        own += int((mixed[at] == IMAGES[at]).all(0).sum())
    assert own / SIDE**2 == pytest.approx(float(drawn.own.sum()))


@pytest.mark.parametrize("alpha", [0.01, 0.2, 1.0, 8.0])
def test_shares_are_of_the_beta_distribution(alpha: float) -> None:
    drawn = drawn_of(spec.Mixup("mixup", alpha), 8000)
    assert len(set(drawn.own.tolist())) > 1
    assert float(drawn.own.mean()) == pytest.approx(0.5, abs=0.02)
    assert float(drawn.own.var()) == pytest.approx(1 / (4 * (2 * alpha + 1)), abs=0.01)


def test_boxes_are_placed_as_torchvision_places_them() -> None:
    drawn = drawn_of(spec.CutMix("cutmix"), 20_000)
    assert isinstance(drawn, mixing.Box)
    torch.manual_seed(0)
    theirs = v2.CutMix(num_classes=CLASSES)
    boxes = torch.tensor([theirs.make_params([IMAGES])["box"] for _ in range(5000)]).double()
    ours = torch.stack((drawn.left, drawn.top, drawn.right, drawn.bottom), dim=1).double()
    for numbers, expected in (
        (ours, boxes),
        (ours[:, 2:] - ours[:, :2], boxes[:, 2:] - boxes[:, :2]),
    ):
        assert (numbers.mean(0) - expected.mean(0)).abs().max() < 0.7
        assert (numbers.std(0) - expected.std(0)).abs().max() < 0.7
    assert float((ours[:, 2:] - ours[:, :2]).min()) >= 0


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_of_mixed_labels_is_the_mixed_loss(smoothing: float) -> None:
    drawn = drawn_of(spec.Mixup("mixup"))
    logits = torch.randn(COUNT, CLASSES, generator=torch.Generator().manual_seed(1))

    def loss(labels: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")

    expected = drawn.own * loss(LABELS) + (1 - drawn.own) * loss(LABELS.roll(1, 0))
    targets = augment.targets([drawn], LABELS, CLASSES)
    assert torch.allclose(loss(targets), expected, atol=1e-6)


def test_without_mixing_the_targets_are_the_labels() -> None:
    drawn = augment.draw([spec.Rotation("rotation")], COUNT, SIDE, generator(0, "test"))
    assert augment.targets(drawn, LABELS, CLASSES) is LABELS
    assert augment.targets([], LABELS, CLASSES) is LABELS


def test_right_answers_are_those_of_the_larger_share() -> None:
    labels = torch.tensor([0, 1, 2])
    targets = mixing.mixed_labels(mixing.Blend(torch.tensor([0.9, 0.2, 0.7])), labels, 4)
    logits = functional.one_hot(torch.tensor([0, 0, 1]), 4).float()
    # The second image shows more of the first one than of itself.
    assert int(mixing.right_answers(logits, targets)) == 2
    assert int(mixing.right_answers(logits, labels)) == 1


def test_an_image_alone_is_mixed_with_itself() -> None:
    for step in (spec.Mixup("mixup"), spec.CutMix("cutmix")):
        drawn = mixing.draw(step, 1, SIDE, generator(0, "test"))
        assert torch.allclose(drawn.apply(IMAGES[:1]), IMAGES[:1])
        assert mixing.mixed_labels(drawn, LABELS[:1], CLASSES).tolist() == [[1, 0, 0, 0, 0]]


@pytest.mark.parametrize("mixing_name", ["mixup", "cutmix"])
def test_a_run_that_mixes_is_the_same_wherever_it_is_stopped(
    project: Path, mixing_name: str
) -> None:
    augment_tables = [
        {"name": "affine", "degrees": 10, "translate": [0.1, 0.1]},
        {"name": "color_jitter", "brightness": 0.4, "hue": 0.1},
        {"name": "rand_augment"},
        {"name": "aug_mix"},
        {"name": "random_erasing"},
        {"name": mixing_name},
    ]
    whole = new_run(project, augment=augment_tables)
    train(whole)
    stopped = new_run(project, augment=augment_tables)
    assert finish(stopped, at=3) >= 3
    assert_same(stopped, whole)
    for epoch in read_epochs(whole.epochs_file):
        assert epoch.train_accuracy in {count / 32 for count in range(33)}


def test_mixed_labels_reach_the_loss(project: Path) -> None:
    changes: dict[str, Any] = {"model": {"name": "cnn", "depth": 2, "width": 16}, "epochs": 30}
    plain = new_run(project, augment=[], **changes)
    mixed = new_run(project, augment=[{"name": "mixup", "alpha": 8.0}], **changes)
    for run in (plain, mixed):
        train(run)
    learned, blurred = (read_epochs(run.epochs_file)[-1].train_loss for run in (plain, mixed))
    assert learned is not None
    assert blurred is not None
    # 32 images are learned by heart; shares near a half keep their entropy, near log 2.
    assert learned < 0.2
    assert blurred > 0.5
