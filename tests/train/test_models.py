from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
import torch
import torchvision
from torch import nn

from tui_trainer.errors import PreflightError
from tui_trainer.spec import model as spec
from tui_trainer.spec.choices import (
    ActivationName,
    ClassifierName,
    ModelName,
    NormalizationName,
    ResNetName,
    weights_of,
)
from tui_trainer.train import models, shapes, weights
from tui_trainer.train.shapes import Step

if TYPE_CHECKING:
    from collections.abc import Iterator


def channels(network: nn.Module) -> list[int]:
    return [module.out_channels for module in network.modules() if isinstance(module, nn.Conv2d)]


def settings_of(name: str, **values: Any) -> Any:
    kinds = {"cnn": spec.Cnn, "simple_cnn": spec.SimpleCnn, "cnn4": spec.Cnn4}
    if name in kinds:
        return kinds[name](**values)
    kind = spec.ResNet if name in get_args(ResNetName) else spec.Classifier
    return kind(name, **values)  # type: ignore[arg-type]


# The smallest of each of torchvision's families, and a size that it takes; "cnn" are our own.
FAMILIES = {
    "cnn": 32,
    "simple_cnn": 32,
    "cnn4": 32,
    "alexnet": 64,
    "convnext_tiny": 32,
    "densenet121": 32,
    "efficientnet_b0": 32,
    "efficientnet_v2_s": 32,
    "googlenet": 32,
    "inception_v3": 75,
    "maxvit_t": 224,
    "mnasnet0_5": 32,
    "mobilenet_v2": 32,
    "mobilenet_v3_small": 32,
    "regnet_x_400mf": 32,
    "regnet_y_400mf": 32,
    "resnet18": 32,
    "resnext50_32x4d": 32,
    "shufflenet_v2_x0_5": 32,
    "squeezenet1_1": 32,
    "swin_t": 32,
    "swin_v2_t": 32,
    "vgg11": 32,
    "vit_b_32": 64,
    "wide_resnet50_2": 32,
}


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_is_trained_on_logits_of_the_classes(name: str) -> None:
    network = models.imagined(settings_of(name), FAMILIES[name], 7)
    assert network.training
    logits = network(torch.empty(2, 3, FAMILIES[name], FAMILIES[name], device="meta"))
    assert logits.shape == (2, 7)


@pytest.mark.parametrize("name", [*get_args(ResNetName), *get_args(ClassifierName)])
def test_every_classifier_of_torchvision_takes_published_weights_under_a_new_head(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = models.imagined(settings_of(name), 224, 1000)
    network = models.imagined(settings_of(name), 224, 7)
    head = network.state_dict()[f"{weights.head_of(network)}.weight"]
    assert head.shape[0] == 7
    source = weights.Source(Path("there"), "https://somewhere")
    monkeypatch.setattr(weights, "source_of", lambda *_: source)
    monkeypatch.setattr(weights, "_read", lambda *_: published.state_dict())
    monkeypatch.setattr(weights, "_at_size", lambda state, _network: state)
    loaded: list[str] = []
    monkeypatch.setattr(
        network, "load_state_dict", lambda state, strict: loaded.extend([*state, strict])
    )
    weights.start_from(network, settings_of(name, weights="default"), Path())
    left = set(network.state_dict()) - set(loaded)
    assert {key.rpartition(".")[0] for key in left} == {weights.head_of(network)}


def test_the_names_in_choices_are_those_that_are_built() -> None:
    classifiers = set(get_args(ResNetName)) | set(get_args(ClassifierName))
    assert classifiers == set(torchvision.models.list_models(module=torchvision.models))
    assert set(get_args(ModelName)) == {"cnn", "simple_cnn", "cnn4"} | classifiers
    assert set(get_args(ActivationName)) == set(models.ACTIVATIONS)
    assert set(get_args(NormalizationName)) == set(models.NORMALIZATIONS) | {"none"}


def test_the_names_of_weights_are_torchvisions() -> None:
    for name in (*get_args(ResNetName), *get_args(ClassifierName)):
        published = torchvision.models.get_model_weights(name)
        assert set(weights_of(name)) == {entry.name for entry in published}, name


def test_the_stem_is_torchvisions_or_that_of_the_paper_for_cifar() -> None:
    for name in get_args(ResNetName):
        small = models.imagined(spec.ResNet(name, stem="cifar"), 32, 10)
        made = {
            step.layer: step.after
            for step in shapes.steps(small, torch.empty(2, 3, 32, 32, device="meta"))
        }
        assert made["conv1"] == made["maxpool"] == "64x32x32"
        large = models.imagined(spec.ResNet(name), 32, 10)
        made = {
            step.layer: step.after
            for step in shapes.steps(large, torch.empty(2, 3, 32, 32, device="meta"))
        }
        assert (made["conv1"], made["maxpool"]) == ("64x16x16", "64x8x8")


def test_simple_cnn_is_the_net_that_courses_begin_with() -> None:
    theirs = nn.Sequential(
        *(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64 * 8 * 8, 128), nn.ReLU(), nn.Linear(128, 100)),
    )
    torch.manual_seed(3)
    ours = models.build(spec.SimpleCnn(), 32, 100)
    torch.manual_seed(3)
    for layer in theirs:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer.reset_parameters()
    images, labels = torch.rand(2, 3, 32, 32), torch.tensor([4, 7])
    for network in (ours, theirs):
        torch.autograd.backward(nn.functional.cross_entropy(network(images), labels))
    assert torch.equal(ours(images), theirs(images))
    for mine, yours in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert mine.grad is not None
        assert yours.grad is not None
        assert torch.equal(mine.grad, yours.grad)


