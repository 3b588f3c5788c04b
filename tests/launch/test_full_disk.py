"""What is asked for on a full disk is refused in words, and leaves nothing half."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import CommandLine
from tests.faults.small_disk import SmallDisk
from tests.tui.run_folders import RunWriter, write_project
from tui_trainer.errors import ExitCode
from tui_trainer.tui import deeds
from tui_trainer.tui.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A file system of 256 KiB."""
    with SmallDisk.mounted(tmp_path / "small", "size=256k") as disk:
        yield disk


def test_a_launch_that_finds_no_room_names_the_file_and_leaves_no_folder(
    small_disk: SmallDisk,
) -> None:
    project = write_project(small_disk.place / "digits")
    small_disk.fill()
    refused = CommandLine(project, {})("run", "cnn2")
    assert refused.returncode == ExitCode.USAGE
    assert "runs/cnn2/1/experiment.toml: No space left on device" in refused.stderr
    assert "hint: make room" in refused.stderr
    assert not (project / "runs" / "cnn2").exists()


def test_what_is_said_of_a_run_finds_no_room_in_words(small_disk: SmallDisk) -> None:
    project = write_project(small_disk.place / "digits")
    RunWriter(project, "cnn2").start().train(1).end(0)
    runs = Store(project).look().runs
    small_disk.fill()
    outcome = deeds.carry_out(deeds.tagging(["keep"], []), runs)
    assert outcome.words.endswith("cnn2/1/remarks.jsonl: No space left on device")
    assert outcome.hint.startswith("make room")
