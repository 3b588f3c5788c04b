"""Each damaged file of a run is named, and no other."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tui_trainer.record import verify as verify_module
from tui_trainer.record.digest import CHANGED, digest_file, file_digest
from tui_trainer.record.epochs import EpochsDigest
from tui_trainer.record.events import (
    CheckpointRejected,
    CheckpointSaved,
    Evaluated,
    Extended,
    TrainingBegan,
    append_event,
)
from tui_trainer.record.run_folder import RunFolder, find_run
from tui_trainer.record.verify import Verified, verify, verify_all
from tui_trainer.record.verify_records import Shown, shown_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import CommandLine


@pytest.fixture
def folder(runs: Path) -> RunFolder:
    """A finished run of four epochs."""
    return find_run(runs, "one")


def verified(folder: RunFolder) -> list[Verified]:
    return verify(folder)


def faults(folder: RunFolder) -> dict[str, str]:
    return {file.file: file.fault for file in verified(folder) if file.fault}


def newest(folder: RunFolder) -> Path:
    return folder.checkpoints / "epoch-0004.pt"


def test_what_is_as_it_was_written_has_no_fault(folder: RunFolder) -> None:
    files = verified(folder)
    names = ["experiment.toml", "epochs.jsonl"]
    names += [*(f"checkpoints/epoch-000{n}.pt" for n in range(1, 5)), "results/clean.json"]
    assert [file.file for file in files] == names
    assert not faults(folder)
    assert files[2].bytes == 1
    assert all(file.is_recorded for file in files)


def change(folder: RunFolder) -> None:
    newest(folder).write_bytes(b"5")


def cut_off(folder: RunFolder) -> None:
    newest(folder).write_bytes(b"")


def lose_digest(folder: RunFolder) -> None:
    digest_file(newest(folder)).unlink()


def swap_with_digest(folder: RunFolder) -> None:
    other = folder.checkpoints / "epoch-0003.pt"
    shutil.copy(other, newest(folder))
    text = digest_file(other).read_text().replace("0003", "0004")
    digest_file(newest(folder)).write_text(text)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (change, "not those that were written"),
        (cut_off, "not those that were written"),
        (lose_digest, "its digest is missing"),
        (swap_with_digest, "not the file that was saved under this name"),
    ],
)
def test_a_damaged_checkpoint_is_named(
    folder: RunFolder, damage: Callable[[RunFolder], None], words: str
) -> None:
    damage(folder)
    (fault,) = faults(folder).items()
    assert fault[0] == "checkpoints/epoch-0004.pt"
    assert words in fault[1]


def test_a_result_that_was_edited_or_is_gone_is_named(folder: RunFolder) -> None:
    folder.clean_results_file.write_text('{"accuracy": 1.0, "loss": 0.3}')
    assert faults(folder) == {"results/clean.json": "its bytes are not those that were written"}
    folder.clean_results_file.unlink()
    assert faults(folder) == {"results/clean.json": "it is gone"}
    (file,) = (file for file in verified(folder) if file.fault)
    assert "tui-trainer evaluate one/1" in file.cure


def test_a_run_without_any_good_checkpoint_is_named(folder: RunFolder) -> None:
    for path in folder.checkpoints.glob("*.pt"):
        path.write_bytes(b"x")
    assert faults(folder)["checkpoints"] == "no checkpoint is left that can be trusted"
    shutil.rmtree(folder.checkpoints)
    assert faults(folder) == {
        "checkpoints": "no checkpoint is left that can be trusted",
        "checkpoints/epoch-0004.pt": "it is gone",
    }


def test_what_is_set_aside_is_known_already(folder: RunFolder) -> None:
    (folder.checkpoints / "epoch-0002.pt.corrupt").write_bytes(b"x")
    (folder.checkpoints / ".epoch-0005.pt.1.ab.tmp").write_bytes(b"x")
    assert not faults(folder)


def test_a_checkpoint_that_a_living_run_replaces_meanwhile_is_read_again(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = newest(folder)

    def replaced(read: Path) -> str:
        if read == path:
            monkeypatch.undo()
            good = path.read_bytes()
            digest = file_digest(path)
            path.rename(path.with_name("old"))
            path.write_bytes(good)
            return digest[::-1]
        return file_digest(read)

    monkeypatch.setattr("tui_trainer.record.verify.file_digest", replaced)
    assert not faults(folder)


def test_a_checkpoint_that_a_living_run_removes_meanwhile_is_no_fault(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = newest(folder)

    def removed(read: Path) -> str:
        if read == path:
            path.unlink()
        return file_digest(read)

    monkeypatch.setattr("tui_trainer.record.verify.file_digest", removed)
    assert not faults(folder)


def tell_again(folder: RunFolder, file: Path) -> None:
    event = Evaluated(
        attempt=2,
        split="test",
        checkpoint="epoch-0004.pt",
        loss=None,
        accuracy=1.0,
        file=str(file.relative_to(folder.path)),
        sha256=file_digest(file),
    )
    append_event(folder.events_file, event)


def test_a_result_that_was_edited_and_then_told_again_is_named(folder: RunFolder) -> None:
    folder.clean_results_file.write_text('{"accuracy": 1.0}')
    tell_again(folder, folder.clean_results_file)
    assert set(faults(folder)) == {"results/clean.json"}


def test_the_former_results_of_a_run_that_goes_on_are_verified_where_they_stand(
    folder: RunFolder,
) -> None:
    append_event(folder.events_file, Extended(after=1, epochs=8))
    former = folder.results_until(4)
    folder.results.rename(former)
    assert not faults(folder), "they are neither here nor gone"
    tell_again(folder, former / "clean.json")
    assert [file.file for file in verified(folder)][-1] == "results-until-epoch-0004/clean.json"
    (former / "clean.json").write_text("{}")
    assert set(faults(folder)) == {"results-until-epoch-0004/clean.json"}
    append_event(folder.events_file, TrainingBegan(attempt=2, epoch=5, step=0, checkpoint=""))
    folder.results.mkdir()
    folder.clean_results_file.write_text('{"accuracy": 0.5}')
    tell_again(folder, folder.clean_results_file)
    assert set(faults(folder)) == {"results-until-epoch-0004/clean.json"}


def test_the_results_of_a_run_that_is_to_go_on_are_verified_until_they_are_set_aside(
    folder: RunFolder,
) -> None:
    append_event(folder.events_file, Extended(after=1, epochs=8))
    assert [file.file for file in verified(folder)][-1] == "results/clean.json"
    folder.clean_results_file.write_text("{}")
    assert set(faults(folder)) == {"results/clean.json"}
    folder.results.rename(folder.results_until(4))
    assert set(faults(folder)) == {"results-until-epoch-0004/clean.json"}
    (folder.results_until(4) / "clean.json").unlink()
    assert faults(folder) == {"results/clean.json": "it is gone"}


def loop(path: Path) -> None:
    """A link to itself: the system refuses to read it, whoever asks."""
    path.unlink()
    path.symlink_to(path.name)


def test_what_cannot_be_read_is_told_and_all_the_rest_is_verified(folder: RunFolder) -> None:
    loop(folder.checkpoints / "epoch-0002.pt")
    loop(folder.clean_results_file)
    newest(folder).write_bytes(b"x")
    told = faults(folder)
    assert told["checkpoints/epoch-0002.pt"].startswith("it cannot be read: Too many levels")
    assert "not those that were written" in told["checkpoints/epoch-0004.pt"]
    assert "results/clean.json" in told
    assert len(verified(folder)) == 7


def test_nothing_is_said_to_be_lost_that_cannot_be_read(folder: RunFolder) -> None:
    for path in folder.checkpoints.glob("*.pt"):
        loop(path)
    assert set(faults(folder)) == {f"checkpoints/epoch-000{n}.pt" for n in range(1, 5)}
    assert all(file.is_unreadable for file in verified(folder) if file.fault)


@pytest.mark.parametrize(
    ("unreadable", "run", "file"),
    [
        ("one/1/checkpoints", "one/1", "checkpoints"),
        ("one/1/events.jsonl", "one/1", "events.jsonl"),
        ("one", "one", "."),
        (".", "runs", "."),
    ],
)
def test_verifying_all_goes_on_after_what_cannot_be_read(
    runs: Path, monkeypatch: pytest.MonkeyPatch, unreadable: str, run: str, file: str
) -> None:
    """As a file server answers whose disk is failing."""
    place, read, scan, names = runs / unreadable, os.open, Path.iterdir, os.listdir

    def fail(path: object) -> None:
        if path == place:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    def open_or_fail(path: Path, *arguments: int) -> int:
        fail(path)
        return read(path, *arguments)

    def scan_or_fail(path: Path) -> Iterator[Path]:
        fail(path)
        return scan(path)

    def list_or_fail(path: Path) -> list[str]:
        fail(path)
        return names(path)

    monkeypatch.setattr(os, "open", open_or_fail)
    monkeypatch.setattr(Path, "iterdir", scan_or_fail)
    monkeypatch.setattr(os, "listdir", list_or_fail)
    every = {name: {f.file: f.fault for f in files} for name, files in verify_all(runs)}
    assert every[run][file] == "it cannot be read: Input/output error"
    assert run == "runs" or not any(every["two/1"].values())


@pytest.mark.parametrize(
    "gone", ["checkpoints/epoch-0004.pt", "events.jsonl", "epochs.jsonl", "experiment.toml"]
)
def test_what_a_run_must_have_and_lacks_is_named(folder: RunFolder, gone: str) -> None:
    assert faults(folder) == {}
    (folder.path / gone).unlink()
    assert faults(folder)[gone] == "it is gone"


def test_a_checkpoint_that_was_set_aside_is_not_missed(folder: RunFolder) -> None:
    newest = folder.checkpoints / "epoch-0004.pt"
    newest.rename(newest.with_name(newest.name + ".corrupt"))
    rejected = CheckpointRejected(attempt=1, checkpoint=newest.name, cause="damaged")
    append_event(folder.events_file, rejected)
    assert newest.name not in " ".join(faults(folder))


def replace_in(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_value_that_was_changed_in_a_runs_records_is_found(folder: RunFolder) -> None:
    replace_in(folder.experiment_file, "batch_size = 256", "batch_size = 257")
    assert faults(folder) == {"experiment.toml": CHANGED}
    replace_in(folder.experiment_file, "batch_size = 257", "batch_size = 256")
    replace_in(folder.epochs_file, '"accuracy":0.5', '"accuracy":0.6')
    assert faults(folder) == {"epochs.jsonl": CHANGED}
    replace_in(folder.epochs_file, '"accuracy":0.6', '"accuracy":0.5')
    assert faults(folder) == {}


@pytest.mark.parametrize("kept", range(4))
def test_lines_that_were_taken_away_or_added_are_found(folder: RunFolder, kept: int) -> None:
    lines = folder.epochs_file.read_bytes().splitlines(keepends=True)
    folder.epochs_file.write_bytes(b"".join(lines[:kept]))
    assert faults(folder) == {"epochs.jsonl": f"of 4 lines {4 - kept} are missing"}
    folder.epochs_file.write_bytes(b"".join([*lines, lines[kept]]))
    assert faults(folder) == {"epochs.jsonl": CHANGED}


def test_a_kill_between_a_checkpoint_and_its_line_is_no_fault(runs: Path) -> None:
    folder = find_run(runs, "two")  # crashed after two epochs
    lines = folder.epochs_file.read_bytes().splitlines(keepends=True)
    folder.epochs_file.write_bytes(lines[0] + b'{"epoch": 2')
    assert faults(folder) == {}
    folder.epochs_file.write_bytes(b"")
    assert faults(folder) == {"epochs.jsonl": "of 2 lines 2 are missing"}


def test_a_kill_before_the_very_first_line_is_no_fault(tui_trainer: CommandLine) -> None:
    tui_trainer.fake(crash_at=2)("run", "one")
    folder = find_run(tui_trainer.folder / "runs", "one")
    folder.epochs_file.unlink()
    assert faults(folder) == {}


def test_a_run_that_went_back_behind_a_damaged_checkpoint_has_no_fault(runs: Path) -> None:
    folder = find_run(runs, "two")
    append_event(
        folder.events_file,
        CheckpointRejected(attempt=2, checkpoint="epoch-0002.pt", cause="damaged"),
    )
    lines = folder.epochs_file.read_bytes().splitlines(keepends=True)
    folder.epochs_file.write_bytes(lines[0])
    assert "epochs.jsonl" not in faults(folder)


def test_a_run_that_went_back_behind_checkpoints_that_were_removed_has_no_fault(
    folder: RunFolder,
) -> None:
    """Or that the disk does not give: no checkpoint is rejected then."""
    events = [line for line in folder.events_file.read_text().splitlines() if "ended" not in line]
    folder.events_file.write_text("\n".join(events) + "\n")
    began = TrainingBegan(attempt=2, epoch=2, step=0, checkpoint="epoch-0001.pt")
    lines = folder.epochs_file.read_bytes().splitlines(keepends=True)
    folder.epochs_file.write_bytes(lines[0])
    assert faults(folder) == {"epochs.jsonl": "of 4 lines 3 are missing"}
    append_event(folder.events_file, began)
    assert "epochs.jsonl" not in faults(folder)


def test_a_checkpoint_that_was_rejected_at_the_end_hides_no_line_that_is_gone(
    folder: RunFolder,
) -> None:
    """Of a finished run: evaluation found the best one damaged, and used the next best."""
    append_event(
        folder.events_file,
        CheckpointRejected(attempt=1, checkpoint="epoch-0004.pt", cause="damaged"),
    )
    assert faults(folder) == {}
    lines = folder.epochs_file.read_bytes().splitlines(keepends=True)
    folder.epochs_file.write_bytes(b"".join(lines[:3]))
    assert faults(folder) == {"epochs.jsonl": "of 4 lines 1 are missing"}


def test_a_run_that_ends_epochs_while_it_is_verified_has_no_fault(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = find_run(runs, "two")  # crashed after two epochs

    def read_and_go_on(path: Path) -> Shown:
        shown = shown_in(path)
        for epoch in range(3, 7):
            records = [{"epoch": number} for number in range(1, epoch + 1)]
            event = CheckpointSaved(
                attempt=1,
                epoch=epoch,
                step=0,
                checkpoint=f"epoch-{epoch:04d}.pt",
                sha256="",
                weights_sha256="",
                epochs_sha256=EpochsDigest().of(records),
            )
            append_event(folder.events_file, event)
        return shown

    monkeypatch.setattr(verify_module, "shown_in", read_and_go_on)
    assert "epochs.jsonl" not in faults(folder)


def test_where_no_digest_was_recorded_none_is_missed(folder: RunFolder) -> None:
    """As in runs of older versions."""
    events = folder.events_file.read_text()
    folder.events_file.write_text(re.sub(r',"(experiment|epochs)_sha256":"[0-9a-f]*"', "", events))
    replace_in(folder.epochs_file, '"accuracy":0.5', '"accuracy":0.6')
    unknown = [file.file for file in verified(folder) if not file.is_recorded]
    assert unknown == ["experiment.toml", "epochs.jsonl"]
    assert faults(folder) == {}
