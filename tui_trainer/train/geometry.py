"""Moves pixels, each image in its own way: crops, flips, rotations and affine maps as gathers.

What moves pixels is expressed as a table of places: for each pixel of the result, which pixel of
the image it shows, or `area` for black. Tables compose by a gather, so that crop, flip and rotation
together copy each pixel once, straight from the packed data set, and exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@dataclass(frozen=True)
class Crop:
    """Each image from its own corner of itself padded by black."""

    padding: int
    top: Tensor
    left: Tensor

    def places(self, side: int, device: torch.device) -> Tensor:
        """The table of places, (count, area)."""
        steps = torch.arange(side, device=device) - self.padding
        rows, columns = self.top.to(device)[:, None] + steps, self.left.to(device)[:, None] + steps
        return _places(rows[:, :, None], columns[:, None, :], side)


@dataclass(frozen=True)
class Flip:
    """Some images mirrored, left to right."""

    flipped: Tensor

    def places(self, side: int, device: torch.device) -> Tensor:
        """The table of places, (count, area)."""
        columns = torch.arange(side, device=device)
        flipped = self.flipped.to(device)[:, None, None]
        return _places(columns[:, None], torch.where(flipped, columns.flip(0), columns), side)


@dataclass(frozen=True)
class Rotate:
    """Each image turned counter-clockwise by its own angle."""

    degrees: Tensor

    def places(self, side: int, device: torch.device) -> Tensor:
        """The table of places, (count, area).

        The arithmetic is torchvision's and grid_sample's, operation by operation, because a
        coordinate halfway between two pixels goes where rounding sends it.
        """
        radians = self.degrees.double().deg2rad()
        cosine, sine = radians.cos(), radians.sin()
        turned = torch.stack((cosine, sine, -sine, cosine), dim=-1).view(-1, 2, 2)
        matrices = (turned.float() / (0.5 * side)).to(device)
        grid = torch.bmm(_centred(side, device).expand(len(matrices), -1, -1), matrices)
        return _nearest(grid, side)


@dataclass(frozen=True)
class Affine:
    """Each image turned, sheared, scaled and shifted in its own way."""

    degrees: Tensor
    """Clockwise, (count,)."""
    shift: Tensor
    """Pixels to the right and down, (2, count)."""
    scale: Tensor
    shear: Tensor
    """Degrees along rows and along columns, (2, count)."""
    centre: Tensor
    """What stays in place, in pixels right of and below the image's middle, (2, count)."""

    def places(self, side: int, device: torch.device) -> Tensor:
        """The table of places, (count, area)."""
        return _nearest(self.grid(side, device), side)

    def grid(self, side: int, device: torch.device) -> Tensor:
        """What grid_sample takes, as a list of pixels: (count, area, 2)."""
        matrices = (self._backwards().float() / (0.5 * side)).to(device)
        middle = _centred(side, device)
        pixels = torch.cat((middle, torch.ones_like(middle[..., :1])), dim=-1)
        return torch.bmm(pixels.expand(len(matrices), -1, -1), matrices)

    def _backwards(self) -> Tensor:
        """From a place in the result to its place in the image, (count, 3, 2).

        As in torchvision's `_get_inverse_affine_matrix`, operation by operation.
        """
        turn, (shear_x, shear_y) = self.degrees.double().deg2rad(), self.shear.double().deg2rad()
        a = (turn - shear_y).cos() / shear_y.cos()
        b = -(a * shear_x.tan() + turn.sin())
        c = (turn - shear_y).sin() / shear_y.cos()
        d = turn.cos() - c * shear_x.tan()
        scale, (x, y) = self.scale.double(), self.centre.double()
        to_x, to_y = self.centre.double() + self.shift.double()
        xx, xy, yx, yy = d / scale, -b / scale, -c / scale, a / scale
        offset_x, offset_y = x - xx * to_x - xy * to_y, y - yx * to_x - yy * to_y
        columns = torch.stack((xx, yx, xy, yy, offset_x, offset_y), dim=-1)
        return columns.view(-1, 3, 2)


Moving: TypeAlias = Crop | Flip | Rotate | Affine


def composed(steps: Sequence[Moving], side: int, device: torch.device) -> Tensor:
    """One table of places for several steps, the first one done first."""
    places, *later = (step.places(side, device) for step in steps)
    for table in later:
        places = functional.pad(places, (0, 1), value=side * side).gather(1, table)
    return places


def moved(images: Tensor, places: Tensor) -> Tensor:
    """A batch (count, channels, side, side) with its pixels at these places."""
    count, channels, side, _ = images.shape
    pixels = images.permute(0, 2, 3, 1).reshape(count, -1, channels)
    pixels = functional.pad(pixels, (0, 0, 0, 1))
    gathered = pixels.gather(1, places[..., None].expand(-1, -1, channels))
    return gathered.view(count, side, side, channels).permute(0, 3, 1, 2)


def _places(rows: Tensor, columns: Tensor, side: int) -> Tensor:
    inside = (rows >= 0) & (rows < side) & (columns >= 0) & (columns < side)
    return torch.where(inside, rows * side + columns, side * side).flatten(1)


def _nearest(grid: Tensor, side: int) -> Tensor:
    """Where grid_sample would look for the nearest pixel."""
    source = ((grid + 1) * (side / 2) - 0.5).round().long()
    return _places(source[..., 1], source[..., 0], side)


def _centred(side: int, device: torch.device) -> Tensor:
    """Column and row of every pixel, measured from the middle of the image, (1, area, 2)."""
    steps = torch.linspace((1 - side) * 0.5, (side - 1) * 0.5, steps=side, device=device)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack((x, y), dim=-1).view(1, -1, 2)
