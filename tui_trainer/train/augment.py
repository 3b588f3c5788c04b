"""Changes training images at random, whole batches at once, each image by draws of its own."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, takewhile
from typing import TYPE_CHECKING, TypeAlias

import torch

from tui_trainer.spec import augmentation as spec
from tui_trainer.train import mixing, policies
from tui_trainer.train.geometry import Affine, Crop, Flip, Moving, Rotate, composed, moved

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Generator, Tensor

    from tui_trainer.train.dataset import Split
    from tui_trainer.train.pipeline import ImagePipeline

# torchvision gives up on a box that does not fit the image after as many.
_TRIES = 10


@dataclass(frozen=True)
class Blur:
    """Each image blurred by a Gaussian of its own width."""

    kernel_size: int
    sigma: Tensor

    def apply(self, images: Tensor) -> Tensor:
        """Blur along both axes; beyond its edge an image is mirrored."""
        weights = self._weights().to(images.device)
        pixels = images.permute(0, 2, 3, 1).contiguous()
        return _convolved(_convolved(pixels, 2, weights), 1, weights).permute(0, 3, 1, 2)

    def _weights(self) -> Tensor:
        distance = torch.arange(self.kernel_size) - self.kernel_size // 2
        return torch.softmax(-0.5 * (distance / self.sigma[:, None]).square(), dim=1)


@dataclass(frozen=True)
class Noise:
    """Gaussian noise on every value."""

    sigma: float
    seed: int

    def apply(self, images: Tensor) -> Tensor:
        """Add the noise, drawn where the images are, and stay within [0, 1]."""
        generator = torch.Generator(images.device).manual_seed(self.seed)
        noise = torch.randn(images.shape, generator=generator, device=images.device)
        return images.add(noise, alpha=self.sigma).clamp_(0, 1)


@dataclass(frozen=True)
class Erase:
    """A box of each image filled with one value; a box without rows leaves its image whole."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor
    value: float

    def apply(self, images: Tensor) -> Tensor:
        """Fill the boxes."""
        bottom, right = self.top + self.height, self.left + self.width
        inside = mixing.inside_boxes(self.top, self.left, bottom, right, images.shape[-1])
        inside = inside.to(images.device, images.dtype)
        # As exact as choosing, and faster.
        return images.mul(1 - inside).add_(inside, alpha=self.value)


Drawn: TypeAlias = Moving | Blur | Noise | Erase | policies.Chain | policies.Mixture | mixing.Mixed


def draw(
    steps: Iterable[spec.Augmentation], count: int, side: int, generator: Generator
) -> list[Drawn]:
    """All parameters for a batch of `count` images of this side."""
    return [_draw(step, count, side, generator) for step in steps]


def targets(drawn: Sequence[Drawn], labels: Tensor, classes: int) -> Tensor:
    """What the loss is taken to: the labels, or probabilities (count, classes) where mixed."""
    if drawn and isinstance(drawn[-1], mixing.Mixed):
        return mixing.mixed_labels(drawn[-1], labels, classes)
    return labels


def augmented(
    split: Split, indices: Tensor, drawn: Sequence[Drawn], pipeline: ImagePipeline
) -> Tensor:
    """The images on [0, 1] in the network's size, changed in the order of `drawn`.

    Where the data set already has that size, what moves pixels first takes them straight from it.
    """
    at_source: list[Moving] = []
    if split.side == pipeline.size:
        at_source = [step for step in takewhile(_moves, drawn) if isinstance(step, Moving)]
    places = composed(at_source, split.side, indices.device) if at_source else None
    images = pipeline.to_unit(split.take(indices, places))
    return changed(images, drawn[len(at_source) :])


def changed(images: Tensor, drawn: Sequence[Drawn]) -> Tensor:
    """A batch on [0, 1] after these changes, in channels-last order."""
    for _, group in groupby(drawn, key=_moves):
        moving = []
        for step in group:
            if isinstance(step, Moving):
                moving.append(step)
            else:
                images = step.apply(images)
        if moving:
            images = moved(images, composed(moving, images.shape[-1], images.device))
    return images.contiguous(memory_format=torch.channels_last)


