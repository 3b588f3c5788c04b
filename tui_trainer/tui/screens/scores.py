"""The scoreboard: runs by what was measured of them or what a board said, and what to reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from tui_trainer.errors import UsageError
from tui_trainer.record.remarks import score_value
from tui_trainer.study.scoreboard import By, scoreboard
from tui_trainer.tui import figures, keys
from tui_trainer.tui.screens.ask import Ask
from tui_trainer.tui.screens.following import Following
from tui_trainer.tui.screens.run import RunPage
from tui_trainer.tui.screens.scrolling import Scrolling
from tui_trainer.tui.screens.speaking import Speaking
from tui_trainer.tui.widgets.cursor_rows import CursorRows
from tui_trainer.tui.widgets.key_bar import KeyBar, Offer
from tui_trainer.tui.widgets.rule import Rule
from tui_trainer.tui.widgets.score_rows import ScoreRows, TargetLine, said
from tui_trainer.tui.widgets.words import Words

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from tui_trainer.study.facts import Facts
    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.operations import Operations
    from tui_trainer.tui.store import Store
    from tui_trainer.tui.views import RunView


class Ranking(NamedTuple):
    """What runs are ranked by."""

    by: By
    board: str | None = None
    """Of scores, which leaderboard's."""

    @property
    def words(self) -> str:
        """In a word; a leaderboard without a name is a score."""
        return self.by.value if self.board is None else self.board or "score"

    @property
    def is_fraction(self) -> bool:
        """Whether people say it in percent."""
        return self.board is None


MEASURED = tuple(Ranking(by) for by in (By.OOD, By.TEST, By.BEST, By.VALIDATION))


class Scores(Following, Scrolling, Speaking):
    """Ranks all runs.

    Args:
        store: What is looked at.
        operations: What is done to runs.
        operating: Held while something is done to a run.
        glyphs: The signs that the terminal can show.
        runs: The runs.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.SCORES_KEYS)]

    def __init__(
        self,
        store: Store,
        operations: Operations,
        operating: threading.Lock,
        glyphs: Glyphs,
        runs: Sequence[RunView],
    ) -> None:
        super().__init__(store, operations, operating, glyphs)
        self._runs = tuple(runs)
        self._ranking = MEASURED[0]
        self._lowest_first = False
        self._target: float | None = None

    def compose(self) -> ComposeResult:
        """The rows."""
        glyphs = self._glyphs
        yield Rule(glyphs, widget_id="above-scores")
        yield CursorRows(glyphs)
        yield Words(glyphs, widget_id="notice")
        yield KeyBar(glyphs)

    def on_mount(self) -> None:
        """Show them."""
        self._show_selected()

    def on_resize(self) -> None:
        """What has room decides what is cut."""
        self._show_selected()

    def show(self, runs: Sequence[RunView]) -> None:
        """Show the runs as they are by now."""
        self._runs = tuple(runs)
        if self.is_mounted:
            self._show_selected()

    # What keys do, in the order of the key table.

    def action_close(self) -> None:
        """Back to the list."""
        self.dismiss()

    def action_open(self) -> None:
        """The run's page."""
        if self._selected_run is not None:
            self.app.push_screen(RunPage(*self._acting, self._selected_run))

    def action_next_ranking(self) -> None:
        """Rank by the next figure or board."""
        rankings = self._rankings
        now = rankings.index(self._ranking) if self._ranking in rankings else -1
        self._ranking, self._target = rankings[(now + 1) % len(rankings)], None
        self._show_selected()

    def action_reverse(self) -> None:
        """The lowest first, and back."""
        self._lowest_first = not self._lowest_first
        self._show_selected()

    def action_target(self) -> None:
        """Ask for a value to reach."""
        hint = "a number; an accuracy in percent, or as a fraction of 1"
        ask = Ask(f"target for {self._ranking.words}:", hint, self._glyphs, _fault_of_target)
        self._push_question(ask, self._take_target)

    # What keys act on.

    @property
    def _scrolled(self) -> CursorRows:
        return self.query_one(CursorRows)

    @property
    def _selected_run(self) -> RunView | None:
        name = self._scrolled.selected
        return next((run for run in self._runs if run.facts.name == name), None)

    @property
    def _meant(self) -> list[RunView]:
        return [] if self._selected_run is None else [self._selected_run]

    @property
    def _selected_experiment(self) -> str:
        return "" if self._selected_run is None else self._selected_run.experiment

    @property
    def _keys_here(self) -> tuple[keys.Key, ...]:
        return keys.SCORES_KEYS

    # What is shown.

    @property
    def _facts(self) -> list[Facts]:
        return [run.facts for run in self._runs]

    @property
    def _rankings(self) -> tuple[Ranking, ...]:
        boards = dict.fromkeys(board for facts in self._facts for board in facts.scores)
        return (*MEASURED, *(Ranking(By.SCORE, board) for board in boards))

    def _take_target(self, words: str) -> None:
        value = score_value(words)
        is_percent = self._ranking.is_fraction and abs(value) > 1
        self._target = value / 100 if is_percent else value
        self._show_selected()

    def _targets(self) -> Iterator[TargetLine]:
        """What was asked for, and beside accuracies the best that each board said."""
        is_fraction = self._ranking.is_fraction
        if self._target is not None:
            words = f"target {said(self._target, is_fraction=is_fraction)}"
            yield TargetLine(self._target, words)
        for board, (value, run) in self._best_scores().items() if is_fraction else ():
            share = value if abs(value) <= 1 else value / 100
            if 0 <= share <= 1:
                told = said(share, is_fraction=True)
                yield TargetLine(share, f"{board or 'score'} {told} ({run})")

    def _best_scores(self) -> dict[str, tuple[float, str]]:
        best: dict[str, tuple[float, str]] = {}
        for facts in self._facts:
            for board, value in facts.scores.items():
                found = (value, facts.name)
                best[board] = max(best.get(board, found), found)
        return best

    def _show_selected(self) -> None:
        if self._ranking not in self._rankings:
            self._ranking = MEASURED[0]
        ranking = self._ranking
        board = scoreboard(self._facts, ranking.by, ranking.board, lowest_first=self._lowest_first)
        rows = ScoreRows(
            *(board, ranking.words, ranking.is_fraction, tuple(self._targets())),
            lowest_first=self._lowest_first,
        )
        self._scrolled.show(rows)
        words = f"{figures.plural(len(board.ranked), 'run')} by {ranking.words}"
        if board.without:
            words += f" {self._glyphs.dot} of {board.without} more it is not known"
        self.query_one("#above-scores", Rule).show("scoreboard", words)
        offered = (
            *(keys.CLOSE_SCORES, keys.SHOW_RUN, keys.NEXT_RANKING, keys.TARGET, keys.SCORE),
            *(keys.HELP, keys.PALETTE),
        )
        words_of = {keys.SCORE: "score"}
        offers = [Offer(keys.shown(key), words_of.get(key, key.short)) for key in offered]
        self.query_one(KeyBar).show(offers)


def _fault_of_target(words: str) -> str:
    try:
        score_value(words)
    except UsageError as error:
        return error.message
    return ""
