from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
import torchvision
from torch import nn

from tui_trainer.errors import PreflightError
from tui_trainer.spec.check import check_experiment
from tui_trainer.train import models
from tui_trainer.train.anatomy import anatomy, complexity

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def of(folder: Path, **tree: Any) -> dict[str, Any]:
    checked = check_experiment({"data": {"name": "cifar100"}, **tree})
    assert checked.table is not None, checked.problems
    return anatomy(checked.table, folder)


def test_parameters_and_operations_are_those_counted_by_hand(tmp_path: Path) -> None:
    found = of(tmp_path, model={"name": "simple_cnn"})
    weights = (27 * 32, 288 * 64, 4096 * 128, 128 * 100)
    assert found["parameters"] == sum(weights) + 32 + 64 + 128 + 100
    multiplications = weights[0] * 1024 + weights[1] * 256 + weights[2] + weights[3]
    assert found["forward_flops"] == 2 * multiplications
    # Backwards each product is done twice again, but nobody asks for the images' gradient.
    assert found["training_flops"] == 3 * 2 * multiplications - 2 * weights[0] * 1024


def test_resnet18_has_the_operations_that_its_paper_gives(tmp_path: Path) -> None:
    found = of(tmp_path, model={"name": "resnet18"}, pipeline={"size": 224})
    # He et al., table 1: 1.8 * 10^9 multiplications and additions, each pair counted as one.
    assert found["forward_flops"] / 2 == pytest.approx(1.8e9, rel=0.02)
    assert [layer["after"] for layer in found["layers"]][-1] == "100"


def test_memory_is_what_a_step_keeps(tmp_path: Path) -> None:
    model = {"name": "cnn", "depth": 1, "width": 4, "normalization": "none"}
    adam = {"name": "adam"}
    tree: dict[str, Any] = {"model": model, "pipeline": {"size": 8}, "batch_size": 16}
    memory = of(tmp_path, **tree, optimizer=adam)["memory"]
    parameters = 4 * (27 * 4 + 4 + 64 * 100 + 100)
    assert memory["weights"] == memory["gradients"] == parameters
    assert memory["optimizer"] == 2 * parameters + 4 * 4  # and a step counter for each tensor
    assert memory["images"] == 4 * 16 * 3 * 64
    relu, pooled, places, logits = 4 * 4 * 64, 4 * 4 * 16, 8 * 4 * 16, 4 * 100
    expected = 16 * (relu + pooled + places + logits)
    # Labels and a few numbers of the loss come on top.
    assert expected <= memory["activations"] <= expected + 16 * 16
    assert of(tmp_path, **tree)["memory"]["optimizer"] == 0
    assert memory["total"] == sum(memory.values()) - memory["total"]


def test_twice_the_batch_keeps_twice_the_activations(tmp_path: Path) -> None:
    small, large = (
        of(tmp_path, model={"name": "resnet18"}, batch_size=count) for count in (16, 32)
    )
    ratio = large["memory"]["activations"] / small["memory"]["activations"]
    assert ratio == pytest.approx(2, rel=0.01)
    assert large["forward_flops"] == small["forward_flops"]


def test_what_is_imagined_is_what_is_built(tmp_path: Path) -> None:
    found = of(tmp_path, model={"name": "cnn4"})
    network = models.build(check_experiment({"model": {"name": "cnn4"}}).table.model, 32, 100)  # type: ignore[union-attr]
    assert found["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    shapes: list[str] = []
    for layer in network.modules():
        if not list(layer.children()) and not isinstance(layer, nn.Sequential):
            layer.register_forward_hook(
                lambda _layer, _given, result: shapes.append("x".join(map(str, result.shape[1:])))
            )
    network(torch.rand(2, 3, 32, 32))
    assert [layer["after"] for layer in found["layers"]] == shapes


def test_a_network_of_ones_own_is_measured_on_few_images_for_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "anatomynets.py").write_text(
        "from torch import nn\n"
        "def build(classes, size):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(3 * size * size, classes))\n"
    )
    found = of(tmp_path, model={"name": "anatomynets:build"}, batch_size=1000)
    assert found["forward_flops"] == 2 * 3072 * 100
    assert found["memory"]["images"] == 4 * 1000 * 3072


def test_weights_are_looked_for_but_not_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    found = of(tmp_path, model={"name": "resnet18", "weights": "default"})["weights"]
    assert found["path"] == str(tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth")
    assert not found["there"]
    assert "are not on this machine" in found["fault"]


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        (lambda path: torch.save(torchvision.models.resnet18().state_dict(), path), ""),
        (lambda path: torch.save(torchvision.models.resnet34().state_dict(), path), "of another"),
        (lambda path: path.write_bytes(bytes(range(256))), "holds no weights: it is a file that"),
        (lambda path: path.write_bytes(b"PK\x03\x04" * 99), "it is cut off or damaged"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.mkdir(), "it is a folder"),
    ],
    ids=["good", "resnet34", "garbage", "cut off", "empty", "a folder"],
)
def test_a_file_of_weights_is_looked_into(
    tmp_path: Path, made: Callable[[Path], object], fault: str
) -> None:
    made(tmp_path / "mine.pt")
    model = {"name": "resnet18", "weights": "./mine.pt"}
    found = of(tmp_path, model=model)["weights"]
    assert found["fault"] == fault or (fault and fault in found["fault"])


def test_a_network_that_cannot_take_the_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match="MaxPool2d"):
        of(tmp_path, model={"name": "alexnet"})


@pytest.mark.parametrize("name", ["simple_cnn", "resnet18"])
def test_complexity_is_what_the_anatomy_tells(tmp_path: Path, name: str) -> None:
    tree: dict[str, Any] = {"data": {"name": "cifar100"}, "model": {"name": name}}
    checked = check_experiment(tree)
    assert checked.table is not None
    whole = anatomy(checked.table, tmp_path)
    counted = complexity(checked.table, tmp_path, classes=100)
    assert counted == (whole["parameters"], whole["forward_flops"])


def test_own_code_whose_operations_cannot_be_counted_has_no_complexity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uncounted.py").write_text(
        "import torch\n"
        "from torch.utils._python_dispatch import _get_current_dispatch_mode\n"
        "class Net(torch.nn.Linear):\n"
        "    def forward(self, images):\n"
        "        assert _get_current_dispatch_mode() is None, 'I am watched'\n"
        "        return super().forward(images.flatten(1))\n"
        "def build(classes, size):\n"
        "    return Net(3 * size * size, classes)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    checked = check_experiment({"model": {"name": "uncounted:build"}})
    assert checked.table is not None
    assert complexity(checked.table, tmp_path, classes=10) is None
