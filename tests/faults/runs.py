"""The smallest runs that do everything a run does: 3 epochs, a test, a submission."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from tui_trainer.record.run_folder import RunFolder, claim_run
from tui_trainer.spec.check import check_experiment
from tui_trainer.spec.snapshot import experiment_to_toml

if TYPE_CHECKING:
    from pathlib import Path

EPOCHS = 3
STEPS = 3
IMAGES = 8 * STEPS
SIDE, CLASSES = 8, 4
SUBMITTED = 5 * 2

EXPERIMENT = {
    "model": {"name": "cnn", "depth": 1, "width": 2, "dropout": 0.2},
    "data": {"name": "npz", "path": "tiny.npz"},
    "pipeline": {"size": SIDE},
    "epochs": EPOCHS,
    "batch_size": 8,
    "optimizer": {"name": "adam", "lr": 0.01},
    "scheduler": {"name": "one_cycle_lr"},
    "augment": [{"name": "horizontal_flip"}, {"name": "gaussian_noise", "sigma": 0.05}],
    "ema": {"decay": 0.9},
    "ood": {"folder": "ood"},
}


def make_project(place: Path) -> Path:
    """A project with tiny images, and images out of distribution that have no labels."""
    place.mkdir(exist_ok=True)
    draw = np.random.default_rng(0)
    arrays: dict[str, Any] = {}
    for part, count in (("", IMAGES), ("validation_", 8), ("test_", 8)):
        labels = np.arange(count) % CLASSES
        noise = draw.integers(0, 60, (count, SIDE, SIDE, 3))
        arrays[f"{part}images"] = (noise + 60 * labels[:, None, None, None]).astype(np.uint8)
        arrays[f"{part}labels"] = labels
    np.savez(place / "tiny.npz", **arrays)
    (place / "ood").mkdir()
    images = draw.integers(0, 256, (SUBMITTED, SIDE, SIDE, 3), np.uint8)
    np.save(place / "ood" / "distortion00.npy", images)
    return place


def new_run(project: Path, **changes: object) -> RunFolder:
    """A run that nobody has begun."""
    checked = check_experiment({**EXPERIMENT, **changes})
    assert checked.table is not None, checked.problems
    folder = claim_run(project / "runs", "tiny")
    # What is looked at here is the run, not what is rehearsed before it.
    folder.experiment_file.write_text(experiment_to_toml(checked.table, {"preflight": False}))
    return folder


def remove(folder: RunFolder) -> None:
    """Make room; thousands of runs fill a disk."""
    shutil.rmtree(folder.path)
    folder.path.with_name(f"{folder.path.name}.log").unlink(missing_ok=True)
