"""Copies on the node: whole or not at all, used again, never needed."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from tests.faults.small_disk import SmallDisk
from tests.train.conftest import events_of, new_run, train
from tests.train.test_image_folder import parted
from tests.train.test_loop import StopAt, assert_same, digest_of
from tui_trainer.record.events import Warned
from tui_trainer.train.loop import Stopped
from tui_trainer.train.staging import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

MEGABYTE = 1 << 20


@dataclass
class Heard:
    """A stage whose words are kept."""

    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)

    @property
    def stage(self) -> Stage:
        return Stage(self.said.append, self.warned.append)

    def copy_of(self, path: Path) -> Path:
        return self.stage.copy_of(path)


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A real tmpfs of 8 MB as $TMPDIR."""
    with SmallDisk.mounted(tmp_path / "node", "size=8m") as disk:
        monkeypatch.setenv("TMPDIR", str(disk.place))
        yield disk.place


def data_file(folder: Path, size: int = 3 * MEGABYTE) -> Path:
    path = folder / "train.pixels"
    path.write_bytes(os.urandom(size))
    return path


def files_in(node: Path) -> list[Path]:
    return sorted(path for path in node.rglob("*") if path.is_file() and path.name != "lock")


def test_a_file_is_copied_once_and_found_again(tmp_path: Path, node: Path) -> None:
    source, heard = data_file(tmp_path), Heard()
    copied = heard.copy_of(source)
    assert copied.is_relative_to(node)
    assert copied.read_bytes() == source.read_bytes()
    assert copied.parent.stat().st_mode & 0o077 == 0
    before = copied.stat()
    assert heard.copy_of(source) == copied
    assert copied.stat() == before
    assert (len(heard.said), heard.warned) == (2, [])
    assert "copied" in heard.said[0]
    assert files_in(node) == [copied]


def test_a_file_that_changed_is_copied_anew(tmp_path: Path, node: Path) -> None:
    source, heard = data_file(tmp_path, MEGABYTE), Heard()
    first = heard.copy_of(source)
    data_file(tmp_path, MEGABYTE)
    os.utime(source, ns=(1, 1))
    second = heard.copy_of(source)
    assert second.read_bytes() == source.read_bytes() != first.read_bytes()
    assert second.is_relative_to(node)


@pytest.mark.parametrize("at", [0, MEGABYTE, 3 * MEGABYTE - 1])
def test_one_changed_byte_of_a_copy_is_seen(tmp_path: Path, node: Path, at: int) -> None:
    source, heard = data_file(tmp_path), Heard()
    copied = heard.copy_of(source)
    with copied.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
    again = heard.copy_of(source)
    assert again.is_relative_to(node)
    assert again.read_bytes() == source.read_bytes()
    assert files_in(node) == [again]


def test_without_room_the_file_is_read_where_it_lies(tmp_path: Path, node: Path) -> None:
    source, heard = data_file(tmp_path, 9 * MEGABYTE), Heard()
    assert heard.copy_of(source) == source
    (warning,) = heard.warned
    assert "No space left" in warning
    assert str(source) in warning
    assert files_in(node) == []
    small = data_file(node.parent, 7 * MEGABYTE)
    assert heard.copy_of(small).is_relative_to(node)


def test_a_full_disk_and_one_that_cannot_be_written_are_borne(tmp_path: Path, node: Path) -> None:
    source, heard = data_file(tmp_path), Heard()
    filler = SmallDisk(node).fill()
    assert heard.copy_of(source) == source
    filler.unlink()
    SmallDisk(node).change("ro")
    assert heard.copy_of(source) == source
    SmallDisk(node).change("rw")
    assert ["No space" in heard.warned[0], "Read-only" in heard.warned[1]] == [True, True]
    assert heard.copy_of(source).is_relative_to(node)


def test_what_a_killed_run_left_half_is_removed(tmp_path: Path, node: Path) -> None:
    source, heard = data_file(tmp_path), Heard()
    copied = heard.copy_of(source)
    half = copied.with_name(f".{copied.name}.1.abc.tmp")
    copied.rename(half)
    again = heard.copy_of(source)
    assert files_in(node) == [again]


