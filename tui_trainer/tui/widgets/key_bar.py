"""The last line: the keys that do something here and now."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.message import Message

from tui_trainer.tui.widgets.line import Line, Span, width_of
from tui_trainer.tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events

    from tui_trainer.tui.glyphs import Glyphs

# Columns from which on keys stand further apart, whether or not all of them have room then.
ROOM_FOR_GAPS = 100


class Offer(NamedTuple):
    """A key and its word."""

    key: str
    word: str
    is_possible: bool = True
    """Whether it would do something now; if not, it is shown dimmed at its place."""


class KeyBar(LineView):
    """Shows what keys do; a click on one presses it."""

    class Pressed(Message):
        """A key was clicked.

        Args:
            key: As the line names it.
        """

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._offers: tuple[Offer, ...] = ()
        self._ends: dict[int, Offer] = {}

    def show(self, offers: Sequence[Offer]) -> None:
        """Show these from now on."""
        if tuple(offers) != self._offers:
            self._offers = tuple(offers)
            self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """One line; what has no room is left out whole."""
        all_of_them = sum(width_of([Span(f"{key} {word}   ")]) for key, word, _ in self._offers)
        gap = " " * (2 if width < ROOM_FOR_GAPS and 1 + all_of_them - 3 > width else 3)
        line: list[Span] = [Span(" ")]
        self._ends = {}
        for offer in self._offers:
            key, word = ("key", "muted") if offer.is_possible else ("faint", "faint")
            piece = [Span(offer.key, key), Span(f" {offer.word}{gap}", word)]
            if width_of(line) + width_of(piece) - len(gap) > width:
                break
            line += piece
            self._ends[width_of(line) - len(gap)] = offer
        return [tuple(line)][:height]

    def on_click(self, event: events.Click) -> None:
        """Press what lies there, where it would do something."""
        end = next((end for end in self._ends if event.x < end), None)
        offer = None if end is None else self._ends[end]
        if offer is not None and offer.is_possible:
            self.post_message(self.Pressed(offer.key))
