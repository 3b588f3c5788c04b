"""Finished runs for plots and reports, several seeds of several depths, written in milliseconds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.tui.run_folders import RunWriter, write_project
from tui_trainer.record.durable import write_once
from tui_trainer.record.events import Evaluated, append_event
from tui_trainer.record.index import Index

if TYPE_CHECKING:
    from pathlib import Path

    from tui_trainer.record.index import Run

STUDY = """\
[project]
name = "made <b>&</b> $study$"
[defaults]
data = { name = "digits" }
epochs = 6
[experiments.flat]
model = { name = "cnn", depth = 2 }
[experiments.flat-seed1]
base = "flat"
seed = 1
[experiments.deep]
base = "flat"
model.depth = 4
[experiments.deep-seed1]
base = "deep"
seed = 1
[experiments.other]
base = "flat"
batch_size = 8
[studies.depth]
base = "flat"
grid = { "model.depth" = [2, 4] }
seeds = 2
"""
FOUND = {"flat": (0.90, 0.50), "flat-seed1": (0.94, 0.58), "deep": (0.95, 0.60)}
"""Accuracy on clean test images and out of distribution; of `deep-seed1` there is no run."""


def write_made(folder: Path) -> Path:
    """Two seeds of a setup, one of another."""
    project = write_project(folder, STUDY)
    for name, (clean, ood) in FOUND.items():
        writer = RunWriter(project, name).start()
        writer.train(6, rate=0.3 if name == "deep" else 0.25, ood_gap=0.3)
        put_result(writer, "test", "clean", clean_result(clean))
        put_result(writer, "ood", "ood", ood_result(clean, ood))
        writer.end(0)
    return project


def put_result(writer: RunWriter, split: str, file: str, result: dict[str, Any]) -> None:
    """A result as the core writes it, and the event that tells of it."""
    path = writer.folder.results / f"{file}.json"
    path.parent.mkdir(exist_ok=True)
    write_once(path, json.dumps(result).encode())
    evaluated = Evaluated(
        attempt=writer.attempt,
        split=split,
        checkpoint="epoch-0006.pt",
        loss=None,
        accuracy=result["accuracy"],
        file=f"results/{file}.json",
        sha256="0" * 64,
    )
    append_event(writer.folder.events_file, evaluated)


def clean_result(accuracy: float) -> dict[str, Any]:
    return {
        "accuracy": accuracy,
        "loss": 0.2,
        "confusion": [[9, 1, 0], [0, 10, 0], [2, 0, 8]],
        "class_names": ["cat", "<dog>", "$fish$"],
    }


def ood_result(clean: float, accuracy: float) -> dict[str, Any]:
    return {
        "accuracy": accuracy,
        "gap": clean - accuracy,
        "corruptions": {
            "fog": {"1": 0.9, "5": 0.2, "mean": 0.55},
            "motion_blur": {"1": 0.95, "5": 0.85, "mean": 0.9},
        },
    }


def looks(project: Path) -> dict[str, Run]:
    """The project's runs by name."""
    return {run.name: run for run in Index(project / "runs").look()}
