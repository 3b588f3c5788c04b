"""Other ways to look stand beside the plain one, and leave the network as it was."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.train.conftest import events_of, experiment_of, new_run, train
from tests.train.test_ood_files import unlabelled
from tests.train.test_pipeline import pipeline_of
from tui_trainer.errors import ExitCode, PreflightError
from tui_trainer.record.events import Evaluated
from tui_trainer.spec.check import check_experiment
from tui_trainer.train import assess
from tui_trainer.train.ood import Tools
from tui_trainer.train.ways import BATCH_NORM, FLIP, Adapted, Mirrored

if TYPE_CHECKING:
    from pathlib import Path

SMALL_OOD = {"corruptions": ["contrast", "fog"], "severities": [1, 5]}
BOTH = {"ood": {**SMALL_OOD, "adapt_batch_norm": 4}, "evaluation": {"flip": True}}


def normalising() -> nn.Module:
    """A trained-looking network with everything that a mode changes."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 6, 3),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Conv2d(6, 4, 3),
        nn.BatchNorm2d(4, affine=False),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.BatchNorm1d(4),
        nn.Linear(4, 10),
    )
    network.train()
    for _ in range(3):
        network(torch.randn(16, 3, 12, 12))
    return network.eval()


def images(count: int = 16) -> Tensor:
    return torch.randn(count, 3, 12, 12, generator=torch.Generator().manual_seed(1)) * 2 + 1


def test_mirrored_is_the_mean_of_two_probabilities() -> None:
    network, shown = normalising(), images()
    with torch.inference_mode():
        mean = (network(shown).softmax(1) + network(shown.flip(3)).softmax(1)) / 2
        answered = Mirrored(network)(shown)
        assert torch.allclose(answered.exp(), mean, atol=1e-6)
        assert torch.allclose(answered, Mirrored(network)(shown.flip(3)), atol=1e-6)
    assert torch.allclose(answered.exp().sum(1), torch.ones(16), atol=1e-5)


def test_adapted_without_a_prior_is_pytorchs_training_mode_of_the_normalisation() -> None:
    network, shown = normalising(), images()
    reference = copy.deepcopy(network)
    for layer in reference.modules():
        layer.train(isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)))
    with torch.inference_mode():
        wanted = reference(shown)
        assert torch.allclose(Adapted(network, 0)(shown), wanted, atol=1e-5)
        assert not torch.allclose(network(shown), wanted, atol=1e-2)


def test_a_prior_mixes_in_what_training_saw() -> None:
    network, shown = nn.BatchNorm2d(3), images(8)
    network.running_mean = torch.tensor([0.5, -1.0, 2.0])
    network.running_var = torch.tensor([1.0, 4.0, 0.25])
    network.eval()
    with torch.inference_mode():
        for prior in (0, 8, 24):
            share = prior / (prior + 8)
            mean = share * network.running_mean + (1 - share) * shown.mean((0, 2, 3))
            variance = share * network.running_var + (1 - share) * shown.var(
                (0, 2, 3), correction=0
            )
            apart = shown - mean[:, None, None]
            wanted = apart / (variance[:, None, None] + network.eps).sqrt()
            assert torch.allclose(Adapted(network, prior)(shown), wanted, atol=1e-4)


def test_batches_do_not_learn_from_each_other() -> None:
    network, shown = normalising(), images()
    adapted = Adapted(network, 4)
    with torch.inference_mode():
        first = adapted(shown)
        adapted(shown * 3 - 5)
        assert torch.equal(adapted(shown), first)


def test_the_network_is_left_as_it_was() -> None:
    network, shown = normalising(), images()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.inference_mode():
        answered = network(shown)
        for way in (Adapted(network, 0), Mirrored(network)):
            way(shown)
        assert torch.equal(network(shown), answered)
    after = network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert not any(layer._forward_pre_hooks or layer.training for layer in network.modules())


