"""AugMix's consistency: three views of each image, about which the network shall say the same."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import torch

from tui_trainer.train import augment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Generator, Tensor

    from tui_trainer.spec import augmentation as spec
    from tui_trainer.train.dataset import Split
    from tui_trainer.train.pipeline import ImagePipeline


def views(
    split: Split,
    indices: Tensor,
    steps: Sequence[spec.Augmentation],
    pipeline: ImagePipeline,
    generator: Generator,
) -> Tensor:
    """All images on [0, 1], then all their first mixtures, then their second: (3 * count, …).

    Args:
        split: Where the images are.
        indices: Which ones.
        steps: AugMix, and what is done before it, the same for all three.
        pipeline: The run's.
        generator: What is drawn from.
    """
    *before, mix = steps
    *shared, one, other = augment.draw([*before, mix, mix], len(indices), pipeline.size, generator)
    images = augment.augmented(split, indices, shared, pipeline)
    mixtures = (augment.changed(images, [mixture]) for mixture in (one, other))
    return torch.cat([images, *mixtures]).contiguous(memory_format=torch.channels_last)


def jensen_shannon(logits: Sequence[Tensor]) -> Tensor:
    """The mean over images of the divergence of what was said of their views.

    Of distributions p_i with the mean m that is the mean of KL(p_i || m), in natural logarithms
    (Hendrycks et al., 2020, arXiv:1912.02781).

    Args:
        logits: Of each view, (count, classes).
    """
    logs = torch.stack([said.float().log_softmax(1) for said in logits])
    mean = logs.logsumexp(0) - math.log(len(logits))
    return (logs.exp() * (logs - mean)).sum(2).mean()


def with_consistency(
    loss: Callable[[Tensor, Tensor], Tensor], weight: float
) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of the images themselves, and the weighted divergence of their views."""
    return partial(_consistent, loss, weight)


def _consistent(
    loss: Callable[[Tensor, Tensor], Tensor], weight: float, logits: Tensor, labels: Tensor
) -> Tensor:
    said = torch.split(logits, len(labels))
    return loss(said[0], labels) + weight * jensen_shannon(said)
