"""A scoreboard as rows: ranks, figures and scores, and lines at what one wants to reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.tui import figures
from tui_trainer.tui.widgets.bar import bar
from tui_trainer.tui.widgets.cursor_rows import Row
from tui_trainer.tui.widgets.line import Line, Span, fit, width_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tui_trainer.study.scoreboard import Ranked, Scoreboard
    from tui_trainer.tui.glyphs import Glyphs

LONGEST_NAME, SHORTEST_NAME, LONGEST_BOARD = 40, 10, 12
FIGURES = {"ood": "ood", "gap": "gap", "test": "test", "best": "best"}
FIGURE_WIDTH, BAR_WIDTH, VALUE_WIDTH = 7, 12, 8


class TargetLine(NamedTuple):
    """A value to reach, on the scale that runs are ranked by."""

    value: float
    words: str


@dataclass(frozen=True)
class ScoreRows:
    """The rows of a scoreboard."""

    board: Scoreboard
    by: str
    """What ranks them, in a word."""
    is_fraction: bool
    """Whether that is one, which people say in percent."""
    targets: tuple[TargetLine, ...]
    lowest_first: bool

    def title(self, width: int, glyphs: Glyphs) -> Line:
        """The names of the columns."""
        cells = "".join(f"{title:>{size}}" for title, size, _ in self._columns(width))
        arrow = glyphs.ascending if self.lowest_first else glyphs.descending
        name = fit("run", self._name_width(width))
        by = fit(f"{arrow} {self.by}", VALUE_WIDTH, glyphs.ellipsis, right=True)
        return (
            Span(f"    {'#':>3} {name}", "muted"),
            Span(by, "accent"),
            Span(f"  {'':{BAR_WIDTH}}{cells}  tags", "muted"),
        )

    def rows(self, width: int, glyphs: Glyphs) -> Sequence[Row]:
        """A row for each run, and a line where a target stands between two of them."""
        targets = sorted(self.targets, reverse=not self.lowest_first)
        rows: list[Row] = []
        for ranked in self.board.ranked:
            while targets and self._is_behind(ranked.value, targets[0].value):
                rows.append(Row(None, self._target(targets.pop(0), len(rows), width, glyphs)))
            rows.append(Row(ranked.facts.name, tuple(self._cells(ranked, width, glyphs))))
        rows += [Row(None, self._target(each, len(rows), width, glyphs)) for each in targets]
        return rows

    def _is_behind(self, value: float, target: float) -> bool:
        return value > target if self.lowest_first else value < target

    def _target(self, target: TargetLine, above: int, width: int, glyphs: Glyphs) -> Line:
        reached = "nothing is there yet" if not above else ""
        words = f"{glyphs.rule * 3} {target.words}  {reached}".rstrip() + " "
        line = Span(f"  {words}", "warn")
        return (line, Span(glyphs.rule * max(0, width - 2 - width_of([line])), "faint"))

    def _cells(self, ranked: Ranked, width: int, glyphs: Glyphs) -> Iterator[Span]:
        facts, name = ranked.facts, self._name_width(width)
        ink = "good strong" if ranked.rank == 1 else ""
        yield Span(f"   {ranked.rank:>3} ", "muted")
        yield Span(fit(facts.name, name, glyphs.ellipsis), "strong")
        yield Span(f"{said(ranked.value, is_fraction=self.is_fraction):>{VALUE_WIDTH}}  ", ink)
        yield from bar(self._share(ranked.value), BAR_WIDTH, glyphs)
        for _, size, figure in self._columns(width):
            yield Span(f"{figure(ranked):>{size}}")
        yield Span(f"  {' '.join(facts.tags)}", "muted")

    def _share(self, value: float) -> float:
        """Of an accuracy itself; of a score its part of the largest."""
        most = max((abs(each.value) for each in self.board.ranked), default=1.0)
        return value if self.is_fraction else abs(value) / (most or 1.0)

    def _columns(self, width: int) -> list[tuple[str, int, _Figure]]:
        """The other figures and every board's scores, as far as there is room."""
        columns: list[tuple[str, int, _Figure]] = [
            (title, FIGURE_WIDTH, _Measured(key))
            for key, title in FIGURES.items()
            if key != self.by
        ]
        for board in self.board.boards:
            title = fit(board or "score", min(LONGEST_BOARD, len(board or "score"))).rstrip()
            if (board or "score") != self.by:
                columns.append((title, max(FIGURE_WIDTH, len(title) + 2), _Scored(board)))
        room = width - 8 - self._name_width(width) - VALUE_WIDTH - 2 - BAR_WIDTH - 6
        while columns and sum(size for _, size, _ in columns) > room:
            columns.pop()
        return columns

    def _name_width(self, width: int) -> int:
        names = [width_of([Span(each.facts.name)]) for each in self.board.ranked]
        return max(SHORTEST_NAME, min(max(names, default=3), LONGEST_NAME, width - 40))


class _Measured(NamedTuple):
    key: str

    def __call__(self, ranked: Ranked) -> str:
        return figures.percent(ranked.facts.figures.get(self.key))


class _Scored(NamedTuple):
    board: str

    def __call__(self, ranked: Ranked) -> str:
        score = ranked.facts.scores.get(self.board)
        return "" if score is None else f"{score:g}"


_Figure = _Measured | _Scored


def said(value: float, *, is_fraction: bool) -> str:
    """An accuracy in percent, a score as its board says it."""
    return figures.percent(value) if is_fraction else f"{value:g}"
