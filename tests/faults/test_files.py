"""Whatever stands in place of a run's files: readers go on, writers refuse, nobody waits."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from tests.faults.fuzz import fuzz, prepared
from tui_trainer.record.epochs import read_epochs
from tui_trainer.record.events import Warned, append_event
from tui_trainer.record.index import RunReader
from tui_trainer.record.state import State

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.trial import Bench

FILES = 900
KINDS = ("fifo", "socket", "folder", "link to a device", "link to itself", "link to nothing")


def test_spoiled_files_are_read_as_far_as_they_are_whole(tmp_path: Path) -> None:
    figures = fuzz(tmp_path, FILES, seed=7)
    assert figures.files >= FILES
    assert figures.skipped > FILES / 10


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["epochs.jsonl", "events.jsonl", "heartbeat.json"])
def test_what_is_no_file_is_read_as_none_and_not_written_through(
    tmp_path: Path, name: str, kind: str
) -> None:
    folder, _ = prepared(tmp_path)
    (folder.path / name).unlink(missing_ok=True)
    put_in_place(folder.path / name, kind)
    run = RunReader(folder).look()
    assert run.epochs == ()
    assert run.state is State.PREFLIGHT
    assert read_epochs(folder.epochs_file) == []
    if name == "events.jsonl":
        with pytest.raises(OSError, match=r"events\.jsonl"):
            append_event(folder.events_file, Warned(attempt=1, message="lost"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", ["", ".sha256"])
def test_what_is_no_checkpoint_is_set_aside_and_nobody_waits(
    bench: Bench, kind: str, suffix: str
) -> None:
    trial = bench.trial()
    checkpoint = trial.folder.checkpoints / f"epoch-0002.pt{suffix}"
    trial.folder.checkpoints.mkdir()
    (trial.folder.checkpoints / "epoch-0002.pt").write_bytes(b"")
    checkpoint.unlink(missing_ok=True)
    put_in_place(checkpoint, kind)
    ended = bench.zygote.train(trial.folder)
    assert ended.code == 0, trial.log()
    trial.remove()


def put_in_place(path: Path, kind: str) -> None:
    """Something that is no file where a file is expected."""
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        # Its name may be longer than an address: it is bound in its own folder.
        with socket.socket(socket.AF_UNIX) as server:
            aside = f"/proc/self/fd/{os.open(path.parent, os.O_RDONLY)}"
            server.bind(f"{aside}/{path.name}")
            os.close(int(aside.rpartition("/")[2]))
    elif kind == "folder":
        path.mkdir()
    else:
        targets = {"a device": "/dev/zero", "itself": path.name, "nothing": "nowhere"}
        path.symlink_to(targets[kind.removeprefix("link to ")])
