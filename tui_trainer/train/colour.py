"""Changes colours: torchvision's operators on a batch, each image by an amount of its own.

Every operator takes images (count, 3, side, side) on [0, 1] and amounts (count,) on their device,
and gives images on [0, 1]. They compute as torchvision's do on floats; only `posterize` and
`equalize` go by levels of 1/255, as torchvision's do on bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

_LEVELS = 256


def brightness(images: Tensor, factors: Tensor) -> Tensor:
    """0 is black, 1 the image."""
    return images.mul(_each(factors)).clamp_(0, 1)


def contrast(images: Tensor, factors: Tensor) -> Tensor:
    """0 is the image's mean grey, 1 the image."""
    return _blended(images, _grey(images).mean(dim=(1, 2, 3), keepdim=True), factors)


def saturation(images: Tensor, factors: Tensor) -> Tensor:
    """0 is grey, 1 the image."""
    return _blended(images, _grey(images), factors)


def sharpness(images: Tensor, factors: Tensor) -> Tensor:
    """0 is smoothed, 1 the image; its outermost pixels stay."""
    if images.shape[-1] <= 2:
        return images
    inner = images[..., 1:-1, 1:-1]
    rows = images[..., :-2, :] + images[..., 1:-1, :] + images[..., 2:, :]
    around = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    # The kernel has ones around a five: the sum of nine, and four times the middle.
    smooth = around.add_(inner, alpha=4).div_(13)
    sharpened = images.clone()
    sharpened[..., 1:-1, 1:-1] = _blended(inner, smooth, factors)
    return sharpened


def hue(images: Tensor, shifts: Tensor) -> Tensor:
    """Turn the colour circle by shares of itself; value and saturation in HSV stay."""
    value = images.amax(1)
    chroma = value - images.amin(1)
    angle = _sixths(images, value, chroma) + 6 * shifts[:, None, None]
    channels = []
    for offset in (5, 3, 1):
        position = angle + offset
        position -= 6 * (position / 6).floor_()
        missing = torch.minimum(position, 4 - position).clamp_(0, 1)
        channels.append(value - chroma * missing)
    return torch.stack(channels, dim=1).clamp_(0, 1)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep so many of the eight bits of every level."""
    kept = 256 - 2 ** (8 - bits.to(torch.int32))
    levels = _bytes(images).bitwise_and_(_each(kept.to(torch.uint8)))
    return levels.to(images.dtype).div_(_LEVELS - 1)


def solarize(images: Tensor, thresholds: Tensor) -> Tensor:
    """Invert what is not below a threshold on [0, 1]."""
    # A level right on the threshold is inverted, whichever way dividing by 255 rounded it.
    inverted = (images >= _each(thresholds) - 1e-6).to(images.dtype)
    # 1 - x, or x: branches on noise cost ten times as much.
    return images.sub(inverted).abs_()


def autocontrast(images: Tensor, _amounts: Tensor) -> Tensor:
    """Stretch each channel over [0, 1]; a channel of one value stays."""
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    flat = low == high
    return images.sub(low.where(~flat, 0)).div_((high - low).where(~flat, 1)).clamp_(0, 1)


def equalize(images: Tensor, _amounts: Tensor) -> Tensor:
    """Spread the levels of each channel evenly, by Pillow's table."""
    levels = _bytes(images).flatten(2).long()
    counts = torch.zeros((*levels.shape[:2], _LEVELS), dtype=torch.int64, device=images.device)
    counts.scatter_add_(2, levels, torch.ones_like(levels))
    below = counts.cumsum(2)
    highest = levels.amax(2, keepdim=True)
    step = (levels.shape[2] - counts.gather(2, highest)) // (_LEVELS - 1)
    table = (below + step // 2) // step.clamp(min=1)
    # The numerator of level 0 is step // 2, which is less than step: 0, as padded.
    table = functional.pad(table[..., :-1], (1, 0)).clamp_(0, _LEVELS - 1)
    table = torch.where(step > 0, table, torch.arange(_LEVELS, device=images.device))
    spread = table.to(images.dtype).div_(_LEVELS - 1).gather(2, levels)
    return spread.view_as(images)


def _each(amounts: Tensor) -> Tensor:
    """One amount per image, to be broadcast over its values."""
    return amounts.view(-1, 1, 1, 1)


def _blended(images: Tensor, others: Tensor, factors: Tensor) -> Tensor:
    factors = _each(factors)
    return images.mul(factors).addcmul_(others, 1 - factors).clamp_(0, 1)


def _grey(images: Tensor) -> Tensor:
    # torchvision's weights of ITU-R 601-2 luma.
    red, green, blue = images.unbind(1)
    return red.mul(0.2989).add_(green, alpha=0.587).add_(blue, alpha=0.114).unsqueeze(1)


def _bytes(images: Tensor) -> Tensor:
    # As torchvision's to_dtype scales: every level has an interval of the same width.
    return images.mul(_LEVELS - 1e-3).to(torch.uint8)


def _sixths(images: Tensor, value: Tensor, chroma: Tensor) -> Tensor:
    """The hue, in sixths of the circle; the first of equal channels is the greatest."""
    red, green, blue = images.unbind(1)
    is_red = (value == red).to(images.dtype)
    is_green = (value == green).to(images.dtype).mul_(1 - is_red)
    is_blue = 1 - is_red - is_green
    turned = is_red * (green - blue) + is_green * (blue - red) + is_blue * (red - green)
    return turned.div_(chroma.clamp(min=1e-12)).add_(is_green, alpha=2).add_(is_blue, alpha=4)
