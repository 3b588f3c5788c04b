"""A page of lines that is longer than its place: moved through, and followed at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tui_trainer.tui import keys
from tui_trainer.tui.widgets.line import Line, Span, fit_line, justify, width_of
from tui_trainer.tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events

    from tui_trainer.tui.glyphs import Glyphs


class Page(Protocol):
    """What a page view shows."""

    @property
    def begins_at_end(self) -> bool:
        """Whether its end is what one looks for first."""

    def title(self, width: int, glyphs: Glyphs) -> Line:
        """What stays above it."""

    def rows(self, width: int, glyphs: Glyphs) -> Sequence[Line]:
        """All of it, each row of at most `width` cells."""


@dataclass(frozen=True)
class NoPage:
    """Stands where a page is being read."""

    begins_at_end: bool = False

    def title(self, width: int, glyphs: Glyphs) -> Line:
        """That it is being read."""
        del width
        return (Span(f" reading {glyphs.ellipsis}", "muted"),)

    def rows(self, width: int, glyphs: Glyphs) -> Sequence[Line]:
        """None."""
        del width, glyphs
        return ()


class PageView(LineView):
    """Shows a page under its title."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs, "page")
        self._shown_page: Page | None = None
        self._rows: Sequence[Line] = ()
        self._laid_out_for = 0
        self._top = 0
        self._is_at_end = False

    def show(self, page: Page) -> None:
        """Show another page from its beginning, or from its end."""
        self._is_at_end = page.begins_at_end
        self._top = 0
        self.update(page)

    def update(self, page: Page) -> None:
        """Show what the page is by now, at the place where one is in it."""
        if page != self._shown_page:
            self._shown_page = page
            self._laid_out_for = 0
            self.redraw()

    @property
    def top(self) -> int:
        """The first row of the page that is seen."""
        return self._top

    @property
    def row_width(self) -> int:
        """Cells that a row may cover; the last one of the widget tells where in the page one is."""
        return max(0, self.size.width - 1)

    def move(self, rows: int) -> None:
        """Show later rows, or earlier ones for a negative number."""
        self.go_to(self._top + rows)

    def move_pages(self, pages: int) -> None:
        """As `move`, by what is seen at once."""
        self.move(pages * max(1, self._room - 1))

    def move_to_end(self, *, last: bool) -> None:
        """Show the last rows, or the first ones."""
        self.go_to(len(self._rows) if last else 0)

    def go_to(self, row: int) -> None:
        """Show a row first, as far as there are rows to fill the place."""
        self._top = min(max(0, row), self._last_top)
        self._is_at_end = self._top == self._last_top and row > 0
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The title, and as many rows as there is room for, with where they stand in the page."""
        if self._shown_page is None or height < 1:
            return []
        if width != self._laid_out_for:
            self._rows = self._shown_page.rows(self.row_width, self.glyphs)
            self._laid_out_for = width
        begin = self._last_top if self._is_at_end else min(self._top, self._last_top)
        self._top = begin
        title = justify(
            self._shown_page.title(width, self.glyphs),
            self._about_end(self._shown_page),
            width,
            self.glyphs.ellipsis,
        )
        seen = self._rows[begin : begin + self._room]
        return [title, *(self._with_mark(row, at, width) for at, row in enumerate(seen))]

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows on."""
        event.stop()
        self.move(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows back."""
        event.stop()
        self.move(-3)

    def _about_end(self, page: Page) -> Line:
        """Whether rows that are added will be seen, where that is what one looks for."""
        if not page.begins_at_end:
            return ()
        bottom = keys.shown(keys.BOTTOM)
        return (Span("follows its end " if self._is_at_end else f"{bottom} follows ", "muted"),)

    @property
    def _room(self) -> int:
        return max(0, self.size.height - 1)

    @property
    def _last_top(self) -> int:
        return max(0, len(self._rows) - self._room)

    def _with_mark(self, row: Line, at: int, width: int) -> Line:
        """The row with its part of the bar that tells where in the page one is."""
        row = fit_line(row, width - 1, self.glyphs.ellipsis)
        count, room = len(self._rows), self._room
        if count <= room:
            return row
        begin = self._top * room // count
        end = max(begin + 1, (self._top + room) * room // count)
        if not begin <= at < end:
            return row
        return (*row, Span(" " * (width - 1 - width_of(row))), Span(self.glyphs.scroll, "faint"))
