"""Mixes each image, and its label, with its neighbour in the batch: Mixup and CutMix.

The neighbour is the image before it, as in torchvision; batches are shuffled. Unlike torchvision,
which draws once for a batch, every image has a share or a box of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch.nn import functional

from tui_trainer.spec import augmentation as spec
from tui_trainer.train.policies import dirichlet

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class Blend:
    """Mixup: all of the neighbour shines through."""

    own: Tensor
    """Each image's own share, (count,)."""

    def apply(self, images: Tensor) -> Tensor:
        """The mixed batch."""
        own = self.own.to(images.device).view(-1, 1, 1, 1)
        return images.roll(1, 0).mul_(1 - own).addcmul_(images, own)


@dataclass(frozen=True)
class Box:
    """CutMix: a box is filled from the neighbour."""

    top: Tensor
    left: Tensor
    bottom: Tensor
    """The row below the box."""
    right: Tensor
    """The column right of the box."""
    side: int

    @property
    def own(self) -> Tensor:
        """The share of each image outside its box, (count,)."""
        return 1 - (self.bottom - self.top) * (self.right - self.left) / self.side**2

    def apply(self, images: Tensor) -> Tensor:
        """The mixed batch."""
        inside = inside_boxes(self.top, self.left, self.bottom, self.right, self.side)
        inside = inside.to(images.device, images.dtype)
        # One of the two is multiplied by 0: as exact as choosing, and faster.
        return images.roll(1, 0).mul_(inside).addcmul_(images, 1 - inside)


Mixed: TypeAlias = Blend | Box


def draw(step: spec.Mixing, count: int, side: int, generator: Generator) -> Mixed:
    """Draw for a batch of `count` images of this side."""
    if isinstance(step, spec.Mixup):
        return _mixup(step.alpha, count, generator)
    return _cutmix(step.alpha, count, side, generator)


def inside_boxes(top: Tensor, left: Tensor, bottom: Tensor, right: Tensor, side: int) -> Tensor:
    """Which pixels of each image lie in its box, (count, 1, side, side)."""
    steps = torch.arange(side)
    rows = (steps >= top[:, None]) & (steps < bottom[:, None])
    columns = (steps >= left[:, None]) & (steps < right[:, None])
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def mixed_labels(step: Mixed, labels: Tensor, classes: int) -> Tensor:
    """What the network shall answer: probabilities (count, classes)."""
    certain = functional.one_hot(labels, classes).float()
    own = step.own.to(labels.device)[:, None]
    return certain * own + certain.roll(1, 0) * (1 - own)


def right_answers(logits: Tensor, targets: Tensor) -> Tensor:
    """How many answers are the target, or the likelier of two targets; a tensor on the device."""
    labels = targets.argmax(1) if targets.ndim == 2 else targets
    return (logits.detach().argmax(1) == labels).sum()


def _mixup(alpha: float, count: int, generator: Generator) -> Blend:
    return Blend(dirichlet(alpha, 2, count, generator)[0])


def _cutmix(alpha: float, count: int, side: int, generator: Generator) -> Box:
    share = dirichlet(alpha, 2, count, generator)[0]
    half = ((1 - share).sqrt() * 0.5 * side).long()
    row, column = torch.randint(side, (2, count), generator=generator)
    top, left = (row - half).clamp(min=0), (column - half).clamp(min=0)
    bottom, right = (row + half).clamp(max=side), (column + half).clamp(max=side)
    return Box(top, left, bottom, right, side)
