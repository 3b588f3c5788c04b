"""Readers see whole lines only, and never wait."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from tui_trainer.record.tail import LONGEST_LINE, Tail, read_json, read_small

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = st.lists(
    st.dictionaries(
        st.text(max_size=5), st.one_of(st.integers(), st.text(max_size=20), st.none()), max_size=4
    ),
    max_size=8,
)


@given(records=RECORDS, cuts=st.lists(st.integers(0, 2000), max_size=6))
def test_a_file_that_grows_byte_by_byte_is_read_once_and_whole(
    tmp_path_factory: Any, records: list[dict[str, Any]], cuts: list[int]
) -> None:
    path = tmp_path_factory.mktemp("tail") / "events.jsonl"
    content = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    tail, seen = Tail(path), []
    for end in [*sorted(cut for cut in cuts if cut < len(content)), len(content)]:
        path.write_bytes(content[:end])
        seen += tail.read()[0]
    assert seen == records
    assert tail.skipped == 0


@given(st.binary(max_size=3000))
def test_garbage_is_skipped_and_counted_and_what_follows_is_read(
    tmp_path_factory: Any, garbage: bytes
) -> None:
    path = tmp_path_factory.mktemp("tail") / "events.jsonl"
    path.write_bytes(garbage + b'\n{"epoch":7}\n')
    tail = Tail(path)
    records, _ = tail.read()
    assert records[-1] == {"epoch": 7}
    lines = [line for line in (garbage + b"\n").split(b"\n") if line]
    assert tail.skipped == len(lines) - (len(records) - 1)


def test_hostile_lines_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "epochs.jsonl"
    hostile = [b"[" * 100_000, b'{"epoch":' + b"9" * 5000 + b"}", b'{"loss":NaN}', b"[1]", b"null"]
    path.write_bytes(b"\n".join(hostile) + b'\n{"epoch":1}\n')
    tail = Tail(path)
    assert tail.read()[0] == [{"epoch": 1}]
    assert tail.skipped == len(hostile)


def test_a_line_without_end_is_passed_over_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "epochs.jsonl"
    path.write_bytes(b"x" * (5 * LONGEST_LINE) + b'\n{"epoch":1}\n')
    tail, seen = Tail(path), []
    for _ in range(4):
        seen += tail.read()[0]
    assert seen == [{"epoch": 1}]
    assert tail.skipped == 1


def test_a_replaced_file_begins_anew(tmp_path: Path) -> None:
    path, other = tmp_path / "epochs.jsonl", tmp_path / "new"
    path.write_text('{"epoch":1}\n{"epoch":2}\n')
    tail = Tail(path)
    assert tail.read() == ([{"epoch": 1}, {"epoch": 2}], False)
    other.write_text('{"epoch":1}\n')
    other.replace(path)
    assert tail.read() == ([{"epoch": 1}], True)
    assert tail.read() == ([], False)


def test_a_fifo_in_place_of_a_file_makes_nobody_wait(tmp_path: Path) -> None:
    path = tmp_path / "epochs.jsonl"
    os.mkfifo(path)
    assert Tail(path).read() == ([], False)
    assert read_json(path) is None


def test_what_is_absent_or_too_large_reads_as_nothing(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat.json"
    assert read_small(path) is None
    path.write_bytes(b"x" * 11)
    assert read_small(path, limit=10) is None
    assert read_small(path, limit=11) == b"x" * 11
