"""Asks for a line of text, at the foot of the screen that it is about."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.message import Message
from textual.screen import ModalScreen

from tui_trainer.record.plain_text import plain_line
from tui_trainer.record.remarks import LONGEST_NOTE
from tui_trainer.tui import keys
from tui_trainer.tui.widgets.line import Line, Span, end_of, width_of
from tui_trainer.tui.widgets.rule import Rule
from tui_trainer.tui.widgets.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from tui_trainer.tui.glyphs import Glyphs

LONGEST = 1000
# Of what is pasted; a character may be an escape sequence of which nothing is taken.
MOST_PASTED = 100_000


class Ask(ModalScreen[str]):
    """Takes what is typed until nothing is wrong with it; ends with nothing where it is given up.

    Args:
        question: What is asked for.
        hint: What can be typed.
        glyphs: The signs that the terminal can show.
        fault_of: Says what is wrong with what was typed; nothing where it can be taken.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.ASK_KEYS)]
    offered: ClassVar[tuple[keys.Key, ...]] = keys.ASK_KEYS
    longest: ClassVar[int] = LONGEST
    """Characters that are taken."""

    def __init__(
        self, question: str, hint: str, glyphs: Glyphs, fault_of: Callable[[str], str]
    ) -> None:
        super().__init__()
        self._question = question
        self._hint = hint
        self._glyphs = glyphs
        self._fault_of = fault_of
        self._typed = ""
        self._above: Line = ()

    def compose(self) -> ComposeResult:
        """A rule, the question with what is typed, and the keys."""
        yield Rule(self._glyphs, widget_id="above-question")
        yield Words(self._glyphs)

    def on_mount(self) -> None:
        """Nothing is typed yet."""
        self._take("")

    def on_resize(self) -> None:
        """What has no room any more is cut at its beginning."""
        self._show()

    def on_key(self, event: events.Key) -> None:
        """Take one more character."""
        if event.is_printable and event.character:
            event.stop()
            self._take(self._typed + event.character)

    def on_paste(self, event: events.Paste) -> None:
        """Take what another program copied."""
        event.stop()
        text = event.text[:MOST_PASTED]
        self._take(self._typed + plain_line(text, len(text)))

    def action_take(self) -> None:
        """End with what was typed, or say what is wrong with it."""
        typed = self._typed.strip()
        self._end_unless(self._fault_of(typed) if typed else "", typed)

    def action_erase(self) -> None:
        """Take the last character back."""
        self._take(self._typed[:-1])

    def action_erase_line(self) -> None:
        """Empty the line."""
        self._take("")

    def action_give_up(self) -> None:
        """End with nothing."""
        self.dismiss("")

    def _take(self, typed: str) -> None:
        self._typed, self._above = typed[: self.longest], ()
        if len(typed) > self.longest:
            self._refuse(f"that has no room: the first {self.longest:,} characters are taken")
        else:
            self._show()

    def _end_unless(self, fault: str, words: str) -> None:
        if fault:
            self._refuse(fault)
        else:
            self.dismiss(words)

    def _refuse(self, fault: str) -> None:
        self._show_above((Span(f" {self._glyphs.invalid} ", "bad"), Span(fault)))

    def _show_above(self, line: Line) -> None:
        self._above = line
        self._show()

    def _show(self) -> None:
        hint: list[Span] = []
        for key in self.offered:
            if word := _WORDS.get(key):
                hint += [Span(f" {keys.shown(key)}", "key"), Span(f" {word}  ", "muted")]
        lines = [self._line(), (*hint, Span(f" {self._hint}", "muted"))]
        self.query_one(Words).show([self._above, *lines] if self._above else lines)

    def _line(self) -> Line:
        question = Span(f" {self._question} ", "strong")
        room = self.size.width - width_of([question]) - 2
        shown = end_of(self._typed, max(1, room))
        return question, Span(shown), Span(self._glyphs.cursor, "accent")


class AskForFolder(Ask):
    """Takes a folder, once it was looked into: that takes as long as the disk does."""

    class Looked(Message):
        """What is wrong with what was typed; nothing where it can be taken."""

        def __init__(self, typed: str, fault: str) -> None:
            super().__init__()
            self.typed = typed
            self.fault = fault

    def action_take(self) -> None:
        """Look into it, in a thread that whoever gives up does not wait for."""
        typed = self._typed.strip()
        if not typed:
            self.dismiss("")
            return
        self._show_above((Span(f" looking into it {self._glyphs.ellipsis}", "muted"),))
        self.app.run_worker(partial(self._look_into, typed), thread=True)

    def on_ask_for_folder_looked(self, message: Looked) -> None:
        """Take it, unless something else is typed by now."""
        if message.typed == self._typed.strip():
            self._end_unless(message.fault, message.typed)

    def _look_into(self, typed: str) -> None:
        self.post_message(self.Looked(typed, self._fault_of(typed)))


class AskForNote(Ask):
    """Takes a line of a note, or `WRITE_IT` and what was typed of it.

    Args:
        question: As for `Ask`, like those that follow.
        hint: See there.
        glyphs: See there.
        fault_of: See there.
        why_not_written: Says what keeps it from the editor; nothing where nothing does.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings((keys.WRITE,))]
    offered = keys.NOTE_KEYS
    longest = LONGEST_NOTE

    def __init__(
        self,
        question: str,
        hint: str,
        glyphs: Glyphs,
        fault_of: Callable[[str], str],
        why_not_written: Callable[[], str],
    ) -> None:
        super().__init__(question, hint, glyphs, fault_of)
        self._why_not_written = why_not_written

    def action_write(self) -> None:
        """End with the wish to write all of it."""
        self._end_unless(self._why_not_written(), WRITE_IT + self._typed.strip())


WRITE_IT = "\x05"
"""No text that can be typed: the note is to be written in an editor, beginning with the rest."""
_WORDS = {keys.TAKE: "takes it", keys.GIVE_UP: "leaves it", keys.WRITE: "in your editor"}
