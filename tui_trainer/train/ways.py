"""Other ways to ask a trained network: mirrored too, or normalised by what the images are like."""

from __future__ import annotations

import copy
import math
from functools import partial
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tui_trainer.errors import PreflightError

if TYPE_CHECKING:
    from tui_trainer.spec.experiment import Experiment

FLIP: Final = "with_flip"
BATCH_NORM: Final = "with_batch_norm_adapted"


class Mirrored(nn.Module):
    """Answers with the mean of a network's probabilities for an image and its mirror image.

    Args:
        network: As it is; it shares its weights.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Logarithms of the mean probabilities, (count, classes), for (count, 3, side, side)."""
        views = (images, images.flip(-1))
        logs = torch.stack([self.network(view).float().log_softmax(1) for view in views])
        return logs.logsumexp(0) - math.log(len(views))


class Adapted(nn.Module):
    """A copy of a network whose batch normalisation follows the batch that it is shown.

    With n images in the batch, each mean and variance becomes prior/(prior + n) times training's
    plus n/(prior + n) times the batch's (Schneider et al., 2020, arXiv:2006.16971). Without a prior
    that is the prediction-time batch normalisation of Nado et al., 2020 (arXiv:2006.10963).

    Args:
        network: Stays as it is.
        prior: What training's statistics count for, in images.

    Raises:
        PreflightError: There is nothing to adapt.
    """

    def __init__(self, network: nn.Module, prior: int) -> None:
        super().__init__()
        check_adaptable(network)
        self.network = copy.deepcopy(network).eval()
        for layer in _adaptable(self.network):
            mean, variance = layer.running_mean.clone(), layer.running_var.clone()  # type: ignore[union-attr]
            layer.register_forward_pre_hook(partial(_adapt, mean, variance, prior))

    def forward(self, images: Tensor) -> Tensor:
        """Logits, (count, classes), of (count, 3, side, side)."""
        logits: Tensor = self.network(images)
        return logits


def ways_beside(experiment: Experiment, network: nn.Module) -> dict[str, tuple[nn.Module, int]]:
    """What is reported beside the plain answers: a name, a network, and a least number of images.

    The number is of images of one kind that have to be shown together; 0 where it does not matter.

    Raises:
        PreflightError: Batch normalisation is to be adapted and there is none.
    """
    ways: dict[str, tuple[nn.Module, int]] = {}
    if experiment.evaluation.flip:
        ways[FLIP] = Mirrored(network), 0
    if experiment.ood is not None and experiment.ood.adapt_batch_norm:
        adapted = Adapted(network, experiment.ood.adapt_prior)
        ways[BATCH_NORM] = adapted, experiment.ood.adapt_batch_norm
    return ways


def check_adaptable(network: nn.Module) -> None:
    """Make sure that there is batch normalisation to adapt.

    Raises:
        PreflightError: There is none.
    """
    if not _adaptable(network):
        raise PreflightError(
            "ood.adapt_batch_norm is set, but the network has no batch normalisation",
            hint="leave ood.adapt_batch_norm out, or choose a network that has some",
        )


def _adaptable(network: nn.Module) -> list[_BatchNorm]:
    layers = (layer for layer in network.modules() if isinstance(layer, _BatchNorm))
    return [layer for layer in layers if layer.running_mean is not None]


def _adapt(
    mean: Tensor, variance: Tensor, prior: int, layer: _BatchNorm, inputs: tuple[Tensor]
) -> None:
    """Give the layer the statistics that this batch is to be normalised by."""
    (values,) = inputs
    axes = [axis for axis in range(values.ndim) if axis != 1]
    found_variance, found_mean = torch.var_mean(values.float(), axes, correction=0)
    share = len(values) / (prior + len(values))
    layer.running_mean.copy_(torch.lerp(mean, found_mean, share))  # type: ignore[union-attr]
    layer.running_var.copy_(torch.lerp(variance, found_variance, share))  # type: ignore[union-attr]
