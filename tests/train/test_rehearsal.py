"""Every CIFAR experiment of the worked file, from its first step to its results, on two batches."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
import tomli
import torch
from torchvision.models import get_model_weights

from tests.conftest import ROOT, CommandLine, end_everything
from tests.train.cifar_files import write_cifar
from tests.train.conftest import train
from tests.train.test_ood_files import unlabelled
from tui_trainer.record.index import RunReader
from tui_trainer.record.run_folder import claim_run
from tui_trainer.record.state import State
from tui_trainer.spec.data import Cifar
from tui_trainer.spec.model import ResNet
from tui_trainer.spec.ood import CORRUPTIONS
from tui_trainer.spec.project import load_project
from tui_trainer.spec.snapshot import experiment_to_toml
from tui_trainer.train import models
from tui_trainer.train.weights import source_of

if TYPE_CHECKING:
    from pathlib import Path

    from tui_trainer.record.index import Run
    from tui_trainer.spec.experiment import Experiment

WORKED = load_project(ROOT / "experiments.toml")
SMALLER_TWIN = "cifar-resnet101"
"""The largest ResNet is rehearsed; this one differs from it in its name alone."""
NAMES = [
    name
    for name, its in WORKED.experiments.items()
    if isinstance(its.data, Cifar) and name != SMALLER_TWIN
]
TEST_IMAGES = 4
# One epoch of files that are not the published ones, each corruption at its harshest; all else is
# as the study has it.
SMALL = (
    "epochs=1",
    'data.verify="shape"',
    "data.validation_fraction=0.2",
    "ood.severities=[5]",
    "resources.slots=1",
)


def write_two_batches(project: Path, experiment: Experiment) -> None:
    """Small files of CIFAR-100's form, of which two batches are left after validation."""
    train_images = experiment.batch_size * 2 * 5 // 4
    write_cifar(project / "data", "cifar100", train=train_images, test=TEST_IMAGES)


def publish_weights(settings: ResNet, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """Put random weights into torchvision's cache, as a file whose name bears its own digest."""
    monkeypatch.setenv("TORCH_HOME", str(cache))
    fresh = models.build(ResNet(settings.name), 224, 1000)
    file = cache / "fresh.pth"
    cache.mkdir()
    torch.save(fresh.state_dict(), file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    published = get_model_weights(settings.name).DEFAULT.value
    beginning = published.url.rpartition("-")[0]
    monkeypatch.setattr(published, "url", f"{beginning}-{digest[:8]}.pth")
    source = source_of(settings, cache)
    assert source is not None
    source.path.parent.mkdir(parents=True)
    file.rename(source.path)


@pytest.mark.parametrize("name", NAMES)
def test_it_comes_to_its_results(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = WORKED.experiment(name, SMALL)
    if isinstance(experiment.model, ResNet):
        publish_weights(experiment.model, monkeypatch, tmp_path / "cache")
    write_two_batches(tmp_path, experiment)
    folder = claim_run(tmp_path / "runs", name)
    folder.experiment_file.write_text(experiment_to_toml(experiment, {}))
    train(folder)
    run = RunReader(folder).look()
    assert [epoch.step for epoch in run.epochs] == [2]
    assert run.epochs[0].ood_accuracy is not None
    assert_results(run)


def test_the_smaller_of_two_twins_comes_where_the_larger_comes() -> None:
    smaller, larger = (
        tomli.loads(experiment_to_toml(WORKED.experiment(name), {}))["experiment"]
        for name in (SMALLER_TWIN, "cifar-resnet152")
    )
    assert {key for key in larger if smaller[key] != larger[key]} == {
        *("fingerprint", "description", "model"),
    }
    assert {**smaller["model"], "name": "resnet152"} == larger["model"]


def assert_results(run: Run) -> None:
    """The test images and all their corrupted versions were measured."""
    clean, ood = (
        json.loads((run.folder.results / f"{kind}.json").read_text()) for kind in ("clean", "ood")
    )
    assert clean["images"] == TEST_IMAGES
    assert len(ood["corruptions"]) == len(CORRUPTIONS)
    assert ood["images"] == TEST_IMAGES * len(CORRUPTIONS)


def test_as_its_comments_say_by_the_command_line(tmp_path: Path) -> None:
    command_line = CommandLine(tmp_path, {"PYTHONPATH": str(ROOT)})
    try:
        assert command_line("init").returncode == 0
        write_two_batches(tmp_path, WORKED.experiment("cifar-part2"))
        unlabelled(tmp_path / "data" / "ood-test")
        changes = [word for change in SMALL for word in ("--set", change)]
        done = command_line("run", "cifar-part2", *changes, seconds=600)
        assert done.returncode == 0, done.stdout + done.stderr
        run = command_line.look("cifar-part2")
        assert run.state is State.FINISHED
        assert_results(run)
        labelled = command_line("predict", "cifar-part2", "--folder", "data/ood-test", seconds=600)
        assert labelled.returncode == 0, labelled.stdout + labelled.stderr
        assert "20 rows" in labelled.stdout + labelled.stderr
    finally:
        end_everything(tmp_path)
