"""Writes what a network says about images without labels: checked first, then named, once."""

from __future__ import annotations

import hashlib
import os
import re
from itertools import product
from typing import TYPE_CHECKING, Final

from tui_trainer.errors import RunCrashedError
from tui_trainer.record.durable import sync_folder, temporary_beside
from tui_trainer.train.ood_files import SEVERITIES, is_distortion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tui_trainer.train.ood import Tools
    from tui_trainer.train.ood_files import OodFile, OodFolder

HEADER: Final = "id,label\n"


def write_submission(
    path: Path, labels: Iterable[tuple[OodFile, NDArray[np.int64]]], folder: OodFolder, classes: int
) -> str:
    """Write the labels as `id,label` and give the file its name once it has been read back.

    Args:
        path: Where, in a folder that is there; nothing that stands there is replaced.
        labels: Of each file's images, in the folder's order.
        folder: What every row has to be of.
        classes: Labels are 0 to classes - 1.

    Returns:
        The file's SHA-256.

    Raises:
        FileExistsError: A file stands there.
        RunCrashedError: What was written is not what it has to be; nothing was named.
        OSError: The disk is full or failing.
    """
    if path.exists():
        raise FileExistsError(path)
    temporary = temporary_beside(path)
    try:
        with temporary.open("x", encoding="ascii", newline="") as file:
            file.write(HEADER)
            for part, guesses in labels:
                file.writelines(_rows(part, guesses))
            file.flush()
            os.fsync(file.fileno())
        digest = check_submission(temporary, folder, classes)
        os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return digest


def check_submission(path: Path, folder: OodFolder, classes: int) -> str:
    """Make sure that every image has its row, in order, with a label that there is.

    Returns:
        The file's SHA-256.

    Raises:
        RunCrashedError: It has not.
    """
    digest = hashlib.sha256()
    allowed = {f"{label}\n" for label in range(classes)}
    with path.open(encoding="ascii", newline="") as file:
        header = file.readline()
        digest.update(header.encode())
        if header != HEADER:
            raise _refused(path, 1, header)
        for number, identity in enumerate(_identities(folder), start=2):
            line = file.readline()
            found, _, label = line.partition(",")
            if found != identity or label not in allowed:
                raise _refused(path, number, line)
            digest.update(line.encode())
        rest = file.readline()
        if rest:
            raise _refused(path, folder.images + 2, rest)
    return digest.hexdigest()


def predicted_labels(
    folder: OodFolder, tools: Tools
) -> Iterator[tuple[OodFile, NDArray[np.int64]]]:
    """Each file and the likeliest classes of its images; one file is mapped at a time."""
    for file in folder.files:
        tools.tell(f"predicting {file.path.name}")
        images = file.open()

        def read(start: int, stop: int, images: NDArray[np.uint8] = images) -> NDArray[np.uint8]:
            return images[start:stop]

        yield file, tools.predict(read, len(images), SEVERITIES)


def _rows(file: OodFile, labels: NDArray[np.int64]) -> Iterator[str]:
    prefix, numbers = _prefix(file), range(file.count)
    for severity in range(1, SEVERITIES + 1):
        begin = (severity - 1) * file.count
        block = labels[begin : begin + file.count].tolist()
        named = f"{prefix}_{severity}_"
        yield "".join([f"{named}{n},{label}\n" for n, label in zip(numbers, block, strict=True)])


def _identities(folder: OodFolder) -> Iterator[str]:
    for file in folder.files:
        prefix = _prefix(file)
        for severity, number in product(range(1, SEVERITIES + 1), range(file.count)):
            yield f"{prefix}_{severity}_{number}"


def _prefix(file: OodFile) -> str:
    """`distortion07`, as ids begin in the challenge; of other files the name."""
    return file.name if is_distortion(file.path) else re.sub(r"[^A-Za-z0-9_-]", "-", file.name)


def _refused(path: Path, number: int, line: str) -> RunCrashedError:
    return RunCrashedError(
        f"{path.name}: line {number} must not be {line.rstrip()!r}; the file was not kept",
        hint="the disk or another process spoiled it: write it again",
    )