@pytest.mark.parametrize("name", sorted(models.ACTIVATIONS))
def test_pooling_comes_first_where_it_makes_no_difference_to_a_bit(name: ActivationName) -> None:
    block = models.build(spec.Cnn(depth=1, activation=name), 32, 10).get_submodule("blocks.0")
    activation, pool = models.ACTIVATIONS[name](), nn.MaxPool2d(2)
    kinds = [type(module) for module in block.children()][-2:]
    assert (kinds == [type(pool), type(activation)]) is (name in models.RISING)
    images = torch.randn(8, 3, 32, 32).mul(8).round().div(8).requires_grad_()  # with many ties
    weights = torch.randn(8, 3, 16, 16)
    first, last = activation(pool(images)), pool(activation(images))
    if name in models.RISING:
        assert torch.equal(first, last)
        (of_first,) = torch.autograd.grad((first * weights).sum(), images)
        (of_last,) = torch.autograd.grad((last * weights).sum(), images)
        assert torch.equal(of_first, of_last)


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_gradients_come_back_in_the_layout_of_the_maps(layout: torch.memory_format) -> None:
    network = models.build(settings_of("simple_cnn"), 32, 10)
    network.to(memory_format=layout)
    came: list[torch.Tensor] = []

    def keep(_blocks: nn.Module, _of_input: Any, of_output: Any) -> None:
        came.extend(of_output)

    network.get_submodule("blocks").register_full_backward_hook(keep)
    images = torch.rand(4, 3, 32, 32, requires_grad=True).contiguous(memory_format=layout)
    network(images).sum().backward()
    assert [gradient.is_contiguous(memory_format=layout) for gradient in came] == [True]


def test_cnn4_is_the_net_of_four_convolutions() -> None:
    network = models.build(spec.Cnn4(), 32, 100)
    assert channels(network) == [64, 128, 256, 256]
    kinds = [type(module) for module in network.modules()]
    assert kinds.count(nn.LeakyReLU) == kinds.count(nn.BatchNorm2d) == 4
    assert nn.ReLU not in kinds


def test_a_preset_is_a_cnn_with_other_defaults() -> None:
    preset = models.build(spec.Cnn4(), 32, 10)
    plain = models.build(spec.Cnn(depth=4, activation="leaky_relu"), 32, 10)
    plain.load_state_dict(preset.state_dict())
    images = torch.rand(3, 3, 32, 32)
    assert torch.equal(preset(images), plain(images))


@pytest.mark.parametrize("name", get_args(NormalizationName))
def test_each_normalisation_takes_scale_and_shift_off_its_share(name: NormalizationName) -> None:
    network = models.build(spec.Cnn(depth=1, width=64, normalization=name), 8, 10)
    convolution, normalisation = list(network.get_submodule("blocks.0").children())[:2]
    before = convolution(torch.rand(4, 3, 8, 8) * 5 + 2)
    if name == "none":
        assert not isinstance(normalisation, (nn.BatchNorm2d, nn.GroupNorm))
        return
    after = normalisation(before)
    shares = {"batch_norm": after.transpose(0, 1), "group_norm": after.view(4 * 32, 2, 8, 8)}
    for share in shares.get(name, after):
        assert share.mean().item() == pytest.approx(0, abs=1e-4)
        assert share.std().item() == pytest.approx(1, abs=1e-2)


