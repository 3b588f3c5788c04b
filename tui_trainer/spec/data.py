"""The data sets that an experiment may name, and how their images become tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from tui_trainer.spec.choices import CIFAR_FOLDER, IMAGE_STATISTICS, CifarName
from tui_trainer.spec.table import PathText, Positive, Seed, Table

if TYPE_CHECKING:
    from pathlib import Path

Channels = tuple[float, float, float]


class Digits(Table, frozen=True):
    """scikit-learn's 1,797 handwritten digits, shown as 32x32 RGB; its split is fixed."""

    name: Literal["digits"] = "digits"


class Cifar(Table, frozen=True):
    """CIFAR-10 or CIFAR-100 in the python form (Krizhevsky, 2009), as unpacked from the archive."""

    name: CifarName
    root: PathText = "data"
    """Folder that holds `cifar-10-batches-py` or `cifar-100-python`, from the project's folder."""
    verify: Literal["md5", "shape"] = "md5"
    """`md5`: the published files only. `shape`: any file of that form and of consistent shape."""
    validation_fraction: Annotated[float, Meta(gt=0, lt=1)] = 0.1
    """Share of the training images that is set aside for validation."""
    split_seed: Seed = 0
    """Decides which images are set aside; apart from `seed`, so that seeds share one split."""


class Splitting(Table, frozen=True):
    """How images of the user's own are split where they come in fewer than three parts."""

    validation_fraction: Annotated[float, Meta(gt=0, lt=1)] = 0.1
    """Share of the training images that is set aside where there are none to validate on."""
    test_fraction: Annotated[float, Meta(gt=0, lt=1)] = 0.1
    """Share of the training images that is set aside where there are none to test on."""
    split_seed: Seed = 0
    """Decides which images are set aside; apart from `seed`, so that seeds share one split."""


class ImageFolder(Splitting, frozen=True, kw_only=True):
    """Images in folders named after their classes, as torchvision's ImageFolder reads them.

    The folder holds `train/` and, if you have them, `validation/` (or `val/`) and `test/`; or the
    classes themselves. Images are decoded once, cut to the middle square and scaled to
    `pipeline.size` (default 224, with ImageNet's mean and std), and kept in a cache that is mapped
    into memory: `$TUI_TRAINER_CACHE`, or `~/.cache/tui-trainer`.
    """

    name: Literal["folder"]
    path: PathText
    """From the project's folder."""
    stage: bool = False
    """Copy the decoded images to the node's own disk, `$TMPDIR`, once, and read them there: for a
    cache on a file system that many nodes share. Some clusters keep `$TMPDIR` in memory, of which
    the copy then takes its size; hence not by default. Without room a warning, and no copy."""


class Npz(Splitting, frozen=True, kw_only=True):
    """Arrays in numpy's `.npz`: `images` (count, side, side, 3) or (…) grey, uint8; `labels`.

    Further parts are `validation_images`, `validation_labels`, `test_images`, `test_labels`.
    """

    name: Literal["npz"]
    path: PathText
    """From the project's folder."""


class OwnData(Splitting, frozen=True, kw_only=True):
    """Data of your own: `my_module:function` calls function(size=…) of my_module.py.

    The module is looked for in the project's folder; the function returns a table of the arrays
    that an npz file would hold, at `size` or any other side.
    """

    name: Annotated[str, Meta(min_length=1)]


Data = Digits | Cifar | ImageFolder | Npz | OwnData


class Pipeline(Table, frozen=True):
    """How an image becomes a tensor, the same for training, validation and test."""

    size: Annotated[int, Meta(ge=1, le=1024)]
    """Side in pixels; other images are resized bilinearly. Default: the data set's own."""
    mean: Channels
    """Subtracted per channel, on [0, 1]. Default: the data set's own."""
    std: tuple[Positive, Positive, Positive]
    """Divided by per channel, on [0, 1]. Default: the data set's own."""


def place_of(data: Data, project: Path) -> Path | None:
    """The file or folder that a data set is read from; None for one that Python imports."""
    if isinstance(data, Cifar):
        return project / data.root / CIFAR_FOLDER[data.name]
    return project / data.path if isinstance(data, ImageFolder | Npz) else None


def own_pipeline(data: str) -> Pipeline:
    """What a data set's images go through where nobody says anything."""
    # A function of the user's returns the same arrays as an npz file.
    name = "npz" if ":" in data else data
    # Under a wrong name, any statistics will do: the name is the problem to report.
    known = name if name in IMAGE_STATISTICS else Digits().name
    return Pipeline(*IMAGE_STATISTICS[known])
