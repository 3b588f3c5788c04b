"""A few lines of text at a place of their own: the first start, help, a question, a notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_trainer.tui.widgets.line import Line, fit_line
from tui_trainer.tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.geometry import Size

    from tui_trainer.tui.glyphs import Glyphs


class Words(LineView):
    """Shows the lines it was given, each cut to the width."""

    def __init__(
        self, glyphs: Glyphs, lines: Sequence[Line] = (), *, widget_id: str | None = None
    ) -> None:
        super().__init__(glyphs, widget_id)
        self._lines = tuple(lines)
        self.display = bool(lines)

    def show(self, lines: Sequence[Line]) -> None:
        """Show these from now on."""
        if tuple(lines) == self._lines:
            return
        grew = len(lines) != len(self._lines)
        self._lines = tuple(lines)
        self.display = bool(lines)
        self.redraw()
        if grew:
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One row for each line."""
        del container, viewport, width
        return len(self._lines)

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """As many of the lines as there is room for."""
        return [fit_line(line, width, self.glyphs.ellipsis) for line in self._lines[:height]]
