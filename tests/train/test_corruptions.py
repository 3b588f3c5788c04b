"""Each corruption beside a plain reference: one image at a time, by SciPy, PIL and loops."""

from __future__ import annotations

import colorsys
import io
import json
import math
import subprocess
import sys
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage  # type: ignore[import-untyped]

from tui_trainer.spec.choices import CorruptionName
from tui_trainer.train import filters
from tui_trainer.train.corruptions import CORRUPTIONS, corrupted
from tui_trainer.train.draws import Draws

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Array: TypeAlias = Any
NAMES = get_args(CorruptionName)
SEVERITIES = range(1, 6)
LAST_BITS = 1e-4
"""Levels out of 255; the zoom blur is computed in 32 bits, as published."""


def pictures() -> NDArray[np.uint8]:
    """Noise, slopes and two tones: four images."""
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3))
    rows, columns = np.mgrid[:32, :32]
    slopes = np.stack((rows * 8, columns * 8, 255 - rows * 4 - columns * 4), axis=-1)
    squares = np.where((rows // 8 + columns // 8) % 2, 255, 20)[..., None] * np.array([1, 0.5, 0])
    smooth = ndimage.gaussian_filter(noise.astype(float), (2, 2, 0)) * 3 - 255
    return np.stack([noise, slopes, squares, smooth.clip(0, 255)]).astype(np.uint8)


PICTURES = pictures()


def smooth(image: Array, sigma: float) -> Array:
    """skimage.filters.gaussian."""
    result: Array = ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="nearest")
    return result


def stream(name: str, severity: int, index: int) -> np.random.RandomState:
    return Draws(name, severity, [index])._streams[0]


def gaussian_noise(image: Array, random: Any, at: int) -> Array:
    sigma = [0.04, 0.06, 0.08, 0.09, 0.10][at]
    return np.clip(image / 255 + random.normal(size=image.shape, scale=sigma), 0, 1) * 255


def shot_noise(image: Array, random: Any, at: int) -> Array:
    photons = [500, 250, 100, 75, 50][at]
    return np.clip(random.poisson(image / 255 * photons) / photons, 0, 1) * 255


def impulse_noise(image: Array, random: Any, at: int) -> Array:
    hit = random.random_sample(image.shape) <= [0.01, 0.02, 0.03, 0.05, 0.07][at]
    salt = random.random_sample(image.shape) <= 0.5
    levels = image / 255
    levels[hit & salt], levels[hit & ~salt] = 1, 0
    return levels * 255


def speckle_noise(image: Array, random: Any, at: int) -> Array:
    sigma, unit = [0.06, 0.1, 0.12, 0.16, 0.2][at], image / 255
    return np.clip(unit + unit * random.normal(size=image.shape, scale=sigma), 0, 1) * 255


def gaussian_blur(image: Array, _random: Any, at: int) -> Array:
    return np.clip(smooth(image / 255, [0.4, 0.6, 0.7, 0.8, 1][at]), 0, 1) * 255


def glass_blur(image: Array, random: Any, at: int) -> Array:
    sigma, rounds = [(0.05, 1), (0.25, 1), (0.4, 1), (0.25, 2), (0.4, 2)][at]
    shown = np.uint8(smooth(image / 255, sigma) * 255)
    for _ in range(rounds):
        for row in range(31, 1, -1):
            for column in range(31, 1, -1):
                dx, dy = random.randint(-1, 1, size=(2,))
                shown[row, column] = shown[row + dy, column + dx]  # type: ignore[index]
    return np.clip(smooth(shown / 255, sigma), 0, 1) * 255


def defocus_blur(image: Array, _random: Any, at: int) -> Array:
    radius, softness = [(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)][at]
    steps = np.arange(-8, 9)
    whole = np.array([[float(x * x + y * y <= radius**2) for x in steps] for y in steps])
    line = np.array([math.exp(-x * x / (2 * softness**2)) for x in (-1, 0, 1)])
    soft = np.outer(line, line) / line.sum() ** 2
    kernel = ndimage.correlate(whole / whole.sum(), soft, mode="mirror")
    blurred = ndimage.correlate(image / 255, kernel[:, :, None], mode="mirror")
    return np.clip(blurred, 0, 1) * 255


def zoom(image: Array, factor: float) -> Array:
    kept = math.ceil(32 / factor)
    top = (32 - kept) // 2
    part = image[top : top + kept, top : top + kept]
    large = ndimage.zoom(part, (factor, factor, 1), order=1)
    trim = (len(large) - 32) // 2
    result: Array = large[trim : trim + 32, trim : trim + 32]
    return result


def zoom_blur(image: Array, _random: Any, at: int) -> Array:
    unit = (image / 255.0).astype(np.float32)
    factors = np.arange(1, [1.06, 1.11, 1.16, 1.21, 1.26][at], 0.01)
    total = np.zeros_like(unit)
    for factor in factors:
        total += zoom(unit, factor)
    return np.clip((unit + total) / (len(factors) + 1), 0, 1) * 255


def fog(image: Array, random: Any, at: int) -> Array:
    amount, decay = [(0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)][at]
    unit = image / 255
    largest = unit.max()
    plasma = diamond_square(random, decay)[:, :, None]
    return np.clip((unit + amount * plasma) * largest / (largest + amount), 0, 1) * 255


def diamond_square(random: Any, decay: float) -> Array:
    """Pixel by pixel; the map's opposite edges are neighbours."""
    heights, step, rough = np.zeros((32, 32)), 32, 100.0
    while step >= 2:
        half, cells = step // 2, range(0, 32, step)
        passes: list[list[tuple[int, int]]] = [
            [(row + half, column + half) for row in cells for column in cells],
            [(row, column + half) for row in cells for column in cells],
            [(row + half, column) for row in cells for column in cells],
        ]
        diagonal = [(-half, -half), (-half, half), (half, -half), (half, half)]
        straight = [(-half, 0), (half, 0), (0, -half), (0, half)]
        for places, around in zip(passes, (diagonal, straight, straight), strict=True):
            shifts = random.uniform(-rough, rough, (len(places),))
            for (row, column), shift in zip(places, shifts, strict=True):
                near = sum(heights[(row + y) % 32, (column + x) % 32] for y, x in around)
                heights[row, column] = near / 4 + rough * shift
        step, rough = half, rough / decay
    heights -= heights.min()
    result: Array = heights / heights.max()
    return result


def in_hsv(image: Array, change: Callable[..., tuple[float, ...]]) -> Array:
    pixels = [colorsys.rgb_to_hsv(*pixel) for pixel in (image / 255).reshape(-1, 3)]
    changed = [colorsys.hsv_to_rgb(*change(*pixel)) for pixel in pixels]
    return np.clip(np.array(changed).reshape(image.shape), 0, 1) * 255


def brightness(image: Array, _random: Any, at: int) -> Array:
    more = [0.05, 0.1, 0.15, 0.2, 0.3][at]
    return in_hsv(image, lambda h, s, v: (h, s, min(1, v + more)))


def saturate(image: Array, _random: Any, at: int) -> Array:
    times, more = [(0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)][at]
    return in_hsv(image, lambda h, s, v: (h, min(1, s * times + more), v))


def contrast(image: Array, _random: Any, at: int) -> Array:
    unit, share = image / 255, [0.75, 0.5, 0.4, 0.3, 0.15][at]
    means = np.array([unit[..., channel].mean() for channel in range(3)])
    return np.clip((unit - means) * share + means, 0, 1) * 255


def pixelate(image: Array, _random: Any, at: int) -> Array:
    side = [30, 28, 27, 24, 20][at]
    picture = Image.fromarray(image).resize((side, side), Image.Resampling.BOX)
    return np.asarray(picture.resize((32, 32), Image.Resampling.BOX))


def jpeg_compression(image: Array, _random: Any, at: int) -> Array:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=[80, 65, 58, 50, 40][at])
    return np.asarray(Image.open(file))


