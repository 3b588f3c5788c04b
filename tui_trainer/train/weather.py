"""The corruptions that are drawn over an image: fog, snow and spatter."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tui_trainer.train import filters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tui_trainer.train.draws import Draws
    from tui_trainer.train.filters import Floats

# Rec. 601, as OpenCV turns RGB to grey.
_GREY = np.array([0.299, 0.587, 0.114])
_WATER = np.array([175, 238, 238]) / 255
_MUD = np.array([63, 42, 20]) / 255
_FARTHEST = 20
"""Pixels; water is as deep here as anywhere farther from its rim."""


class Snow(NamedTuple):
    """The constants of a severity."""

    mean: float
    sigma: float
    zoom: float
    threshold: float
    radius: float
    """Of the motion blur, as is the next."""
    smear: float
    share: float
    """Of the image itself; the rest is whitened."""


class Spatter(NamedTuple):
    """The constants of a severity."""

    mean: float
    sigma: float
    smooth: float
    threshold: float
    strength: float
    """Of water its opacity, of mud how soft it is at its rim, in pixels."""
    is_mud: float
    """1 for mud, 0 for water."""


def fog(unit: Floats, draws: Draws, amount: float, decay: float) -> Floats:
    """A plasma laid over the images, which keep their largest value."""
    largest = unit.max(axis=(1, 2, 3), keepdims=True)
    plasma = plasma_fractal(draws, len(unit), unit.shape[1], decay)
    foggy: Floats = (unit + amount * plasma[..., None]) * largest / (largest + amount)
    return foggy


def plasma_fractal(draws: Draws, count: int, side: int, decay: float) -> Floats:
    """Height maps by the diamond-square algorithm, (count, side, side) on [0, 1].

    Args:
        draws: The images' own.
        count: How many.
        side: A power of two, in pixels.
        decay: What the roughness is divided by whenever the grid gets twice as fine.
    """
    heights = np.zeros((count, side, side))
    step, rough = side, 100.0

    def roughened(sums: Floats) -> Floats:
        return sums / 4 + rough * draws.uniform(sums.shape[1:], -rough, rough)

    while step >= 2:
        half = step // 2
        corners = heights[:, ::step, ::step]
        sums = corners + np.roll(corners, -1, axis=1)
        sums += np.roll(sums, -1, axis=2)
        heights[:, half::step, half::step] = roughened(sums)
        middles, corners = heights[:, half::step, half::step], heights[:, ::step, ::step]
        beside = middles + np.roll(middles, 1, axis=1) + corners + np.roll(corners, -1, axis=2)
        heights[:, ::step, half::step] = roughened(beside)
        above = middles + np.roll(middles, 1, axis=2) + corners + np.roll(corners, -1, axis=1)
        heights[:, half::step, ::step] = roughened(above)
        step, rough = half, rough / decay
    heights -= heights.min(axis=(1, 2), keepdims=True)
    plasma: Floats = heights / heights.max(axis=(1, 2), keepdims=True)
    return plasma


def snow(unit: Floats, draws: Draws, constants: Snow) -> Floats:
    """Flakes blown in two opposite directions over whitened images."""
    flakes: Floats = draws.normal(unit.shape[1:3], constants.mean, constants.sigma)[..., None]
    flakes = filters.clipped_zoom(flakes, constants.zoom)
    flakes[flakes < constants.threshold] = 0
    degrees = draws.uniform((), -135, -45)
    levels = np.floor(np.clip(flakes, 0, 1) * 255)
    blown = filters.motion(levels, int(constants.radius), constants.smear, degrees)
    blown = np.rint(blown) / 255
    white = np.maximum(unit, (unit @ _GREY)[..., None] * 1.5 + 0.5)
    whitened = constants.share * unit + (1 - constants.share) * white
    snowy: Floats = whitened + blown + np.rot90(blown, k=2, axes=(1, 2))
    return snowy


def spatter(unit: Floats, draws: Draws, constants: Spatter) -> Floats:
    """Drops of water or mud on the lens."""
    liquid: Floats = draws.normal(unit.shape[1:3], constants.mean, constants.sigma)
    liquid = filters.gaussian(liquid[..., None], constants.smooth)
    liquid[liquid < constants.threshold] = 0
    if not constants.is_mud:
        return unit + _water(liquid[..., 0])[..., None] * constants.strength * _WATER
    drops = filters.gaussian((liquid > constants.threshold).astype(float), constants.strength)
    drops[drops < 0.8] = 0
    muddy: Floats = unit * (1 - drops) + _MUD * drops
    return muddy


def _water(liquid: Floats) -> Floats:
    """How much water is where, (count, side, side) on [0, 1]; it gleams towards one corner."""
    levels = np.floor(liquid * 255)
    depth = np.minimum(_distance(_rims(levels)), _FARTHEST)[..., None]
    box = np.full((3, 3), 1 / 9)
    depth = _equalised(filters.correlate(depth, box).astype(np.uint8)).astype(float)
    relief = np.array([[-2.0, -1, 0], [-1, 1, 1], [0, 1, 2]])
    gleam = np.rint(np.clip(filters.correlate(depth, relief), 0, 255))
    water = levels * np.rint(filters.correlate(gleam, box))[..., 0]
    most = water.max(axis=(1, 2), keepdims=True)
    return water / np.where(most == 0, 1, most)


def _rims(levels: Floats) -> NDArray[np.bool_]:
    """Canny's edges with the thresholds 50 and 150 on Sobel's gradient (Canny, 1986)."""
    sobel = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    across = filters.correlate(levels[..., None], sobel)[..., 0]
    down = filters.correlate(levels[..., None], sobel.T)[..., 0]
    steep = np.abs(across) + np.abs(down)
    thin = _thinned(steep, across, down)
    edges, weak = thin & (steep > 150), thin & (steep > 50)
    while True:
        grown = weak & _spread(edges)
        if (grown == edges).all():
            return edges
        edges = grown


def _thinned(steep: Floats, across: Floats, down: Floats) -> NDArray[np.bool_]:
    """Where the gradient is the largest along its own direction, out of four directions."""
    flat = np.abs(down) <= np.tan(np.pi / 8) * np.abs(across)
    upright = np.abs(across) < np.tan(np.pi / 8) * np.abs(down)
    falling = across * down > 0
    padded = np.pad(steep, ((0, 0), (1, 1), (1, 1)))
    side = steep.shape[1]

    def beats(row: int, column: int) -> NDArray[np.bool_]:
        before = padded[:, 1 - row : 1 - row + side, 1 - column : 1 - column + side]
        after = padded[:, 1 + row : 1 + row + side, 1 + column : 1 + column + side]
        largest: NDArray[np.bool_] = (steep > before) & (steep >= after)
        return largest

    diagonal = np.where(falling, beats(1, 1), beats(1, -1))
    thin: NDArray[np.bool_] = np.where(flat, beats(0, 1), np.where(upright, beats(1, 0), diagonal))
    return thin


def _spread(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Marked pixels and all their neighbours."""
    side = marked.shape[1]
    padded = np.pad(marked, ((0, 0), (1, 1), (1, 1)))
    rows = padded[:, :side] | padded[:, 1:-1] | padded[:, 2:]
    spread: NDArray[np.bool_] = rows[..., :side] | rows[..., 1:-1] | rows[..., 2:]
    return spread


