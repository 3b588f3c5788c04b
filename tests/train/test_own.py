"""A run of the user's own code and data: a change of either never goes unsaid."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from tests.conftest import ROOT, CommandLine
from tests.train.conftest import events_of, experiment_of, new_run, train
from tests.train.test_loop import StopAt
from tui_trainer.errors import ExitCode
from tui_trainer.launch.launcher import prepare
from tui_trainer.record.events import Warned
from tui_trainer.record.experiment_file import read_experiment
from tui_trainer.spec.project import load_project
from tui_trainer.train import own
from tui_trainer.train.loop import Stopped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tui_trainer.record.run_folder import RunFolder

NET = """\
from torch import nn
from mynets_parts import features
def build(classes, size):
    return nn.Sequential(nn.Flatten(), nn.Linear(features(size), classes))
"""
PARTS = "def features(size): return 3 * size * size\n"
MINE = {"model": {"name": "mynets:build"}}


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    forget_modules()


def forget_modules() -> None:
    """As a new process does."""
    for name in [name for name in sys.modules if name.startswith("mynets")]:
        del sys.modules[name]


@pytest.fixture
def mine(project: Path) -> Path:
    """A project with a network in two modules."""
    (project / "mynets.py").write_text(NET)
    (project / "mynets_parts.py").write_text(PARTS)
    return project


def stopped(project: Path) -> RunFolder:
    folder = new_run(project, **MINE)
    with pytest.raises(Stopped):
        train(folder, StopAt(3))
    forget_modules()
    return folder


def warnings(folder: RunFolder) -> list[str]:
    return [event.message for event in events_of(folder) if isinstance(event, Warned)]


def test_a_resume_tells_which_module_has_changed(mine: Path) -> None:
    folder = stopped(mine)
    with (mine / "mynets_parts.py").open("a") as file:
        file.write("# another thought\n")
    train(folder)
    (told,) = warnings(folder)
    assert told.startswith("resumed from epoch-0001-step-000002.pt, but mynets_parts.py has ch")
    assert told.endswith(": the result will be of both, and not that of an uninterrupted run")


def test_a_module_that_is_no_longer_used_but_there_is_no_change(mine: Path) -> None:
    folder = stopped(mine)
    train(folder)
    assert not warnings(folder)


def test_an_edit_between_launch_and_start_is_told(mine: Path) -> None:
    (mine / "experiments.toml").write_text(
        '[experiments.mine]\nmodel = { name = "mynets:build" }\nepochs = 1\n'
    )
    known = load_project(mine / "experiments.toml")
    folder = prepare(known, "mine", experiment_of(**MINE))
    assert [*read_experiment(folder).provenance["own_files"]] == ["mynets.py"]
    with (mine / "mynets.py").open("a") as file:
        file.write("# another thought\n")
    train(folder)
    assert warnings(folder) == [
        "mynets.py has changed since the launch: the run is trained with what is there now"
    ]


def test_a_checkpoint_holds_what_it_was_trained_with(project: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), np.uint8)
    np.savez(project / "mine.npz", images=images, labels=np.arange(40) % 4)
    folder = new_run(project, data={"name": "npz", "path": "mine.npz"})
    train(folder)
    content = torch.load(folder.checkpoints / "epoch-0002.pt", weights_only=True)
    assert [*content["circumstances"]["own_files"]] == ["mine.npz"]


def test_installed_modules_are_not_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / ".venv" / "lib" / "python3" / "site-packages"
    place.mkdir(parents=True)
    (place / "mynets_installed.py").touch()
    (tmp_path / "mynets_mine.py").touch()
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("mynets_installed", "mynets_mine"):
        __import__(name)
    assert own.imported(tmp_path) == ["mynets_mine.py"]
    assert own.imported(ROOT / "tui_trainer") == []


CRASHING = """\
from torch import nn
class Net(nn.Sequential):
    steps = 0
    def forward(self, images):
        self.steps += self.training
        assert self.steps < 12, "planted"
        return super().forward(images)
def build(classes, size):
    return Net(nn.Flatten(), nn.Linear(3 * size * size, classes))
"""


def test_code_that_was_mended_after_a_crash_is_told_at_the_resume(project: Path) -> None:
    (project / "mynets.py").write_text(CRASHING)
    (project / "experiments.toml").write_text(
        '[experiments.mine]\nmodel = { name = "mynets:build" }\nepochs = 3\nbatch_size = 256\n'
        "resources.max_restarts = 0\n"
    )
    command_line = CommandLine(project, {"PYTHONPATH": str(ROOT)})
    assert command_line("run", "mine").returncode == ExitCode.CRASHED
    assert len(command_line.look("mine").epochs) == 2
    (project / "mynets.py").write_text(CRASHING.replace("12", "100"))
    resumed = command_line("resume", "mine")
    assert resumed.returncode == ExitCode.DONE, resumed.stderr
    assert "but mynets.py has changed since" in resumed.stderr
    assert "mynets.py has changed since" in command_line("show", "mine").stdout

    (project / "mynets.py").write_text(CRASHING)
    evaluated = command_line("evaluate", "mine", "--checkpoint", "2")
    assert evaluated.returncode == ExitCode.DONE, evaluated.stderr
    assert "changed" not in evaluated.stdout
    evaluated = command_line("evaluate", "mine", "--checkpoint", "3")
    assert "warning: mynets.py has changed since epoch-0003.pt was trained" in evaluated.stdout
