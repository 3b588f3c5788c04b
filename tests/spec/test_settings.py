"""Every setting is listed once, and what was chosen is told from what nobody said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tui_trainer.spec.project import load_project
from tui_trainer.spec.settings import settings_of

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
[experiments.a]
model = { name = "resnet18" }
optimizer = { name = "sgd", lr = 0.1, momentum = 0.9 }
epochs = 20
"""


def test_what_is_said_is_told_from_what_is_usual(tmp_path: Path) -> None:
    (tmp_path / "experiments.toml").write_text(TEXT)
    experiment = load_project(tmp_path / "experiments.toml").experiments["a"]
    settings = {setting.key: setting for setting in settings_of(experiment)}
    assert settings["model.name"].value == "resnet18"
    assert not settings["model.name"].is_default  # although every resnet18 is called so
    assert settings["optimizer.name"].is_default
    assert not settings["optimizer.momentum"].is_default
    assert settings["optimizer.lr"].is_default  # said, and said to be what it is anyway
    assert settings["epochs"].is_default
    assert settings["pipeline.mean"].is_default  # the data set's own
    assert "ood" not in settings  # nothing is measured there


def test_what_a_class_of_pytorch_takes_is_listed_beside_its_name(tmp_path: Path) -> None:
    text = TEXT.replace("sgd", "torch.optim.Adagrad").replace("momentum", "lr_decay")
    (tmp_path / "experiments.toml").write_text(text)
    experiment = load_project(tmp_path / "experiments.toml").experiments["a"]
    settings = [setting for setting in settings_of(experiment) if "optimizer" in setting.key]
    assert [(key, value) for key, value, _ in settings] == [
        ("optimizer.name", "torch.optim.Adagrad"),
        ("optimizer.lr", 0.1),
        ("optimizer.lr_decay", 0.9),
    ]


@pytest.mark.parametrize("data", ['{ name = "cifar10" }', '{ name = "mine:load" }'])
def test_a_pipeline_is_measured_by_that_of_its_own_data_set(tmp_path: Path, data: str) -> None:
    file = tmp_path / "experiments.toml"
    file.write_text(f"[experiments.a]\ndata = {data}\npipeline = {{ size = 48 }}\n")
    experiment = load_project(file).experiments["a"]
    usual = {key: is_default for key, _, is_default in settings_of(experiment)}
    assert not usual["pipeline.size"]
    assert usual["pipeline.mean"]
    assert usual["pipeline.std"]
