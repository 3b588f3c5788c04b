"""Reads CIFAR-10 and CIFAR-100 in the python form without trusting the files.

The files are pickles. Only what rebuilds a numpy array is allowed to be called; anything else is
refused before it runs.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import pickle
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

import numpy as np

from tui_trainer.errors import PreflightError
from tui_trainer.spec.choices import CLASS_COUNT
from tui_trainer.train.dataset import Dataset, Split, stratified_order
from tui_trainer.train.impostors import impostor, open_regular

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tui_trainer.spec.choices import CifarName
    from tui_trainer.spec.data import Cifar

_SIDE = 32
_VALUES = 3 * _SIDE * _SIDE


class Form(NamedTuple):
    """How one of the two data sets lies on disk; files with their published MD5."""

    folder: str
    archive: str
    labels: str
    train: dict[str, str]
    test: dict[str, str]
    meta: str
    """The file that names the classes, which nothing but the results page needs."""
    names: str


# The sums are those of torchvision.datasets.CIFAR10 and CIFAR100; a test compares.
FORMS: Final[dict[CifarName, Form]] = {
    "cifar10": Form(
        folder="cifar-10-batches-py",
        archive="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        labels="labels",
        train={
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        },
        test={"test_batch": "40351d587109b95175f43aff81a1287e"},
        meta="batches.meta",
        names="label_names",
    ),
    "cifar100": Form(
        folder="cifar-100-python",
        archive="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        labels="fine_labels",
        train={"train": "16019d7e3df5f24257cddd939b257f8d"},
        test={"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
        meta="meta",
        names="fine_label_names",
    ),
}


def load(data: Cifar, project: Path) -> Dataset:
    """Both parts of the data set, a share of the first set aside for validation.

    Raises:
        PreflightError: A file is missing, damaged, or not what it should be.
    """
    source = _Source(data, project)
    images, labels = source.read(source.form.train)
    test_images, test_labels = source.read(source.form.test)
    held_out = _held_out(len(labels), data.validation_fraction)
    validation, train = np.split(stratified_order(labels, data.split_seed), [held_out])
    return Dataset(
        train=Split.pack(images[train], labels[train]),
        validation=Split.pack(images[validation], labels[validation]),
        test=Split.pack(test_images, test_labels),
        classes=CLASS_COUNT[data.name],
        names=source.class_names(),
    )


def _held_out(count: int, fraction: float) -> int:
    if count < 2:
        raise PreflightError("one training image cannot be split into training and validation")
    return min(max(1, round(count * fraction)), count - 1)


class _Source:
    """The folder of one data set and what is demanded of its files."""

    def __init__(self, data: Cifar, project: Path) -> None:
        self.form = FORMS[data.name]
        self._name = data.name
        self._verify = data.verify
        self._folder = project / data.root / self.form.folder

    def read(self, files: dict[str, str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Images (count, 32, 32, 3) and labels of several files, one after the other."""
        parts = [self._file(self._folder / name, md5) for name, md5 in files.items()]
        images, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
        planes = images.reshape(-1, 3, _SIDE, _SIDE)
        return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels

    def class_names(self) -> tuple[str, ...]:
        """The names beside the images, by label; none where no file tells them all."""
        path = self._folder / self.form.meta
        try:
            with open_regular(path) as file:
                content = file.read()
            tree = _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
            names = _with_text_keys(tree)[self.form.names]
        except (OSError, *_UNPICKLING_ERRORS):
            return ()
        is_whole = isinstance(names, list) and len(names) == CLASS_COUNT[self._name]
        return tuple(map(_text, names)) if is_whole else ()

    def _file(self, path: Path, md5: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        content = self._bytes(path)
        self._refuse_impostors(path, content)
        if self._verify == "md5":
            self._check_md5(path, content, md5)
        return self._checked(path, self._unpickled(path, content))

    def _bytes(self, path: Path) -> bytes:
        try:
            with open_regular(path) as file:
                return file.read()
        except OSError as error:
            raise PreflightError(
                f"cannot read {path}: {error.strerror}",
                hint=f"tui-trainer data fetch {self._name}; or unpack {self.form.archive} so that "
                f"{self._folder} holds its files, or set data.root to the folder that does",
            ) from error

    def _refuse_impostors(self, path: Path, content: bytes) -> None:
        what, cure = impostor(content[:200])
        if what:
            self._fail(path, what, cure)
        if not content.endswith(pickle.STOP):
            self._fail(path, f"is cut off after {len(content):,} bytes")

    def _check_md5(self, path: Path, content: bytes, md5: str) -> None:
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if found != md5:
            self._fail(
                path,
                f"is not the published file: its MD5 is {found}, not {md5}",
                f'for files of your own in this form: data.verify = "shape"; else {self._fetch}',
            )

    def _unpickled(self, path: Path, content: bytes) -> dict[str, Any]:
        try:
            tree = _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
        except _UNPICKLING_ERRORS as error:
            self._fail(path, f"cannot be read: {error or type(error).__name__}", self._form)
        if not isinstance(tree, dict):
            self._fail(path, f"holds no table of images but a {type(tree).__name__}", self._form)
        return _with_text_keys(tree)

    def _checked(
        self, path: Path, tree: dict[str, Any]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        images, labels = tree.get("data"), tree.get(self.form.labels)
        if isinstance(labels, np.ndarray):
            labels = labels.tolist()
        if not isinstance(images, np.ndarray) or not isinstance(labels, list):
            self._fail(path, f"must hold `data` and `{self.form.labels}`; {_has(tree)}", self._form)
        if images.dtype != np.uint8 or images.ndim != 2 or images.shape[1] != _VALUES:
            found = f"{images.shape} {images.dtype}"
            self._fail(path, f"`data` must be N x {_VALUES} uint8, not {found}", self._form)
        if len(labels) != len(images) or not labels:
            self._fail(path, f"has {len(images)} images but {len(labels)} labels")
        classes = CLASS_COUNT[self._name]
        for index, label in enumerate(labels):
            if type(label) is not int or not 0 <= label < classes:
                self._fail(
                    path,
                    f"label {label!r} of image {index}: {self._name} has 0 to {classes - 1}",
                )
        return images, np.array(labels, np.int64)

    @property
    def _form(self) -> str:
        """The cure of files that somebody wrote anew."""
        return (
            f"published files: {self._fetch}; your own: pickle a dict of `data`, images as rows of "
            f"{_VALUES} uint8 (all red, all green, all blue), and `{self.form.labels}`, a list"
        )

    @property
    def _fetch(self) -> str:
        return f"fetch {self.form.archive} again and unpack it"

    def _fail(self, path: Path, what: str, hint: str = "") -> NoReturn:
        raise PreflightError(f"{path} {what}", hint=hint or self._fetch)


def _with_text_keys(tree: dict[Any, Any]) -> dict[str, Any]:
    return {_text(key): value for key, value in tree.items()}


def _text(value: object) -> str:
    """Who reads the published files with encoding="bytes" and saves them anew has bytes in them."""
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def _has(tree: dict[str, Any]) -> str:
    """The keys of a table; those of the other data set tell that it is that."""
    for name, form in FORMS.items():
        if form.labels in tree:
            return f"it has `{form.labels}`, as {name} has"
    return "it has " + (", ".join(f"`{key}`" for key in sorted(tree)) or "nothing")


# numpy moved its private modules in 2.0; files name the one of the numpy that wrote them.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
# What protocol 5, the default from Python 3.14 on, calls instead.
_FROM_BUFFER = np.empty(0).__reduce_ex__(5)[0]
_ALLOWED: Final[dict[tuple[str, str], Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy.core.numeric", "_frombuffer"): _FROM_BUFFER,
    ("numpy._core.numeric", "_frombuffer"): _FROM_BUFFER,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): codecs.encode,
}
# What a damaged pickle makes the unpickler stumble over.
_UNPICKLING_ERRORS = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


class _ArraysOnly(pickle.Unpickler):
    """Builds numbers, strings, lists, tables and arrays; refuses every other name."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None