def _distance(marked: NDArray[np.bool_]) -> Floats:
    """From each pixel to the nearest marked one, in pixels; very far where none is marked."""
    side = marked.shape[1]
    steps = np.arange(side)
    apart = np.square(steps[:, None] - steps).astype(np.float32)
    far = np.float32(1e9)
    in_row = np.where(marked[:, :, None, :], apart, far).min(-1)
    columns = in_row.transpose(0, 2, 1)
    squares = (columns[:, :, None, :] + apart).min(-1).transpose(0, 2, 1)
    distance: Floats = np.sqrt(squares)
    return distance


def _equalised(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """cv2.equalizeHist: each image's grey levels spread over all 256."""
    count = len(levels)
    flat = levels.reshape(count, -1).astype(int)
    places = flat + 256 * np.arange(count)[:, None]
    histogram = np.bincount(places.ravel(), minlength=256 * count).reshape(count, 256)
    least = histogram[np.arange(count), flat.min(1)][:, None]
    below = np.cumsum(histogram, axis=1) - least
    whole = flat.shape[1] - least
    spread = np.rint(np.clip(below, 0, None) * 255 / np.where(whole == 0, 1, whole))
    table = np.where(whole == 0, np.arange(256), spread).astype(np.uint8)
    equal: NDArray[np.uint8] = np.take_along_axis(table, flat, axis=1).reshape(levels.shape)
    return equal
