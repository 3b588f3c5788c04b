"""Image filters on whole batches of NumPy arrays, value for value as SciPy and OpenCV define them.

Images are (count, side, side, channels). Corruptions are made of these; only they use them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.floating[Any]]"


def gaussian(images: Floats, sigma: float, mode: str = "edge", truncate: float = 4.0) -> Floats:
    """scipy.ndimage.gaussian_filter over both sides of each image.

    Args:
        images: (count, side, side, channels).
        sigma: Standard deviation in pixels; 0 leaves the images as they are.
        mode: What lies beyond an edge, in `numpy.pad`'s words: SciPy's `nearest` is `edge`, its
            `reflect` is `symmetric`.
        truncate: Standard deviations that the kernel reaches.
    """
    reach = int(truncate * sigma + 0.5)
    if not reach:
        return images
    weights = np.exp(-0.5 / (sigma * sigma) * np.arange(-reach, reach + 1) ** 2)
    weights /= weights.sum()
    for axis in (1, 2):
        images = _along(images, weights[reach:], axis, mode)
    return images


def _along(images: Floats, weights: Floats, axis: int, mode: str) -> Floats:
    """A symmetric kernel along one axis, summed in SciPy's order so that the last bit agrees."""
    reach, side = len(weights) - 1, images.shape[axis]
    around: list[tuple[int, int]] = [(0, 0)] * images.ndim
    around[axis] = (reach, reach)
    padded = np.moveaxis(np.pad(images, around, mode=mode), axis, 0)  # type: ignore[call-overload]
    total = padded[reach : reach + side] * weights[0]
    for away in range(reach, 0, -1):
        before = padded[reach - away : reach - away + side]
        total += (before + padded[reach + away : reach + away + side]) * weights[away]
    return np.moveaxis(total, 0, axis)


def correlate(images: Floats, kernel: Floats) -> Floats:
    """cv2.filter2D: correlation with an odd square kernel; beyond its edge an image is mirrored."""
    reach, side = len(kernel) // 2, images.shape[1]
    around = ((0, 0), (reach, reach), (reach, reach), (0, 0))
    padded = np.pad(images, around, mode="reflect")
    total = np.zeros_like(images)
    for row, column in zip(*np.nonzero(kernel), strict=True):
        total += padded[:, row : row + side, column : column + side] * kernel[row, column]
    return total


def disk(radius: float, alias_blur: float) -> Floats:
    """The kernel of a lens out of focus: a disk, its rim softened by a 3x3 Gaussian.

    Args:
        radius: In pixels, at most 2.
        alias_blur: Standard deviation of the Gaussian in pixels.
    """
    steps = np.arange(-3, 4)
    whole = (steps[:, None] ** 2 + steps**2 <= radius**2).astype(np.float64)
    soft = np.exp(-0.5 * (np.arange(-1, 2) / alias_blur) ** 2)
    soft /= soft.sum()
    kernel: Floats = correlate((whole / whole.sum())[None, :, :, None], np.outer(soft, soft))
    return kernel[0, :, :, 0]


def clipped_zoom(images: Floats, factor: float) -> Floats:
    """The middle of each image, enlarged bilinearly to the image's own size.

    As scipy.ndimage.zoom of order 1 with its corners aligned; a place that rounding puts beyond
    the last pixel is black, as there.
    """
    count, side, _, channels = images.shape
    matrix = _zoom_matrix(side, factor)
    # Both sides by one product each: rows first, columns last, everything else between.
    rows_first = images.transpose(1, 0, 3, 2).reshape(side, -1)
    zoomed = (matrix @ rows_first).reshape(-1, side) @ matrix.T
    return zoomed.reshape(side, count, channels, side).transpose(1, 0, 3, 2).astype(images.dtype)


def _zoom_matrix(side: int, factor: float) -> Floats:
    """What each pixel of a line, (side, side), takes from the line that is enlarged."""
    kept = math.ceil(side / factor)
    enlarged = round(kept * factor)
    trim = (enlarged - side) // 2
    places = np.arange(trim, trim + side) * ((kept - 1) / (enlarged - 1))
    lower = np.minimum(places.astype(int), kept - 2)
    matrix, lines, top = np.zeros((side, side)), np.arange(side), (side - kept) // 2
    matrix[lines, top + lower] = 1 - (places - lower)
    matrix[lines, top + lower + 1] = places - lower
    matrix[places > kept - 1] = 0
    return matrix


