from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from tui_trainer.train.metrics import Predictions


def random_predictions(count: int = 500, classes: int = 7) -> Predictions:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(count, classes, generator=generator)
    return Predictions(logits, torch.randint(classes, (count,), generator=generator))


def test_loss_and_top_accuracies_are_those_of_their_definitions() -> None:
    given = random_predictions()
    assert given.loss == pytest.approx(float(functional.cross_entropy(given.logits, given.labels)))
    ranks = (-given.logits).argsort(1).numpy()
    labels = given.labels.numpy()
    assert given.top(1) == (ranks[:, 0] == labels).mean()
    assert given.top(5) == np.mean(
        [label in row[:5] for label, row in zip(labels, ranks, strict=True)]
    )
    assert given.top(100) == 1.0


def test_the_calibration_error_is_the_papers_sum_over_bins() -> None:
    given = random_predictions()
    shares = given.logits.double().softmax(1).numpy()
    confidence, right = shares.max(1), shares.argmax(1) == given.labels.numpy()
    wanted = 0.0
    for bin_ in range(15):
        inside = (confidence > bin_ / 15) & (confidence <= (bin_ + 1) / 15)
        if inside.any():
            apart = abs(right[inside].mean() - confidence[inside].mean())
            wanted += inside.sum() / len(right) * apart
    assert given.calibration_error() == pytest.approx(wanted)
    assert wanted > 0.01


def test_a_network_that_is_sure_and_right_is_calibrated_and_one_that_is_wrong_is_not() -> None:
    labels = torch.tensor([0, 1, 2, 3])
    sure = functional.one_hot(labels).double() * 100
    assert Predictions(sure, labels).calibration_error() == pytest.approx(0)
    assert Predictions(sure, labels.flip(0)).calibration_error() == pytest.approx(1)


def test_the_confusion_counts_classes_by_what_they_were_taken_for() -> None:
    logits = torch.eye(3)[[0, 1, 1, 2]]
    record = Predictions(logits, torch.tensor([0, 0, 1, 1])).as_record()
    assert record["confusion"] == [[1, 1, 0], [0, 1, 1], [0, 0, 0]]
    assert record["class_accuracy"] == [0.5, 0.5, None]
    assert record["worst_classes"] == [0, 1]
    assert record["accuracy"] == 0.5


def test_the_worst_classes_come_first() -> None:
    logits = torch.eye(3)[[0, 1, 0, 0]]
    record = Predictions(logits, torch.tensor([0, 1, 1, 2])).as_record()
    assert record["worst_classes"] == [2, 1, 0]
