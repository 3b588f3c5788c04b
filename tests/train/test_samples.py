"""What is shown before a launch is what training will see."""

from __future__ import annotations

import base64
import subprocess
import sys
from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from tui_trainer.errors import ExitCode, PreflightError, UsageError
from tui_trainer.launch.core_question import Conversation
from tui_trainer.spec.project import load_project
from tui_trainer.spec.snapshot import experiment_to_toml
from tui_trainer.train import randomness
from tui_trainer.train.corruptions import corrupted
from tui_trainer.train.equipment import Equipment
from tui_trainer.train.ood import images_of
from tui_trainer.train.samples import Samples

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tui_trainer.spec.experiment import Experiment

EXPERIMENTS = """
[defaults]
epochs = 3
batch_size = 50
model = { name = "cnn", depth = 1, width = 2 }
[experiments.turned]
augment = [{ name = "rotation", degrees = 30 }, { name = "gaussian_noise", sigma = 0.2 }]
[experiments.mixed]
augment = [{ name = "mixup", alpha = 5.0 }]
[experiments.views]
augment = [{ name = "aug_mix" }]
loss = { name = "cross_entropy", jsd = 12 }
[experiments.larger]
pipeline = { size = 48 }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "experiments.toml").write_text(EXPERIMENTS)
    return tmp_path


def experiment_of(project: Path, name: str) -> Experiment:
    return load_project(project / "experiments.toml").experiment(name)


def pictures(row: dict[str, Any]) -> NDArray[np.uint8]:
    pixels = np.frombuffer(base64.b64decode(row["pixels"]), np.uint8)
    return pixels.reshape(-1, row["side"], row["side"], 3)


def ask(project: Path, name: str, **question: Any) -> dict[str, Any]:
    return Samples(experiment_of(project, name), project).answer(question)


@pytest.mark.parametrize("name", ["turned", "mixed", "views"])
def test_a_batch_is_drawn_as_training_draws_it(project: Path, name: str) -> None:
    answer = ask(project, name, kind="augmented", epoch=2, batch=3, count=5)
    equipment = Equipment(experiment_of(project, name), project)
    state: Any = SimpleNamespace(epoch=2, steps=2)
    order = randomness.permutation(0, 2, len(equipment.data.train))
    seen, _ = equipment.augmented(order[100:150], state)
    mean, std = (
        torch.tensor(value).view(1, 3, 1, 1)
        for value in (equipment.experiment.pipeline.mean, equipment.experiment.pipeline.std)
    )
    unit = (seen * std + mean).permute(0, 2, 3, 1)
    views = [unit[at : at + 5].numpy() for at in range(0, len(unit), 50)]
    assert len(views) == (3 if name == "views" else 1)
    for row, view in zip(answer["rows"][1:], views, strict=True):
        assert np.abs(pictures(row) / 255 - view).max() < 1 / 255
    originals = images_of(equipment.data.train.only(order[100:105]), 0, 5)
    assert (pictures(answer["rows"][0]) == originals).all()
    assert (answer["epochs"], answer["batches"]) == (3, 24)


def test_a_mixture_names_both_classes_with_their_shares(project: Path) -> None:
    labels = ask(project, "mixed", kind="augmented", epoch=1, batch=1, count=40)["labels"]
    assert any("% + " in label for label in labels)


def test_corrupted_images_are_those_that_will_be_measured(project: Path) -> None:
    answer = ask(project, "turned", kind="corrupted", corruption="fog", first=7, count=4)
    test = Equipment(experiment_of(project, "turned"), project).data.test
    clean = images_of(test, 7, 11)
    assert (pictures(answer["rows"][3]) == corrupted(clean, range(7, 11), "fog", 3)).all()
    assert answer["labels"] == [str(label) for label in test.labels[7:11].tolist()]
    table = ask(project, "turned", kind="table", first=8)
    row = next(row for row in table["rows"] if row["name"] == "fog")
    assert (pictures(row)[3] == pictures(answer["rows"][3])[1]).all()


def test_the_size_is_the_networks_and_large_pictures_are_made_smaller(project: Path) -> None:
    question = {"kind": "augmented", "epoch": 1, "batch": 1, "count": 2}
    assert ask(project, "larger", **question)["rows"][1]["side"] == 48
    small = ask(project, "larger", side=16, **question)["rows"][0]
    assert pictures(small).shape == (2, 16, 16, 3)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"kind": "augmented", "epoch": 4, "batch": 1, "count": 1}, "no epoch 4"),
        ({"kind": "augmented", "epoch": 1, "batch": 25, "count": 1}, "no batch 25"),
        ({"kind": "table", "first": 300}, "no image 301"),
        ({"kind": "corrupted", "corruption": "rain", "first": 0, "count": 1}, "no corruption rain"),
    ],
)
def test_what_there_is_not_is_named(project: Path, question: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ask(project, "turned", **question)


def test_a_conversation_goes_on_after_an_error_and_ends_with_its_asker(project: Path) -> None:
    text = experiment_to_toml(experiment_of(project, "turned"), {})
    with closing(Conversation("samples", str(project))) as core:
        core.ask({"experiment": text})
        with pytest.raises(UsageError, match="no batch 99"):
            core.ask({"kind": "augmented", "epoch": 1, "batch": 99, "count": 1})
        assert core.ask({"kind": "table", "first": 0})["images"] == 300
        process = core._process
    assert process is not None
    assert process.returncode == ExitCode.DONE


def test_data_that_is_not_there_is_an_error_with_its_cure(project: Path) -> None:
    experiment = load_project(project / "experiments.toml").experiment(
        "turned", ['data={name="cifar10"}']
    )
    text = experiment_to_toml(experiment, {})
    with (
        closing(Conversation("samples", str(project))) as core,
        pytest.raises(PreflightError) as raised,
    ):
        core.ask({"experiment": text})
    assert raised.value.hint


def test_without_an_asker_the_core_ends() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tui_trainer.train.samples", "/"],
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
