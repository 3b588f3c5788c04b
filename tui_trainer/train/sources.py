"""Finds the reader of the data set that an experiment names."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tui_trainer.errors import PreflightError
from tui_trainer.spec.choices import CLASS_COUNT, IMAGE_STATISTICS
from tui_trainer.spec.data import Cifar, Digits, ImageFolder, Npz, OwnData
from tui_trainer.train import arrays, cifar, digits, image_folder
from tui_trainer.train.staging import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tui_trainer.spec.data import Data
    from tui_trainer.train.dataset import Dataset


def load(
    data: Data,
    project: Path,
    size: int = IMAGE_STATISTICS["folder"].size,
    stage: Stage = Stage(),  # noqa: B008  it holds nothing that changes
) -> Dataset:
    """The data set in memory, or mapped into it.

    Args:
        data: Which one.
        project: The folder that relative paths begin at.
        size: The pipeline's; images that lie in files of their own are decoded at it.
        stage: Takes what is mapped into memory nearer, where `data` says so. What is read only
            once, at the start, is read where it lies.

    Raises:
        PreflightError: It is not there, or damaged.
    """
    with _with_cure(data):
        if isinstance(data, Cifar):
            return cifar.load(data, project)
        if isinstance(data, Digits):
            return digits.load()
        if isinstance(data, ImageFolder):
            return image_folder.load(data, project, size, stage)
        return arrays.load(data, project, size)


def class_count(data: Data, project: Path, size: int) -> int:
    """How many classes the data set has; where its name does not say so, it is looked at.

    Raises:
        PreflightError: It has to be looked at and cannot be.
    """
    if isinstance(data, (Digits, Cifar)):
        return CLASS_COUNT[data.name]
    if isinstance(data, ImageFolder):
        return len(image_folder.class_names(data, project))
    return load(data, project, size).classes


@contextmanager
def _with_cure(data: Data) -> Iterator[None]:
    """Who refuses data without a cure gets that of their kind."""
    try:
        yield
    except PreflightError as error:
        error.hint = error.hint or _cure_of(data)
        raise


def _cure_of(data: Data) -> str:
    arrays = "images (count, side, side, 3) as uint8, labels from 0, alike in all parts"
    if isinstance(data, Npz):
        return f"data.path names the file, from the project's folder; it holds {arrays}"
    if isinstance(data, OwnData):
        return f"{data.name} must return a dict: {arrays}"
    if isinstance(data, ImageFolder):
        return (
            "data.path names a folder, from the project's, with train/ (and test/, validation/) or "
            "the classes themselves in it: a folder of images for each class"
        )
    return ""
