"""A job of the contest as an experiment of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from contest.job import LEARNING_RATE, MEAN, MOMENTUM, SEED, SIDE, STD, Job

from tui_trainer.spec.check import check_experiment

if TYPE_CHECKING:
    from tui_trainer.spec.experiment import Experiment

_MODELS: dict[str, dict[str, Any]] = {
    "simple2": {"name": "simple_cnn"},
    "cnn4": {"name": "cnn4"},
}
_AUGMENTATION = [
    {"name": "random_crop", "padding": 4},
    {"name": "horizontal_flip"},
    {"name": "rotation", "degrees": 15},
    {"name": "gaussian_blur", "kernel_size": 3},
]


def model_table(model: str) -> dict[str, Any]:
    """What experiments.toml would say of it."""
    name, _, stem = model.partition("-")
    return _MODELS.get(model) or {"name": name, **({"stem": stem} if stem else {})}


def experiment_for(job: Job) -> Experiment:
    """As its run is started with."""
    counts = [len(np.load(job.folder / f"{part}.npy")) for part in ("validation", "train")]
    checked = check_experiment(
        {
            "model": model_table(job.model),
            "data": {
                "name": "cifar100",
                "root": str(job.folder / "data"),
                "verify": "shape",
                "validation_fraction": counts[0] / sum(counts),
            },
            "pipeline": {"size": SIDE, "mean": list(MEAN), "std": list(STD)},
            "augment": _AUGMENTATION if job.augment else [],
            "epochs": job.epochs,
            "batch_size": job.batch,
            "seed": SEED,
            "optimizer": {"name": "sgd", "lr": LEARNING_RATE, "momentum": MOMENTUM},
            "training": {
                "precision": job.precision,
                "compile": job.compile,
                # Where losses are compared step by step, sums are made in one order by all.
                "layout": "contiguous" if job.in_order else "channels_last",
            },
            "resources": {"device": job.device},
        }
    )
    if checked.table is None:
        raise SystemExit(f"the benchmark's experiment is wrong: {checked.problems}")
    experiment: Experiment = checked.table
    return experiment
