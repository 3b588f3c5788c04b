"""Rows under a title, one of them selected; rows that only divide others are passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from textual.message import Message

from tui_trainer.tui.widgets.line import Line, Span, fit_line, width_of
from tui_trainer.tui.widgets.scrolled import Scrolled, with_scroll_mark

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from textual import events

    from tui_trainer.tui.glyphs import Glyphs


class Row(NamedTuple):
    """A line, and what it stands for; None for one that only divides others."""

    key: Hashable
    line: Line


class Rows(Protocol):
    """What is shown; equal ones are drawn once."""

    def title(self, width: int, glyphs: Glyphs) -> Line:
        """What stays above the rows."""

    def rows(self, width: int, glyphs: Glyphs) -> Sequence[Row]:
        """All of them, in order."""


class CursorRows(Scrolled):
    """Shows rows; the cursor stays with the row that it is on, wherever that goes."""

    class Moved(Message):
        """Another row is selected."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs, "rows")
        self._data: Rows | None = None
        self._rows: Sequence[Row] = ()
        self._laid_out_for = 0
        self._cursor = 0

    @property
    def selected(self) -> Hashable:
        """What the row under the cursor stands for; None where there is none."""
        return self._rows[self._cursor].key if self._cursor < len(self._rows) else None

    def show(self, data: Rows) -> None:
        """Show these from now on."""
        if data != self._data:
            self._data = data
            self._lay_out()
            self.redraw()

    def select(self, key: Hashable) -> None:
        """Put the cursor on a row."""
        at = next((at for at, row in enumerate(self._rows) if row.key == key), self._cursor)
        self.go_to(at)

    def go_to(self, row: int) -> None:
        """Put the cursor on a row, or on the next one that it can stand on."""
        row = max(0, min(row, self._count - 1))
        step = 1 if row >= self._cursor else -1
        beyond = [
            at for at in range(row, self._count if step > 0 else -1, step) if self._is_one(at)
        ]
        before = [
            at for at in range(row, -1 if step > 0 else self._count, -step) if self._is_one(at)
        ]
        self._cursor = next(iter(beyond or before), 0)
        self.redraw()
        self.post_message(self.Moved())

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The title, and the rows around the cursor."""
        if self._data is None or width < 2 or height < 1:
            return []
        if width != self._laid_out_for:
            self._lay_out()
        self._top = max(0, min(self._top, self._cursor, self._last_top))
        self._top = max(self._top, self._cursor - self._room + 1)
        room = width - 1
        title = fit_line(self._data.title(room, self.glyphs), room, self.glyphs.ellipsis)
        seen = range(self._top, min(self._top + self._room, self._count))
        lines = [self._drawn(at, room) for at in seen]
        return [title, *with_scroll_mark(lines, room, self._top, self._last_top, self.glyphs)]

    def on_click(self, event: events.Click) -> None:
        """Select the row."""
        if event.y and self._top + event.y - 1 < self._count:
            self.go_to(self._top + event.y - 1)

    @property
    def _count(self) -> int:
        return len(self._rows)

    @property
    def _room(self) -> int:
        return max(1, self.size.height - 1)

    @property
    def _place(self) -> int:
        return self._cursor

    def _lay_out(self) -> None:
        key, width = self.selected, self.size.width
        self._rows = () if self._data is None else self._data.rows(max(1, width - 1), self.glyphs)
        self._laid_out_for = width
        places = (at for at, row in enumerate(self._rows) if row.key == key and key is not None)
        self._cursor = max(0, min(next(places, self._cursor), self._count - 1))
        if not self._is_one(self._cursor):
            self._cursor = next((at for at in range(self._count) if self._is_one(at)), 0)

    def _is_one(self, at: int) -> bool:
        return at < self._count and self._rows[at].key is not None

    def _drawn(self, at: int, width: int) -> Line:
        key, line = self._rows[at]
        is_selected = at == self._cursor and key is not None
        edge = Span(self.glyphs.cursor, "accent") if is_selected else Span(" ")
        line = fit_line((edge, *line), width, self.glyphs.ellipsis)
        if not is_selected:
            return line
        filler = Span(" " * (width - width_of(line)))
        return tuple(Span(text, f"{ink} cursor") for text, ink in (*line, filler))
