"""`evaluate` and `predict` as a user types them, on a run that was really trained."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.conftest import ROOT, CommandLine
from tui_trainer.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

OOD = 'ood={corruptions=["fog","contrast"],severities=[1,5],probe=20}'


@pytest.fixture
def trained(project: Path) -> CommandLine:
    command_line = CommandLine(project, {"PYTHONPATH": str(ROOT)})
    done = command_line("run", "one", "--set", "epochs=1", "--set", OOD)
    assert done.returncode == ExitCode.DONE, done.stderr
    return command_line


def test_a_trained_run_shows_evaluates_and_predicts(trained: CommandLine) -> None:
    (run,) = trained.json("runs")
    shown = trained("show", "one").stdout
    assert 0 < run["ood_accuracy"] < run["clean_accuracy"] + run["ood_gap"] + 1
    assert f"out of distribution: accuracy {100 * run['ood_accuracy']:.1f} %" in shown
    assert len(re.findall(r"^ +[0-9.]+ % (fog|contrast)$", shown, re.MULTILINE)) == 2
    (line,) = (line for line in trained("runs").stdout.splitlines() if line.startswith("one/1"))
    assert f"{100 * run['ood_accuracy']:.1f} %" in line

    evaluated = trained("evaluate", "one")
    assert evaluated.returncode == ExitCode.DONE, evaluated.stderr
    assert f"out of distribution: accuracy {100 * run['ood_accuracy']:.1f} %" in evaluated.stdout

    images = np.zeros((10, 32, 32, 3), np.uint8)
    (trained.folder / "challenge").mkdir()
    np.save(trained.folder / "challenge" / "distortion00.npy", images)
    predicted = trained("predict", "one", "--folder", "challenge")
    assert predicted.returncode == ExitCode.DONE, predicted.stderr
    file = trained.folder / "runs" / "one" / "1" / "results" / "submission_ood.csv"
    assert hashlib.sha256(file.read_bytes()).hexdigest() in predicted.stdout
    assert "results/submission_ood.csv" in trained("show", "one").stdout


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_run_that_is_not_there_is_told(tui_trainer: CommandLine, command: str) -> None:
    done = tui_trainer(command, "absent")
    assert done.returncode == ExitCode.USAGE
    assert "there is no run" in done.stderr


def test_a_run_without_a_checkpoint_says_so(tui_trainer: CommandLine) -> None:
    tui_trainer.fake()("run", "one")
    done = tui_trainer("evaluate", "one")
    assert done.returncode == ExitCode.USAGE
    assert "error:" in done.stderr
    assert "Traceback" not in done.stderr
