"""Moves pixels, each image in its own way: crops, flips, rotations and affine maps as gathers.

What moves pixels is expressed by sources: for each pixel of the result, which row and column of the
image it shows. Sources are followed back through crop, flip and rotation to a table of places, so
that all of them together copy each pixel once, straight from the packed data set, and exactly.

Rows and columns are whole numbers held as floats, in shapes that broadcast to (count, side, side);
outside the image they are infinite or NaN, which no later arithmetic brings back inside. A CPU does
such arithmetic several times faster than it chooses by conditions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch.nn import functional

from tui_trainer.train.dataset import OUTSIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

# Its square is infinite in single precision.
_HUGE = 1e38


@dataclass(frozen=True)
class Crop:
    """Each image from its own corner of itself padded by black."""

    padding: int
    top: Tensor
    left: Tensor

    def sources(self, rows: Tensor, columns: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """Where the pixels that shall stand at these rows and columns come from."""
        rows = rows + _by_image(self.top - self.padding, rows.device)
        columns = columns + _by_image(self.left - self.padding, rows.device)
        return _inside(rows, side), _inside(columns, side)


@dataclass(frozen=True)
class Flip:
    """Some images mirrored, left to right."""

    flipped: Tensor

    def sources(self, rows: Tensor, columns: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """Where the pixels that shall stand at these rows and columns come from."""
        flipped = _by_image(self.flipped, columns.device).float()
        return rows, columns * (1 - 2 * flipped) + flipped * (side - 1)


@dataclass(frozen=True)
class Rotate:
    """Each image turned counter-clockwise by its own angle."""

    degrees: Tensor

    def sources(self, rows: Tensor, columns: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """Where the pixels that shall stand at these rows and columns come from.

        The arithmetic is torchvision's and grid_sample's, operation by operation, because a
        coordinate halfway between two pixels goes where rounding sends it.
        """
        radians = self.degrees.double().deg2rad()
        cosine, sine = radians.cos(), radians.sin()
        turned = torch.stack((cosine, sine, -sine, cosine), dim=-1).view(-1, 2, 2)
        return _nearest(_mapped(rows, columns, side, turned.float() / (0.5 * side)), side)


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

    def sources(self, rows: Tensor, columns: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """Where the pixels that shall stand at these rows and columns come from."""
        return _nearest(_mapped(rows, columns, side, self._matrices(side)), side)

    def grid(self, side: int, device: torch.device) -> Tensor:
        """What grid_sample takes, (count, side, side, 2)."""
        rows, columns = _unmoved(side, device)
        return torch.stack(_mapped(rows, columns, side, self._matrices(side)), dim=-1)

    def _matrices(self, side: int) -> Tensor:
        """As `_backwards`, onto the interval from -1 to 1 that grid_sample measures images by."""
        return self._backwards().float() / (0.5 * side)

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
    """One table of places, as `Split.take` wants them, for several steps, the first done first."""
    rows, columns = _unmoved(side, device)
    for step in reversed(steps):
        rows, columns = step.sources(rows, columns, side)
    places = (rows * side + columns).nan_to_num_(*3 * (float(OUTSIDE),))
    return places.flatten(1).long()


def moved(images: Tensor, places: Tensor) -> Tensor:
    """A batch (count, channels, side, side) with its pixels at these places."""
    count, channels, side, _ = images.shape
    pixels = images.permute(0, 2, 3, 1).reshape(count, -1, channels)
    pixels = functional.pad(pixels, (0, 0, 0, 1))
    places = places.clamp(max=side * side)
    gathered = pixels.gather(1, places[..., None].expand(-1, -1, channels))
    return gathered.view(count, side, side, channels).permute(0, 3, 1, 2)


def _unmoved(side: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Every pixel's own row, (1, side, 1), and column, (1, 1, side)."""
    steps = torch.arange(side, dtype=torch.float32, device=device)
    return steps.view(1, -1, 1), steps.view(1, 1, -1)


def _by_image(values: Tensor, device: torch.device) -> Tensor:
    return values.to(device).view(-1, 1, 1)


def _inside(positions: Tensor, side: int) -> Tensor:
    """Rows or columns; infinite where the image has none such."""
    beyond = positions - positions.clamp(0, side - 1)
    return positions.add(beyond.mul_(_HUGE).mul_(_HUGE))


def _mapped(rows: Tensor, columns: Tensor, side: int, matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Columns and rows, measured from the middle of the image, times these matrices (count, …, 2).

    Products are added in the order of a matrix product's, so that each bit is as torchvision's.
    """
    x, y = columns + (1 - side) * 0.5, rows + (1 - side) * 0.5
    factors = matrices.to(rows.device)[..., None, None]
    across, down, *shift = factors.unbind(1)
    grid = [x * across[:, axis] + y * down[:, axis] for axis in range(2)]
    for offset in shift:
        grid = [part + offset[:, axis] for axis, part in enumerate(grid)]
    return grid[0], grid[1]


def _nearest(grid: tuple[Tensor, Tensor], side: int) -> tuple[Tensor, Tensor]:
    """Row and column where grid_sample would look for the nearest pixel."""
    column, row = (part.add_(1).mul_(side / 2).sub_(0.5).round_() for part in grid)
    return _inside(row, side), _inside(column, side)
