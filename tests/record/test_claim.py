"""A run is taken over only as it was when it was judged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.conftest import claim_next
from tests.record.pairs import failures_of_pairs
from tui_trainer.errors import OwnedByAnotherError
from tui_trainer.record.claim import claim
from tui_trainer.record.index import look_until_sure
from tui_trainer.record.owner import Owner
from tui_trainer.record.run_folder import RunFolder, claim_run

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from tui_trainer.record.index import Run, RunReader


def test_who_claims_between_the_look_and_the_claim_keeps_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = claim_run(tmp_path, "cnn4")

    def another_claims_after_the_look(readers: Collection[RunReader]) -> list[Run]:
        runs = look_until_sure(readers)
        claim_next(RunFolder(folder.path), Owner.of_process(os.getpid()))
        return runs

    monkeypatch.setattr("tui_trainer.record.claim.look_until_sure", another_claims_after_the_look)
    with pytest.raises(OwnedByAnotherError):
        claim(folder)
    newest = folder.newest_attempt()
    assert newest is not None
    assert newest.number == 1


def test_of_two_claims_in_the_same_moment_exactly_one_wins(tmp_path: Path) -> None:
    assert failures_of_pairs(tmp_path, pairs=50) == []


@pytest.mark.soak
def test_of_a_thousand_pairs_exactly_one_wins_each(tmp_path: Path) -> None:
    assert failures_of_pairs(tmp_path, pairs=1000) == []


def test_a_run_whose_folder_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    folder = claim_run(tmp_path / "runs", "cnn4")
    (tmp_path / "runs").rename(tmp_path / "away")
    with pytest.raises(FileNotFoundError):
        folder.claim_attempt(Owner.of_process(os.getpid()), after=0)
    assert not (tmp_path / "runs").exists()
