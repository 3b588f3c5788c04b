"""Evaluations that nobody waits for: they go on, and leave what they said."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, CommandLine
from tui_trainer.errors import ExitCode
from tui_trainer.launch import launcher
from tui_trainer.launch.unattended import begin
from tui_trainer.record.run_folder import RunFolder

OOD = 'ood={corruptions=["contrast"],severities=[5]}'
ASK_AND_GO = """
import os, pathlib, sys
from tui_trainer.launch import launcher
from tui_trainer.record.run_folder import RunFolder
launcher.assess([RunFolder(pathlib.Path(path)) for path in sys.argv[1:]], "predict")
os._exit(0)
"""


@pytest.fixture(autouse=True)
def _this_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def test_one_answer_comes_for_each_run_whatever_becomes_of_it(
    tui_trainer: CommandLine, project: Path
) -> None:
    trains = CommandLine(project, {"PYTHONPATH": str(ROOT)})
    trains("run", "one", "--set", "epochs=1", "--set", OOD)
    tui_trainer.fake(seconds=0.01)("run", "two")
    one, two = (RunFolder(project / "runs" / name / "1") for name in ("one", "two"))
    gone = RunFolder(project / "runs" / "two" / "9")
    answers = list(launcher.assess([two, gone, one, one], "evaluate"))
    assert [answer.run for answer in answers] == ["two/1", "two/9", "one/1", "one/1"]
    assert answers[0].exit_code == ExitCode.USAGE
    assert answers[0].words.startswith("epoch-0004.pt cannot be used")
    assert "Traceback" not in answers[0].words
    assert "No such file or directory" in answers[1].words
    assert not gone.path.exists()
    for answer in answers[2:]:
        assert answer.exit_code == ExitCode.DONE
        accuracy, results = answer.words.split("\n")
        assert accuracy.startswith("out of distribution: accuracy")
        assert results == f"results: {one.results}"
    said = sorted(file.name for file in one.assessments.iterdir())
    assert said == ["evaluate-1.txt", "evaluate-2.txt"]
    assert "clean: accuracy" in (one.assessments / said[0]).read_text()
    assert trains("verify", "one").returncode == ExitCode.DONE


@pytest.mark.usefixtures("tui_trainer")
def test_images_that_are_named_here_are_those_looked_at(project: Path) -> None:
    trains = CommandLine(project, {"PYTHONPATH": str(ROOT)})
    trains("run", "one", "--set", "epochs=1")
    images = project / "my images"
    images.mkdir()
    one = RunFolder(project / "runs" / "one" / "1")
    (answer,) = launcher.assess([one], "predict", images)
    assert answer.words == f"{images} holds neither labels.npy nor distortion00.npy"


def test_it_goes_on_where_whoever_asked_is_gone(runs: Path) -> None:
    folders = [runs / "one" / "1", runs / "two" / "1"]
    done = subprocess.run(
        [sys.executable, "-c", ASK_AND_GO, *map(str, folders)], cwd=runs.parent, check=False
    )
    assert done.returncode == 0
    files = [folder / "assessments" / "predict-1.txt" for folder in folders]
    deadline = time.monotonic() + 120
    while not all(file.exists() and "error:" in file.read_text() for file in files):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert all("Traceback" not in file.read_text() for file in files)


def test_it_does_not_live_where_a_file_of_the_users_may_be_named_like_a_module(
    project: Path,
) -> None:
    begun = begin([RunFolder(project / "runs" / "one" / "1")], "evaluate")
    assert Path(f"/proc/{begun.process.pid}/cwd").readlink() == Path("/")
    (answer,) = begun.answers()
    assert "No such file or directory" in answer.words
