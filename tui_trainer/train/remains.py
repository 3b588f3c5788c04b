"""What augmentation leaves of images: of whom nothing is left, only the label is learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from tui_trainer.train import augment, randomness
from tui_trainer.train.dataset import Split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tui_trainer.spec.augmentation import Augmentation
    from tui_trainer.train.augment import Drawn
    from tui_trainer.train.pipeline import ImagePipeline

# Of what tells an image from its mean colour. Flips, turns and the usual crops leave half or more.
_NOTHING = 0.02


def lost(steps: Sequence[Augmentation], split: Split, pipeline: ImagePipeline, seed: int) -> int:
    """Of how many images of a split these steps leave nothing.

    Each image and one of its mean colour are changed by the same draws: where both come out alike,
    whatever is seen is not the image.
    """
    generator = randomness.generator(seed, "augment", 1, 0)
    drawn = augment.draw(steps, len(split), pipeline.size, generator)
    flat = _flat(split)
    before, after = (_apart(split, flat, changes, pipeline) for changes in ((), drawn))
    return int(((after <= _NOTHING * before) & (before > 0)).sum())


def _apart(one: Split, other: Split, drawn: Sequence[Drawn], pipeline: ImagePipeline) -> Tensor:
    """How far the images of two splits differ after the same changes, (count,)."""
    indices = torch.arange(len(one), device=one.labels.device)
    first, second = (augment.augmented(each, indices, drawn, pipeline) for each in (one, other))
    return (first - second).abs().mean((1, 2, 3))


def _flat(split: Split) -> Split:
    """The images' mean colours, as images."""
    images = split.take(torch.arange(len(split), device=split.labels.device)).cpu().numpy()
    means = images.mean((2, 3), keepdims=True).round().astype(np.uint8)
    flat = np.broadcast_to(means, images.shape).transpose(0, 2, 3, 1)
    return Split.pack(flat, split.labels.cpu().numpy()).to(split.labels.device)
