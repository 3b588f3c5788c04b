"""Chains of operators drawn for each image: colour jitter, RandAugment, TrivialAugment, AugMix.

A batch goes through a chain link by link. In each link it is sorted by operator, so that every
operator is called once, on the images that drew it, and all that moves pixels is one operator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import torch
from torch.nn import functional

from tui_trainer.spec import augmentation as spec
from tui_trainer.train import colour
from tui_trainer.train.geometry import Affine

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor


_COLOURS: Final[dict[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "Posterize": colour.posterize,
    "Solarize": colour.solarize,
    "AutoContrast": colour.autocontrast,
    "Equalize": colour.equalize,
    "Brightness": colour.brightness,
    "Color": colour.saturation,
    "Contrast": colour.contrast,
    "Sharpness": colour.sharpness,
    "Hue": colour.hue,
}
_MOVES: Final = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
OPERATORS: Final = ("Identity", *_MOVES, *_COLOURS)
"""torchvision's names; a link holds positions in this order."""

_IDENTITY, _SHEAR_X, _SHEAR_Y, _TRANSLATE_X, _TRANSLATE_Y, _ROTATE = range(6)
_POSTERIZE, _SOLARIZE, _AUTOCONTRAST, _EQUALIZE, _BRIGHTNESS, *_, _SHARPNESS, _HUE = range(
    6, len(OPERATORS)
)
_FACTORS: Final = {"Brightness", "Color", "Contrast", "Sharpness"}
"""Drawn as what is added to a factor of 1."""

# AugMix divides every range into ten; its severity says how many of the ten are drawn from.
_AUGMIX_BINS = 10


@dataclass(frozen=True)
class Chain:
    """Operators one after the other, every image by its own."""

    operators: Tensor
    """(links, count), positions in OPERATORS."""
    magnitudes: Tensor
    """(links, count), as torchvision counts them: signed, and 0 changes nothing where it can."""
    mode: Literal["nearest", "bilinear"] = "nearest"

    def apply(self, images: Tensor) -> Tensor:
        """The images after the last link; where there are fewer, they begin anew until `count`."""
        images, count = images.contiguous(), self.operators.shape[1]
        # Sorted batches stay sorted until the end: this is where each image is by now.
        places = torch.arange(count) % len(images)
        for operators, magnitudes in zip(self.operators, self.magnitudes, strict=True):
            order = operators.argsort(stable=True)
            images = images.index_select(0, places[order].to(images.device))
            images = self._link(images, operators[order], magnitudes[order])
            places = order.argsort()
        return images.index_select(0, places.to(images.device))

    def _link(self, images: Tensor, operators: Tensor, magnitudes: Tensor) -> Tensor:
        """One link, for images in the order of their operators."""
        counts = torch.bincount(operators, minlength=len(OPERATORS)).tolist()
        sizes = [counts[_IDENTITY], sum(counts[_SHEAR_X:_POSTERIZE]), *counts[_POSTERIZE:]]
        _, kinds, *_ = torch.split(operators, sizes)
        unchanged, moving, *coloured = torch.split(images, sizes)
        _, drawn, *amounts = torch.split(magnitudes, sizes)
        done = [unchanged, self._moved(moving, kinds, drawn)] if len(moving) else [unchanged]
        for (name, operator), part, amount in zip(_COLOURS.items(), coloured, amounts, strict=True):
            if len(part):
                amount_of = amount + 1 if name in _FACTORS else amount
                done.append(operator(part, amount_of.to(images.device)))
        return torch.cat(done)

    def _moved(self, images: Tensor, operators: Tensor, magnitudes: Tensor) -> Tensor:
        side = images.shape[-1]
        grid = _affine(operators, magnitudes, side).grid(side, images.device)
        moved: Tensor = functional.grid_sample(images, grid, mode=self.mode, align_corners=False)
        return moved


@dataclass(frozen=True)
class Mixture:
    """Each image mixed with versions of itself, each of which went through a chain of its own."""

    chains: Chain
    """Over (width x count) images: all images' first versions, then their second."""
    weights: Tensor
    """Of the image and of its versions, (1 + width, count)."""

    def apply(self, images: Tensor) -> Tensor:
        """The mixed batch."""
        own, *weights = self.weights.to(images.device).view(len(self.weights), -1, 1, 1, 1)
        versions = self.chains.apply(images).chunk(len(weights))
        mixed: Tensor = images * own
        for version, weight in zip(versions, weights, strict=True):
            mixed.addcmul_(version, weight)
        return mixed


class Ranges(NamedTuple):
    """The greatest magnitudes of a policy."""

    shear: float
    """As a tangent."""
    translate: float
    """Pixels."""
    rotate: float
    """Degrees."""
    enhance: float
    """Of brightness, colour, contrast and sharpness."""
    bits: tuple[int, int]
    """What Posterize keeps at the least and at the greatest magnitude."""

    def table(self, bins: int) -> Tensor:
        """The magnitude of each operator in each bin, (operators, bins)."""
        table = torch.zeros(len(OPERATORS), bins)
        table[[_SHEAR_X, _SHEAR_Y]] = torch.linspace(0, self.shear, bins)
        table[[_TRANSLATE_X, _TRANSLATE_Y]] = torch.linspace(0, self.translate, bins)
        table[_ROTATE] = torch.linspace(0, self.rotate, bins)
        table[_BRIGHTNESS : _SHARPNESS + 1] = torch.linspace(0, self.enhance, bins)
        most, least = self.bits
        # Divided as torchvision divides, for halves are rounded.
        table[_POSTERIZE] = (most - torch.arange(bins) / ((bins - 1) / (most - least))).round()
        table[_SOLARIZE] = torch.linspace(1, 0, bins)
        return table


