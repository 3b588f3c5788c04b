"""What the classes of a data set are called, in the order of their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tui_trainer.spec.data import Cifar, ImageFolder
from tui_trainer.train import image_folder

if TYPE_CHECKING:
    from pathlib import Path

    from tui_trainer.spec.data import Data

# As in batches.meta and meta, which lie beside the images.
_CIFAR: Final = {
    "cifar10": "airplane automobile bird cat deer dog frog horse ship truck",
    "cifar100": """
        apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
        butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch
        crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house
        kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
        mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
        plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark
        shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table
        tank telephone television tiger tractor train trout tulip turtle wardrobe whale
        willow_tree wolf woman worm
    """,
}


def class_names(data: Data, project: Path, classes: int) -> list[str]:
    """The names; of data that has none, digits for one, the labels.

    Raises:
        PreflightError: A folder of images is not as it must be.
    """
    if isinstance(data, Cifar):
        return _CIFAR[data.name].split()
    if isinstance(data, ImageFolder):
        return image_folder.class_names(data, project)
    return list(map(str, range(classes)))
