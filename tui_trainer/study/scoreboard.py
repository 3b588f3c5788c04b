"""Ranks runs by what was measured of them, or by what a leaderboard said."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from tui_trainer.errors import UsageError
from tui_trainer.spec.wording import listed, quote, suggestion
from tui_trainer.study import tables
from tui_trainer.study.facts import PROBE_NOTE
from tui_trainer.study.tables import Cell, Column, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui_trainer.study.facts import Facts

HINT: Final = "record one: tui-trainer score RUN VALUE --board NAME"
_TITLES: Final = {"ood": "OOD (%)", "gap": "gap (pt)", "test": "test (%)", "best": "best (%)"}


class By(str, Enum):
    """Figures that runs are ranked by."""

    OOD = "ood"
    TEST = "test"
    BEST = "best"
    VALIDATION = "val"
    SCORE = "score"
    """The newest of any leaderboard."""


class Ranked(NamedTuple):
    """A run and its place; of equals each has the first of theirs."""

    rank: int
    value: float
    facts: Facts


@dataclass(frozen=True)
class Scoreboard:
    """Runs in the order of a figure."""

    ranked: tuple[Ranked, ...]
    without: int
    """Runs of which the figure is not known."""
    boards: tuple[str, ...]
    """Every leaderboard that any of the ranked runs has a score of."""
    mixed: tuple[str, ...] = ()
    """Leaderboards whose scores stand in this one ranking, where they are several."""

    def table(self) -> Table:
        """A row for each run that has a rank."""
        columns = (
            Column("", ("rank",)),
            Column("run", ("run",), is_figure=False),
            *(
                Column(board or "score", (f"score_{board}" if board else "score",))
                for board in self.boards
            ),
            *(Column(title, (figure,)) for figure, title in _TITLES.items()),
            Column("tags", ("tags",), is_figure=False, is_for_papers=False),
        )
        return Table(
            title="scores",
            columns=columns,
            rows=tuple(map(self._row, self.ranked)),
            notes=(PROBE_NOTE, *self._warning()),
        )

    def _warning(self) -> tuple[str, ...]:
        if not self.mixed:
            return ()
        boards = listed(tuple(board or "(without a name)" for board in self.mixed))
        return (f"ranked by the newest score of each run, of {boards}: --board NAME ranks by one",)

    def _row(self, ranked: Ranked) -> tuple[Cell, ...]:
        facts = ranked.facts
        scores = (facts.scores.get(board) for board in self.boards)
        return (
            tables.figure(ranked.rank, str),
            tables.words(facts.name),
            *(tables.figure(score, "{:g}".format) for score in scores),
            *(tables.figure(facts.figures.get(each), tables.percent) for each in _TITLES),
            tables.words(" ".join(facts.tags)),
        )


def scoreboard(
    runs: Sequence[Facts], by: By = By.OOD, board: str | None = None, *, lowest_first: bool = False
) -> Scoreboard:
    """Rank runs.

    Args:
        runs: All that may have a rank.
        by: What ranks them; without a meaning where a board is given.
        board: Of scores, which leaderboard's; None for the newest, whichever it is of.
        lowest_first: Whether the lowest value is the best, as of an error.

    Raises:
        UsageError: No run has a score of that leaderboard.
    """
    boards = tuple(dict.fromkeys(board for facts in runs for board in facts.scores))
    if board is not None and board not in boards:
        raise UsageError(
            f"no run has a score of the leaderboard {quote(board)}{suggestion(board, boards)}",
            hint=f"there are {listed(boards)}" if boards else HINT,
        )
    valued = [(value, facts) for facts in runs if (value := _value(facts, by, board)) is not None]
    valued.sort(key=lambda each: each[0], reverse=not lowest_first)
    first = {value: place for place, (value, _) in reversed([*enumerate(valued, start=1)])}
    ranked = tuple(Ranked(first[value], value, facts) for value, facts in valued)
    theirs = dict.fromkeys(board for each in ranked for board in each.facts.scores)
    # The newest of a run is its last.
    newest = dict.fromkeys([*each.facts.scores][-1] for each in ranked if each.facts.scores)
    mixed = tuple(newest) if by is By.SCORE and board is None and len(newest) > 1 else ()
    return Scoreboard(ranked, len(runs) - len(ranked), tuple(theirs), mixed)


def _value(facts: Facts, by: By, board: str | None) -> float | None:
    return facts.figures.get(by.value) if board is None else facts.scores.get(board)
