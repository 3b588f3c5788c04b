"""What screens with a foot share: for a while it says how something went, above the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from textual.screen import Screen

from tui_trainer.record.plain_text import plain_line
from tui_trainer.tui.widgets.line import Line, Span
from tui_trainer.tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.timer import Timer

    from tui_trainer.tui.glyphs import Glyphs

Result = TypeVar("Result")

NOTICE_SECONDS, ERROR_SECONDS = 5.0, 15.0
LINES_OF_ERROR = 3


class Telling(Screen[Result]):
    """A screen that has `Words` called `notice` above its keys.

    Args:
        glyphs: The signs that the terminal can show.
    """

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._notice_timer: Timer | None = None

    def _say(self, words: str, hint: str = "", *, ink: str = "accent") -> None:
        mark = self._glyphs.invalid if ink == "bad" else self._glyphs.dot
        lines: list[Line] = [
            (Span(f" {mark} ", ink), Span(plain_line(line)))
            for line in words.splitlines()[:LINES_OF_ERROR]
        ]
        if hint:
            lines.append((Span(f"   {plain_line(hint)}", "muted"),))
        self.query_one("#notice", Words).show(lines)
        self.add_class("-notice")
        if self._notice_timer is not None:
            self._notice_timer.stop()
        seconds = ERROR_SECONDS if ink == "bad" else NOTICE_SECONDS
        self._notice_timer = self.set_timer(seconds, self._say_nothing)

    def _say_nothing(self) -> None:
        self.query_one("#notice", Words).show([])
        self.remove_class("-notice")
