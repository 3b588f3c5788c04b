"""The base of widgets with more rows than room: moved through by keys and by the wheel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_trainer.tui.widgets.line import Line, Span, width_of
from tui_trainer.tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from tui_trainer.tui.glyphs import Glyphs

WHEEL_ROWS = 3


class Scrolled(LineView):
    """A widget that shows rows from the one on that was scrolled to."""

    def __init__(self, glyphs: Glyphs, widget_id: str | None = None) -> None:
        super().__init__(glyphs, widget_id)
        self._top = 0

    @property
    def _count(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    @property
    def _room(self) -> int:
        """How many of them are seen at once."""
        return self.size.height

    @property
    def _place(self) -> int:
        """The row from which one moves on."""
        return self._top

    @property
    def _last_top(self) -> int:
        """The row that is seen first at the end."""
        return max(0, self._count - self._room)

    def go_to(self, row: int) -> None:
        """Show a row first, as far as there are rows to fill the place."""
        self._top = max(0, min(row, self._last_top))
        self.redraw()

    def move(self, rows: int) -> None:
        """Go to a later row, or to an earlier one for a negative number."""
        self.go_to(self._place + rows)

    def move_pages(self, pages: int) -> None:
        """As `move`, by what is seen at once."""
        self.move(pages * max(1, self._room - 1))

    def move_to_end(self, *, last: bool) -> None:
        """Go to the last row, or to the first one."""
        self.go_to(self._count if last else 0)

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
