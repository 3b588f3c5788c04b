"""Corrupts images of 32x32 in the style of CIFAR-100-C, each by draws of its own.

The definitions and the constants of the five severities are those of Hendrycks and Dietterich,
"Benchmarking Neural Network Robustness to Common Corruptions and Perturbations" (2019,
arXiv:1903.12261), in their make_cifar_c.py. Their draws came from a generator that nobody seeded;
here they follow from the corruption, the severity and the image's index alone. The images are
therefore not those of CIFAR-100-C, and figures measured on them are not to be given its name.

Approximate are motion blur, snow, elastic transform and spatter: what the authors had ImageMagick
and OpenCV do is done here in floating point. Frost is left out, which needs photographs.
"""

from __future__ import annotations

from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from PIL import Image

from tui_trainer.train import filters, weather
from tui_trainer.train.draws import Draws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from tui_trainer.spec.choices import CorruptionName
    from tui_trainer.train.filters import Floats

Bytes: TypeAlias = "NDArray[np.uint8]"
SIDE: Final = 32
"""Pixels; the published constants are for this size."""


def corrupted(
    images: Bytes, indices: Iterable[int], corruption: CorruptionName, severity: int
) -> Bytes:
    """The images after one corruption.

    Args:
        images: (count, 32, 32, 3).
        indices: Each image's place in its split, which decides its draws.
        corruption: Which one.
        severity: From 1 to 5.
    """
    corrupt, constants = CORRUPTIONS[corruption]
    draws = Draws(corruption, severity, indices)
    return corrupt(images, draws, *constants[severity - 1])


def _unit(images: Bytes) -> Floats:
    return images / 255.0


def _bytes(unit: Floats) -> Bytes:
    """Cut off, not rounded, as the published images are."""
    return (np.clip(unit, 0, 1) * 255).astype(np.uint8)


def _gaussian_noise(images: Bytes, draws: Draws, sigma: float) -> Bytes:
    return _bytes(_unit(images) + draws.normal(images.shape[1:], scale=sigma))


def _shot_noise(images: Bytes, draws: Draws, photons: float) -> Bytes:
    return _bytes(draws.poisson(_unit(images) * photons) / photons)


def _impulse_noise(images: Bytes, draws: Draws, amount: float) -> Bytes:
    hit = draws.uniform(images.shape[1:]) <= amount
    white = draws.uniform(images.shape[1:]) <= 0.5
    return _bytes(np.where(hit, white, _unit(images)))


def _speckle_noise(images: Bytes, draws: Draws, sigma: float) -> Bytes:
    unit = _unit(images)
    return _bytes(unit + unit * draws.normal(images.shape[1:], scale=sigma))


def _gaussian_blur(images: Bytes, _draws: Draws, sigma: float) -> Bytes:
    return _bytes(filters.gaussian(_unit(images), sigma))


def _glass_blur(images: Bytes, draws: Draws, sigma: float, rounds: int) -> Bytes:
    """Blur, let pixels show their upper or left neighbours, blur again.

    The authors meant to swap neighbours, but assign one view of the array to another, so that the
    second keeps its value: from the lower right upwards, each pixel shows what stands beside it.
    """
    images = (filters.gaussian(_unit(images), sigma) * 255).astype(np.uint8)
    at = np.arange(len(images))[:, None, None]
    places = np.arange(2, SIDE)
    for _ in range(rounds):
        # Drawn row by row from the last, as dx and dy.
        shifts = draws.integers(-1, 1, (len(places), len(places), 2))[:, ::-1, ::-1]
        rows, columns = places[:, None] + shifts[..., 1], places + shifts[..., 0]
        images[:, 2:, 2:] = images[at, rows, columns]
    return _bytes(filters.gaussian(_unit(images), sigma))


def _defocus_blur(images: Bytes, _draws: Draws, radius: float, alias_blur: float) -> Bytes:
    return _bytes(filters.correlate(_unit(images), filters.disk(radius, alias_blur)))


def _motion_blur(images: Bytes, draws: Draws, radius: int, sigma: float) -> Bytes:
    degrees = draws.uniform((), -45, 45)
    return np.rint(filters.motion(images.astype(np.float32), radius, sigma, degrees)).astype(
        np.uint8
    )


def _zoom_blur(images: Bytes, _draws: Draws, largest: float) -> Bytes:
    unit = _unit(images).astype(np.float32)
    factors = np.arange(1, largest, 0.01)
    total = np.zeros_like(unit)
    for factor in factors:
        total += filters.clipped_zoom(unit, factor)
    return _bytes((unit + total) / np.float32(len(factors) + 1))


def _fog(images: Bytes, draws: Draws, amount: float, decay: float) -> Bytes:
    return _bytes(weather.fog(_unit(images), draws, amount, decay))


def _snow(images: Bytes, draws: Draws, *constants: float) -> Bytes:
    return _bytes(weather.snow(_unit(images), draws, weather.Snow(*constants)))


def _spatter(images: Bytes, draws: Draws, *constants: float) -> Bytes:
    return _bytes(weather.spatter(_unit(images), draws, weather.Spatter(*constants)))


def _brightness(images: Bytes, _draws: Draws, more: float) -> Bytes:
    hue, saturation, value = filters.hsv_from_rgb(_unit(images))
    return _bytes(filters.rgb_from_hsv(hue, saturation, np.clip(value + more, 0, 1)))


