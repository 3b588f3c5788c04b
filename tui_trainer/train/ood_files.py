"""Reads folders of images out of distribution, mapped into memory, without trusting the files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tui_trainer.errors import PreflightError
from tui_trainer.train.impostors import kind_of, open_regular

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SEVERITIES: Final = 5
LABELS: Final = "labels.npy"
DISTORTION_NAME = "distortion{:02}.npy"
_DISTORTION = re.compile(r"distortion([0-9]{2})\.npy")


@dataclass(frozen=True)
class OodFile:
    """One corruption: the five severities after each other, as many images of each."""

    path: Path
    count: int
    """Images of one severity."""

    @property
    def name(self) -> str:
        """The corruption's."""
        return self.path.stem

    def open(self) -> NDArray[np.uint8]:
        """All images, (5 * count, side, side, 3), read as they are looked at.

        Raises:
            PreflightError: The file is no such array any more.
        """
        return open_images(self.path)


@dataclass(frozen=True)
class OodFolder:
    """A folder whose files were checked, in order of their names."""

    files: tuple[OodFile, ...]
    labels: NDArray[np.int64] | None
    """Of one file's images; None in a folder without labels."""

    @property
    def images(self) -> int:
        """In all files."""
        return sum(SEVERITIES * file.count for file in self.files)


def open_folder(path: Path, classes: int) -> OodFolder:
    """Check every file of a folder.

    Args:
        path: With `labels.npy`, as CIFAR-10-C and CIFAR-100-C are; or with `distortion00.npy` and
            so on, which need none.
        classes: What labels may be: 0 to classes - 1.

    Raises:
        PreflightError: It is not there or not in one of these forms, or a file is damaged.
    """
    if not path.is_dir():
        raise PreflightError(
            f"there is no folder {path}",
            hint="ood.folder begins at the project's folder, --folder at the current one",
        )
    if (path / LABELS).exists():
        return _labelled(path, classes)
    files = tuple(_checked(file) for file in sorted(path.iterdir()) if is_distortion(file))
    if not files:
        raise PreflightError(
            f"{path} holds neither {LABELS} nor distortion00.npy",
            hint="labels.npy and one .npy for each corruption, or distortion00.npy and so on",
        )
    _check_numbers(path, [file.path.name for file in files])
    return OodFolder(files, None)


def _check_numbers(folder: Path, names: Sequence[str]) -> None:
    """A file that was lost is not noticed by its absence, but by later numbers."""
    expected = map(DISTORTION_NAME.format, range(len(names)))
    missing = [name for name in expected if name not in names]
    if missing:
        raise PreflightError(
            f"{folder} has no {', '.join(missing)}, but later ones",
            hint="copy or download what is missing",
        )


def is_distortion(path: Path) -> bool:
    """Whether a file is named as one without labels."""
    return _DISTORTION.fullmatch(path.name) is not None


def open_images(path: Path) -> NDArray[np.uint8]:
    """An array of images, (count, side, side, 3), mapped.

    Raises:
        PreflightError: It is something else, named where it can be.
    """
    images = _open(path)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise _wrong(
            path, f"its array is {images.dtype}{images.shape}", "uint8 (count, side, side, 3)"
        )
    if images.shape[1] != images.shape[2] or not images.size:
        raise _wrong(path, f"its images are {images.shape}", "square ones")
    return images


def _labelled(path: Path, classes: int) -> OodFolder:
    labels = _open(path / LABELS)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer) or not labels.size:
        raise _wrong(
            path / LABELS, f"its array is {labels.dtype}{labels.shape}", "integers (count,)"
        )
    if not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        found = f"its labels are from {labels.min()} to {labels.max()}"
        raise _wrong(path / LABELS, found, f"0 to {classes - 1}")
    names = sorted(file for file in path.glob("*.npy") if file.name != LABELS)
    files = tuple(map(_checked, names))
    if not files:
        raise PreflightError(f"{path} holds labels and no images")
    for file in files:
        if SEVERITIES * file.count != len(labels):
            found = f"it holds {SEVERITIES * file.count:,} images"
            raise _wrong(file.path, found, f"as many as there are labels, {len(labels):,}")
    return OodFolder(files, labels.astype(np.int64))


def _checked(path: Path) -> OodFile:
    count, left = divmod(len(open_images(path)), SEVERITIES)
    if left:
        raise _wrong(path, f"it holds {SEVERITIES * count + left:,} images", "five severities")
    return OodFile(path, count)


def _open(path: Path) -> NDArray[Any]:
    try:
        if not path.is_file():
            raise PreflightError(f"{path} is no file")
        with open_regular(path) as file:
            beginning = file.read(512)
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        found, hint = _diagnosis(path, beginning if "beginning" in locals() else b"", error)
        raise PreflightError(f"{path} cannot be used: {found}", hint=hint) from error
    if not isinstance(array, np.ndarray):
        raise _wrong(path, "it is an archive", "a single array as numpy.save writes it")
    return array


def _diagnosis(path: Path, beginning: bytes, error: Exception) -> tuple[str, str]:
    """What a file is that is no array, and what to do about it."""
    if beginning.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer, not the data", "in that repository: git lfs pull"
    if beginning.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "it is a web page, not the data", "the download was answered by a page: fetch anew"
    if not beginning.startswith(b"\x93NUMPY"):
        return f"it is no array of numpy.save, but {kind_of(beginning)}", ""
    if "object" in str(error).lower():
        return "it holds Python objects, which are never loaded", "save plain numbers: uint8"
    if isinstance(error, (ValueError, EOFError)):
        size = path.stat().st_size
        return f"it is cut off after {size:,} bytes", "copy or download it anew"
    return f"it cannot be read: {error}", ""


def _wrong(path: Path, found: str, wanted: str) -> PreflightError:
    return PreflightError(f"{path} cannot be used: {found}, not {wanted}")
