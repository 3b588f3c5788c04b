"""Images in folders named after their classes: decoded once, then mapped into memory.

The cache of a data set is a folder whose name says what it was made of: each file's name, size and
time, the size in pixels and the split. It is built aside and renamed when whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from tui_trainer.errors import PreflightError
from tui_trainer.train.dataset import Dataset, Split
from tui_trainer.train.splitting import PARTS, split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from tui_trainer.spec.data import ImageFolder
    from tui_trainer.train.splitting import Chosen
    from tui_trainer.train.staging import Stage

CACHE_VARIABLE = "TUI_TRAINER_CACHE"
# Those of torchvision.datasets.folder; a test compares.
EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
_ALSO_CALLED = {"validation": ("validation", "val"), "train": ("train",), "test": ("test",)}
# Changed whenever the same files would give other bytes.
_FORM = 1
_SHOWN = 10
_DAY = 24 * 3600


class _Image(NamedTuple):
    path: Path
    label: int


def load(data: ImageFolder, project: Path, size: int, stage: Stage) -> Dataset:
    """The images, cut to the middle square and scaled to `size`.

    Args:
        data: The experiment's.
        project: The folder that relative paths begin at.
        size: Pixels of a side.
        stage: Where they are read from, if the experiment wants that.

    Raises:
        PreflightError: The folder is not as it must be, or images in it cannot be read: the first
            ones are named.
    """
    listing = _Listing(project / data.path, stage.alive)
    labels = {
        part: np.array([image.label for image in images], np.int64)
        for part, images in listing.parts.items()
    }
    chosen = split(labels, data)
    cache = _cache_folder() / f"folder-{_key(listing, chosen, size, stage.alive)}"
    files = {
        name: [listing.parts[part][i] for i in indices] for name, (part, indices) in chosen.items()
    }
    if not cache.is_dir():
        _build(cache, files, size, stage.alive)
    place = stage.copy_of if data.stage else Path
    splits = {
        name: Split(
            _mapped(place(cache / f"{name}.pixels"), len(images), size),
            torch.tensor([image.label for image in images]),
            size,
        )
        for name, images in files.items()
    }
    return Dataset(**splits, classes=len(listing.classes), names=tuple(listing.classes))


def class_names(data: ImageFolder, project: Path) -> list[str]:
    """The names of the classes in the order of their labels.

    Raises:
        PreflightError: The folder is not as it must be.
    """
    return _classes_in(_parts_in(project / data.path)["train"])


class _Listing:
    """What lies in a folder of images."""

    def __init__(self, root: Path, alive: Callable[[], None]) -> None:
        self.root = root
        self._alive = alive
        present = _parts_in(root)
        self.classes = _classes_in(present["train"])
        self.parts = {
            part: self._images(folder, every_class=part == "train")
            for part, folder in present.items()
        }

    def _images(self, folder: Path, *, every_class: bool) -> list[_Image]:
        unknown = sorted(set(_subfolders(folder)) - set(self.classes))
        if unknown:
            raise PreflightError(
                f"{folder / unknown[0]} is a class without training images",
                hint=f"the training images have: {', '.join(self.classes[:_SHOWN])}",
            )
        found = [
            _Image(path, label)
            for label, name in enumerate(self.classes)
            for path in sorted(self._files_below(folder / name))
            if path.suffix.lower() in EXTENSIONS
        ]
        empty = set(range(len(self.classes))) - {image.label for image in found}
        if not found or (empty and every_class):
            named = folder / self.classes[min(empty)]
            raise PreflightError(f"{named} holds no images ({', '.join(EXTENSIONS)})")
        return found

    def _files_below(self, folder: Path) -> Iterator[Path]:
        """A file server may take minutes to name a million of them."""
        for path in folder.rglob("*"):
            self._alive()
            if path.is_file():
                yield path


def _parts_in(root: Path) -> dict[str, Path]:
    """The folders of the splits that there are; the root itself where none is set apart."""
    folders = {
        part: next((root / name for name in names if (root / name).is_dir()), None)
        for part, names in _ALSO_CALLED.items()
    }
    present = {part: folder for part, folder in folders.items() if folder is not None}
    return present if "train" in present else {"train": root}


def _classes_in(folder: Path) -> list[str]:
    classes = _subfolders(folder)
    if not classes:
        raise PreflightError(f"{folder} holds no folders of images, one for each class")
    return classes


def _subfolders(folder: Path) -> list[str]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise PreflightError(f"cannot read {folder}: {error.strerror}") from error
    return [path.name for path in entries if path.is_dir() and not path.name.startswith(".")]


def _cache_folder() -> Path:
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "tui-trainer"


def _key(listing: _Listing, chosen: dict[str, Chosen], size: int, alive: Callable[[], None]) -> str:
    digest = hashlib.sha256(json.dumps([_FORM, str(listing.root.resolve()), size]).encode())
    for part in PARTS:
        for path, label in listing.parts.get(part, ()):
            alive()
            status = path.stat()
            facts = (part, str(path), label, status.st_size, status.st_mtime_ns)
            digest.update(json.dumps(facts).encode())
        digest.update(f"{chosen[part].part} ".encode())
        digest.update(np.ascontiguousarray(chosen[part].indices, np.int64).tobytes())
    return digest.hexdigest()[:32]


def _build(
    cache: Path, files: dict[str, list[_Image]], size: int, alive: Callable[[], None]
) -> None:
    """Decode every image into a folder aside, which becomes the cache when it is whole."""
    aside = cache.with_name(f"{cache.name}.{os.getpid()}-{time.time_ns()}.part")
    try:
        aside.mkdir(parents=True)
        _sweep(cache.parent)
        faults = [
            fault
            for name, images in files.items()
            for fault in _decode(aside / f"{name}.pixels", images, size, alive)
        ]
        if faults:
            raise _unreadable(faults)
        try:
            aside.rename(cache)
        except OSError:
            # Another run that wanted the same was faster.
            if not cache.is_dir():
                raise
    except OSError as error:
        raise PreflightError(
            f"cannot keep the decoded images in {cache.parent}: {error.strerror}",
            hint=f"name another folder: export {CACHE_VARIABLE}=FOLDER",
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove what runs that were killed while they decoded left behind."""
    for part in folder.glob("folder-*.part"):
        if time.time() - part.stat().st_mtime > _DAY:
            shutil.rmtree(part, ignore_errors=True)


