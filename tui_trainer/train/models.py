"""Builds the networks that experiments name, and checks that they can take the batches given."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from msgspec import structs
from torch import Tensor, nn

from tui_trainer.errors import PreflightError
from tui_trainer.spec import model as spec
from tui_trainer.train import own, shapes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui_trainer.spec.choices import ActivationName, NormalizationName
    from tui_trainer.spec.model import Model

ACTIVATIONS: Final[dict[ActivationName, Callable[[], nn.Module]]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}
NORMALIZATIONS: Final[dict[NormalizationName, Callable[[int], nn.Module]]] = {
    "batch_norm": nn.BatchNorm2d,
    "group_norm": lambda channels: nn.GroupNorm(math.gcd(_GROUPS, channels), channels),
    "layer_norm": lambda channels: nn.GroupNorm(1, channels),
}
# One over the root mean square that an activation makes of a standard normal; a test integrates.
GAINS: Final[dict[ActivationName, float]] = {
    "relu": 1.4142,
    "leaky_relu": 1.4141,
    "elu": 1.2452,
    "gelu": 1.5335,
    "silu": 1.6765,
    "tanh": 1.5925,
}
# The greatest of some values is still the greatest after these, bit for bit: pooling first leaves
# them a quarter of the values, which takes an eighth off a training step of `simple_cnn` on a CPU.
RISING: Final[frozenset[ActivationName]] = frozenset({"relu", "leaky_relu"})
# A smaller map has no 2x2 left to pool after the next convolution.
_SMALLEST_POOLED_SIDE = 4
# Wu and He, 2018, arXiv:1803.08494.
_GROUPS = 32
# Sides that data sets and torchvision's weights come in.
_USUAL_SIZES = (32, 48, 64, 75, 96, 128, 160, 192, 224, 256, 299, 384)
_HERE: Final = Path()


class Cnn(nn.Module):
    """3x3 convolutions, each with normalisation and activation, then one or two linear layers.

    Channels double twice: width, 2 width, 4 width and so on. Each convolution is followed by 2x2
    max pooling as long as the map has at least 4x4 pixels, so that at 32 pixels depth 4 and width
    64 is the net 64-128-256-256; deeper ones go on at the smallest map. Where it makes no
    difference to a bit, the activation comes after the pooling.
    """

    def __init__(self, settings: spec.ConvNet, size: int, classes: int) -> None:
        super().__init__()
        blocks, channels, side = [], 3, size
        for index in range(settings.depth):
            wider = settings.width * 2 ** min(index, 2)
            blocks.append(_Block(settings, channels, wider, side))
            channels, side = wider, blocks[-1].side
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(settings.dropout)
        features = channels * side * side
        self.hidden = nn.Sequential()
        if settings.hidden:
            activation = ACTIVATIONS[settings.activation]()
            self.hidden = nn.Sequential(nn.Linear(features, settings.hidden), activation)
        self.head = nn.Linear(settings.hidden or features, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, (count, classes)."""
        maps = self.blocks(images)
        if maps.requires_grad and not torch.compiler.is_compiling():
            # Flattening returns gradients as rows, whatever the layout of the maps, and torch's
            # kernels take twenty times as long where two layouts meet.
            maps.register_hook(partial(_laid_out_as, layout=_layout(maps)))
        logits: Tensor = self.head(self.hidden(self.dropout(maps.flatten(1))))
        return logits


def _layout(maps: Tensor) -> torch.memory_format:
    is_last = maps.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if is_last else torch.contiguous_format


def _laid_out_as(gradient: Tensor, layout: torch.memory_format) -> Tensor:
    return gradient.contiguous(memory_format=layout)


class _Block(nn.Sequential):
    """A convolution, what follows it, and the side of the map that comes out."""

    def __init__(self, settings: spec.ConvNet, channels: int, wider: int, side: int) -> None:
        pooled, kind = side >= _SMALLEST_POOLED_SIDE, settings.normalization
        # Batch normalisation takes any bias off again; groups of channels keep theirs.
        convolution = nn.Conv2d(channels, wider, 3, padding=1, bias=kind != "batch_norm")
        if settings.init == "scaled":
            _initialise(convolution, settings.activation, side)
        layers: list[nn.Module] = [convolution]
        if kind != "none":
            layers.append(NORMALIZATIONS[kind](wider))
        tail: list[nn.Module] = [ACTIVATIONS[settings.activation]()]
        if pooled:
            tail.append(nn.MaxPool2d(2))
        if settings.activation in RISING:
            tail.reverse()
        super().__init__(*layers, *tail)
        self.side = side // 2 if pooled else side


def build(settings: Model, size: int, classes: int, project: Path = _HERE) -> nn.Module:
    """The network, its initial weights drawn from torch's own generator.

    Args:
        settings: Which network.
        size: Side of its images in pixels.
        classes: Outputs.
        project: The folder that a file of weights and a module of the user's are looked for in.

    Raises:
        PreflightError: It is to start from weights that are not on this machine, cannot be built
            for this size, or is the user's own and fails.
    """
    if isinstance(settings, spec.ConvNet):
        return Cnn(settings, size, classes)
    if isinstance(settings, spec.OwnModel):
        return _own(settings, size, classes, project)
    # torchvision takes as long to import as torch: a plain network does not wait for it.
    from tui_trainer.train import classifiers, weights

    network = classifiers.build(settings, size, classes)
    weights.start_from(network, settings, project)
    return network