def bilinear(images: Floats, rows: Floats, columns: Floats, mode: str) -> Floats:
    """The images read at places between their pixels.

    Args:
        images: (count, side, side, channels).
        rows: The places' rows, (count, side, side).
        columns: Their columns, (count, side, side).
        mode: What lies beyond an edge: `reflect` mirrors at the last pixel's middle, `symmetric`
            at its rim.
    """
    side = images.shape[1]
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    at = np.arange(len(images))[:, None, None]
    folded = {
        offset: (_folded(top + offset, side, mode), _folded(left + offset, side, mode))
        for offset in (0, 1)
    }
    upper = images[at, folded[0][0], folded[0][1]] * (1 - right)
    upper += images[at, folded[0][0], folded[1][1]] * right
    lower = images[at, folded[1][0], folded[0][1]] * (1 - right)
    lower += images[at, folded[1][0], folded[1][1]] * right
    mixed: Floats = upper * (1 - down) + lower * down
    return mixed


def _folded(places: NDArray[np.int_], side: int, mode: str) -> NDArray[np.int_]:
    if mode == "reflect":
        places = np.abs(places) % (2 * side - 2)
        return np.minimum(places, 2 * side - 2 - places)
    places %= 2 * side
    return np.minimum(places, 2 * side - 1 - places)


def motion(images: Floats, radius: int, sigma: float, degrees: Floats) -> Floats:
    """Each image smeared along a line of its own angle, as ImageMagick's motion blur smears it.

    Args:
        images: (count, side, side, channels).
        radius: The line is twice as long, and one pixel more.
        sigma: Standard deviation of the weights, half a Gaussian that begins at the pixel itself.
        degrees: One angle for each image.
    """
    count, side = images.shape[:2]
    length = 2 * radius + 1
    weights = np.exp(-np.square(np.arange(length) / sigma) / 2)
    weights /= weights.sum()
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    steps, flat = np.arange(side), images.reshape(count, side * side, -1)
    total = np.zeros_like(flat)
    for away, weight in enumerate(weights):
        rows = np.clip(steps + np.ceil(away * sine - 0.5).astype(int)[:, None], 0, side - 1)
        columns = np.clip(steps + np.ceil(away * cosine - 0.5).astype(int)[:, None], 0, side - 1)
        places = (rows[:, :, None] * side + columns[:, None, :]).reshape(count, -1)
        places += np.arange(count)[:, None] * side * side
        total += flat.reshape(count * side * side, -1)[places] * images.dtype.type(weight)
    return total.reshape(images.shape)


def hsv_from_rgb(images: Floats) -> tuple[Floats, Floats, Floats]:
    """Hue, saturation and value on [0, 1], each (count, side, side)."""
    red, green, blue = np.moveaxis(images, -1, 0)
    value = images.max(-1)
    range_ = value - images.min(-1)
    safe = np.where(range_ == 0, 1, range_)
    hue = np.where(red == value, (green - blue) / safe, 0)
    hue = np.where(green == value, 2 + (blue - red) / safe, hue)
    hue = np.where(blue == value, 4 + (red - green) / safe, hue)
    hue = np.where(range_ == 0, 0, (hue / 6) % 1)
    saturation = np.where(range_ == 0, 0, range_ / np.where(value == 0, 1, value))
    return hue, saturation, value


def rgb_from_hsv(hue: Floats, saturation: Floats, value: Floats) -> Floats:
    """Images (count, side, side, 3) on [0, 1]."""
    sector = np.floor(hue * 6)
    share = hue * 6 - sector
    dark = value * (1 - saturation)
    falling = value * (1 - share * saturation)
    rising = value * (1 - (1 - share) * saturation)
    sector = (sector % 6).astype(int)
    red = np.choose(sector, (value, falling, dark, dark, rising, value))
    green = np.choose(sector, (rising, value, value, falling, dark, dark))
    blue = np.choose(sector, (dark, dark, rising, value, value, falling))
    return np.stack((red, green, blue), axis=-1)
