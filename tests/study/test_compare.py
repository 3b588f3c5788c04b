"""Runs beside each other: figures, and the settings that differ and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import RunWriter, write_project, write_robust_study
from tui_trainer.record.index import Index
from tui_trainer.study.compare import compare
from tui_trainer.study.facts import facts_of

if TYPE_CHECKING:
    from pathlib import Path


def test_only_settings_that_differ_are_told(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    for name in ("cnn2", "resnet18", "cnn4"):
        RunWriter(project, name)
    rows = {
        each.key: each.values
        for each in compare([facts_of(run) for run in Index(project / "runs").look()]).differences
    }
    # The runs stand in the order of their names: cnn2, cnn4, resnet18.
    assert rows["model.name"] == ("cnn", "cnn", "resnet18")
    assert rows["model.depth"] == ("2", "4", "-")
    assert rows["epochs"] == ("14", "14", "30")
    assert rows["augment"] == ("none", "rotation degrees=10", "none")
    assert "optimizer.lr" not in rows
    assert "fingerprint" not in rows
    assert "description" not in rows


def test_the_first_run_is_the_measure(tmp_path: Path) -> None:
    runs = Index(write_robust_study(tmp_path) / "runs").look()
    record = compare([facts_of(run) for run in runs]).as_record()
    first, second = record["runs"][:2]
    assert (first["run"], first["above_first"]) == ("cnn2/1", 0)
    assert first["best"]["epoch"] == 13
    gained = second["best"]["validation_accuracy"] - first["best"]["validation_accuracy"]
    assert second["above_first"] == pytest.approx(gained)
    assert second["settings"] == {"model.depth": 4, "augment": "rotation degrees=10"}
    assert first["ood_accuracy"] == 0.5132


def test_a_run_that_measured_nothing_is_compared_all_the_same(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    for _ in range(2):
        (RunWriter(project, "cnn2").folder.experiment_file).write_text("torn")
    record = compare([facts_of(run) for run in Index(project / "runs").look()]).as_record()
    assert [run["settings"] for run in record["runs"]] == [{}, {}]
    assert [run["best"] for run in record["runs"]] == [None, None]
    assert record["differences"] == []
