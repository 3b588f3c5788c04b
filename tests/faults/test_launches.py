"""Of two that launch or resume a run at the same moment, one wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.launches import without_one_winner

if TYPE_CHECKING:
    from pathlib import Path

PAIRS = 50


def test_of_two_simultaneous_claims_exactly_one_wins(tmp_path: Path) -> None:
    assert without_one_winner(tmp_path, PAIRS) == 0
