"""Reads images and labels that come as arrays: from an npz file, or a function of the user's."""

from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tui_trainer.errors import PreflightError
from tui_trainer.spec.data import Npz
from tui_trainer.train import own
from tui_trainer.train.dataset import Dataset, Split
from tui_trainer.train.impostors import impostor, kind_of, open_regular
from tui_trainer.train.splitting import PARTS, split

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from tui_trainer.spec.data import OwnData

    Part = tuple[NDArray[np.uint8], NDArray[np.int64]]


def load(data: Npz | OwnData, project: Path, size: int) -> Dataset:
    """The arrays, split into what is trained on, validated on and tested on.

    Raises:
        PreflightError: They are not there, or not what they must be.
    """
    if isinstance(data, Npz):
        origin, arrays = str(project / data.path), _read(project / data.path)
    else:
        origin, arrays = data.name, _called(data.name, project, size)
    parts = {part: _part(arrays, part, origin) for part in PARTS if _holds(arrays, part)}
    if "train" not in parts:
        raise PreflightError(f"{origin} must hold `images` and `labels`; it has {sorted(arrays)}")
    classes = int(parts["train"][1].max()) + 1
    _check_classes(parts, classes, origin)
    chosen = split({part: labels for part, (_, labels) in parts.items()}, data)
    packed = {
        name: Split.pack(parts[part][0][indices], parts[part][1][indices])
        for name, (part, indices) in chosen.items()
    }
    return Dataset(packed["train"], packed["validation"], packed["test"], classes)


def _read(path: Path) -> dict[str, Any]:
    try:
        with open_regular(path) as file:
            _refuse_others(path, file.read(200))
            file.seek(0)
            # A pickled object in the file would be code that runs.
            found = np.load(file, allow_pickle=False)
            return {name: _array(found, name, path) for name in found.files if _wanted(name)}
    except OSError as error:
        raise PreflightError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise PreflightError(
            f"{path} cannot be read: it is cut off or damaged ({error})",
            hint="copy or download it anew",
        ) from error


def _refuse_others(path: Path, beginning: bytes) -> None:
    """Name what is no npz file; numpy would take it for a pickle and tell how to load that."""
    what, cure = impostor(beginning)
    if what:
        raise PreflightError(f"{path} {what}", hint=cure)
    if not beginning.startswith(b"PK"):
        raise PreflightError(
            f"{path} is no npz file, but {kind_of(beginning)}",
            hint="write one: numpy.savez(path, images=images, labels=labels)",
        )


def _array(found: np.lib.npyio.NpzFile, name: str, path: Path) -> NDArray[Any]:
    try:
        array: object = found[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        array = None
    if not isinstance(array, np.ndarray):
        raise PreflightError(
            f"{path}: `{name}` is no array of numbers; Python objects are never loaded",
            hint="save plain numbers: images as uint8, labels as integers",
        )
    return array


def _called(name: str, project: Path, size: int) -> dict[str, Any]:
    arrays = own.called(name, project, size=size)
    if not isinstance(arrays, dict):
        kind = type(arrays).__name__
        raise PreflightError(f"{name} must return a dict of arrays, not {kind}")
    return {str(key): np.asarray(value) for key, value in arrays.items()}


def _names(part: str) -> tuple[str, str]:
    prefix = "" if part == "train" else f"{part}_"
    return f"{prefix}images", f"{prefix}labels"


def _wanted(name: str) -> bool:
    return any(name in _names(part) for part in PARTS)


def _holds(arrays: Mapping[str, Any], part: str) -> bool:
    return any(name in arrays for name in _names(part))


def _part(arrays: Mapping[str, Any], part: str, origin: str) -> Part:
    """Images (count, side, side, 3) and labels of one part, checked."""
    names = _names(part)
    for name, other in (names, names[::-1]):
        if name not in arrays:
            raise PreflightError(f"{origin} has `{other}` but no `{name}`")
    images, labels = arrays[names[0]], arrays[names[1]]
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in {1, 3}:
        shape = f"{arrays[names[0]].shape} {images.dtype}"
        raise PreflightError(
            f"{origin}: `{names[0]}` must be (count, side, side, 3) uint8, or without the 3 for "
            f"grey images, not {shape}"
        )
    if images.shape[1] != images.shape[2]:
        raise PreflightError(
            f"{origin}: `{names[0]}` must be square, not {images.shape[1]}x{images.shape[2]}"
        )
    if labels.dtype.kind not in "iu" or labels.shape != (len(images),) or not len(labels):
        raise PreflightError(
            f"{origin}: `{names[1]}` must be {len(images)} whole numbers, one for each image, "
            f"not {labels.shape} {labels.dtype}"
        )
    return np.broadcast_to(images, (*images.shape[:3], 3)), labels.astype(np.int64)


def _check_classes(parts: Mapping[str, Part], classes: int, origin: str) -> None:
    if classes > len(parts["train"][1]):
        raise PreflightError(f"{origin}: label {classes - 1} means more classes than images")
    for part, (_, labels) in parts.items():
        wrong = np.flatnonzero((labels < 0) | (labels >= classes))
        if len(wrong):
            raise PreflightError(
                f"{origin}: label {labels[wrong[0]]} of image {wrong[0]} in `{_names(part)[1]}`: "
                f"the training images have classes 0 to {classes - 1}"
            )
