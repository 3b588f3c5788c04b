"""How bytes become the tensor that a network sees: one object for training, validation and test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

    from tui_trainer.spec.data import Channels, Pipeline


class ImagePipeline:
    """Resize, normalise, layout.

    Called, it does all of it. Training calls the two parts, around the augmentation.
    """

    def __init__(
        self,
        settings: Pipeline,
        device: torch.device,
        layout: torch.memory_format = torch.channels_last,
    ) -> None:
        self.size = settings.size
        self._layout = layout
        self._mean, self._std = (
            self._everywhere(settings.mean, device),
            self._everywhere(settings.std, device),
        )

    def __call__(self, images: Tensor) -> Tensor:
        """Bytes (count, 3, side, side) to the network's input."""
        return self.normalise(self.to_unit(images))

    def to_unit(self, images: Tensor) -> Tensor:
        """Bytes to [0, 1] in the network's size."""
        unit = images.to(torch.float32).div_(255)
        if images.shape[-1] != self.size:
            unit = functional.interpolate(
                unit, size=(self.size, self.size), mode="bilinear", antialias=True
            )
        return unit.contiguous(memory_format=torch.channels_last)

    def normalise(self, images: Tensor) -> Tensor:
        """Take the mean off and divide by the standard deviation, per channel."""
        normalised = images.sub(self._mean).div_(self._std)
        return normalised.contiguous(memory_format=self._layout)

    def _everywhere(self, channels: Channels, device: torch.device) -> Tensor:
        """A value of each channel at every pixel: the processor broadcasts three values slowly."""
        values = torch.tensor(channels, device=device).view(1, 3, 1, 1)
        values = values.expand(-1, -1, self.size, self.size)
        return values.contiguous(memory_format=torch.channels_last)
