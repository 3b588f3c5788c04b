"""A page of lines that is longer than its place: moved through, and followed at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tui_trainer.tui import keys
from tui_trainer.tui.widgets.line import Line, Span, fit_line, justify
from tui_trainer.tui.widgets.scrolled import Scrolled, with_scroll_mark

if TYPE_CHECKING:
    from collections.abc import Sequence

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


class PageView(Scrolled):
    """Shows a page under its title."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs, "page")
        self._shown_page: Page | None = None
        self._rows: Sequence[Line] = ()
        self._laid_out_for = 0
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

    def go_to(self, row: int) -> None:
        """Show a row first; at the end, what is added there is seen as well."""
        self._is_at_end = row > 0 and row >= self._last_top
        super().go_to(row)

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The title, and as many rows as there is room for, with where they stand in the page."""
        if self._shown_page is None or height < 1:
            return []
        if width != self._laid_out_for:
            self._rows = self._shown_page.rows(self.row_width, self.glyphs)
            self._laid_out_for = width
        self._top = self._last_top if self._is_at_end else min(self._top, self._last_top)
        title = justify(
            self._shown_page.title(width, self.glyphs),
            self._about_end(self._shown_page),
            width,
            self.glyphs.ellipsis,
        )
        seen = [
            fit_line(row, self.row_width, self.glyphs.ellipsis)
            for row in self._rows[self._top : self._top + self._room]
        ]
        hidden = self._last_top
        return [title, *with_scroll_mark(seen, self.row_width, self._top, hidden, self.glyphs)]

    def _about_end(self, page: Page) -> Line:
        """Whether rows that are added will be seen, where that is what one looks for."""
        if not page.begins_at_end:
            return ()
        bottom = keys.shown(keys.BOTTOM)
        return (Span("follows its end " if self._is_at_end else f"{bottom} follows ", "muted"),)

    @property
    def _count(self) -> int:
        return len(self._rows)

    @property
    def _room(self) -> int:
        return max(0, self.size.height - 1)
