"""A run that is thrown away is whole when it comes back, and a living one is never touched."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.conftest import claim_next
from tui_trainer.errors import OwnedByAnotherError, UsageError
from tui_trainer.record.events import Launched, append_event
from tui_trainer.record.index import Index
from tui_trainer.record.owner import Owner
from tui_trainer.record.run_folder import RunFolder, all_runs, claim_run, find_run
from tui_trainer.record.trash import restore, trash, trashed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three runs that were cut off at their launch."""
    for number in range(1, 4):
        folder = claim_run(tmp_path, "cnn4")
        (folder.path / "content").write_text(str(number))
    return tmp_path


def contents(runs: Path) -> dict[str, str]:
    return {str(path.relative_to(runs)): path.read_text() for path in runs.rglob("content")}


def test_it_leaves_the_list_and_comes_back_as_it_was(runs: Path) -> None:
    before = contents(runs)
    moved = trash(find_run(runs, "cnn4/2"))
    assert [folder.run for folder in all_runs(runs)] == ["cnn4/1", "cnn4/3"]
    assert [run.name for run in Index(runs).look()] == ["cnn4/1", "cnn4/3"]
    assert [folder.run for folder in trashed(runs)] == ["cnn4/2"]
    assert (moved.path / "content").read_text() == "2"
    back = restore(runs, "cnn4/2")
    assert back.path == runs / "cnn4" / "2"
    assert contents(runs) == before
    assert not list(trashed(runs))


def test_its_number_is_not_given_to_another(runs: Path) -> None:
    trash(find_run(runs, "cnn4/3"))
    assert claim_run(runs, "cnn4").number == 4
    assert restore(runs, "cnn4").number == 3


def test_a_run_that_lives_is_left_alone(runs: Path) -> None:
    folder = find_run(runs, "cnn4/1")
    claim_next(folder, Owner.of_process(os.getpid()))
    with pytest.raises(OwnedByAnotherError, match="cnn4/1 is preflight; it was left"):
        trash(folder)
    assert folder.path.is_dir()


def test_a_run_that_waits_for_its_supervisor_is_left_alone(runs: Path) -> None:
    folder = find_run(runs, "cnn4/1")
    folder.experiment_file.touch()
    launched = Launched(launcher="local", owner=Owner.of_process(os.getpid()))
    append_event(folder.events_file, launched)
    with pytest.raises(OwnedByAnotherError, match="cnn4/1 is queued"):
        trash(folder)


def test_a_run_that_is_resumed_at_this_moment_is_put_back(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, rename = find_run(runs, "cnn4/1"), type(runs).rename

    def overtaken(path: Path, target: Path) -> Path:
        if path == folder.path and folder.newest_attempt() is None:
            claim_next(folder, Owner.of_process(os.getpid()))
        return rename(path, target)

    monkeypatch.setattr(type(runs), "rename", overtaken)
    with pytest.raises(OwnedByAnotherError, match="resumed at this moment"):
        trash(folder)
    assert folder.newest_attempt() is not None
    assert not list(trashed(runs))


def test_nothing_is_overwritten_on_either_way(runs: Path) -> None:
    trash(find_run(runs, "cnn4/1"))
    (runs / "cnn4" / "1").mkdir()
    (runs / "cnn4" / "1" / "content").write_text("another")
    before = contents(runs)
    with pytest.raises(UsageError, match="cnn4/1 stands already"):
        restore(runs, "cnn4/1")
    with pytest.raises(UsageError, match="cnn4/1 stands already"):
        trash(RunFolder(runs / "cnn4" / "1"))
    assert contents(runs) == before


@pytest.mark.parametrize("name", ["cnn4/1", "cnn4", "../cnn4/1", "cnn4/1/../2", ".."])
def test_what_is_not_in_the_trash_cannot_be_restored(runs: Path, name: str) -> None:
    before = contents(runs)
    with pytest.raises(UsageError):
        restore(runs, name)
    assert contents(runs) == before
