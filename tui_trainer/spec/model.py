"""The networks that an experiment may name."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from tui_trainer.spec.choices import (
    ActivationName,
    ClassifierName,
    NormalizationName,
    ResNetName,
)
from tui_trainer.spec.table import Fraction, PathText, Table


class ConvNet(Table, frozen=True):
    """A plain convolutional network of `depth` 3x3 convolutions; any input size works."""

    depth: Annotated[int, Meta(ge=1, le=100)] = 2
    """Convolutions before the linear layers."""
    width: Annotated[int, Meta(ge=1, le=4096)] = 64
    """Channels of the first convolution; doubled by each of the next two."""
    activation: ActivationName = "relu"
    normalization: NormalizationName = "batch_norm"
    """`group_norm`: 32 groups, or as many as divide the channels. `layer_norm`: one group."""
    dropout: Fraction = 0.0
    """Probability of dropping a feature before the linear layers."""
    hidden: Annotated[int, Meta(ge=0, le=65536)] = 0
    """Features of a linear layer before the last one; 0: there is none."""
    init: Literal["scaled", "pytorch"] = "scaled"
    """`scaled`: initial weights that pass the signal on through any depth. `pytorch`: its own."""


class Cnn(ConvNet, frozen=True):
    """A plain convolutional network of `depth` 3x3 convolutions; any input size works."""

    name: Literal["cnn"] = "cnn"


class SimpleCnn(ConvNet, frozen=True):
    """The net that courses begin with: convolutions of 32 and 64 channels, two linear layers.

    A cnn with other defaults. Each convolution is followed by ReLU and 2x2 max pooling; the linear
    layer between has 128 features, as in PyTorch's own MNIST example; PyTorch's initial weights.
    """

    name: Literal["simple_cnn"] = "simple_cnn"
    width: Annotated[int, Meta(ge=1, le=4096)] = 32
    normalization: NormalizationName = "none"
    hidden: Annotated[int, Meta(ge=0, le=65536)] = 128
    init: Literal["scaled", "pytorch"] = "pytorch"


class Cnn4(ConvNet, frozen=True):
    """Four convolutions of 64, 128, 256 and 256 channels with leaky ReLU and batch normalisation.

    A cnn with other defaults.
    """

    name: Literal["cnn4"] = "cnn4"
    depth: Annotated[int, Meta(ge=1, le=100)] = 4
    activation: ActivationName = "leaky_relu"


class ResNet(Table, frozen=True):
    """torchvision's residual networks (He et al., 2015, arXiv:1512.03385), head replaced."""

    name: ResNetName
    weights: PathText = "none"
    """`none`, `default`, a name such as `IMAGENET1K_V1`, or a file (a path with `/` or ending in
    `.pt` or `.pth`; from the project's folder). Published ones come from the local cache alone.
    """
    stem: Literal["imagenet", "cifar"] = "imagenet"
    """`cifar`: a first convolution of 3x3 with stride 1 and no pooling, for images of 32 pixels."""


class Classifier(Table, frozen=True):
    """torchvision's other classifiers, head replaced and without auxiliary heads.

    googlenet and inception_v3 with published weights expect ImageNet's mean and std in `pipeline`.
    """

    name: ClassifierName
    weights: PathText = "none"
    """As of the ResNets."""


class OwnModel(Table, frozen=True):
    """A network of your own: `my_module:build` calls build(classes=…, size=…) of my_module.py.

    The module is looked for in the project's folder; `build` returns a torch.nn.Module that takes
    images (count, 3, size, size) and returns logits (count, classes).
    """

    name: Annotated[str, Meta(min_length=1)]


Model = Cnn | SimpleCnn | Cnn4 | ResNet | Classifier | OwnModel
