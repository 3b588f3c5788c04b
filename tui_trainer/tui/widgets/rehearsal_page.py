"""What the preflights found that were asked for before a launch, one experiment below the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_trainer.tui import figures
from tui_trainer.tui.widgets.line import Line, Span, wrap
from tui_trainer.tui.widgets.preflight_page import finding_rows, in_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tui_trainer.record.preflight import Preflight
    from tui_trainer.tui.glyphs import Glyphs


@dataclass(frozen=True)
class RehearsalPage:
    """The tables as far as they are there."""

    tables: tuple[tuple[str, Preflight], ...] = ()
    state: str = ""
    """What is to be said of them as a whole: not asked yet, under way, of other settings."""
    fault: str = ""
    """Why a table could not be had."""

    @property
    def begins_at_end(self) -> bool:
        """Read from its beginning."""
        return False

    def title(self, width: int, glyphs: Glyphs) -> Line:
        """How it stands."""
        del width, glyphs
        return (Span(" preflight", "strong"), Span(f"  {self.state}", "muted"))

    def rows(self, width: int, glyphs: Glyphs) -> Sequence[Line]:
        """Of each experiment what needs a person first."""
        return list(self._rows(width, glyphs))

    def _rows(self, width: int, glyphs: Glyphs) -> Iterator[Line]:
        for text in wrap(self.fault, width - 3):
            yield (Span(f" {glyphs.invalid} {text}", "bad"),)
        for name, table in self.tables:
            if len(self.tables) > 1:
                yield (Span(f" {name}", "strong"), Span(f"  {verdict(table)}", "muted"))
            for finding in in_order(table.findings):
                yield from finding_rows(finding, width, glyphs)


def verdict(table: Preflight) -> str:
    """What was found in short: `1 error, 2 warnings`, `ready to run`."""
    counted = ((table.errors, "error"), (table.warnings, "warning"))
    words = ", ".join(figures.plural(len(some), word) for some, word in counted if some)
    return words or "ready to run"