def check_batch(
    settings: Model, size: int, classes: int, batch_size: int, project: Path = _HERE
) -> None:
    """Train on an imaginary batch, which costs no memory and no time; on a real one with own code.

    Raises:
        PreflightError: The network cannot be trained on such a batch; the message says which layer
            cannot, the hint what each one before made of the image.
    """
    network = imagined(settings, size, classes, project)
    images = shapes.images_for(network, batch_size, size)
    try:
        logits = network(images)
    except own.FAILURES as error:
        raise _refusal(settings, network, images, classes, error) from error
    shape = getattr(logits, "shape", None)
    if shape != (batch_size, classes):
        found = tuple(shape) if shape is not None else type(logits).__name__
        raise PreflightError(
            f"{settings.name} must return logits of shape {(batch_size, classes)}, not {found}",
            hint=f"return only the logits, of a last layer with `classes` outputs: here {classes}",
        )


def check_gradients(
    settings: Model, size: int, classes: int, batch_size: int, project: Path = _HERE
) -> None:
    """Make sure that a step can change something of a network of the user's own.

    Raises:
        PreflightError: It has no parameters that take gradients, or its logits carry none to them.
    """
    if not isinstance(settings, spec.OwnModel):
        return
    network = build(settings, size, classes, project)
    taking = [parameter.requires_grad for parameter in network.parameters()]
    if not taking:
        raise PreflightError(
            f"{settings.name} has no parameters, so nothing of it can be trained",
            hint="are its layers attributes of the module, or in an nn.ModuleList?",
        )
    if not any(taking):
        raise PreflightError(
            f"no parameter of {settings.name} takes gradients, so nothing of it can be trained",
            hint="leave requires_grad=True to those that are to learn, the last layer's at least",
        )
    if not network(shapes.images_for(network, batch_size, size)).requires_grad:
        raise PreflightError(
            f"no gradient goes from the logits of {settings.name} to its parameters",
            hint="compute them without detach(), numpy() and torch.no_grad()",
        )


def imagined(settings: Model, size: int, classes: int, project: Path = _HERE) -> nn.Module:
    """The network without memory for its weights, on the meta device; one of own code is real.

    Raises:
        PreflightError: It cannot be built.
    """
    if isinstance(settings, spec.OwnModel):
        return build(settings, size, classes, project)
    if isinstance(settings, (spec.ResNet, spec.Classifier)):
        settings = structs.replace(settings, weights="none")
    with shapes.without_memory():
        return build(settings, size, classes)


def _own(settings: spec.OwnModel, size: int, classes: int, project: Path) -> nn.Module:
    network = own.called(settings.name, project, classes=classes, size=size)
    if not isinstance(network, nn.Module):
        raise PreflightError(
            f"{settings.name} must return a torch.nn.Module, not {type(network).__name__}",
            hint="does its last line return the network?",
        )
    return network


def _refusal(
    settings: Model, network: nn.Module, images: Tensor, classes: int, error: BaseException
) -> PreflightError:
    """Why a network cannot be trained on a batch, and what would help."""
    batch_size, size = len(images), images.shape[-1]
    why = own.describe(error) if isinstance(settings, spec.OwnModel) else str(error)
    count = f"{batch_size} image{'s' if batch_size > 1 else ''}"
    steps = shapes.steps(network, images)
    message = f"{settings.name} cannot be trained on {count} at {size} pixels: "
    if steps and not steps[-1].after:
        message += f"{steps[-1].layer} ({steps[-1].kind}) cannot take {steps[-1].before}: "
    if isinstance(error, ValueError) and batch_size == 1:
        hint = "batch normalisation over 1x1 maps needs batch_size of at least 2"
    else:
        larger = _size_that_works(settings, size, classes)
        hint = f"set pipeline.size to {larger}\n" if larger else ""
        hint += "layer by layer:\n" + "\n".join(map(str, steps))
    return PreflightError(message + " ".join(why.split()), hint=hint)


def _size_that_works(settings: Model, size: int, classes: int) -> int | None:
    """The smallest of the usual sizes beyond this one that the network can take."""
    if isinstance(settings, spec.OwnModel):
        return None
    for larger in (usual for usual in _USUAL_SIZES if usual > size):
        try:
            network = imagined(settings, larger, classes)
            network(shapes.images_for(network, 2, larger))
        except Exception:  # noqa: BLE001, S112  each family refuses in its own way
            continue
        return larger
    return None


def _initialise(convolution: nn.Conv2d, activation: ActivationName, side: int) -> None:
    """Weights that keep the signal's size from layer to layer (He et al., arXiv:1502.01852).

    PyTorch's own rule takes 0.41 of it at each layer under ReLU, and even He's rule 0.67 on 2x2
    maps, where five of nine weights meet padding: of 20 layers nothing comes out.
    """
    taps = (3 * side - 2) / side  # of the three along an axis, those that meet the image
    fan_in = convolution.in_channels * taps * taps
    nn.init.normal_(convolution.weight, std=GAINS[activation] / fan_in**0.5)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
