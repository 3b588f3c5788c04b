"""Writes data sets in the form of CIFAR's python files: pickles of Python 2, byte for byte."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

from tui_trainer.train.cifar import FORMS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tui_trainer.spec.choices import CifarName


def write_cifar(
    root: Path, name: CifarName, *, train: int, test: int, classes: int | None = None
) -> Path:
    """Random images, the labels in turn; the files of one part share its images evenly."""
    form = FORMS[name]
    classes = classes or (10 if name == "cifar10" else 100)
    folder = root / form.folder
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in ((form.train, train // len(form.train)), (form.test, test)):
        for file in part:
            labels = [index % classes for index in range(count)]
            (folder / file).write_bytes(pickled(form.labels, labels, random_bytes(file, count)))
    return folder


def random_bytes(name: str, count: int) -> bytes:
    """The same on every machine and with every numpy."""
    return hashlib.shake_256(name.encode()).digest(count * 3072)


def pickled(
    label_key: str, labels: Sequence[int], pixels: bytes, *, width: int = 3072, dtype: str = "u1"
) -> bytes:
    """A table of labels and images as Python 2's cPickle writes it with protocol 2."""
    entries = [
        _string("batch_label") + _string("training batch 1 of 1"),
        _string(label_key) + b"](" + b"".join(map(_integer, labels)) + b"e",
        _string("data") + _array(pixels, width, dtype),
    ]
    return b"\x80\x02}(" + b"".join(entries) + b"u."


def _array(pixels: bytes, width: int, dtype: str) -> bytes:
    begun = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    kind = b"cnumpy\ndtype\n" + _string(dtype) + b"K\x00K\x01\x87R(K\x03U\x01|NNN"
    kind += b"J\xff\xff\xff\xff" * 2 + b"K\x00tb"
    shape = _integer(len(pixels) // width) + _integer(width) + b"\x86"
    return begun + b"(K\x01" + shape + kind + b"\x89" + _string(pixels) + b"tb"


def _string(value: str | bytes) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    if len(content) < 256:
        return b"U" + bytes([len(content)]) + content
    return b"T" + struct.pack("<i", len(content)) + content


def _integer(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)
