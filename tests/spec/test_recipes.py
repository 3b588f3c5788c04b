"""The experiments of docs/recipes.md can be copied as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tui_trainer.spec.project import load_project
from tui_trainer.spec.template import read_template

if TYPE_CHECKING:
    from tui_trainer.spec.experiment import Experiment

RECIPES = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text()


@pytest.fixture(name="experiments")
def _experiments(tmp_path: Path) -> dict[str, Experiment]:
    """Those of the worked file with those of the page behind them."""
    blocks = re.findall(r"```toml\n(.*?)```", RECIPES, re.DOTALL)
    file = tmp_path / "experiments.toml"
    file.write_text("\n".join([read_template(), *blocks]))
    project = load_project(file)
    assert project.problem_lines == ()
    return project.experiments


def test_every_figure_of_ours_has_its_experiment(experiments: dict[str, Experiment]) -> None:
    published = re.findall(r"^\| `(.+?)` \| ([0-9.]+) \|", RECIPES, re.MULTILINE)
    assert len(published) == 7
    for name, accuracy in published:
        assert experiments[name].description == f"published: {accuracy} % clean"


def test_commands_name_experiments_that_there_are(experiments: dict[str, Experiment]) -> None:
    commands = re.findall(r"^tui-trainer (?:run|predict) (.+?)(?: --.*)?$", RECIPES, re.MULTILINE)
    names = [name for words in commands for name in words.split()]
    assert names
    assert set(names) <= set(experiments)
