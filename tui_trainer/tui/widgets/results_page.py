"""What evaluation found as a page: figures, the worst classes, and corruptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_trainer.tui import figures
from tui_trainer.tui.widgets.line import Line, Span, fit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tui_trainer.tui.detail import Corruption, Results
    from tui_trainer.tui.glyphs import Glyphs

TITLE, NAME, CELL = 32, 22, 7


@dataclass(frozen=True)
class ResultsPage:
    """The results of a run."""

    results: Results

    @property
    def begins_at_end(self) -> bool:
        """Read from its beginning."""
        return False

    def title(self, width: int, glyphs: Glyphs) -> Line:
        """What the figures are of."""
        del width
        if not self.results.figures:
            return (Span(" nothing was measured on the test images yet", "muted"),)
        words = "of the best epoch's weights", "accuracies in percent"
        return (Span(f" {f' {glyphs.dot} '.join(words)}", "muted"),)

    def rows(self, width: int, glyphs: Glyphs) -> Sequence[Line]:
        """Each part that there is, apart by blank rows."""
        del width
        parts = (
            list(self._figures()),
            list(self._worst()),
            list(self._corruptions(glyphs)),
        )
        rows = [row for part in parts if part for row in (*part, ())]
        return rows[:-1]

    def _figures(self) -> Iterator[Line]:
        for title, facts in self.results.figures:
            spans = [Span(f" {fit(title, TITLE)}", "strong")]
            for word, value in facts:
                spans += [Span(f"{word} ", "muted"), Span(f"{value}   ")]
            yield tuple(spans)

    def _worst(self) -> Iterator[Line]:
        if not self.results.worst:
            return
        spans = [Span(f" {fit('worst classes', TITLE)}", "strong")]
        for name, accuracy in self.results.worst:
            spans += [Span(f"{name}: ", "muted"), Span(f"{figures.percent(accuracy)}   ")]
        yield tuple(spans)

    def _corruptions(self, glyphs: Glyphs) -> Iterator[Line]:
        rows = self.results.corruptions
        severities = sorted({each for row in rows for each, _ in row.by_severity}, key=_in_order)
        if not rows:
            return
        heads = "".join(each.rjust(CELL) for each in (*severities, "mean"))
        yield (
            Span(f" {fit('corruption, the worst first', NAME + 8)}", "strong"),
            Span(heads, "muted"),
        )
        yield from (_corruption(row, severities, glyphs) for row in rows)


def _corruption(row: Corruption, severities: Sequence[str], glyphs: Glyphs) -> Line:
    values = dict(row.by_severity)
    cells = "".join(
        figures.percent(values.get(each), glyphs.dash).rjust(CELL) for each in severities
    )
    mean = figures.percent(row.mean, glyphs.dash).rjust(CELL)
    name = Span(f"   {fit(row.name, NAME + 6, glyphs.ellipsis)}", "muted")
    return name, Span(cells), Span(mean, "strong")


def _in_order(severity: str) -> tuple[int, str]:
    """Numbers by their size, whatever else there may be after them."""
    return (int(severity), "") if severity.isdecimal() else (10**6, severity)
