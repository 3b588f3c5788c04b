from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from tests.train.conftest import events_of, new_run, train
from tests.train.test_loop import finish
from tui_trainer.record.epochs import Epoch
from tui_trainer.record.events import Alarmed
from tui_trainer.train import alarms
from tui_trainer.train.alarms import Firing, chance_threshold, over_above, signs

if TYPE_CHECKING:
    from pathlib import Path

    from tui_trainer.record.run_folder import RunFolder


def epochs_of(
    accuracies: list[float], losses: list[float] | None = None, rates: list[float] | None = None
) -> list[Epoch]:
    count = len(accuracies)
    losses, rates = losses or [1.0] * count, rates or [0.1] * count
    rows = enumerate(zip(accuracies, losses, rates, strict=True), 1)
    unknown: dict[str, Any] = dict.fromkeys(
        ("train_loss", "train_accuracy", "ood_accuracy", "grad_norm", "seconds", "time")
    )
    return [
        Epoch(
            epoch=number,
            attempt=1,
            step=number,
            validation_accuracy=accuracy,
            validation_loss=loss,
            lr=rate,
            images_per_second=None,
            **unknown,
        )
        for number, (accuracy, loss, rate) in rows
    ]


def kinds(epochs: list[Epoch], planned: int = 10, classes: int = 100) -> list[str]:
    return [kind for kind, _ in signs(epochs, planned, classes)]


def alarms_of(folder: RunFolder) -> list[Alarmed]:
    return [event for event in events_of(folder) if isinstance(event, Alarmed)]


def test_chance_level_is_told_after_the_first_epoch_only() -> None:
    assert kinds(epochs_of([0.0199])) == ["chance_level"]
    assert kinds(epochs_of([0.02])) == []
    assert kinds(epochs_of([0.01, 0.01])) == []
    (message,) = (message for _, message in signs(epochs_of([0.01]), 10, 100))
    assert "1.00 %" in message or "1.0 %" in message or "1.00%" in message


def test_with_few_classes_chance_is_not_everything() -> None:
    assert [chance_threshold(classes) for classes in (2, 4, 10)] == [0.75, 0.5, 0.2]


def test_an_alarm_says_which_accuracy_ends_it() -> None:
    epochs = epochs_of([0.3, 0.5, 0.4])
    assert over_above("chance_level", epochs, 10) == 0.2
    assert over_above("plateau", epochs, 10) == 0.5
    assert over_above("still_improving", epochs, 10) == 0.0
    assert over_above("dead_units", epochs, 10) is None


def test_a_plateau_is_told_once() -> None:
    told = [
        "plateau" in kinds(epochs_of([0.3, 0.5, *[0.4] * more]), planned=30) for more in range(12)
    ]
    assert told == [more == 6 for more in range(12)]


def test_a_plateau_needs_five_epochs_in_short_runs() -> None:
    assert "plateau" not in kinds(epochs_of([0.5, *[0.4] * 4]), planned=10)
    assert "plateau" in kinds(epochs_of([0.5, *[0.4] * 5]), planned=10)


RISING, FALLING = [0.1, 0.2, 0.3, 0.4, 0.5], [5.0, 4.0, 3.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("accuracies", "losses", "rates", "planned", "told"),
    [
        (RISING, FALLING, None, 5, True),
        (RISING, FALLING, None, 6, False),
        ([*RISING[:4], 0.35], FALLING, None, 5, False),
        (RISING, [*FALLING[:4], 2.5], None, 5, False),
        (RISING, FALLING, [0.1, 0.1, 0.1, 0.01, 0.001], 5, False),
        (RISING[:4], FALLING[:4], None, 4, False),
    ],
    ids=["improving", "not the end", "not the best", "loss", "annealed", "too short"],
)
def test_still_improving_is_told_at_the_end(
    accuracies: list[float],
    losses: list[float],
    rates: list[float] | None,
    planned: int,
    *,
    told: bool,
) -> None:
    epochs = epochs_of(accuracies, losses, rates)
    assert ("still_improving" in kinds(epochs, planned, classes=10)) is told


class TwoUses(nn.Module):
    """One ReLU module used at two widths, as in torchvision's networks."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        first = self.relu(images)
        total: torch.Tensor = self.relu(torch.cat([first, -first], 1)).sum()
        return total


def test_units_that_never_fire_are_counted_per_layer_and_channel() -> None:
    network, firing = TwoUses(), Firing()
    images = torch.zeros(2, 3, 4, 4)
    images[1, 0, 2, 2] = 1.0
    with firing.watch(network):
        network(torch.zeros_like(images))
        network(images)
    assert (firing.units, firing.dead) == (3 + 6, 2 + 5)
    network(torch.ones_like(images))
    assert firing.dead == 7


def test_dead_units_are_told_by_a_run(project: Path) -> None:
    dead = new_run(
        project,
        model={"name": "cnn", "depth": 2, "normalization": "none"},
        optimizer={"name": "sgd", "lr": 30.0, "momentum": 0.0},
        scheduler={"name": "none"},
        epochs=1,
    )
    train(dead)
    (alarm,) = (alarm for alarm in alarms_of(dead) if alarm.kind == "dead_units")
    assert "ReLU units fired for no validation image" in alarm.message


def test_alarms_are_told_once_however_often_a_run_is_interrupted(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alarms, "chance_threshold", lambda _classes: 1.1)
    folder = new_run(project)
    finish(folder, at=3)
    train(folder)
    assert [alarm.epoch for alarm in alarms_of(folder) if alarm.kind == "chance_level"] == [1]
