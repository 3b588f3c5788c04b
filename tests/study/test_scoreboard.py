"""Runs by their place: of a figure, or of a leaderboard."""

from __future__ import annotations

import pytest

from tui_trainer.errors import UsageError
from tui_trainer.record.state import State
from tui_trainer.study.facts import Facts
from tui_trainer.study.scoreboard import By, scoreboard


def facts(name: str, ood: float | None, **scores: float) -> Facts:
    newest = list(scores.values())[-1] if scores else None
    return Facts(
        name=name,
        state=State.FINISHED,
        cause="",
        launcher="local",
        host="",
        job="",
        tags=(),
        note="",
        figures={"ood": ood, "score": newest},
        settings={},
        scores=scores,
    )


RUNS = [
    facts("a/1", 0.3, public=0.7),
    facts("b/1", 0.5),
    facts("c/1", 0.5, public=0.9, private=0.2),
    facts("d/1", None, public=0.8),
]


def test_equal_runs_share_a_place_and_what_is_not_measured_has_none() -> None:
    board = scoreboard(RUNS)
    assert [(each.rank, each.facts.name) for each in board.ranked] == [
        (1, "b/1"),
        (1, "c/1"),
        (3, "a/1"),
    ]
    assert board.without == 1
    assert board.boards == ("public", "private")
    row = board.table().records()[1]
    assert (row["run"], row["score_public"], row["score_private"]) == ("c/1", 0.9, 0.2)


def test_a_leaderboard_ranks_by_its_own_scores() -> None:
    def names(**how: object) -> list[str]:
        return [each.facts.name for each in scoreboard(RUNS, **how).ranked]  # type: ignore[arg-type]

    assert names(board="public") == ["c/1", "d/1", "a/1"]
    assert names(board="public", lowest_first=True) == ["a/1", "d/1", "c/1"]
    assert names(by=By.SCORE) == ["d/1", "a/1", "c/1"]  # the newest of each, whichever board's
    assert "of `public`, `private`: --board" in scoreboard(RUNS, By.SCORE).table().notes[1]
    assert len(scoreboard(RUNS, By.SCORE, "public").table().notes) == 1
    with pytest.raises(UsageError, match="did you mean `public`"):
        scoreboard(RUNS, board="publik")
