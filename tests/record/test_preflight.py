from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tui_trainer.record.finding import Finding
from tui_trainer.record.preflight import Preflight

if TYPE_CHECKING:
    from pathlib import Path

TABLE = Preflight(
    (Finding("data", "ok", "there"), Finding("disk", "error", "full", "make room")),
    rehearsed=True,
    seconds=2.5,
)


def test_a_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    TABLE.write(tmp_path / "preflight.json")
    assert Preflight.read(tmp_path / "preflight.json") == TABLE
    assert [finding.subject for finding in TABLE.errors] == ["disk"]
    assert TABLE.warnings == ()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"findings": [', b"\xff"])
def test_what_is_no_table_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "preflight.json").write_bytes(content)
    assert Preflight.read(tmp_path / "preflight.json") is None


def test_a_damaged_or_newer_table_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    (tmp_path / "preflight.json").write_text(
        '{"findings": [3, {"subject": "new", "level": "doubt", "found": 7}], "seconds": "long"}'
    )
    expected = Preflight((Finding("new", "warning", ""),), rehearsed=False, seconds=0.0)
    assert Preflight.read(tmp_path / "preflight.json") == expected