class Noting(nn.Module):
    """Notes the sizes of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))
        self.sizes: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.sizes.append(len(images))
        return torch.zeros(len(images), 10)


@pytest.mark.parametrize(
    ("count", "kinds", "together", "sizes"),
    [
        (600, 1, 0, [256, 256, 88]),
        (600, 5, 0, [256, 256, 88]),
        (600, 1, 200, [200, 200, 200]),
        (50, 5, 4, [5, 5] * 5),
        (55, 5, 4, [5, 6] * 5),
        (15, 5, 100, [3] * 5),
    ],
)
def test_images_that_belong_together_are_shown_together(
    count: int, kinds: int, together: int, sizes: list[int]
) -> None:
    network = Noting()
    tools = Tools(network, pipeline_of(32), lambda: None, lambda _: None, together)
    content = np.zeros((count, 32, 32, 3), np.uint8)
    tools.predict(lambda start, stop: content[start:stop], count, kinds)
    assert network.sizes == sizes


def test_a_run_reports_every_way_beside_the_plain_one(project: Path) -> None:
    plain, both = new_run(project, ood=SMALL_OOD), new_run(project, **BOTH)
    for folder in (plain, both):
        train(folder)
    for name, added in (("clean.json", {FLIP}), ("ood.json", {FLIP, BATCH_NORM})):
        usual, found = (json.loads((folder.results / name).read_text()) for folder in (plain, both))
        assert found.keys() - usual.keys() == added
        assert {usual.pop("fingerprint")} != {found.pop("fingerprint")}
        assert {key: found[key] for key in usual} == usual
    for way in (FLIP, BATCH_NORM):
        assert found[way].keys() == {"accuracy", "clean_accuracy", "gap", "corruptions"}
        assert found[way]["corruptions"].keys() == {"contrast", "fog"}


def test_ways_that_are_not_wished_for_are_not_reported(project: Path) -> None:
    folder = new_run(project, ood=SMALL_OOD)
    train(folder)
    for file in folder.results.glob("*.json"):
        assert not any(key.startswith("with_") for key in json.loads(file.read_text()))


def test_looking_in_other_ways_does_not_change_what_is_trained(project: Path) -> None:
    plain, both = new_run(project), new_run(project, **BOTH)
    for folder in (plain, both):
        train(folder)
    weights = [
        torch.load(folder.checkpoints / "epoch-0002.pt", weights_only=True)["model"]
        for folder in (plain, both)
    ]
    assert all(torch.equal(weights[1][name], value) for name, value in weights[0].items())


def test_evaluate_finds_the_same_as_the_run(project: Path) -> None:
    folder = new_run(project, **BOTH)
    train(folder)
    wanted = {file.name: file.read_bytes() for file in folder.results.glob("*.json")}
    for file in folder.results.iterdir():
        file.unlink()
    assert assess.main([str(folder.path), "evaluate"]) is ExitCode.DONE
    assert {file.name: file.read_bytes() for file in folder.results.glob("*.json")} == wanted


def test_images_without_labels_get_a_file_for_each_way(project: Path) -> None:
    unlabelled(project / "challenge", files=2)
    ood = {"folder": "challenge", "adapt_batch_norm": 2}
    folder = new_run(project, ood=ood, evaluation={"flip": True})
    train(folder)
    written = sorted(path.name for path in folder.results.glob("*.csv"))
    names = ["submission_ood", f"submission_ood_{BATCH_NORM}", f"submission_ood_{FLIP}"]
    assert written == [f"{name}.csv" for name in names]
    assert len({len((folder.results / name).read_text().splitlines()) for name in written}) == 1
    told = {event.split for event in events_of(folder) if isinstance(event, Evaluated)}
    assert told == {"test", *names}


def test_predict_writes_compares_and_mends_the_file_of_each_way(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    unlabelled(project / "challenge", files=2)
    ood = {"folder": "challenge", "adapt_batch_norm": 2}
    folder = new_run(project, ood=ood, evaluation={"flip": True})
    train(folder)
    names = [f"{way}.csv" for way in ("", f"_{BATCH_NORM}", f"_{FLIP}")]
    results = [folder.results / f"submission_ood{name}" for name in names]
    outputs = [project / f"mine{name}" for name in names]
    command = [str(folder.path), "predict"]
    assert assess.main([*command, f"--output={outputs[0]}"]) is ExitCode.DONE
    assert [path.read_bytes() for path in outputs] == [path.read_bytes() for path in results]
    assert sorted(project.glob("mine*")) == sorted(outputs)

    outputs[1].unlink()
    capfd.readouterr()
    assert assess.main([*command, f"--output={outputs[0]}"]) is ExitCode.DONE
    said = capfd.readouterr().out
    assert said.count("says the same") == 2
    assert f"rows, checked: {outputs[1]}" in said

    missing, edited = results[1:]
    missing.unlink()
    edited.write_text("precious")
    assert assess.main(command) is ExitCode.USAGE
    assert f"{edited} stands and says something else; nothing" in capfd.readouterr().err
    assert edited.read_text() == "precious"
    assert not missing.exists()


@pytest.mark.parametrize("normalization", ["none", "group_norm"])
def test_what_cannot_be_adapted_is_refused_before_the_first_epoch(
    project: Path, normalization: str
) -> None:
    model = {"name": "cnn", "depth": 1, "width": 4, "normalization": normalization}
    folder = new_run(project, model=model, ood={**SMALL_OOD, "adapt_batch_norm": 16})
    with pytest.raises(PreflightError, match="no batch normalisation"):
        train(folder)
    assert not folder.epochs_file.exists()


@pytest.mark.parametrize(
    ("ood", "message"),
    [
        ({"adapt_batch_norm": 1}, "one image"),
        ({"adapt_prior": 16}, "adapt_batch_norm"),
        ({"adapt_batch_norm": -1}, "0"),
    ],
)
def test_settings_that_mean_nothing_are_named(ood: dict[str, Any], message: str) -> None:
    checked = check_experiment({"ood": ood})
    assert checked.table is None
    assert message in " ".join(problem.text("experiments.toml") for problem in checked.problems)


def test_evaluation_has_a_default() -> None:
    assert not experiment_of().evaluation.flip
