"""A rule across the screen with the name of what stands below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_trainer.tui.widgets.line import Line, Span, fit_line, width_of
from tui_trainer.tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui_trainer.tui.glyphs import Glyphs


class Rule(LineView):
    """Shows a rule with a name and words beside it."""

    def __init__(self, glyphs: Glyphs, *, widget_id: str) -> None:
        super().__init__(glyphs, widget_id)
        self._title, self._about = "", ""

    def show(self, name: str, words: str) -> None:
        """Show these from now on."""
        if (name, words) != (self._title, self._about):
            self._title, self._about = name, words
            self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """One line."""
        rule = self.glyphs.rule
        line = [Span(f"{rule} ", "faint"), Span(self._title, "strong"), Span("  ")]
        line += [Span(self._about, "muted"), Span(" ")] if self._about else []
        if not self._title:
            line = []
        line = list(fit_line(line, max(0, width - 2), self.glyphs.ellipsis))
        return [(*line, Span(rule * (width - width_of(line)), "faint"))][:height]