class TestSizesThatDoNotFit:
    def test_the_layer_that_breaks_is_named_with_all_before_it(self) -> None:
        with pytest.raises(PreflightError) as error:
            models.check_batch(spec.Classifier("alexnet"), 32, 10, 8)
        assert "features.12 (MaxPool2d) cannot take 256x1x1" in error.value.message
        assert "features.0  Conv2d  3x32x32 -> 64x7x7\n" in error.value.hint
        assert error.value.hint.endswith("features.12  MaxPool2d  256x1x1 -> cannot take this")

    def test_the_size_in_the_hint_works(self) -> None:
        for name in ("alexnet", "inception_v3"):
            settings = settings_of(name)
            with pytest.raises(PreflightError, match="cannot be trained on 8 images") as error:
                models.check_batch(settings, 32, 10, 8)
            size = int(error.value.hint.split("set pipeline.size to ")[1].split("\n")[0])
            models.check_batch(settings, size, 10, 8)

    @pytest.mark.parametrize(("name", "size"), [("vit_b_16", 30), ("maxvit_t", 32)])
    def test_a_network_made_for_one_size_is_refused_at_its_building(
        self, name: str, size: int
    ) -> None:
        with pytest.raises(PreflightError, match=f"cannot be built for images of {size} pixels"):
            models.check_batch(settings_of(name), size, 10, 2)


class TestOwn:
    @pytest.fixture(autouse=True)
    def _forget_modules(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        before = set(sys.modules)
        monkeypatch.setattr(sys, "path", [*sys.path])
        yield
        for name in set(sys.modules) - before:
            if name.startswith("mynets"):
                del sys.modules[name]

    def write(self, folder: Path, body: str) -> None:
        (folder / "mynets.py").write_text(f"import torch\nfrom torch import nn\n{body}")

    def test_it_is_called_with_classes_and_size_and_trained(self, tmp_path: Path) -> None:
        (tmp_path / "mynets_sizes.py").write_text("def area(size): return 3 * size * size\n")
        self.write(
            tmp_path,
            "from mynets_sizes import area\n"
            "def build(classes, size):\n"
            "    return nn.Sequential(nn.Flatten(), nn.Linear(area(size), classes))\n",
        )
        settings = spec.OwnModel("mynets:build")
        models.check_batch(settings, 8, 5, 2, tmp_path)
        assert models.build(settings, 8, 5, tmp_path)(torch.rand(2, 3, 8, 8)).shape == (2, 5)

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ("", "mynets.py defines no function build"),
            ("1 / 0", r"cannot be imported: ZeroDivisionError.*\(mynets.py, line 3\)"),
            (
                "def build(size): pass",
                r"mynets:build \(mynets.py, line 3\) takes \(size\), but is called with .*classes",
            ),
            (
                "def build(classes, size): return nn.Conv2d(3, 4, 3, groups=2)",
                r"in_channels must be divisible by groups \(mynets.py, line 3\)",
            ),
            ("def build(classes, size): return 7", "must return a torch.nn.Module, not int"),
            ("def build(classes, size): return nn.Flatten()", r"\(2, 5\), not \(2, 192\)"),
            (
                "def build(classes, size):\n    return nn.Sequential(nn.Linear(3, 3))\n",
                r"0 \(Linear\) cannot take 3x8x8",
            ),
        ],
    )
    def test_what_is_wrong_with_it_is_said(self, tmp_path: Path, body: str, message: str) -> None:
        self.write(tmp_path, body)
        with pytest.raises(PreflightError, match=message) as error:
            models.check_batch(spec.OwnModel("mynets:build"), 8, 5, 2, tmp_path)
        assert error.value.hint

    def test_a_missing_module_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(PreflightError, match="there is no module mynets") as error:
            models.build(spec.OwnModel("mynets:build"), 8, 5, tmp_path)
        assert "mynets.py" in error.value.hint

    def test_an_installed_module_is_not_meant(self, tmp_path: Path) -> None:
        (tmp_path / "json.py").write_text("def build(classes, size): ...\n")
        with pytest.raises(PreflightError, match="json is an installed module"):
            models.build(spec.OwnModel("json:build"), 8, 5, tmp_path)


