"""Disks that are full, fail or go read-only: nothing that stood is lost, and the run can go on."""

from __future__ import annotations

import errno
import os
import re
from typing import TYPE_CHECKING

import pytest

from tests.faults import checker
from tests.faults.runs import EPOCHS, make_project, new_run
from tests.faults.shim import FILL_UP, KILL_BEFORE, Fault
from tests.faults.trial import Trial
from tui_trainer.errors import ExitCode
from tui_trainer.record.epochs import best_epoch, read_epochs
from tui_trainer.record.index import RunReader
from tui_trainer.record.run_folder import CheckpointName

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.small_disk import SmallDisk
    from tests.faults.trial import Bench

CALLS = ("write", "fsync", "rename", "close")
FAILURES = {
    f"{name}-{call}": (getattr(errno, name), call) for name in ("ENOSPC", "EIO") for call in CALLS
}
# Everybody takes a quota for a full disk; what reaches it is a write.
FAILURES["EDQUOT-write"] = (errno.EDQUOT, "write")
MOST = 20


def sweep(bench: Bench, fault: Fault) -> Trial:
    """Let one call fail, check, resume, compare."""
    trial = bench.trial()
    ended = trial.suffer(fault)
    assert ended.code in {0, 1}, trial.log()
    if ended.code:
        assert os.strerror(fault.do if fault.do > 0 else errno.ENOSPC) in trial.log()
    trial.finish()
    return trial


def in_a_run(bench: Bench) -> str:
    """Matches the files of runs, and not the logs beside them."""
    return f"{bench.project}/runs/tiny/*/*"


def nth(bench: Bench, call: str) -> range:
    """The first calls of that kind in a run."""
    return range(1, min(MOST, bench.calls[call]) + 1)


@pytest.mark.parametrize(("error", "call"), FAILURES.values(), ids=FAILURES)
def test_any_call_may_fail(bench: Bench, error: int, call: str) -> None:
    for n in nth(bench, call):
        fault = Fault(match=in_a_run(bench), call=call, at=n, do=error)
        trial = sweep(bench, fault)
        assert trial.faults == [], f"{call} {n}: {trial.log()}"
        trial.remove()


def test_any_write_may_find_room_for_its_beginning_alone(bench: Bench) -> None:
    for n in nth(bench, "write"):
        fault = Fault(match=in_a_run(bench), call="write", at=n, do=FILL_UP)
        trial = sweep(bench, fault)
        assert trial.faults == [], f"write {n}: {trial.log()}"
        trial.remove()


def test_the_log_keeps_no_torn_line(bench: Bench) -> None:
    whole = masked_lines(bench.log)
    for n in range(1, len(whole) + 1):
        trial = bench.trial()
        assert trial.suffer(Fault(match="*.log", call="write", at=n, do=FILL_UP)).code == 0
        lines = masked_lines(trial.log())
        assert len(whole) - 2 <= len(lines) < len(whole)
        assert set(lines) <= set(whole), f"line {n}"
        trial.remove()


def masked_lines(log: str) -> list[str]:
    """What was printed, but for figures, paths and digests."""
    return re.sub(r"/\S+|\(sha256 \w+|[-+.,e\d]+ ?", "#", log).splitlines()


@pytest.mark.parametrize("call", ["create", "write", "fsync", "rename"])
def test_a_disk_that_stays_full_ends_the_run_and_not_what_stands(bench: Bench, call: str) -> None:
    for n in (4, 8, 12):
        fault = Fault(match=in_a_run(bench), call=call, at=n, do=errno.ENOSPC, stays=True)
        trial = bench.trial()
        ended = trial.suffer(fault)
        trial.finish()
        assert trial.faults == [], f"from {call} {n} on, code {ended.code}: {trial.log()}"
        trial.remove()


def test_a_checkpoint_that_finds_no_room_makes_some_and_training_goes_on(bench: Bench) -> None:
    trial = bench.trial()
    fault = Fault(match="*/.epoch-0003.pt.[0-9]*", call="write", at=2, do=errno.EDQUOT)
    assert trial.suffer(fault).code == 0
    assert "epoch-0003.pt could not be saved, and is written anew: [Errno 122]" in trial.log()
    trial.finish()
    assert trial.faults == []


