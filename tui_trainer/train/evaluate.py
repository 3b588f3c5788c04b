"""Measures a network on images it was not trained on, the same way for validation and test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from tui_trainer.train.metrics import Predictions

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from tui_trainer.train.dataset import Split
    from tui_trainer.train.pipeline import ImagePipeline

# Measured: 1.5 to 2 times the images per second of 64; larger ones fall out of the CPU's cache.
BATCH_SIZE = 256


@dataclass(frozen=True)
class Measured:
    """Means over a split."""

    images: int
    loss: float
    """Cross entropy, never smoothed, so that experiments that smooth can be compared."""
    accuracy: float


def measure(
    network: nn.Module, split: Split, pipeline: ImagePipeline, after_batch: Callable[[], None]
) -> Measured:
    """Loss and top-1 accuracy over the whole split, no image changed.

    Args:
        network: Left in evaluation mode.
        split: On the device of the network.
        pipeline: The run's.
        after_batch: Called after each batch; what it raises ends the measurement.
    """
    network.eval()
    sums = torch.zeros(2, dtype=torch.float64, device=split.labels.device)
    with torch.inference_mode():
        for indices in torch.split(torch.arange(len(split), device=sums.device), BATCH_SIZE):
            labels = split.labels[indices]
            logits = network(pipeline(split.take(indices)))
            sums[0] += functional.cross_entropy(logits, labels, reduction="sum")
            sums[1] += (logits.argmax(1) == labels).sum()
            after_batch()
    loss, correct = sums.tolist()
    return Measured(len(split), loss / len(split), correct / len(split))


def predictions(
    network: nn.Module, split: Split, pipeline: ImagePipeline, after_batch: Callable[[], None]
) -> Predictions:
    """What the network says about every image of a split; arguments as `measure`'s."""
    network.eval()
    logits = []
    with torch.inference_mode():
        for indices in torch.split(
            torch.arange(len(split), device=split.labels.device), BATCH_SIZE
        ):
            logits.append(network(pipeline(split.take(indices))).float().cpu())
            after_batch()
    # A clone, because what inference mode made can be used by nothing that computes gradients.
    return Predictions(torch.cat(logits).clone(), split.labels.cpu())