def _decode(
    file: Path, images: Sequence[_Image], size: int, alive: Callable[[], None]
) -> list[str]:
    """Write the pixels in the order of the images; what could not be read, in words."""
    shape = (len(images) * size * size + 1, 4)
    with file.open("xb") as empty:
        # A disk that fills up under a mapped file kills the process; here it is an error.
        os.posix_fallocate(empty.fileno(), 0, shape[0] * shape[1])
    pixels = np.memmap(file, np.uint8, "r+", shape=shape)

    def place(position: int) -> str:
        start = position * size * size
        try:
            square = _square(images[position].path, size)
        except Exception as error:  # noqa: BLE001  Pillow's readers raise whatever they meet
            return f"{images[position].path}: {str(error) or type(error).__name__}"
        pixels[start : start + size * size, :3] = square.reshape(-1, 3)
        return ""

    faults, pool = [], ThreadPoolExecutor(torch.get_num_threads())
    try:
        for fault in pool.map(place, range(len(images))):
            alive()
            faults.append(fault)
    finally:
        # Where `alive` ends it, the images that wait are given up.
        pool.shutdown(cancel_futures=True)
    pixels.flush()
    return [fault for fault in faults if fault]


def _square(path: Path, size: int) -> NDArray[np.uint8]:
    """The middle square of an image, scaled to (size, size, 3)."""
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        if image.mode[0] in "IF":
            raise ValueError(f"its pixels are {image.mode}, not 8 bits a channel")
        upright = ImageOps.exif_transpose(image).convert("RGB")
    fitted = ImageOps.fit(upright, (size, size), Image.Resampling.BILINEAR)
    return np.asarray(fitted)


def _unreadable(faults: Sequence[str]) -> PreflightError:
    more = f"\n  … and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    named = "".join(f"\n  {fault}" for fault in sorted(faults)[:_SHOWN])
    count = f"{len(faults)} image{'s' if len(faults) > 1 else ''}"
    return PreflightError(f"{count} cannot be used:{named}{more}", hint="mend or remove them")


def _mapped(file: Path, count: int, size: int) -> torch.Tensor:
    """The words of a split, read from disk only where they are used."""
    try:
        # Private copies of pages, should anything write; the file stays as it is.
        words = np.memmap(file, np.int32, "c", shape=(count * size * size + 1,))
    except (OSError, ValueError) as error:
        raise PreflightError(
            f"the cache is damaged: {file}", hint=f"remove it: rm -r '{file.parent}'"
        ) from error
    return torch.from_numpy(words)
