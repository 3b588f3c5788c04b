"""Builds torchvision's classifiers for any number of classes, image size and stem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn
from torchvision.models import get_model

from tui_trainer.errors import PreflightError
from tui_trainer.spec.choices import names_a_file
from tui_trainer.spec.model import ResNet

if TYPE_CHECKING:
    from tui_trainer.spec.model import Classifier


def build(settings: ResNet | Classifier, size: int, classes: int) -> nn.Module:
    """The network with new weights; in training, too, it returns logits alone.

    Raises:
        PreflightError: It cannot be built for images of this size.
    """
    try:
        network: nn.Module = get_model(
            settings.name, weights=None, num_classes=classes, **_options(settings, size)
        )
    except (ValueError, AssertionError, RuntimeError) as error:
        raise PreflightError(
            f"{settings.name} cannot be built for images of {size} pixels: "
            + " ".join(str(error).split()),
            hint="its usual pipeline.size is 224",
        ) from error
    if isinstance(settings, ResNet) and settings.stem == "cifar":
        _take_small_images(network)
    return network


def _options(settings: ResNet | Classifier, size: int) -> dict[str, Any]:
    """What a family must know at its building."""
    if settings.name.startswith("vit_"):
        return {"image_size": size}
    if settings.name == "maxvit_t":
        return {"input_size": (size, size)}
    if settings.name in {"googlenet", "inception_v3"}:
        # Their auxiliary heads are left out: they need images of 299 pixels, and helped nets
        # without batch normalisation. The published weights were trained on another scale.
        return {
            "aux_logits": False,
            "init_weights": True,
            "transform_input": settings.weights != "none" and not names_a_file(settings.weights),
        }
    return {}


def _take_small_images(network: nn.Module) -> None:
    """He et al.'s stem for CIFAR (arXiv:1512.03385, section 4.2): 3x3, stride 1, no pooling."""
    convolution = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    # As torchvision begins its own.
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    network.conv1 = convolution
    network.maxpool = nn.Identity()