def test_depth_four_is_the_net_64_128_256_256() -> None:
    network = models.Cnn(spec.Cnn(depth=4, width=64), 32, 10)
    assert channels(network) == [64, 128, 256, 256]
    assert network.head.in_features == 256 * 2 * 2


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 28, 32, 33, 64])
@pytest.mark.parametrize("depth", [1, 2, 5, 10, 100])
def test_any_depth_takes_any_size(depth: int, size: int) -> None:
    with torch.device("meta"):
        network = models.Cnn(spec.Cnn(depth=depth, width=2), size, 3)
        assert network(torch.empty(2, 3, size, size)).shape == (2, 3)
    assert len(channels(network)) == depth


def test_the_gains_undo_what_activations_do_to_a_standard_normal() -> None:
    z = torch.linspace(-12, 12, 100_001, dtype=torch.float64)
    density = torch.exp(-z.square() / 2) / torch.exp(-z.square() / 2).sum()
    for name, activation in models.ACTIVATIONS.items():
        gain = float((activation()(z).square() * density).sum()) ** -0.5
        assert models.GAINS[name] == pytest.approx(gain, abs=1e-4)


@pytest.mark.parametrize("activation", get_args(ActivationName))
def test_a_deep_net_without_normalisation_passes_the_signal_on(activation: ActivationName) -> None:
    torch.manual_seed(0)
    settings = spec.Cnn(depth=20, width=32, activation=activation, normalization="none")
    network = models.Cnn(settings, 8, 10)
    features = network.blocks(torch.randn(16, 3, 8, 8)).detach()
    assert 0.01 < float(features.std()) < 100


def test_dropout_drops_in_training_only() -> None:
    network = models.Cnn(spec.Cnn(depth=1, width=4, dropout=0.9), 8, 10)
    images = torch.randn(4, 3, 8, 8)
    assert not torch.equal(network(images), network(images))
    network.eval()
    assert torch.equal(network(images), network(images))


def test_a_batch_of_one_over_1x1_maps_is_refused_before_training() -> None:
    with pytest.raises(PreflightError, match="cannot be trained on 1 image at 32") as error:
        models.check_batch(spec.ResNet("resnet18"), 32, 10, 1)
    assert "batch_size" in error.value.hint
    models.check_batch(spec.ResNet("resnet18"), 32, 10, 2)
    models.check_batch(spec.Cnn(depth=4), 32, 10, 1)
    with pytest.raises(PreflightError):
        models.check_batch(spec.Cnn(depth=1), 1, 10, 1)