def test_where_there_is_no_room_the_best_and_the_newest_stay(bench: Bench) -> None:
    folder = new_run(bench.project, epochs=5)
    fault = Fault(match="*/.epoch-0005.pt.*", call="write", do=errno.ENOSPC, stays=True)
    assert bench.zygote.train(folder, fault).code == ExitCode.CRASHED
    best = best_epoch(read_epochs(folder.epochs_file))
    assert best
    names = {path.name for path in folder.checkpoints.glob("*.pt")}
    assert names == {str(CheckpointName(epoch, 0)) for epoch in (best.epoch, 4)}
    assert bench.zygote.train(folder).code == ExitCode.DONE


@pytest.mark.parametrize("name", ["epoch-0002.pt", "epoch-0002.pt.sha256"])
def test_after_an_fsync_that_failed_another_file_is_written(
    bench: Bench, tmp_path: Path, name: str
) -> None:
    """The kernel forgets what it could not write: a second fsync would say that all is well."""
    trial, trace = bench.trial(), tmp_path / "trace"
    fault = Fault(match=f"*/.{name}.[0-9]*.tmp", call="fsync", do=errno.EIO)
    assert bench.zygote.train(trial.folder, fault, trace=trace).code == 0
    first, second = trace.read_text().splitlines()
    assert first != second
    trial.finish()
    assert trial.faults == []


def test_after_an_fsync_of_the_epochs_failed_they_are_written_anew(
    bench: Bench, tmp_path: Path
) -> None:
    trial, trace = bench.trial(), tmp_path / "trace"
    fault = Fault(match="*/epochs.jsonl", call="fsync", at=2, do=errno.EIO)
    assert bench.zygote.train(trial.folder, fault, trace=trace).code == 0
    assert len(trace.read_text().splitlines()) == EPOCHS
    assert "epochs.jsonl is written anew" in trial.log()
    trial.finish()
    assert trial.faults == []


class TestRealDisks:
    def test_full_at_a_checkpoint_it_stops_and_resumes_once_there_is_room(
        self, bench: Bench, small_disk: SmallDisk
    ) -> None:
        trial, mount = trial_on(bench, small_disk)
        wide = {"model": {"name": "cnn", "depth": 2, "width": 64}}
        trial.folder = new_run(mount, **wide)
        filler = small_disk.fill(spare=1 << 18)
        ended = trial.suffer(None)
        assert ended.code == ExitCode.CRASHED
        assert "No space left on device" in trial.log()
        assert "inline_container" not in RunReader(trial.folder).look().cause
        assert checker.leftovers(trial.folder.path) == []
        filler.unlink()
        assert trial.suffer(None).code == 0, trial.log()
        assert trial.faults == []

    @pytest.mark.parametrize("left", [3, 8, 13])
    def test_without_inodes(self, bench: Bench, small_disk: SmallDisk, left: int) -> None:
        trial, _ = trial_on(bench, small_disk)
        small_disk.change(f"nr_inodes={small_disk.inodes + left}")
        assert trial.suffer(None).code == ExitCode.CRASHED
        assert "No space left on device" in trial.log()
        small_disk.change("nr_inodes=1000")
        trial.finish()
        assert trial.faults == []

    def test_gone_read_only_while_it_trains(self, bench: Bench, small_disk: SmallDisk) -> None:
        trial, _ = trial_on(bench, small_disk)
        trial.suffer(Fault(match="*/epoch-0002.pt", call="rename", do=KILL_BEFORE))
        before = checker.digests(trial.folder.path)
        small_disk.change("ro")
        assert bench.zygote.train(trial.folder, log=bench.project / "log").code == ExitCode.CRASHED
        assert "Read-only file system" in (bench.project / "log").read_text()
        assert checker.digests(trial.folder.path) == before
        small_disk.change("rw")
        trial.finish()
        assert trial.faults == []


def trial_on(bench: Bench, disk: SmallDisk) -> tuple[Trial, Path]:
    """A run of a project that is on that disk."""
    project = make_project(disk.place / "project")
    return Trial(bench, new_run(project)), project