def _saturate(images: Bytes, _draws: Draws, times: float, more: float) -> Bytes:
    hue, saturation, value = filters.hsv_from_rgb(_unit(images))
    return _bytes(filters.rgb_from_hsv(hue, np.clip(saturation * times + more, 0, 1), value))


def _contrast(images: Bytes, _draws: Draws, share: float) -> Bytes:
    unit = _unit(images)
    means = unit.mean(axis=(1, 2), keepdims=True)
    return _bytes((unit - means) * share + means)


def _elastic_transform(
    images: Bytes, draws: Draws, reach: float, sigma: float, corner_shift: float
) -> Bytes:
    """Three corners pulled apart, then every pixel by a smooth field of its own.

    Args:
        images: (count, 32, 32, 3).
        draws: The images' own.
        reach: Pixels that the field moves by, before it is smoothed.
        sigma: Its smoothness in pixels.
        corner_shift: Pixels that a corner moves by, at the most.
    """
    corners = np.array([[26, 26], [26, 6], [6, 6]], np.float64)
    pulled = corners + draws.uniform((3, 2), -corner_shift, corner_shift)
    homogeneous = np.concatenate((pulled, np.ones((len(images), 3, 1))), axis=2)
    back = np.linalg.solve(homogeneous, np.broadcast_to(corners, pulled.shape))
    rows, columns = np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij")
    grid = np.stack((columns, rows, np.ones_like(rows)), axis=-1).reshape(-1, 3)
    sources = (grid @ back).reshape(-1, SIDE, SIDE, 2)
    unit = filters.bilinear(_unit(images), sources[..., 1], sources[..., 0], "reflect")
    right, down = (
        filters.gaussian(draws.uniform((SIDE, SIDE, 1), -1, 1), sigma, "symmetric", 3)[..., 0]
        * reach
        for _ in range(2)
    )
    return _bytes(filters.bilinear(unit, rows + down, columns + right, "symmetric"))


def _pixelate(images: Bytes, _draws: Draws, share: float) -> Bytes:
    small = (int(SIDE * share),) * 2
    return _each(
        images,
        lambda image: image.resize(small, Image.Resampling.BOX).resize(
            (SIDE, SIDE), Image.Resampling.BOX
        ),
    )


def _jpeg_compression(images: Bytes, _draws: Draws, quality: int) -> Bytes:
    return _each(images, partial(_through_jpeg, quality=quality))


def _through_jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


def _each(images: Bytes, change: Callable[[Image.Image], Image.Image]) -> Bytes:
    return np.stack([np.asarray(change(Image.fromarray(image))) for image in images])


_Constants: TypeAlias = tuple[tuple[Any, ...], ...]


def _single(*constants: float) -> _Constants:
    return tuple((constant,) for constant in constants)


CORRUPTIONS: Final[dict[CorruptionName, tuple[Callable[..., Bytes], _Constants]]] = {
    "gaussian_noise": (_gaussian_noise, _single(0.04, 0.06, 0.08, 0.09, 0.10)),
    "shot_noise": (_shot_noise, _single(500, 250, 100, 75, 50)),
    "impulse_noise": (_impulse_noise, _single(0.01, 0.02, 0.03, 0.05, 0.07)),
    "speckle_noise": (_speckle_noise, _single(0.06, 0.1, 0.12, 0.16, 0.2)),
    "gaussian_blur": (_gaussian_blur, _single(0.4, 0.6, 0.7, 0.8, 1)),
    # Sigma and rounds; the published largest shift is 1 at every severity.
    "glass_blur": (_glass_blur, ((0.05, 1), (0.25, 1), (0.4, 1), (0.25, 2), (0.4, 2))),
    "defocus_blur": (
        _defocus_blur,
        ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
    ),
    "motion_blur": (_motion_blur, ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5))),
    "zoom_blur": (_zoom_blur, _single(1.06, 1.11, 1.16, 1.21, 1.26)),
    "snow": (
        _snow,
        (
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ),
    ),
    "fog": (_fog, ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75))),
    "spatter": (
        _spatter,
        (
            (0.62, 0.1, 0.7, 0.7, 0.5, 0),
            (0.65, 0.1, 0.8, 0.7, 0.5, 0),
            (0.65, 0.3, 1, 0.69, 0.5, 0),
            (0.65, 0.1, 0.7, 0.69, 0.6, 1),
            (0.65, 0.1, 0.5, 0.68, 0.6, 1),
        ),
    ),
    "brightness": (_brightness, _single(0.05, 0.1, 0.15, 0.2, 0.3)),
    "contrast": (_contrast, _single(0.75, 0.5, 0.4, 0.3, 0.15)),
    "saturate": (_saturate, ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2))),
    "elastic_transform": (
        _elastic_transform,
        (
            (0, 0, 2.56),
            (1.6, 6.4, 2.24),
            (2.56, 1.92, 1.92),
            (3.2, 1.28, 1.6),
            (3.2, 0.96, 0.96),
        ),
    ),
    "pixelate": (_pixelate, _single(0.95, 0.9, 0.85, 0.75, 0.65)),
    "jpeg_compression": (_jpeg_compression, _single(80, 65, 58, 50, 40)),
}
