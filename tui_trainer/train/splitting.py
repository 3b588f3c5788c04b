"""Decides which images of the user's own are trained on, validated on and tested on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tui_trainer.errors import PreflightError
from tui_trainer.train.dataset import stratified_order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tui_trainer.spec.data import Splitting

PARTS = ("train", "validation", "test")


class Chosen(NamedTuple):
    """Images of one part of what the user has."""

    part: str
    indices: NDArray[Any]


def split(labels: Mapping[str, NDArray[np.int64]], settings: Splitting) -> dict[str, Chosen]:
    """For each of `PARTS` the images it takes; a part that is there is taken as it is.

    What is missing is set aside from the training images, each class in its share; the seed of the
    settings decides which images, on every machine the same.

    Args:
        labels: Of the parts that there are; `train` among them.
        settings: Shares and seed.

    Raises:
        PreflightError: There are too few images.
    """
    order = stratified_order(labels["train"], settings.split_seed)
    shares = {"test": settings.test_fraction, "validation": settings.validation_fraction}
    chosen: dict[str, Chosen] = {}
    for part, share in shares.items():
        if part in labels:
            chosen[part] = Chosen(part, np.arange(len(labels[part])))
        else:
            count = max(1, round(len(labels["train"]) * share))
            chosen[part], order = Chosen("train", order[:count]), order[count:]
    if not len(order):
        raise PreflightError(f"{len(labels['train'])} training images are too few to be split")
    return {**chosen, "train": Chosen("train", order)}
