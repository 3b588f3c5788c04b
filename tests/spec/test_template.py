"""The worked example: loads, teaches what it says, and is the same file in both places."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tui_trainer.spec.data import Cifar, Digits
from tui_trainer.spec.learning import Sgd, StepLR
from tui_trainer.spec.model import Cnn, Cnn4, ResNet, SimpleCnn
from tui_trainer.spec.project import load_project
from tui_trainer.spec.table import plain
from tui_trainer.spec.template import read_template

if TYPE_CHECKING:
    from tui_trainer.spec.experiment import Experiment

EXAMPLE = Path(__file__).parent.parent.parent / "experiments.toml"


@pytest.fixture(name="experiments", scope="module")
def _experiments() -> dict[str, Experiment]:
    project = load_project(EXAMPLE)
    assert project.problem_lines == ()
    assert project.name == "cifar-study"
    return project.experiments


def test_the_packaged_copy_is_the_file_in_the_repository() -> None:
    assert read_template().encode() == EXAMPLE.read_bytes()


def test_what_needs_no_download_comes_first(experiments: dict[str, Experiment]) -> None:
    names = list(experiments)
    assert names[:3] == ["digits-cnn2", "digits-cnn4", "digits-resnet18"]
    kinds = [type(experiments[name].data) for name in names]
    assert set(kinds) == {Digits, Cifar}
    assert kinds == sorted(kinds, key=[Digits, Cifar].index)


def test_nothing_is_measured_on_a_folder_that_may_be_missing(
    experiments: dict[str, Experiment],
) -> None:
    """It would be a hard error before the first epoch."""
    measured = [its.ood for its in experiments.values() if its.ood]
    assert len(measured) == len(experiments) - 1
    assert [ood.folder for ood in measured] == [None] * len(measured)


def test_the_study_is_as_it_was_reported(experiments: dict[str, Experiment]) -> None:
    part1, part2, part3 = (experiments[f"cifar-part{part}"] for part in (1, 2, 3))
    assert part1.model == SimpleCnn()
    assert (part1.epochs, part1.batch_size, part1.optimizer) == (5, 8, Sgd(lr=0.1))
    assert isinstance(part1.scheduler, StepLR)
    assert part2.model == Cnn4()
    assert (part2.epochs, part2.batch_size, part2.optimizer) == (10, 64, Sgd(lr=0.001))
    assert [step.name for step in part2.augment] == ["random_crop", "rotation", "gaussian_blur"]
    assert part3.model == ResNet("resnet18", "default")
    assert (part3.optimizer.name, part3.scheduler.name) == ("adam", "one_cycle_lr")
    assert part3.loss.label_smoothing == 0.1
    longer = experiments["cifar-simple50"]
    assert (longer.epochs, longer.model) == (50, Cnn4())
    for depth in (50, 101, 152):
        residual = experiments[f"cifar-resnet{depth}"]
        assert residual.model == ResNet(f"resnet{depth}", "default")  # type: ignore[arg-type]
        assert residual.epochs == 30


def differing(one: Experiment, other: Experiment) -> set[str]:
    """The keys of an experiment that are not the same in both."""
    tables = plain(one), plain(other)
    return {key for key in tables[0] | tables[1] if tables[0].get(key) != tables[1].get(key)}


def test_the_depth_study_changes_nothing_but_depth(experiments: dict[str, Experiment]) -> None:
    shallow = experiments["cifar-depth2"]
    for depth in (2, 4, 6, 8, 10):
        deep = experiments[f"cifar-depth{depth}"]
        assert deep.model == Cnn(depth=depth)
        assert differing(shallow, deep) <= {"description", "model"}


def test_the_recipes_for_robustness_differ_in_augmentation_alone(
    experiments: dict[str, Experiment],
) -> None:
    untouched = experiments["digits-plain"]
    assert untouched.augment == ()
    for name in ("digits-study", "digits-augmix"):
        assert differing(untouched, experiments[name]) == {"description", "augment"}
    assert differing(untouched, experiments["digits-cnn4"]) == {"description", "augment"}
    assert experiments["digits-study"].augment == experiments["cifar-part2"].augment


def test_digits_are_never_mirrored(experiments: dict[str, Experiment]) -> None:
    steps = [
        step.name for name in experiments if "digits" in name for step in experiments[name].augment
    ]
    assert steps
    assert "horizontal_flip" not in steps
