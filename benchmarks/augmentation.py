"""What augmentation costs: whole batches by ours, image by image by torchvision, on one thread.

    python benchmarks/augmentation.py [--rounds N] [--side PIXELS] [--batch IMAGES]

Both sides begin with bytes, draw at random, and end with floats on [0, 1] in a batch. Each round
times ours, then torchvision, for every operator in turn; medians of the rounds are printed. Both
run with the allocator set as the launcher sets it for a training. Times are the processor's, which
a busy machine stretches less than those of a clock.

"From PIL to the network" is what plain scripts do for each image: torchvision's first transforms on
PIL images, crop, flip, rotation and blur, then ToTensor and Normalize.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch.utils.data import default_collate
from torchvision import transforms as v1
from torchvision.transforms import v2

from tui_trainer.launch.core_process import MALLOC_SETTINGS
from tui_trainer.spec import augmentation as spec
from tui_trainer.spec.data import Pipeline
from tui_trainer.train import augment
from tui_trainer.train.dataset import Split
from tui_trainer.train.pipeline import ImagePipeline
from tui_trainer.train.randomness import generator

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

CLASSES = 100
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
TO_UNIT = v2.ToDtype(torch.float32, scale=True)

Step = tuple[spec.Augmentation, ...]
PER_IMAGE: dict[str, tuple[Step, v2.Transform]] = {
    "affine": (
        (spec.Affine("affine", 15.0, (0.1, 0.1), (0.9, 1.1), 10.0),),
        v2.RandomAffine(15, (0.1, 0.1), (0.9, 1.1), 10),
    ),
    "color_jitter": (
        (spec.ColorJitter("color_jitter", 0.4, 0.4, 0.4, 0.1),),
        v2.ColorJitter(0.4, 0.4, 0.4, 0.1),
    ),
    "random_erasing": ((spec.RandomErasing("random_erasing"),), v2.RandomErasing()),
    "rand_augment": ((spec.RandAugment("rand_augment"),), v2.RandAugment()),
    "trivial_augment_wide": (
        (spec.TrivialAugmentWide("trivial_augment_wide"),),
        v2.TrivialAugmentWide(),
    ),
    "aug_mix": ((spec.AugMix("aug_mix"),), v2.AugMix()),
    "crop, flip, rotation, blur": (
        (
            spec.RandomCrop("random_crop"),
            spec.HorizontalFlip("horizontal_flip"),
            spec.Rotation("rotation"),
            spec.GaussianBlur("gaussian_blur"),
        ),
        v2.Compose(
            [
                v2.RandomCrop(32, 4),
                v2.RandomHorizontalFlip(),
                v2.RandomRotation(15),
                v2.GaussianBlur(3),
            ]
        ),
    ),
    "no augmentation": ((), v2.Identity()),
}
CHAIN = PER_IMAGE["crop, flip, rotation, blur"][0]
PLAIN = v1.Compose(
    [
        v1.RandomCrop(32, padding=4),
        v1.RandomHorizontalFlip(),
        v1.RandomRotation(15),
        v1.GaussianBlur(3),
        v1.ToTensor(),
        v1.Normalize(MEAN, STD),
    ]
)
PER_BATCH: dict[str, tuple[Step, v2.Transform]] = {
    "mixup": ((spec.Mixup("mixup"),), v2.MixUp(num_classes=CLASSES)),
    "cutmix": ((spec.CutMix("cutmix"),), v2.CutMix(num_classes=CLASSES)),
}


class Bench:
    """The same images for both."""

    def __init__(self, batch: int, side: int) -> None:
        images = torch.randint(256, (batch, side, side, 3), dtype=torch.uint8)
        self.labels = torch.randint(CLASSES, (batch,))
        self.split = Split.pack(images.numpy(), self.labels.numpy())
        self.images = images.permute(0, 3, 1, 2).contiguous()
        self.rows = images.numpy()
        self.indices = torch.arange(batch)
        settings = Pipeline(side, MEAN, STD)
        self.pipeline = ImagePipeline(settings, torch.device("cpu"))
        self.draws = 0

    def ours(self, steps: Step) -> tuple[Tensor, Tensor]:
        """As the training loop does it."""
        self.draws += 1
        lots = generator(0, "augment", self.draws)
        drawn = augment.draw(steps, len(self.indices), self.pipeline.size, lots)
        images = augment.augmented(self.split, self.indices, drawn, self.pipeline)
        return images, augment.targets(drawn, self.labels, CLASSES)

    def ours_to_the_network(self) -> Tensor:
        """All that a batch goes through before the network sees it."""
        return self.pipeline.normalise(self.ours(CHAIN)[0])

    def plain_to_the_network(self) -> Tensor:
        """The same in a plain script."""
        batch: Tensor = default_collate([PLAIN(Image.fromarray(rows)) for rows in self.rows])
        return batch

    def image_by_image(self, transform: v2.Transform) -> Tensor:
        """As a data set and its loader do it."""
        batch: Tensor = default_collate([TO_UNIT(transform(image)) for image in self.images])
        return batch

    def at_once(self, transform: v2.Transform) -> tuple[Tensor, Tensor]:
        """As a collate function does it."""
        mixed: tuple[Tensor, Tensor] = transform(self.image_by_image(v2.Identity()), self.labels)
        return mixed

    def pairs(self) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
        """Ours and torchvision's, by the label that is printed."""
        table: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {}
        for name, (steps, theirs) in PER_IMAGE.items():
            table[name] = (self._bound(steps), lambda theirs=theirs: self.image_by_image(theirs))
        for name, (steps, theirs) in PER_BATCH.items():
            table[name] = (self._bound(steps), lambda theirs=theirs: self.at_once(theirs))
        table["from PIL to the network"] = (self.ours_to_the_network, self.plain_to_the_network)
        return table

    def _bound(self, steps: Step) -> Callable[[], object]:
        return lambda: self.ours(steps)


def microseconds(work: Callable[[], object], images: int) -> float:
    """Per image, over enough repetitions for the clock."""
    began, repetitions = time.process_time(), 0
    while time.process_time() - began < 0.05:
        work()
        repetitions += 1
    return 1e6 * (time.process_time() - began) / (repetitions * images)


def main() -> None:
    """Time, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--batch", type=int, default=64)
    options = parser.parse_args()
    if not os.environ.keys() >= MALLOC_SETTINGS.keys():
        # The allocator reads them when a process starts.
        os.execve(  # noqa: S606  this very script
            sys.executable, [sys.executable, *sys.argv], {**os.environ, **MALLOC_SETTINGS}
        )
    torch.set_num_threads(1)
    pairs = Bench(options.batch, options.side).pairs()
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in pairs}
    for _ in range(options.rounds + 1):
        for name, (ours, theirs) in pairs.items():
            times = (microseconds(ours, options.batch), microseconds(theirs, options.batch))
            measured[name].append(times)
    print(f"{options.rounds} rounds, {options.batch} images of {options.side}, medians, us/image")
    for name, rounds in measured.items():
        # The first round warms the caches and does not count.
        ours, theirs = (statistics.median(side) for side in zip(*rounds[1:], strict=True))
        print(f"{name:<28}{ours:8.1f}{theirs:9.1f}{theirs / ours:8.1f} x")


if __name__ == "__main__":
    main()
