"""Lines that may be more than there is room for: scrolled, with a mark that says where one is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_trainer.tui.widgets.line import Line, Span, fit_line, width_of
from tui_trainer.tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.geometry import Size

    from tui_trainer.tui.glyphs import Glyphs

WHEEL_ROWS = 3


class Pages(LineView):
    """Shows as many of the lines as have room."""

    def __init__(
        self, glyphs: Glyphs, lines: Sequence[Line] = (), *, widget_id: str | None = None
    ) -> None:
        super().__init__(glyphs, widget_id)
        self._lines = tuple(lines)
        self._top = 0

    def show(self, lines: Sequence[Line]) -> None:
        """Show these from now on, from the same place."""
        grew = len(lines) != len(self._lines)
        self._lines = tuple(lines)
        self.redraw()
        if grew:
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One row for each line."""
        del container, viewport, width
        return len(self._lines)

    def move(self, rows: int) -> None:
        """Scroll, as far as there are lines."""
        self._top = max(0, min(self._top + rows, len(self._lines) - self.size.height))
        self.redraw()

    def move_pages(self, pages: int) -> None:
        """Scroll by what fits on the screen."""
        self.move(pages * max(1, self.size.height - 1))

    def move_to_end(self, *, last: bool) -> None:
        """Scroll to the first or the last line."""
        self.move(len(self._lines) if last else -len(self._lines))

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The lines from the place on that was scrolled to."""
        hidden = max(0, len(self._lines) - height)
        self._top = min(self._top, hidden)
        room = width - 1 if hidden else width
        lines = self._lines[self._top : self._top + height]
        fitting = [fit_line(line, room, self.glyphs.ellipsis) for line in lines]
        return with_scroll_mark(fitting, room, self._top, hidden, self.glyphs)

    def on_mouse_scroll_down(self) -> None:
        """Down by a few rows."""
        self.move(WHEEL_ROWS)

    def on_mouse_scroll_up(self) -> None:
        """Up by a few rows."""
        self.move(-WHEEL_ROWS)


def with_scroll_mark(
    lines: list[Line], width: int, top: int, hidden: int, glyphs: Glyphs
) -> list[Line]:
    """The lines with a mark right of them that tells which part of all lines they are."""
    visible = len(lines)
    if not hidden or not visible:
        return lines
    length = max(1, visible * visible // (visible + hidden))
    begin = round(top / hidden * (visible - length))
    for y in range(begin, min(begin + length, visible)):
        filler = Span(" " * (width - width_of(lines[y])))
        lines[y] = (*lines[y], filler, Span(glyphs.scroll, "faint"))
    return lines
