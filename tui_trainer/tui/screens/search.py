"""Asks for the words to look for, at the foot of the screen that they are looked for in."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.screen import ModalScreen

from tui_trainer.record.plain_text import plain_line
from tui_trainer.tui import keys
from tui_trainer.tui.widgets.line import Line, Span
from tui_trainer.tui.widgets.words import Words

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from tui_trainer.tui.glyphs import Glyphs

LONGEST = 200


class Search(ModalScreen[str]):
    """Takes what is typed, and ends with it; with nothing where it was given up."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.SEARCH_KEYS)]

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._typed = ""

    def compose(self) -> ComposeResult:
        """One line."""
        yield Words(self._glyphs, [self._line()])

    def on_key(self, event: events.Key) -> None:
        """Take one more character."""
        if event.is_printable and event.character:
            event.stop()
            self._take(self._typed + event.character)

    def on_paste(self, event: events.Paste) -> None:
        """Take what another program copied."""
        self._take(self._typed + plain_line(event.text))

    def action_erase(self) -> None:
        """Take the last character back."""
        self._take(self._typed[:-1])

    def action_erase_line(self) -> None:
        """Empty the line."""
        self._take("")

    def action_find(self) -> None:
        """End with what was typed."""
        self.dismiss(self._typed)

    def action_give_up(self) -> None:
        """End with nothing."""
        self.dismiss("")

    def _take(self, typed: str) -> None:
        self._typed = typed[:LONGEST]
        self.query_one(Words).show([self._line()])

    def _line(self) -> Line:
        find, give_up = keys.shown(keys.FIND), keys.shown(keys.GIVE_UP)
        hint = f"{find} looks for it, {give_up} does not"
        cursor = Span(self._glyphs.cursor, "accent")
        return Span(" /", "key"), Span(self._typed), cursor, Span(f"  {hint}", "muted")
