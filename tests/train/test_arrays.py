from __future__ import annotations

import os
import pickle
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from tests.train.conftest import new_run, train
from tui_trainer.errors import PreflightError
from tui_trainer.spec.data import Npz, OwnData
from tui_trainer.train import arrays, sources

if TYPE_CHECKING:
    from pathlib import Path

    from tui_trainer.train.dataset import Split


def some(count: int = 40, side: int = 8, classes: int = 4) -> dict[str, Any]:
    """Images whose every pixel is their number."""
    numbers = np.arange(count, dtype=np.uint8)
    images = np.broadcast_to(numbers[:, None, None, None], (count, side, side, 3))
    return {"images": np.ascontiguousarray(images), "labels": np.arange(count) % classes}


def numbers(split: Split) -> list[int]:
    taken: list[int] = split.take(torch.arange(len(split)))[:, 0, 0, 0].tolist()
    return taken


def read(folder: Path, **settings: Any) -> Any:
    return sources.load(Npz(name="npz", path="a.npz", **settings), folder)


def test_each_image_is_in_one_part_with_its_label(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **some())
    data = read(tmp_path, test_fraction=0.2)
    parts = [data.train, data.validation, data.test]
    assert [len(part) for part in parts] == [28, 4, 8]
    assert sorted(number for part in parts for number in numbers(part)) == list(range(40))
    for part in parts:
        assert part.labels.tolist() == [number % 4 for number in numbers(part)]
    assert sorted(data.test.labels.tolist()) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert data.classes == 4


def test_the_split_seed_alone_decides(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **some())
    assert numbers(read(tmp_path).test) == numbers(read(tmp_path).test)
    assert numbers(read(tmp_path).test) != numbers(read(tmp_path, split_seed=1).test)


def test_parts_that_are_there_are_taken_whole(tmp_path: Path) -> None:
    test, validation = some(6), some(5)
    further = {f"test_{key}": value for key, value in test.items()}
    further |= {f"validation_{key}": value for key, value in validation.items()}
    np.savez_compressed(tmp_path / "a.npz", **some(), **further, notes=np.array("more"))
    data = read(tmp_path)
    assert numbers(data.test) == list(range(6))
    assert numbers(data.validation) == list(range(5))
    assert len(data.train) == 40


@pytest.mark.parametrize("axis", [False, True])
def test_grey_images_are_shown_in_three_channels(tmp_path: Path, axis: bool) -> None:  # noqa: FBT001
    whole = some()
    grey = whole["images"][..., :1] if axis else whole["images"][..., 0]
    np.savez(tmp_path / "a.npz", images=grey, labels=whole["labels"])
    data = read(tmp_path)
    assert torch.equal(
        data.train.take(torch.tensor([0])),
        torch.full((1, 3, 8, 8), numbers(data.train)[0], dtype=torch.uint8),
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": None}, "has `images` but no `labels`"),
        ({"images": None, "labels": None}, "must hold `images` and `labels`"),
        ({"images": np.zeros((40, 8, 8, 3))}, r"must be \(count, side, side, 3\) uint8.*float64"),
        ({"images": np.zeros((40, 8, 9, 3), np.uint8)}, "must be square, not 8x9"),
        ({"labels": np.arange(39)}, "must be 40 whole numbers, one for each image"),
        ({"labels": np.arange(40) - 1}, "label -1 of image 0"),
        ({"labels": np.arange(40) + 10**9}, "more classes than images"),
        (
            {"labels": np.array([{}] * 40)},
            "`labels` is no array of numbers; Python objects are never",
        ),
        (
            {"test_images": some(3)["images"], "test_labels": np.array([0, 9, 1])},
            "label 9 of image 1 in `test_labels`: the training images have classes 0 to 3",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    whole = {key: value for key, value in {**some(), **changes}.items() if value is not None}
    np.savez(tmp_path / "a.npz", **whole)
    with pytest.raises(PreflightError, match=message):
        read(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"<html>", "web page"),
        (b"PK\x03\x04 and no more", "cannot be read"),
        (b"PK\x03\x04 and no more", "it is cut off or damaged"),
        (b"neither\n", "is no npz file, but a file of text"),
        (pickle.dumps({"images": [1]}), "is no npz file, but a pickle of Python objects"),
        (b"\x89HDF\r\n\x1a\n", "is no npz file, but an HDF5 file"),
        (b"\x07\xff and more", "begins with the bytes 07 ff 20 61"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(PreflightError, match=message) as caught:
        read(tmp_path)
    assert "pickle=" not in caught.value.message


def test_what_only_bears_an_arrays_name_is_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", labels=some()["labels"])
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("images", "neither")
    with pytest.raises(PreflightError, match="`images` is no array of numbers"):
        read(tmp_path)


def test_a_file_cut_off_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **some())
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(PreflightError, match="cannot be read"):
        read(tmp_path)


def test_nobody_waits_for_a_fifo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.npz")
    with pytest.raises(PreflightError, match="it is no regular file"):
        read(tmp_path)


def test_a_single_array_is_no_npz(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    with pytest.raises(PreflightError, match=r"is no npz file, but a single array of numpy\.save"):
        read(tmp_path)


class TestOwn:
    @pytest.fixture(autouse=True)
    def _forget(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "path", [*sys.path])
        sys.modules.pop("mydata", None)

    def write(self, folder: Path, body: str) -> None:
        (folder / "mydata.py").write_text(f"import numpy as np\ndef make(size): {body}\n")

    def test_a_run_trains_on_what_the_function_returns(self, project: Path) -> None:
        self.write(
            project,
            "return {'images': np.zeros((40, size, size, 3), np.uint8), "
            "'labels': [i % 2 for i in range(40)]}",
        )
        pipeline = {"size": 8, "mean": [0.5] * 3, "std": [0.5] * 3}
        folder = new_run(project, data={"name": "mydata:make"}, pipeline=pipeline, epochs=1)
        train(folder)
        assert folder.clean_results_file.exists()

    def test_what_it_returns_is_checked(self, tmp_path: Path) -> None:
        self.write(tmp_path, "return [size]")
        with pytest.raises(
            PreflightError, match="mydata:make must return a dict of arrays, not li"
        ):
            arrays.load(OwnData(name="mydata:make"), tmp_path, 8)

    def test_what_it_raises_is_quoted(self, tmp_path: Path) -> None:
        self.write(tmp_path, "raise FileNotFoundError('no photographs')")
        with pytest.raises(PreflightError, match=r"no photographs \(mydata.py, line 2\)"):
            arrays.load(OwnData(name="mydata:make"), tmp_path, 8)
