"""The line that a filter is typed into, and above it what can be typed or what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.message import Message

from tui_trainer.record.plain_text import plain_text
from tui_trainer.tui import keys
from tui_trainer.tui.widgets.line import Span
from tui_trainer.tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.widgets import Input

    from tui_trainer.tui.glyphs import Glyphs

EXAMPLE = "state:crashed  ood>0.4  tag:base  depth=4  -word"


class FilterLine(Vertical):
    """Takes no room until it is opened; then it has the keyboard."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings((keys.GIVE_UP,))]

    class Changed(Message):
        """The text is another one."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Kept(Message):
        """The text is to stay as it is."""

    class GivenUp(Message):
        """What was there before it was opened is to come back."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self.display = False

    def compose(self) -> ComposeResult:
        """The words; the line is there while it is open."""
        yield Words(self._glyphs, widget_id="filter-words")

    def open(self, text: str) -> None:
        """Let the text be changed."""
        from textual.widgets import Input

        if self.display:
            self.query_one(Input).focus()
            return
        line = Input(plain_text(text), id="filter", compact=True, select_on_focus=False)
        line.cursor_blink = False  # each blink is bytes over SSH
        self.display = True
        self.mount(line)
        line.focus()

    def close(self) -> None:
        """Take no room any more."""
        self.query("#filter").remove()
        self.display = False

    def say(self, fault: str) -> None:
        """Say what is wrong with the text; where nothing is, what can be typed."""
        words = self.query_one(Words)
        if fault:
            words.show([(Span(f" {self._glyphs.invalid} ", "bad"), Span(fault))])
            return
        keeps = (Span(f" {keys.shown(keys.OPEN)}", "key"), Span(" keeps  ", "muted"))
        leaves = (Span(keys.shown(keys.GIVE_UP), "key"), Span(" gives up   ", "muted"))
        words.show([(*keeps, *leaves, Span(EXAMPLE, "muted"))])

    def action_give_up(self) -> None:
        """Tell that the text is not wanted."""
        self.post_message(self.GivenUp())

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell of it; what was pasted is made safe first."""
        event.stop()
        safe = plain_text(event.value)
        if safe == event.value:
            self.post_message(self.Changed(safe))
        else:
            event.input.value = safe

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The text is as it was meant."""
        event.stop()
        self.post_message(self.Kept())