COPY = """
import sys, time
from pathlib import Path
from tui_trainer.train.staging import Stage
def slowly():
    time.sleep(0.3)
print(Stage(alive=slowly).copy_of(Path(sys.argv[1])))
"""


def test_of_several_runs_at_once_one_copies(tmp_path: Path, node: Path) -> None:
    source = data_file(tmp_path, 5 * MEGABYTE)  # two copies would not fit
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", COPY, str(source)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    places = {run.communicate(timeout=120)[0].strip() for run in runs}
    (copied,) = files_in(node)
    assert places == {str(copied)}
    assert copied.read_bytes() == source.read_bytes()


def test_a_run_killed_while_it_copies_does_not_block_the_next(tmp_path: Path, node: Path) -> None:
    source = data_file(tmp_path)
    hanging = COPY.replace("time.sleep(0.3)", "print('copying', flush=True); time.sleep(3600)")
    process = subprocess.Popen(
        [sys.executable, "-c", hanging, str(source)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "copying\n"
    assert files_in(node)
    process.kill()
    process.communicate()
    heard = Heard()
    assert heard.copy_of(source).read_bytes() == source.read_bytes()
    assert len(files_in(node)) == 1


def test_a_file_on_the_same_disk_is_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    source, heard = data_file(tmp_path), Heard()
    assert heard.copy_of(source) == source
    (said,) = heard.said
    place = tmp_path / f"tui-trainer-{os.getuid()}"
    assert said == f"not copied, as it lies on the disk of {place} already: {source}"
    assert heard.warned == []


def test_a_folder_that_is_not_there_or_open_to_others_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, heard = data_file(tmp_path, 100), Heard()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    assert heard.copy_of(source) == source
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    folder = tmp_path / f"tui-trainer-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    assert heard.copy_of(source) == source
    folder.rmdir()
    (tmp_path / "trap").mkdir()
    folder.symlink_to(tmp_path / "trap")
    assert heard.copy_of(source) == source
    assert "No such file" in heard.warned[0]
    assert ["others" in warning for warning in heard.warned[1:]] == [True, True]


def folder_run(*, stage: bool) -> dict[str, object]:
    data = {"name": "folder", "path": "images", "stage": stage}
    return {"data": data, "pipeline": {"size": 8}, "batch_size": 4}


def test_a_run_that_reads_from_the_node_is_the_same(project: Path, node: Path) -> None:
    parted(project)
    runs = [new_run(project, **folder_run(stage=stage)) for stage in (False, True, True)]
    train(runs[0])
    assert files_in(node) == []
    train(runs[1])
    copies = files_in(node)
    assert len(copies) == 3
    times = [path.stat().st_mtime_ns for path in copies]
    train(runs[2])
    assert [path.stat().st_mtime_ns for path in files_in(node)] == times
    assert len({digest_of(run) for run in runs}) == 1
    assert len({run.clean_results_file.read_bytes() for run in runs}) == 1
    for path in copies:
        path.unlink()
    SmallDisk(node).fill()
    fallen_back = new_run(project, **folder_run(stage=True))
    train(fallen_back)
    assert digest_of(fallen_back) == digest_of(runs[0])
    warned = [event.message for event in events_of(fallen_back) if isinstance(event, Warned)]
    assert len(warned) == 3
    assert all("read where it lies" in message for message in warned)


def test_a_stop_is_obeyed_while_files_are_copied(project: Path, node: Path) -> None:
    parted(project)
    folder, whole = (new_run(project, **folder_run(stage=True)) for _ in range(2))
    train(new_run(project, **folder_run(stage=False)))
    with pytest.raises(Stopped):
        train(folder, StopAt(2))
    assert files_in(node) == []
    assert not folder.checkpoints.exists()
    for run in (folder, whole):
        train(run)
    assert_same(folder, whole)


def test_pixels_on_the_node_stay_mapped(project: Path, node: Path) -> None:
    from tui_trainer.spec.data import ImageFolder
    from tui_trainer.train import sources

    settings = ImageFolder(name="folder", path="images", stage=True)
    data = sources.load(settings, parted(project), 8, Heard().stage)
    assert str(node) in Path("/proc/self/maps").read_text()
    assert torch.equal(data.train.pixels, sources.load(settings, project, 8).train.pixels)
