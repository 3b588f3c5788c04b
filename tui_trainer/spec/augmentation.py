"""What may be done to training images, under torchvision's names and parameters."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from tui_trainer.spec.table import Positive, Table

Share = Annotated[float, Meta(ge=0, le=1)]
Factor = Annotated[float, Meta(ge=0.01, le=100)]
Reach = Annotated[float, Meta(ge=0, le=100)]
# Gamma variates of a smaller alpha fall below the smallest float, and shares would become halves.
Concentration = Annotated[float, Meta(ge=0.01, le=1000)]
Bins = Annotated[int, Meta(ge=2, le=1000)]


class RandomCrop(Table, frozen=True):
    """torchvision's RandomCrop to the image's own size after zero padding."""

    name: Literal["random_crop"]
    padding: Annotated[int, Meta(ge=1, le=512)] = 4
    """Pixels of black on each side."""


class HorizontalFlip(Table, frozen=True):
    """torchvision's RandomHorizontalFlip."""

    name: Literal["horizontal_flip"]
    p: Share = 0.5


class Rotation(Table, frozen=True):
    """torchvision's RandomRotation, nearest neighbour, black outside."""

    name: Literal["rotation"]
    degrees: Annotated[float, Meta(gt=0, le=180)] = 15.0
    """The angle is drawn from [-degrees, degrees]."""


class GaussianBlur(Table, frozen=True):
    """torchvision's GaussianBlur."""

    name: Literal["gaussian_blur"]
    kernel_size: Annotated[int, Meta(ge=3, le=63)] = 3
    """Odd, in pixels."""
    sigma: tuple[Positive, Positive] = (0.1, 2.0)
    """Range that the standard deviation is drawn from, in pixels."""


class GaussianNoise(Table, frozen=True):
    """torchvision's GaussianNoise, clipped to [0, 1]."""

    name: Literal["gaussian_noise"]
    sigma: Positive = 0.1
    """Standard deviation on [0, 1]."""


class Affine(Table, frozen=True):
    """torchvision's RandomAffine, nearest neighbour, black outside."""

    name: Literal["affine"]
    degrees: Annotated[float, Meta(ge=0, le=180)]
    """The angle is drawn from [-degrees, degrees]."""
    translate: tuple[Share, Share] = (0.0, 0.0)
    """Largest shift to the sides and up or down, as shares of the image's side."""
    scale: tuple[Factor, Factor] = (1.0, 1.0)
    """Range that the factor of size is drawn from."""
    shear: Annotated[float, Meta(ge=0, lt=90)] = 0.0
    """Degrees; the shear along rows is drawn from [-shear, shear]."""


class ColorJitter(Table, frozen=True):
    """torchvision's ColorJitter: four changes in an order drawn for each image."""

    name: Literal["color_jitter"]
    brightness: Reach = 0.0
    """The factor is drawn from [1 - brightness, 1 + brightness], never below 0."""
    contrast: Reach = 0.0
    """As brightness."""
    saturation: Reach = 0.0
    """As brightness."""
    hue: Annotated[float, Meta(ge=0, le=0.5)] = 0.0
    """The shift is drawn from [-hue, hue], as shares of the colour circle."""


class RandomErasing(Table, frozen=True):
    """torchvision's RandomErasing (arXiv:1708.04896)."""

    name: Literal["random_erasing"]
    p: Share = 0.5
    scale: tuple[Share, Share] = (0.02, 0.33)
    """Range of the erased share of the image."""
    ratio: tuple[Factor, Factor] = (0.3, 3.3)
    """Range of height over width of what is erased."""
    value: Share = 0.0
    """What stands there afterwards, on [0, 1], before normalisation."""


class RandAugment(Table, frozen=True):
    """torchvision's RandAugment (arXiv:1909.13719), nearest neighbour, black outside."""

    name: Literal["rand_augment"]
    num_ops: Annotated[int, Meta(ge=1, le=20)] = 2
    """Operations in a row, drawn for each image."""
    magnitude: Annotated[int, Meta(ge=0, le=999)] = 9
    """Their strength, below num_magnitude_bins."""
    num_magnitude_bins: Bins = 31


class TrivialAugmentWide(Table, frozen=True):
    """torchvision's TrivialAugmentWide (arXiv:2103.10158), nearest neighbour, black outside."""

    name: Literal["trivial_augment_wide"]
    num_magnitude_bins: Bins = 31


class AugMix(Table, frozen=True):
    """torchvision's AugMix (arXiv:1912.02781), bilinear; with `loss.jsd` two views in each step."""

    name: Literal["aug_mix"]
    severity: Annotated[int, Meta(ge=1, le=10)] = 3
    mixture_width: Annotated[int, Meta(ge=1, le=20)] = 3
    """Chains of operations that are mixed."""
    chain_depth: Annotated[int, Meta(ge=-1, le=20)] = -1
    """Operations in a chain. Below 1: drawn from 1 to 3 for each chain."""
    alpha: Concentration = 1.0
    """Of the Dirichlet and beta distributions that the weights are drawn from."""
    all_ops: bool = True
    """`false`: no brightness, colour, contrast, sharpness, which robustness may be tested on."""


class Mixup(Table, frozen=True):
    """torchvision's MixUp (arXiv:1710.09412), each image with a share of its own.

    An image is mixed with the one before it in the shuffled batch, and so is its label. Training
    accuracy counts the label of the larger share. Has to come last.
    """

    name: Literal["mixup"]
    alpha: Concentration = 1.0
    """The share is drawn from Beta(alpha, alpha)."""


class CutMix(Table, frozen=True):
    """torchvision's CutMix (arXiv:1905.04899), each image with a box of its own.

    The box is filled from the image before it in the shuffled batch; labels are mixed by area.
    Training accuracy counts the label of the larger share. Has to come last.
    """

    name: Literal["cutmix"]
    alpha: Concentration = 1.0
    """The share outside the box is drawn from Beta(alpha, alpha); the image's edge cuts the box."""


Mixing = Mixup | CutMix


Augmentation = (
    RandomCrop
    | HorizontalFlip
    | Rotation
    | Affine
    | GaussianBlur
    | GaussianNoise
    | ColorJitter
    | RandomErasing
    | RandAugment
    | TrivialAugmentWide
    | AugMix
    | Mixup
    | CutMix
)
