"""Folders as people have them: whole, cut off, or something else under the right name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tui_trainer.errors import PreflightError
from tui_trainer.train.ood_files import open_folder

if TYPE_CHECKING:
    from pathlib import Path


def images(count: int = 10) -> Any:
    return np.random.default_rng(count).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def unlabelled(folder: Path, files: int = 2, count: int = 10) -> Path:
    folder.mkdir(parents=True)
    for number in range(files):
        np.save(folder / f"distortion{number:02d}.npy", images(count))
    return folder


def labelled(folder: Path, count: int = 10, classes: int = 10) -> Path:
    folder.mkdir(parents=True)
    for name in ("fog", "snow"):
        np.save(folder / f"{name}.npy", images(count))
    np.save(folder / "labels.npy", np.tile(np.arange(count // 5) % classes, 5))
    return folder


def test_a_folder_without_labels_is_its_distortions_in_order(tmp_path: Path) -> None:
    folder = open_folder(unlabelled(tmp_path / "ood", files=3), 10)
    assert [file.name for file in folder.files] == ["distortion00", "distortion01", "distortion02"]
    assert (folder.labels, folder.images) == (None, 30)
    assert isinstance(folder.files[0].open(), np.memmap)


def test_a_folder_with_labels_has_every_corruption_and_a_label_for_each_image(
    tmp_path: Path,
) -> None:
    folder = open_folder(labelled(tmp_path / "c"), 10)
    assert [(file.name, file.count) for file in folder.files] == [("fog", 2), ("snow", 2)]
    assert folder.labels is not None
    assert folder.labels.tolist() == [0, 1] * 5


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:77\nsize 153600128\n"
WRONG: dict[str, tuple[Any, str]] = {
    "a pointer": (POINTER, "Git LFS pointer"),
    "a page": (b"\n<!DOCTYPE html><html>", "web page"),
    "nothing": (b"", "no array of numpy.save"),
    "cut off": (1000, "cut off after 1,000 bytes"),
    "cut off in its header": (20, "cut off after 20 bytes"),
    "objects": (np.array([{}, 1], dtype=object), "Python objects, which are never loaded"),
    "floats": (images().astype(np.float32), r"float32\(10, 32, 32, 3\), not uint8"),
    "channels first": (images().transpose(0, 3, 1, 2), "not uint8"),
    "not square": (images()[:, :16], "not square"),
    "no image": (images()[:0], "not square"),
    "no five severities": (images(11), "holds 11 images, not five severities"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_such_file_is_named(tmp_path: Path, case: str) -> None:
    content, message = WRONG[case]
    folder = unlabelled(tmp_path / "ood")
    file = folder / "distortion01.npy"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif isinstance(content, int):
        file.write_bytes(file.read_bytes()[:content])
    else:
        np.save(file, content)
    with pytest.raises(PreflightError, match=message) as caught:
        open_folder(folder, 10)
    assert str(file) in caught.value.message


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.arange(10), "from 0 to 9, not 0 to 4"),
        (np.full(10, -1), "not 0 to 4"),
        (np.zeros(10), "not integers"),
        (np.zeros((10, 1), int), "not integers"),
        (np.zeros(15, int), "as many as there are labels, 15"),
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, labels: Any, message: str) -> None:
    folder = labelled(tmp_path / "c")
    np.save(folder / "labels.npy", labels)
    with pytest.raises(PreflightError, match=message):
        open_folder(folder, 5)


def test_a_folder_that_is_missing_or_empty_says_what_it_should_hold(tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match="there is no folder"):
        open_folder(tmp_path / "absent", 10)
    with pytest.raises(PreflightError, match=r"neither labels\.npy nor distortion00\.npy"):
        open_folder(tmp_path, 10)


def test_a_lost_file_is_noticed_by_the_numbers_after_it(tmp_path: Path) -> None:
    folder = unlabelled(tmp_path / "ood", files=4)
    (folder / "distortion01.npy").unlink()
    with pytest.raises(PreflightError, match=r"has no distortion01\.npy, but later ones"):
        open_folder(folder, 10)
