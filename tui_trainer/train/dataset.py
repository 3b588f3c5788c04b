"""Images in memory, packed so that one gather takes any pixels of any images, and their splits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tui_trainer.train.randomness import key

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

OUTSIDE = 2**62
"""As a place in an image: none of its pixels. Beyond any data set, and exact as a float, too."""


@dataclass(frozen=True)
class Split:
    """Square RGB images of one size, and their labels.

    A pixel is one int32, its bytes red, green, blue and zero; after the last pixel stands a black
    one, which serves for every place outside an image.
    """

    pixels: Tensor
    labels: Tensor
    side: int

    @classmethod
    def pack(cls, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Split:
        """Take images of shape (count, side, side, 3)."""
        pixels = np.zeros((images.size // 3 + 1, 4), np.uint8)
        pixels[:-1, :3] = images.reshape(-1, 3)
        words = torch.from_numpy(pixels.view(np.int32).ravel())
        return cls(words, torch.from_numpy(labels.astype(np.int64)), images.shape[1])

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def area(self) -> int:
        """Pixels of an image."""
        return self.side * self.side

    def to(self, device: torch.device) -> Split:
        """The same images in a device's memory."""
        return replace(self, pixels=self.pixels.to(device), labels=self.labels.to(device))

    def only(self, indices: Tensor) -> Split:
        """These images alone, in this order."""
        words = self.pixels[:-1].view(len(self), self.area)[indices].flatten()
        return Split(torch.cat([words, self.pixels[-1:]]), self.labels[indices], self.side)

    def take(self, indices: Tensor, places: Tensor | None = None) -> Tensor:
        """Images as (count, 3, side, side) bytes, in channels-last order.

        Args:
            indices: Which images.
            places: For each pixel of the result where in its image it comes from, (count, area);
                `OUTSIDE` means black. Without it each pixel stays where it is.
        """
        if places is None:
            places = torch.arange(self.area, device=indices.device).expand(len(indices), -1)
        sources = (indices[:, None] * self.area + places).clamp_(max=len(self.pixels) - 1)
        words = self.pixels.index_select(0, sources.flatten())
        pixels = words.view(torch.uint8).view(-1, self.side, self.side, 4)
        return pixels[..., :3].permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Dataset:
    """What a run trains on, chooses its best epoch by, and is judged by."""

    train: Split
    validation: Split
    test: Split
    classes: int
    names: tuple[str, ...] = ()
    """Of the classes, by label; empty where the data set gives none."""

    def __str__(self) -> str:
        return (
            f"{len(self.train):,} images to train on, {len(self.validation):,} to validate on, "
            f"{len(self.test):,} to test on; {self.classes:,} classes"
        )

    def to(self, device: torch.device) -> Dataset:
        """The same images in a device's memory."""
        return replace(
            self,
            train=self.train.to(device),
            validation=self.validation.to(device),
            test=self.test.to(device),
        )


def stratified_order(labels: NDArray[np.int64], seed: int) -> NDArray[np.intp]:
    """An order whose every beginning holds each class in its share; the same on every machine."""
    lots = np.array([key(seed, "split", index) for index in range(len(labels))], np.uint64)
    by_class = np.lexsort((lots, labels))
    counts = np.bincount(labels)
    ranks = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    shares = (ranks + 0.5) / np.repeat(counts, counts)
    order: NDArray[Any] = by_class[np.lexsort((lots[by_class], shares))]
    return order
