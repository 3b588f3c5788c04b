"""A question that is answered with one key, at the foot of the screen it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.screen import ModalScreen

from tui_trainer.tui import keys
from tui_trainer.tui.widgets.line import Line, Span
from tui_trainer.tui.widgets.rule import Rule
from tui_trainer.tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from tui_trainer.tui.glyphs import Glyphs


class Confirm(ModalScreen[bool]):
    """Asks, and ends with the answer."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.CONFIRM_KEYS)]

    def __init__(self, question: str, glyphs: Glyphs) -> None:
        super().__init__()
        self._question = question
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        """A rule, the question, and its two keys."""
        yes, no = keys.shown(keys.YES), keys.shown(keys.NO)
        lines: list[Line] = [
            (Span(f" {self._question}", "strong"),),
            (
                Span(f" {yes}", "key"),
                Span(" yes   ", "muted"),
                Span(no, "key"),
                Span(" no", "muted"),
            ),
        ]
        yield Rule(self._glyphs, widget_id="above-question")
        yield Words(self._glyphs, lines)

    def action_answer(self, answer: bool) -> None:  # noqa: FBT001 - the key table passes it
        """End with the answer."""
        self.dismiss(answer)
