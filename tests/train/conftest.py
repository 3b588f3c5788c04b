"""Runs small enough to be trained a hundred times over."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.conftest import claim_next
from tests.train.cifar_files import write_cifar
from tui_trainer.record.events import event_from_record
from tui_trainer.record.owner import Owner
from tui_trainer.record.run_folder import RunFolder, claim_run
from tui_trainer.record.tail import Tail
from tui_trainer.spec.check import check_experiment
from tui_trainer.spec.snapshot import experiment_to_toml
from tui_trainer.train import loop
from tui_trainer.train.reporter import Reporter
from tui_trainer.train.signals import Requests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tui_trainer.record.epochs import Epoch
    from tui_trainer.record.events import Event
    from tui_trainer.spec.experiment import Experiment

# Everything that could make a resumed run differ from an uninterrupted one is in use.
SMALL = {
    "model": {"name": "cnn", "depth": 2, "width": 4, "dropout": 0.2},
    "data": {"name": "cifar10", "verify": "shape", "validation_fraction": 0.2},
    "epochs": 2,
    "batch_size": 8,
    "optimizer": {"name": "adam", "lr": 0.01},
    "scheduler": {"name": "one_cycle_lr"},
    "augment": [
        {"name": "random_crop", "padding": 2},
        {"name": "gaussian_blur"},
        {"name": "horizontal_flip"},
        {"name": "gaussian_noise", "sigma": 0.05},
    ],
}

EVERY_STEP = {"checkpoint_minutes": 1e-9}
"""A checkpoint after each of them."""


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUI_TRAINER_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield
    torch.use_deterministic_algorithms(mode=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with 40 training images, 8 of them for validation, and 10 test images."""
    write_cifar(tmp_path / "data", "cifar10", train=40, test=10)
    return tmp_path


def experiment_of(**changes: Any) -> Experiment:
    """The small experiment with changes."""
    checked = check_experiment({**SMALL, **changes})
    assert checked.table is not None, checked.problems
    experiment: Experiment = checked.table
    return experiment


def new_run(project: Path, **changes: Any) -> RunFolder:
    """A run of the small experiment, not begun; it begins without a preflight."""
    folder = claim_run(project / "runs", "small")
    text = experiment_to_toml(experiment_of(**changes), {"preflight": False})
    folder.experiment_file.write_text(text)
    return folder


def train(folder: RunFolder, requests: Requests | None = None) -> None:
    """One attempt, in this process."""
    attempt = claim_next(folder, Owner.of_process(os.getpid()))
    loop.run(folder, attempt.number, requests or Requests(), Reporter())


def events_of(folder: RunFolder) -> list[Event]:
    """All that happened to a run."""
    records = Tail(folder.events_file).read()[0]
    return [event for record in records if (event := event_from_record(record)) is not None]


def without_times(epochs: list[Epoch]) -> list[dict[str, Any]]:
    """What must not depend on when and how often a run was interrupted."""
    return [epoch.result() for epoch in epochs]
