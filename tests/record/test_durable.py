"""Nothing is torn: by a full disk, a kill, or a second writer."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.faults.small_disk import SmallDisk
from tui_trainer.record import durable
from tui_trainer.record.heartbeat import Heartbeat, Progress
from tui_trainer.record.owner import Owner
from tui_trainer.record.tail import LONGEST_LINE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A file system of 64 KiB."""
    with SmallDisk.mounted(tmp_path / "small", "size=64k") as disk:
        yield disk


def test_a_full_disk_leaves_the_old_file_and_nothing_aside(small_disk: SmallDisk) -> None:
    target = small_disk.place / "kept.json"
    durable.write_durably(target, b"old")
    small_disk.fill()
    with pytest.raises(OSError, match="No space") as full:
        durable.write_durably(target, b"new" * 20_000)
    assert full.value.filename == str(target)
    assert target.read_bytes() == b"old"
    assert sorted(path.name for path in small_disk.place.iterdir()) == ["filler", "kept.json"]


def test_a_full_disk_takes_an_unfinished_line_back(small_disk: SmallDisk) -> None:
    target = small_disk.place / "epochs.jsonl"
    target.write_bytes(b'{"epoch":1}\n' + b"x" * (4096 - 30) + b"\n")
    before = target.read_bytes()
    small_disk.fill()
    with pytest.raises(OSError, match="No space") as full:
        durable.append_record(target, {"epoch": 2, "padding": "y" * 5000})
    assert full.value.filename == str(target)
    assert target.read_bytes() == before


def test_a_line_that_a_kill_cut_short_is_cut_off(tmp_path: Path) -> None:
    target = tmp_path / "events.jsonl"
    for whole in (b"", b'{"event":"a"}\n'):
        target.write_bytes(whole + b'{"event":"b","ti')
        durable.append_record(target, {"event": "c"})
        assert target.read_bytes() == whole + b'{"event":"c"}\n'


def test_it_spoils_itself_alone_where_it_may_be_another_writer_s(tmp_path: Path) -> None:
    """A stopped process keeps its lock: nobody waits for it, and nothing of it is cut off."""
    target = tmp_path / "events.jsonl"
    target.write_bytes(b'{"event":"b","ti')
    with target.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        durable.append_record(target, {"event": "c"})
    assert target.read_bytes() == b'{"event":"b","ti\n{"event":"c"}\n'


def test_what_is_longer_than_any_line_is_left_as_it_is(tmp_path: Path) -> None:
    target = tmp_path / "events.jsonl"
    target.write_bytes(b"x" * LONGEST_LINE)
    durable.append_record(target, {"event": "c"})
    assert target.read_bytes() == b"x" * LONGEST_LINE + b'\n{"event":"c"}\n'


APPENDER = """
import sys
from pathlib import Path
from tui_trainer.record.durable import append_record
for n in range(int(sys.argv[2])):
    padding = "x" * (n * 97 % 9000)
    append_record(Path(sys.argv[1]), {"writer": sys.argv[3], "n": n, "padding": padding})
"""


def test_of_several_writers_none_cuts_off_another_s_line(tmp_path: Path) -> None:
    target, count = tmp_path / "events.jsonl", 100
    writers = [
        subprocess.Popen([sys.executable, "-c", APPENDER, str(target), str(count), name])
        for name in "abc"
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    records = [json.loads(line) for line in target.read_text().splitlines()]
    for name in "abc":
        assert [r["n"] for r in records if r["writer"] == name] == list(range(count))


@pytest.mark.parametrize("kind", ["fifo", "socket", "folder", "link", "device"])
def test_nothing_is_appended_to_what_is_no_file(tmp_path: Path, kind: str) -> None:
    target, elsewhere = tmp_path / "events.jsonl", tmp_path / "elsewhere"
    elsewhere.write_bytes(b"")
    put_in_place(target, kind, elsewhere)
    with pytest.raises(OSError, match=r"events\.jsonl"):
        durable.append_record(target, {"event": "c"})
    assert elsewhere.read_bytes() == b""


def put_in_place(target: Path, kind: str, elsewhere: Path) -> None:
    """Something that is no file where a file is expected."""
    if kind == "fifo":
        os.mkfifo(target)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(target))
    elif kind == "folder":
        target.mkdir()
    else:
        target.symlink_to(elsewhere if kind == "link" else "/dev/null")


