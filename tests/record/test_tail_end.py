"""The end of a file, however long it or its lines are, and whatever stands in its place."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tui_trainer.record.tail import read_end

if TYPE_CHECKING:
    from pathlib import Path


def test_a_short_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"a\nb\n")
    end = read_end(tmp_path / "log", 100)
    assert end is not None
    assert (end.begin, end.whole_lines) == (0, b"a\nb\n")


def test_of_a_long_file_the_last_whole_lines_are_read(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"first\nsecond\nthird\n")
    end = read_end(tmp_path / "log", 10)
    assert end is not None
    assert (end.begin, end.whole_lines) == (9, b"third\n")


def test_of_one_endless_line_its_end_is_better_than_nothing(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * 50 + b"\n")
    end = read_end(tmp_path / "log", 10)
    assert end is not None
    assert end.whole_lines == b"x" * 9 + b"\n"


def test_what_is_no_file_is_none_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert read_end(tmp_path / "fifo", 10) is None
    assert read_end(tmp_path, 10) is None
    assert read_end(tmp_path / "none", 10) is None
