from __future__ import annotations

import csv
import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.train.test_ood_files import unlabelled
from tui_trainer.errors import RunCrashedError
from tui_trainer.train.ood_files import open_folder
from tui_trainer.train.submission import check_submission, write_submission

if TYPE_CHECKING:
    from pathlib import Path

    from tui_trainer.train.ood_files import OodFolder


@pytest.fixture
def folder(tmp_path: Path) -> OodFolder:
    return open_folder(unlabelled(tmp_path / "ood", files=12), 10)


def labels(folder: OodFolder) -> list[tuple[Any, Any]]:
    return [(file, (np.arange(10) + at) % 10) for at, file in enumerate(folder.files)]


def test_the_rows_are_the_challenges(tmp_path: Path, folder: OodFolder) -> None:
    path = tmp_path / "submission_ood.csv"
    digest = write_submission(path, labels(folder), folder, 10)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    header, *rows = list(csv.reader(path.read_text().splitlines()))
    assert header == ["id", "label"]
    assert rows == [
        [f"distortion{file:02d}_{severity}_{image}", str((2 * (severity - 1) + image + file) % 10)]
        for file in range(12)
        for severity in range(1, 6)
        for image in range(2)
    ]


def test_what_stands_is_never_replaced(tmp_path: Path, folder: OodFolder) -> None:
    path = tmp_path / "submission_ood.csv"
    path.write_text("precious")
    with pytest.raises(FileExistsError):
        write_submission(path, labels(folder), folder, 10)
    assert path.read_text() == "precious"


def short(given: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    return given[:-1]


def twice(given: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    return [*given, given[-1]]


def swapped(given: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    return [given[1], given[0], *given[2:]]


def beyond(given: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    return [*given[:-1], (given[-1][0], np.full(10, 10))]


@pytest.mark.parametrize("spoil", [short, twice, swapped, beyond])
def test_what_is_wrong_gets_no_name(tmp_path: Path, folder: OodFolder, spoil: Any) -> None:
    (tmp_path / "results").mkdir()
    path = tmp_path / "results" / "submission_ood.csv"
    with pytest.raises(RunCrashedError, match="line"):
        write_submission(path, spoil(labels(folder)), folder, 10)
    assert list(path.parent.iterdir()) == []


def test_a_file_that_was_edited_is_told_with_its_line(tmp_path: Path, folder: OodFolder) -> None:
    path = tmp_path / "submission_ood.csv"
    write_submission(path, labels(folder), folder, 10)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:4], "distortion00_2_1,\n", *lines[5:]]))
    with pytest.raises(RunCrashedError, match="line 5 must not be 'distortion00_2_1,'"):
        check_submission(path, folder, 10)