class TestWeights:
    @pytest.fixture(autouse=True)
    def _cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def publish(self, monkeypatch: pytest.MonkeyPatch, folder: Path, state: Any) -> Path:
        """Put a table of weights where torchvision's default ones are looked for."""
        torch.save(state, folder / "weights")
        digest = hashlib.sha256((folder / "weights").read_bytes()).hexdigest()
        path = (folder / "weights").rename(folder / f"net-{digest[:8]}.pth")
        source = weights.Source(path, "https://somewhere/net.pth")
        monkeypatch.setattr(weights, "source_of", lambda *_: source)
        return path

    def test_absent_weights_are_named_with_the_way_to_fetch_them(self, tmp_path: Path) -> None:
        with pytest.raises(PreflightError) as error:
            models.build(spec.ResNet("resnet50", "default"), 32, 10)
        file = tmp_path / "hub" / "checkpoints" / "resnet50-11ad3fa6.pth"
        assert str(file) in error.value.message
        assert "https://download.pytorch.org/models/resnet50-11ad3fa6.pth" in error.value.hint

    def test_the_named_weights_are_sought_not_the_best(self) -> None:
        with pytest.raises(PreflightError, match=r"resnet50-0676ba61\.pth"):
            models.build(spec.ResNet("resnet50", "IMAGENET1K_V1"), 32, 10)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"cut off", "damaged"),
            (b"", "is empty"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
            (b"\n<!DOCTYPE html><html></html>", "web page"),
        ],
    )
    def test_damaged_weights_are_refused(self, content: bytes, message: str) -> None:
        settings = spec.ResNet("resnet18", "default")
        source = weights.source_of(settings, Path())
        assert source is not None
        source.path.parent.mkdir(parents=True)
        source.path.write_bytes(content)
        with pytest.raises(PreflightError, match=message):
            models.build(settings, 32, 10)

    def test_weights_are_loaded_and_the_head_replaced(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for classes in (10, 1000):
            original = models.build(spec.ResNet("resnet18"), 32, 1000).state_dict()
            self.publish(monkeypatch, tmp_path, original)
            network = models.build(spec.ResNet("resnet18", "default"), 32, classes).state_dict()
            assert torch.equal(network["conv1.weight"], original["conv1.weight"])
            assert network["fc.weight"].shape == (classes, 512)
            assert not torch.equal(network["fc.bias"], original["fc.bias"][:classes])

    def test_a_cifar_stem_begins_anew_under_pretrained_layers(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        original = models.build(spec.ResNet("resnet18"), 32, 1000).state_dict()
        self.publish(monkeypatch, tmp_path, original)
        network = models.build(spec.ResNet("resnet18", "default", "cifar"), 32, 10).state_dict()
        assert network["conv1.weight"].shape == (64, 3, 3, 3)
        key = "layer1.0.conv1.weight"
        assert torch.equal(network[key], original[key])

    def test_densenets_files_with_their_old_names_are_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        original = models.build(spec.Classifier("densenet121"), 32, 1000).state_dict()
        old = {
            re.sub(r"(denselayer\d+\.[a-z]+)([12]\.)", r"\1.\2", key): value
            for key, value in original.items()
        }
        assert "features.denseblock1.denselayer1.norm.1.weight" in old
        self.publish(monkeypatch, tmp_path, old)
        network = models.build(spec.Classifier("densenet121", "default"), 32, 10).state_dict()
        key = "features.denseblock1.denselayer1.conv1.weight"
        assert torch.equal(network[key], original[key])

    def test_a_vision_transformers_positions_are_resampled_for_the_size(
        self,
    ) -> None:
        settings = spec.Classifier("vit_b_32", "default")
        state = {"encoder.pos_embedding": torch.full((1, 50, 768), 0.5)}
        network = models.imagined(settings, 64, 10)
        resampled = weights._at_size(dict(state), network)["encoder.pos_embedding"]
        assert resampled.shape == (1, 1 + 2 * 2, 768)
        assert torch.allclose(resampled, torch.tensor(0.5))

    def test_a_file_of_ones_own_keeps_a_head_that_fits(self, tmp_path: Path) -> None:
        original = models.build(spec.ResNet("resnet18"), 32, 10)
        torch.save({"model": original.state_dict(), "epoch": 3}, tmp_path / "mine.pt")
        settings = spec.ResNet("resnet18", "mine.pt")
        network = models.build(settings, 32, 10, tmp_path).state_dict()
        assert all(torch.equal(network[key], value) for key, value in original.state_dict().items())
        assert models.build(settings, 32, 7, tmp_path).state_dict()["fc.weight"].shape == (7, 512)

    def test_a_file_of_another_network_is_refused_with_the_first_differences(
        self, tmp_path: Path
    ) -> None:
        torch.save(models.build(spec.ResNet("resnet34"), 32, 10).state_dict(), tmp_path / "a.pt")
        with pytest.raises(
            PreflightError, match=r"another network: layer1\.2.*no place.* and .* more"
        ):
            models.build(spec.ResNet("resnet18", "a.pt"), 32, 10, tmp_path)

    def test_a_file_that_would_run_code_is_refused(self, tmp_path: Path) -> None:
        torch.save(Step("a", "b", "c"), tmp_path / "evil.pt")
        with pytest.raises(PreflightError, match="holds no weights: it holds Python obj"):
            models.build(spec.ResNet("resnet18", "./evil.pt"), 32, 10, tmp_path)

    @pytest.mark.parametrize("is_zip", [True, False])
    def test_a_file_that_is_cut_off_is_named(self, tmp_path: Path, *, is_zip: bool) -> None:
        state = models.build(spec.ResNet("resnet18"), 32, 10).state_dict()
        path = tmp_path / "a.pt"
        torch.save(state, path, _use_new_zipfile_serialization=is_zip)
        settings = spec.ResNet("resnet18", "./a.pt")
        weights.check(models.imagined(settings, 32, 10), settings, tmp_path)
        path.write_bytes(path.read_bytes()[:-1000])
        for look in (
            lambda: models.build(settings, 32, 10, tmp_path),
            lambda: weights.check(models.imagined(settings, 32, 10), settings, tmp_path),
        ):
            with pytest.raises(PreflightError, match="it is cut off or damaged") as error:
                look()
            assert error.value.hint

    def test_a_file_that_is_none_of_weights_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "a.pt").write_text("neither\n")
        with pytest.raises(PreflightError, match="holds no weights: it is a file of text"):
            models.build(spec.ResNet("resnet18", "./a.pt"), 32, 10, tmp_path)
