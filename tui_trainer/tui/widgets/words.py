"""Lines of text at a place of their own: a question, a notice, help; scrolled where it is short."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_trainer.tui.widgets.line import Line, fit_line
from tui_trainer.tui.widgets.scrolled import Scrolled, with_scroll_mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.geometry import Size

    from tui_trainer.tui.glyphs import Glyphs


class Words(Scrolled):
    """Shows the lines it was given, each cut to the width."""

    def __init__(
        self, glyphs: Glyphs, lines: Sequence[Line] = (), *, widget_id: str | None = None
    ) -> None:
        super().__init__(glyphs, widget_id)
        self._lines = tuple(lines)
        self.display = bool(lines)

    def show(self, lines: Sequence[Line]) -> None:
        """Show these from now on, from the same place."""
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
        return self._count

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The lines from the place on that was scrolled to."""
        hidden = self._last_top
        self._top = min(self._top, hidden)
        room = width - 1 if hidden else width
        lines = self._lines[self._top : self._top + height]
        fitting = [fit_line(line, room, self.glyphs.ellipsis) for line in lines]
        return with_scroll_mark(fitting, room, self._top, hidden, self.glyphs)

    @property
    def _count(self) -> int:
        return len(self._lines)
