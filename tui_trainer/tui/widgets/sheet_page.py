"""Pictures of images as a page: what they were, and below that what was made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_trainer.tui.widgets.line import Line, Span, wrap
from tui_trainer.tui.widgets.pictures import Look, Sheet, even, side_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui_trainer.tui.glyphs import Glyphs


@dataclass(frozen=True)
class SheetPage:
    """A sheet under a sentence that says what it is."""

    sheet: Sheet
    look: Look
    words: str
    together: int
    """How many pictures shall stand beside each other, where nothing else is wished."""
    zoom: float = 1.0

    @property
    def begins_at_end(self) -> bool:
        """Looked at from its beginning."""
        return False

    def title(self, width: int, glyphs: Glyphs) -> Line:
        """What is seen."""
        del width, glyphs
        return (Span(f" {self.words}", "muted"),)

    def rows(self, width: int, glyphs: Glyphs) -> Sequence[Line]:
        """The pictures, in the size that was asked for, as far as there is room and more to see."""
        del glyphs
        return self.look.lines(self.sheet, self.side(width), width)

    def side(self, width: int) -> int:
        """Of a picture, in cells."""
        fitting = side_for(self.sheet, width, self.together)
        largest = min(self.sheet.side, even(width - 1))
        return even(min(largest, int(fitting * self.zoom)))


@dataclass(frozen=True)
class WordsPage:
    """Says why there are no pictures, or not yet."""

    words: str
    hint: str = ""
    ink: str = "muted"

    @property
    def begins_at_end(self) -> bool:
        """Read from its beginning."""
        return False

    def title(self, width: int, glyphs: Glyphs) -> Line:
        """Nothing."""
        del width, glyphs
        return ()

    def rows(self, width: int, glyphs: Glyphs) -> Sequence[Line]:
        """The words, and what can be done."""
        del glyphs
        told = [(Span(f"   {text}", self.ink),) for text in wrap(self.words, width - 4)]
        return [*told, *((Span(f"   {text}", "muted"),) for text in wrap(self.hint, width - 4))]