def _draw(step: spec.Augmentation, count: int, side: int, generator: Generator) -> Drawn:
    match step:
        case spec.ColorJitter() | spec.RandAugment() | spec.TrivialAugmentWide() | spec.AugMix():
            return policies.draw(step, count, side, generator)
        case spec.Mixup() | spec.CutMix():
            return mixing.draw(step, count, side, generator)
        case spec.RandomErasing():
            return _erase(step, count, side, generator)
        case spec.GaussianBlur() | spec.GaussianNoise():
            return _filter(step, count, generator)
        case _:
            return _move(step, count, side, generator)


def _filter(
    step: spec.GaussianBlur | spec.GaussianNoise, count: int, generator: Generator
) -> Blur | Noise:
    uniform = torch.rand(count, generator=generator)
    if isinstance(step, spec.GaussianBlur):
        smallest, largest = step.sigma
        return Blur(step.kernel_size, smallest + uniform * (largest - smallest))
    return Noise(step.sigma, int(torch.randint(2**62, (1,), generator=generator)))


def _move(
    step: spec.RandomCrop | spec.HorizontalFlip | spec.Rotation | spec.Affine,
    count: int,
    side: int,
    generator: Generator,
) -> Moving:
    if isinstance(step, spec.RandomCrop):
        corners = torch.randint(0, 2 * step.padding + 1, (2, count), generator=generator)
        return Crop(step.padding, corners[0], corners[1])
    if isinstance(step, spec.Affine):
        return _affine(step, count, side, generator)
    uniform = torch.rand(count, generator=generator)
    if isinstance(step, spec.HorizontalFlip):
        return Flip(uniform < step.p)
    return Rotate((2 * uniform - 1) * step.degrees)


def _affine(step: spec.Affine, count: int, side: int, generator: Generator) -> Affine:
    turn, right, down, shear = 2 * torch.rand(4, count, generator=generator) - 1
    share_right, share_down = step.translate
    smallest, largest = step.scale
    uniform = torch.rand(count, generator=generator)
    return Affine(
        degrees=turn * step.degrees,
        shift=torch.stack((right * share_right * side, down * share_down * side)).round(),
        scale=smallest + uniform * (largest - smallest),
        shear=torch.stack((shear * step.shear, torch.zeros(count))),
        centre=torch.zeros(2, count),
    )


def _erase(step: spec.RandomErasing, count: int, side: int, generator: Generator) -> Erase:
    """The first of several tries that leaves something of the image; none where none does."""
    uniform = torch.rand(2, _TRIES, count, dtype=torch.float64, generator=generator)
    (least, most), (flat, tall) = step.scale, torch.tensor(step.ratio).double().log()
    area = side * side * (least + uniform[0] * (most - least))
    ratio = (flat + uniform[1] * (tall - flat)).exp()
    heights, widths = (area * ratio).sqrt().round().long(), (area / ratio).sqrt().round().long()
    fits = (heights < side) & (widths < side)
    first = fits.int().argmax(0, keepdim=True)
    chosen = fits.any(0) & (torch.rand(count, generator=generator) < step.p)
    height, width = (sizes.gather(0, first)[0] * chosen for sizes in (heights, widths))
    corner = torch.rand(2, count, dtype=torch.float64, generator=generator)
    top, left = (corner * (side + 1 - torch.stack((height, width)))).long()
    return Erase(top, left, height, width, step.value)


def _moves(step: Drawn) -> bool:
    return isinstance(step, Moving)


def _convolved(pixels: Tensor, axis: int, weights: Tensor) -> Tensor:
    """Along an axis of (count, side, side, channels), each image by its own row of weights."""
    side, reach = pixels.shape[axis], weights.shape[1] // 2
    before = pixels.narrow(axis, 1, reach).flip(axis)
    after = pixels.narrow(axis, side - 1 - reach, reach).flip(axis)
    padded = torch.cat((before, pixels, after), axis)
    first, *others = (
        (padded.narrow(axis, offset, side), weights[:, offset].view(-1, 1, 1, 1))
        for offset in range(weights.shape[1])
    )
    total = torch.mul(*first)
    for part, weight in others:
        total.addcmul_(part, weight)
    return total
