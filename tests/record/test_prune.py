"""What can go goes, with its bytes counted; what is needed or worked on stays."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from tests.conftest import claim_next
from tui_trainer.record.events import AttemptStarted, append_event
from tui_trainer.record.index import RunReader
from tui_trainer.record.owner import Owner
from tui_trainer.record.prune import SECONDS_PER_DAY, Prunable, prunable
from tui_trainer.record.run_folder import VERIFICATIONS, RunFolder, claim_run, find_run
from tui_trainer.record.trash import trash

if TYPE_CHECKING:
    from pathlib import Path


DAYS = 30.0


def found(runs: Path) -> dict[str, Prunable]:
    items = prunable(runs, DAYS)
    return {str(path.relative_to(runs)): item for item in items for path in item.paths}


def files_of(folder: RunFolder) -> set[str]:
    return {str(path.relative_to(folder.path)) for path in folder.path.rglob("*")}


def grow_old(path: Path, days: float) -> None:
    then = time.time() - days * SECONDS_PER_DAY
    os.utime(path, (then, then))


def test_of_a_finished_run_the_best_and_the_last_checkpoint_stay(runs: Path) -> None:
    folder = find_run(runs, "one")
    best = RunReader(folder).look().best
    assert best is not None
    assert best.epoch == 4
    (folder.checkpoints / "epoch-0005-step-000003.pt").write_bytes(b"last")
    items = found(runs)
    names = [f"one/1/checkpoints/epoch-000{n}.pt" for n in (1, 2, 3)]
    assert set(items) == {*names, *(f"{name}.sha256" for name in names)}
    assert all(item.remove() for item in items.values())
    left = {path.name for path in folder.checkpoints.glob("*.pt")}
    assert left == {"epoch-0004.pt", "epoch-0005-step-000003.pt"}
    assert not found(runs)


def test_of_a_finished_run_whose_best_checkpoint_is_gone_all_stay(runs: Path) -> None:
    (runs / "one/1/checkpoints/epoch-0004.pt").unlink()
    assert not found(runs)


def test_a_run_that_can_be_resumed_keeps_its_checkpoints_and_loses_the_remains(runs: Path) -> None:
    folder = find_run(runs, "two")
    before = files_of(folder)
    (folder.checkpoints / ".epoch-0003.pt.1.ab.tmp").write_bytes(b"12345")
    (folder.checkpoints / "epoch-0002.pt.corrupt").write_bytes(b"123")
    (folder.attempts / ".2.1.ab.tmp").mkdir()
    (folder.attempts / ".2.1.ab.tmp" / "owner.json").write_bytes(b"1234567")
    items = [item for name, item in found(runs).items() if name.startswith("two/")]
    assert sorted(item.bytes for item in items) == [3, 5, 7]
    assert all(item.remove() for item in items)
    assert files_of(folder) == before


def test_a_living_run_loses_nothing(runs: Path) -> None:
    folder = find_run(runs, "two")
    (folder.checkpoints / "epoch-0002.pt.corrupt").touch()
    (folder.checkpoints / ".epoch-0003.pt.1.ab.tmp").touch()
    owner = Owner.of_process(os.getpid())
    attempt = claim_next(folder, owner)
    append_event(folder.events_file, AttemptStarted(attempt=attempt.number, owner=owner, threads=1))
    assert not [name for name in found(runs) if name.startswith("two/")]


def test_what_was_found_stays_if_the_run_was_taken_up_since(runs: Path) -> None:
    folder = find_run(runs, "two")
    corrupt = folder.checkpoints / "epoch-0002.pt.corrupt"
    corrupt.touch()
    item = found(runs)["two/1/checkpoints/epoch-0002.pt.corrupt"]
    claim_next(folder, Owner.of_process(os.getpid()))
    assert not item.remove()
    assert corrupt.exists()


def test_results_that_are_being_written_stay_and_old_remains_of_them_go(runs: Path) -> None:
    fresh, old = (runs / f"one/1/results/.submission_ood.csv.{n}.tmp" for n in "12")
    for path in (fresh, old):
        path.touch()
    grow_old(old, 2)
    assert str(old.relative_to(runs)) in found(runs)
    assert str(fresh.relative_to(runs)) not in found(runs)


def test_the_trash_is_emptied_of_what_lies_there_for_long(runs: Path) -> None:
    grow_old(find_run(runs, "one").path, 400)
    grow_old(find_run(runs, "two").path, 400)
    old, new = trash(find_run(runs, "one")), trash(find_run(runs, "two"))
    assert not found(runs), "its age counts from when it was thrown away"
    grow_old(old.path, DAYS + 1)
    (item,) = found(runs).values()
    assert item.bytes == sum(path.stat().st_size for path in old.path.rglob("*") if path.is_file())
    assert item.remove()
    assert not old.path.exists()
    assert new.path.exists()


def test_what_verify_resume_left_behind_goes_after_a_day(runs: Path) -> None:
    folder = claim_run(runs, VERIFICATIONS)
    folder.events_file.write_text("\n")
    before = set(found(runs))
    grow_old(folder.events_file, 2)
    assert set(found(runs)) - before == {f"{VERIFICATIONS}/1"}
