"""The command palette: what is typed finds what keys do, runs and colours, at the screen's foot."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.message import Message
from textual.screen import ModalScreen

from tui_trainer.record.plain_text import plain_line
from tui_trainer.tui import commands, keys
from tui_trainer.tui.widgets.found_list import FoundList
from tui_trainer.tui.widgets.line import Line, Span
from tui_trainer.tui.widgets.rule import Rule
from tui_trainer.tui.widgets.words import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.screen import Screen

    from tui_trainer.tui.commands import Command
    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.keys import Key
    from tui_trainer.tui.views import RowKey, View

LONGEST = 200


class Asked(Message):
    """The list shall show a row, or only some runs."""

    def __init__(self, place: RowKey | None = None, narrowed_to: str | None = None) -> None:
        super().__init__()
        self.place = place
        self.narrowed_to = narrowed_to


class Palette(ModalScreen["Command"]):
    """Takes what is typed, and ends with the command that was chosen, or with none."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.PALETTE_KEYS)]

    def __init__(self, offered: Sequence[Command], glyphs: Glyphs) -> None:
        super().__init__()
        self._offered = offered
        self._glyphs = glyphs
        self._typed = ""

    def compose(self) -> ComposeResult:
        """What was found, and the line that is typed into."""
        yield Rule(self._glyphs, widget_id="above-found")
        yield FoundList(self._glyphs)
        yield Words(self._glyphs, [self._line()], widget_id="wanted")

    def on_mount(self) -> None:
        """Offer everything."""
        self._take("")

    def on_key(self, event: events.Key) -> None:
        """Take one more character."""
        if event.is_printable and event.character:
            event.stop()
            self._take(self._typed + event.character)

    def on_paste(self, event: events.Paste) -> None:
        """Take what another program copied."""
        self._take(self._typed + plain_line(event.text))

    def on_found_list_chosen(self) -> None:
        """A click chooses."""
        self.action_choose()

    def action_erase(self) -> None:
        """Take the last character back."""
        self._take(self._typed[:-1])

    def action_erase_line(self) -> None:
        """Empty the line."""
        self._take("")

    def action_move(self, rows: int) -> None:
        """To the next one that was found."""
        self._found.move(rows)

    def action_page(self, pages: int) -> None:
        """On by as many as are seen."""
        self._found.move(pages * max(1, self._found.size.height - 1))

    def action_choose(self) -> None:
        """End with the one under the cursor."""
        found = self._found.selected
        if found is not None:
            self.dismiss(found.command)

    def action_close(self) -> None:
        """End with nothing."""
        self.dismiss(None)

    @property
    def _found(self) -> FoundList:
        return self.query_one(FoundList)

    def _take(self, typed: str) -> None:
        self._typed = typed[:LONGEST]
        self._found.show(commands.find(self._offered, self._typed))
        self.query_one("#wanted", Words).show([self._line()])

    def _line(self) -> Line:
        choose, close = keys.shown(keys.CHOOSE), keys.shown(keys.CLOSE_PALETTE)
        hint = f"{choose} does it, {close} does nothing"
        cursor = Span(self._glyphs.cursor, "accent")
        return Span(" :", "key"), Span(self._typed), cursor, Span(f"  {hint}", "muted")


def open_palette(
    screen: Screen[None], shown: Sequence[Key], glyphs: Glyphs, view: View | None = None
) -> None:
    """Ask what is wanted of all that can be done on a screen, and do it there.

    Args:
        screen: Where it is asked.
        shown: The keys that do something there.
        glyphs: The signs that the terminal can show.
        view: The runs that one can go to; they are shown by the app's first screen.
    """
    app = screen.app

    async def do(command: Command | None) -> None:
        if command is None:
            return
        if command.theme:
            app.theme = command.theme
        elif command.action:
            await screen.run_action(command.action)
        else:
            app.screen_stack[1].post_message(Asked(command.place, command.filter))

    app.push_screen(Palette(commands.commands_of(shown, view, glyphs), glyphs), do)