EXACT: dict[str, Callable[[Array, Any, int], Array]] = {
    reference.__name__: reference
    for reference in (
        gaussian_noise,
        shot_noise,
        impulse_noise,
        speckle_noise,
        gaussian_blur,
        glass_blur,
        defocus_blur,
        zoom_blur,
        fog,
        brightness,
        saturate,
        contrast,
        pixelate,
        jpeg_compression,
    )
}
APPROXIMATE = set(NAMES) - EXACT.keys()


def test_every_name_of_the_schema_is_built_and_has_five_severities() -> None:
    assert set(NAMES) == CORRUPTIONS.keys()
    assert all(len(constants) == 5 for _, constants in CORRUPTIONS.values())
    assert {"motion_blur", "snow", "elastic_transform", "spatter"} == APPROXIMATE


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("name", EXACT)
def test_an_exact_corruption_is_its_plain_reference(name: CorruptionName, severity: int) -> None:
    indices = [7, 3, 1000, 0]
    ours = corrupted(PICTURES, indices, name, severity).astype(int)
    for image, result, index in zip(PICTURES, ours, indices, strict=True):
        reference = EXACT[name](image, stream(name, severity, index), severity - 1)
        # Values are cut off, so that a sum in another order can cost a level at a whole number.
        assert (np.floor(reference - LAST_BITS) <= result).all()
        assert (result <= np.floor(reference + LAST_BITS)).all()


