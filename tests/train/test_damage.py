from __future__ import annotations

from typing import TYPE_CHECKING

from tests.train.damage import COUNTS, count, small_run

if TYPE_CHECKING:
    from pathlib import Path


def test_all_of_800_damaged_checkpoints_are_noticed(tmp_path: Path) -> None:
    found = count(small_run(tmp_path))
    assert {kind: row["tried"] for kind, row in found.items()} == COUNTS
    assert {kind: row["tui_trainer"] for kind, row in found.items()} == COUNTS
    # What makes the digest worth its time: torch finds what was cut off, and hardly more.
    assert found["truncation"]["torch"] == COUNTS["truncation"]
    assert found["bit flip"]["torch"] < COUNTS["bit flip"] / 2
