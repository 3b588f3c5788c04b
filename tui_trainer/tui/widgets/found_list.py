"""What a command palette has found: a line for each, its key beside it, one of them selected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from tui_trainer.tui.widgets.line import Line, Span, fit, fit_line, width_of
from tui_trainer.tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual import events
    from textual.geometry import Size

    from tui_trainer.tui.commands import Found
    from tui_trainer.tui.glyphs import Glyphs

MOST_ROWS = 12
KEY_WIDTH = 9


class FoundList(LineView):
    """Shows them, the best first, and has a cursor."""

    class Chosen(Message):
        """One was clicked; it is the selected one."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._found: Sequence[Found] = ()
        self._cursor = 0
        self._top = 0

    @property
    def selected(self) -> Found | None:
        """The one under the cursor."""
        return self._found[self._cursor] if self._found else None

    def show(self, found: Sequence[Found]) -> None:
        """Show these from now on, the cursor on the first one."""
        self._found = found
        self._cursor = self._top = 0
        self.redraw()

    def move(self, rows: int) -> None:
        """Move the cursor, as far as there are rows."""
        self._cursor = max(0, min(self._cursor + rows, len(self._found) - 1))
        self.redraw()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as are looked over at once, whatever was found: nothing jumps."""
        del container, width
        return max(1, min(MOST_ROWS, viewport.height - 3))

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The rows around the cursor."""
        if not self._found:
            return [(Span("   nothing has that", "muted"),)][:height]
        self._top = min(self._top, self._cursor)
        self._top = max(self._top, self._cursor - height + 1)
        seen = self._found[self._top : self._top + height]
        return [self._row(found, self._top + at, width) for at, found in enumerate(seen)]

    def on_click(self, event: events.Click) -> None:
        """Choose the row."""
        event.stop()
        if self._top + event.y < len(self._found):
            self._cursor = self._top + event.y
            self.post_message(self.Chosen())

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows on."""
        event.stop()
        self.move(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows back."""
        event.stop()
        self.move(-3)

    def _row(self, found: Found, index: int, width: int) -> Line:
        is_selected = index == self._cursor
        ground = " cursor" if is_selected else ""
        mark = self.glyphs.cursor if is_selected else " "
        line = (
            Span(mark, f"accent{ground}"),
            Span(f" {fit(found.command.key, KEY_WIDTH)}", f"key{ground}"),
            *(Span(text, ink + ground) for text, ink in _told_apart(found)),
        )
        line = fit_line(line, width, self.glyphs.ellipsis)
        return (*line, Span(" " * (width - width_of(line)), ground.strip()))


def _told_apart(found: Found) -> Iterator[Span]:
    """The words, with the characters that were typed in another ink."""
    text, was_typed = "", False
    for at, character in enumerate(found.command.words):
        if (at in found.positions) != was_typed and text:
            yield Span(text, "accent" if was_typed else "")
            text = ""
        was_typed = at in found.positions
        text += character
    yield Span(text, "accent" if was_typed else "")