@pytest.mark.parametrize("name", NAMES)
def test_an_image_is_the_same_alone_and_among_others_in_any_order(name: CorruptionName) -> None:
    whole = corrupted(PICTURES, [0, 1, 2, 3], name, 3)
    for index in (3, 1):
        alone = corrupted(PICTURES[index : index + 1], [index], name, 3)
        assert (alone[0] == whole[index]).all()


def digests() -> dict[str, int]:
    """Of every corruption at every severity, as another process computes them too."""
    import zlib

    return {
        f"{name} {severity}": zlib.crc32(corrupted(PICTURES, range(4), name, severity).tobytes())
        for name in NAMES
        for severity in SEVERITIES
    }


def test_another_process_corrupts_alike() -> None:
    script = "from tests.train import test_corruptions as t; print(t.json.dumps(t.digests()))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == digests()


@pytest.mark.parametrize("name", sorted({*NAMES} - {"elastic_transform", "saturate"}))
def test_a_severity_of_five_changes_more_than_one_of_one(name: CorruptionName) -> None:
    images = np.stack([PICTURES[3]] * 8)
    mild, harsh = (
        np.abs(corrupted(images, range(8), name, severity).astype(int) - images).mean()
        for severity in (1, 5)
    )
    assert 0 < mild < harsh


@pytest.mark.parametrize(
    "name", ["gaussian_noise", "motion_blur", "snow", "elastic_transform", "spatter", "fog"]
)
def test_images_and_severities_have_draws_of_their_own(name: CorruptionName) -> None:
    first, second = corrupted(np.stack([PICTURES[3]] * 2), [0, 1], name, 3)
    assert (first != second).any()
    assert stream(name, 1, 0).normal() != stream(name, 2, 0).normal()


def test_motion_without_an_angle_is_a_weighted_mean_along_the_row() -> None:
    images = PICTURES[:1].astype(float)
    smeared = filters.motion(images, 2, 1.0, np.zeros(1))
    weights = np.exp(-(np.arange(5) ** 2) / 2)
    for column in (0, 10, 31):
        taken = images[0, 5, np.minimum(column + np.arange(5), 31)]
        wanted = (taken * weights[:, None]).sum(0) / weights.sum()
        assert smeared[0, 5, column] == pytest.approx(wanted)


@pytest.mark.parametrize(("mode", "theirs"), [("reflect", "mirror"), ("symmetric", "reflect")])
def test_bilinear_is_scipys(mode: str, theirs: str) -> None:
    random = np.random.default_rng(0)
    rows, columns = random.uniform(-20, 50, (2, 1, 32, 32))
    ours = filters.bilinear(PICTURES[:1] / 255.0, rows, columns, mode)
    wanted = ndimage.map_coordinates(
        PICTURES[0, :, :, 1] / 255.0, (rows[0], columns[0]), order=1, mode=theirs
    )
    assert ours[0, :, :, 1] == pytest.approx(wanted)


@pytest.mark.parametrize("factor", [1.0, 1.03, 1.25, 1.75, 2.25])
def test_a_clipped_zoom_is_scipys(factor: float) -> None:
    unit = PICTURES / 255.0
    ours = filters.clipped_zoom(unit, factor)
    assert ours == pytest.approx(np.stack([zoom(image, factor) for image in unit]))


@pytest.mark.parametrize("severity", SEVERITIES)
def test_snow_and_spatter_touch_some_of_a_dark_image(severity: int) -> None:
    dark = np.zeros((16, 32, 32, 3), np.uint8)
    for name in ("snow", "spatter"):
        lit = corrupted(dark, range(16), name, severity).astype(int)
        touched = (lit.max(-1) > 55).mean()
        assert 0 < touched < 0.7, name