class TestPrintWhole:
    def test_a_line_that_a_full_disk_cut_short_is_taken_back(self, small_disk: SmallDisk) -> None:
        log = small_disk.place / "log.txt"
        log.write_bytes(b"x" * (4096 - 30) + b"\n")
        before = log.read_bytes()
        small_disk.fill()
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
        with pytest.raises(OSError, match="No space"):
            durable.print_whole(descriptor, b"y" * 5000 + b"\n")
        durable.print_whole(descriptor, b"short\n")
        os.close(descriptor)
        assert log.read_bytes() == before + b"short\n"

    def test_a_pipe_gets_what_it_did_not_take_at_once(self) -> None:
        script = (
            "import os; from tui_trainer.record.durable import print_whole\n"
            f"print_whole(1, bytes(range(256)) * {1 << 12})"
        )
        done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True)
        assert done.stdout == bytes(range(256)) * (1 << 12)


def test_a_line_that_cannot_be_made_durable_is_taken_back_only_from_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes append: what one takes back must not be the other's line."""
    target = tmp_path / "events.jsonl"

    def another_appends_and_the_disk_fails(_: int) -> None:
        with target.open("ab") as file:
            file.write(b'{"event":"other"}\n')
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", another_appends_and_the_disk_fails)
    with pytest.raises(OSError, match="Input/output"):
        durable.append_record(target, {"event": "mine"})
    assert target.read_bytes().endswith(b'{"event":"other"}\n')


def test_leftovers_are_swept_files_and_folders(tmp_path: Path) -> None:
    durable.temporary_beside(tmp_path / "heartbeat.json").write_bytes(b"")
    durable.temporary_beside(tmp_path / "2").mkdir()
    (tmp_path / "kept.json").write_bytes(b"")
    durable.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.json"]


def test_what_json_has_no_word_for_becomes_null(tmp_path: Path) -> None:
    target = tmp_path / "epochs.jsonl"
    durable.append_record(target, {"loss": float("nan"), "more": [float("inf"), 1.5]})
    assert json.loads(target.read_text()) == {"loss": None, "more": [None, 1.5]}


def test_what_stands_is_not_written_over(tmp_path: Path) -> None:
    target = tmp_path / "clean.json"
    durable.write_once(target, b"first")
    with pytest.raises(FileExistsError):
        durable.write_once(target, b"second")
    assert target.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [target]


WRITER = """
import sys
from pathlib import Path
from tui_trainer.record.durable import write_durably
target, n = Path(sys.argv[1]), 0
print("go", flush=True)
while True:
    n += 1
    write_durably(target, bytes([n % 256]) * 300_000)
"""


def test_a_kill_in_the_middle_of_a_write_leaves_a_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "checkpoint"
    target.write_bytes(b"\0" * 300_000)
    for delay in (0.001, 0.004, 0.009, 0.015, 0.022, 0.03):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(target)], stdout=subprocess.PIPE
        )
        with writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            os.sched_yield()
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(delay)
            writer.kill()
        content = target.read_bytes()
        assert len(content) == 300_000
        assert len(set(content)) == 1
    durable.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [target]


def test_a_beat_goes_on_where_a_disk_is_full(small_disk: SmallDisk) -> None:
    path, owner = small_disk.place / "heartbeat.json", Owner.of_process(os.getpid())
    for count in (1, 2):
        beat = Heartbeat(
            beat=count,
            attempt=1,
            owner=owner,
            core=None,
            progress=Progress(),
            idle_seconds=0.0,
        )
        beat.write(path)
        assert Heartbeat.read(path) == beat
        small_disk.fill()
