"""Changed code and data are noticed, and nothing else is taken for a change."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tui_trainer.record.own_files import changes, digests, named_by
from tui_trainer.spec.check import check_experiment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tui_trainer.spec.experiment import Experiment

PIPELINE = {"size": 8, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}


def experiment_of(**tables: Any) -> Experiment:
    checked = check_experiment({"pipeline": PIPELINE, **tables})
    assert checked.table is not None, checked.problems
    experiment: Experiment = checked.table
    return experiment


@pytest.mark.parametrize(
    ("tables", "names"),
    [
        ({}, []),
        ({"model": {"name": "mynets:build"}}, ["mynets.py"]),
        ({"model": {"name": "nets.deep:build"}}, ["nets/deep.py"]),
        ({"model": {"name": "package:build"}}, ["package/__init__.py"]),
        ({"data": {"name": "mydata:load"}}, ["mydata.py"]),
        ({"data": {"name": "npz", "path": "data/mine.npz"}}, ["data/mine.npz"]),
        ({"data": {"name": "folder", "path": "/scratch/birds"}}, ["/scratch/birds"]),
    ],
)
def test_what_an_experiment_names(tmp_path: Path, tables: dict[str, Any], names: list[str]) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    assert list(named_by(experiment_of(**tables), tmp_path)) == names


def write_all(folder: Path) -> None:
    (folder / "mynets.py").write_text("def build(): ...\n")
    labels = np.zeros(4, np.int64)
    np.savez(folder / "mine.npz", images=np.zeros((4, 8, 8), np.uint8), labels=labels)
    for name in ("a", "b"):
        (folder / "birds" / name).mkdir(parents=True, exist_ok=True)
        (folder / "birds" / name / "1.png").write_bytes(b"one")


NAMES = ("mynets.py", "mine.npz", "birds")


def another_pixel(folder: Path) -> None:
    images = np.zeros((4, 8, 8), np.uint8)
    images[3, 7, 7] = 1
    np.savez(folder / "mine.npz", images=images, labels=np.zeros(4, np.int64))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda folder: (folder / "mynets.py").write_text("def build(): 1\n"), "mynets.py has"),
        (another_pixel, "mine.npz has"),
        (lambda folder: (folder / "birds" / "b" / "2.png").touch(), "birds has"),
        (lambda folder: (folder / "birds" / "a" / "1.png").write_bytes(b"four"), "birds has"),
        (lambda folder: (folder / "birds" / "a").rename(folder / "birds" / "c"), "birds has"),
    ],
)
def test_a_change_is_noticed(tmp_path: Path, change: Callable[[Path], object], told: str) -> None:
    write_all(tmp_path)
    before = digests(tmp_path, NAMES)
    change(tmp_path)
    assert list(changes(before, digests(tmp_path, NAMES))) == [f"{told} changed"]


def test_what_was_only_touched_copied_or_hidden_has_not_changed(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        write_all(folder)
    for file in there.rglob("*"):
        os.utime(file, (1, 1))
    (there / "birds" / ".cache").mkdir()
    (there / "birds" / ".cache" / "index").touch()
    (there / "birds" / ".directory").touch()
    assert digests(here, NAMES) == digests(there, NAMES)
    assert digests(here, NAMES).keys() == set(NAMES)


def test_what_is_gone_is_told_and_never_waited_for(tmp_path: Path) -> None:
    write_all(tmp_path)
    before = digests(tmp_path, NAMES)
    (tmp_path / "mynets.py").unlink()
    os.mkfifo(tmp_path / "mynets.py")
    (tmp_path / "mine.npz").write_bytes((tmp_path / "mine.npz").read_bytes()[:100])
    told = list(changes(before, digests(tmp_path, NAMES)))
    assert told == ["mine.npz has changed", "mynets.py is gone"]


def test_who_has_to_end_ends_it_between_two_files(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.png").write_text(name)
    heard: list[None] = []

    def end() -> None:
        heard.append(None)
        if len(heard) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        digests(tmp_path.parent, [tmp_path.name], end)