Policy: TypeAlias = spec.ColorJitter | spec.RandAugment | spec.TrivialAugmentWide | spec.AugMix


def draw(step: Policy, count: int, side: int, generator: Generator) -> Chain | Mixture:
    """Draw operators, magnitudes and weights for a batch of `count` images of this side."""
    match step:
        case spec.ColorJitter():
            return _color_jitter(step, count, generator)
        case spec.RandAugment():
            return _rand_augment(step, count, side, generator)
        case spec.TrivialAugmentWide():
            return _trivial_augment_wide(step, count, side, generator)
        case spec.AugMix():
            return _aug_mix(step, count, side, generator)


def dirichlet(alpha: float, parts: int, count: int, generator: Generator) -> Tensor:
    """Shares that add up to 1, (parts, count), from the symmetric Dirichlet distribution."""
    concentration = torch.full((count, parts), alpha, dtype=torch.float64)
    # torch.distributions takes no generator; torchvision's AugMix calls the same function.
    shares: Tensor = torch._sample_dirichlet(concentration, generator)  # noqa: SLF001
    return shares.float().T


def ranges_of(step: spec.RandAugment | spec.TrivialAugmentWide | spec.AugMix, side: int) -> Ranges:
    """The ranges of a policy, as torchvision has them, for images of this side."""
    match step:
        case spec.RandAugment():
            # 150 of 331 pixels: AutoAugment's greatest shift, on the images it was searched on.
            return Ranges(0.3, 150 / 331 * side, 30.0, 0.9, (8, 4))
        case spec.TrivialAugmentWide():
            return Ranges(0.99, 32.0, 135.0, 0.99, (8, 2))
        case spec.AugMix():
            return Ranges(0.3, side / 3, 30.0, 0.9, (4, 0))


def _color_jitter(step: spec.ColorJitter, count: int, generator: Generator) -> Chain:
    reach = {
        "Brightness": step.brightness,
        "Contrast": step.contrast,
        "Color": step.saturation,
        "Hue": step.hue,
    }
    most = torch.tensor([*reach.values()])
    least = torch.tensor([-min(value, 1.0) for value in reach.values()])
    uniform = torch.rand(count, len(reach), generator=generator)
    drawn = least + uniform * (most - least)
    positions = [OPERATORS.index(name) if value else _IDENTITY for name, value in reach.items()]
    order = torch.rand(count, len(reach), generator=generator).argsort(dim=1)
    return Chain(torch.tensor(positions)[order].T, drawn.gather(1, order).T)


def _rand_augment(step: spec.RandAugment, count: int, side: int, generator: Generator) -> Chain:
    shape = (step.num_ops, count)
    bins = torch.full(shape, step.magnitude)
    return _chain(
        ranges_of(step, side).table(step.num_magnitude_bins),
        (_IDENTITY, _SHARPNESS),
        bins,
        generator,
    )


def _trivial_augment_wide(
    step: spec.TrivialAugmentWide, count: int, side: int, generator: Generator
) -> Chain:
    bins = torch.randint(step.num_magnitude_bins, (1, count), generator=generator)
    return _chain(
        ranges_of(step, side).table(step.num_magnitude_bins),
        (_IDENTITY, _SHARPNESS),
        bins,
        generator,
    )


def _aug_mix(step: spec.AugMix, count: int, side: int, generator: Generator) -> Mixture:
    width = step.mixture_width
    links = step.chain_depth if step.chain_depth > 0 else 3
    bins = torch.randint(step.severity, (links, width * count), generator=generator)
    operators = (_SHEAR_X, _SHARPNESS if step.all_ops else _EQUALIZE)
    chain = _chain(ranges_of(step, side).table(_AUGMIX_BINS), operators, bins, generator)
    if step.chain_depth <= 0:
        depth = torch.randint(1, links + 1, (width * count,), generator=generator)
        beyond = torch.arange(links)[:, None] >= depth
        chain = Chain(chain.operators.masked_fill(beyond, _IDENTITY), chain.magnitudes)
    versions = dirichlet(step.alpha, width, count, generator)
    shares = dirichlet(step.alpha, 2, count, generator)
    weights = torch.cat((shares[:1], versions * shares[1]))
    return Mixture(Chain(chain.operators, chain.magnitudes, "bilinear"), weights)


def _chain(table: Tensor, between: tuple[int, int], bins: Tensor, generator: Generator) -> Chain:
    """Draw an operator, and a sign where it has two directions, for each image and link."""
    first, last = between
    operators = torch.randint(first, last + 1, bins.shape, generator=generator)
    negative = torch.rand(bins.shape, generator=generator) < 0.5
    signed = (operators <= _ROTATE) | (operators >= _BRIGHTNESS)
    magnitudes = table[operators, bins]
    return Chain(operators, torch.where(negative & signed, -magnitudes, magnitudes))


def _affine(operators: Tensor, magnitudes: Tensor, side: int) -> Affine:
    """What moves pixels, as one affine map for each image."""

    def where(operator: int, values: Tensor) -> Tensor:
        return torch.where(operators == operator, values, 0.0)

    tilt = magnitudes.double().atan().rad2deg()
    pixels = magnitudes.double().trunc()
    sheared = (operators == _SHEAR_X) | (operators == _SHEAR_Y)
    # torchvision shears around the corner, turns around the middle, and turns the other way round.
    corner = torch.where(sheared, -side / 2, 0.0).double()
    return Affine(
        degrees=where(_ROTATE, -magnitudes.double()),
        shift=torch.stack((where(_TRANSLATE_X, pixels), where(_TRANSLATE_Y, pixels))),
        scale=torch.ones(len(magnitudes)),
        shear=torch.stack((where(_SHEAR_X, tilt), where(_SHEAR_Y, tilt))),
        centre=torch.stack((corner, corner)),
    )
