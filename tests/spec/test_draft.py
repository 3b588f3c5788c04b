"""While changes are typed: what becomes what, and beside each one what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_trainer.spec.draft import Becomes, draft_of, draft_over
from tui_trainer.spec.learning import Sgd
from tui_trainer.spec.project import Project, load_project

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
[experiments.a]
model = { name = "cnn", depth = 2 }
[experiments.bad]
epochs = 0
"""


def project_in(folder: Path, text: str = TEXT) -> Project:
    (folder / "experiments.toml").write_text(text)
    return load_project(folder / "experiments.toml")


def test_each_change_is_what_it_becomes(tmp_path: Path) -> None:
    draft = draft_of(project_in(tmp_path), "a", ["optimizer.lr=0.05", "epochs=20"])
    assert draft.becomes == (Becomes("optimizer.lr", 0.1, 0.05),)
    assert draft.experiment is not None
    assert isinstance(draft.experiment.optimizer, Sgd)
    assert draft.experiment.optimizer.lr == 0.05


def test_a_fault_stands_with_its_change_and_hides_no_other(tmp_path: Path) -> None:
    wrong = ["model.dpth=3", "lr=1", "epochs", "scheduler.name=step_lr"]
    draft = draft_of(project_in(tmp_path), "a", ["seed=1", *wrong])
    assert draft.experiment is None
    assert draft.becomes == (Becomes("seed", 0, 1),)
    assert set(draft.faults) == set(wrong)
    assert draft.faults["model.dpth=3"].startswith("unknown key; did you mean `model.depth`?")
    assert draft.of_the_right is not None
    assert draft.of_the_right.seed == 1
    assert "did you mean `optimizer.lr`?" in draft.faults["lr=1"]
    assert draft.faults["epochs"] == "must be KEY=VALUE, such as epochs=5"


def test_an_experiment_that_is_wrong_itself_says_so(tmp_path: Path) -> None:
    draft = draft_of(project_in(tmp_path), "bad", ["seed=1"])
    assert "epochs: must be an integer" in draft.faults[""]
    assert draft_of(project_in(tmp_path), "c", []).faults[""].startswith("there is no experiment")


def test_what_a_run_was_launched_with_is_changed_as_well(tmp_path: Path) -> None:
    launched = project_in(tmp_path).experiment("a", ["epochs=3", "model.depth=5"])
    draft = draft_over(launched, ["model.depth=6", "model.wdth=2"])
    assert draft.becomes == (Becomes("model.depth", 5, 6),)
    assert "did you mean `model.width`?" in draft.faults["model.wdth=2"]


def test_known_keys_are_those_of_the_kinds_that_are_chosen(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    keys = {known.key: known for known in draft_of(project, "a", []).keys}
    assert keys["model.depth"].expected.startswith("an integer from 1")
    assert keys["optimizer.name"].choices[:2] == ("sgd", "adam")
    assert keys["optimizer.nesterov"].choices == ("true", "false")
    assert keys["resources.walltime"].is_text
    assert not keys["epochs"].is_text
    other = draft_of(project, "a", ["model={name='resnet18'}"])
    assert "model.weights" in {known.key for known in other.keys}
    assert "model.depth" not in {known.key for known in other.keys}
