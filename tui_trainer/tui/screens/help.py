"""What every key does, from the key table."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.screen import ModalScreen

from tui_trainer.tui import keys
from tui_trainer.tui.widgets.line import Line, Span
from tui_trainer.tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from tui_trainer.tui.glyphs import Glyphs

KEY_WIDTH = 20


class Help(ModalScreen[None]):
    """Shows the keys by group; it fits 80x24."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.HELP_KEYS)]

    def __init__(self, glyphs: Glyphs, listed: tuple[keys.Key, ...]) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._listed = listed

    def compose(self) -> ComposeResult:
        """The keys."""
        yield Words(self._glyphs, help_lines(self._listed), widget_id="help")

    def action_close(self) -> None:
        """Back to where the help was asked for."""
        self.dismiss()


def help_lines(listed: tuple[keys.Key, ...]) -> list[Line]:
    """A line for each key, the group's name beside its first one."""
    lines: list[Line] = []
    for group, members in keys.groups(listed).items():
        for index, key in enumerate(members):
            lines.append(
                (
                    Span(f"  {group if index == 0 else '':<7}", "strong"),
                    Span(f"{keys.shown_all(key):<{KEY_WIDTH}}", "key"),
                    Span(key.words),
                )
            )
    close = keys.shown(keys.CLOSE_HELP)
    return [*lines, (), (Span(f"  {close}", "key"), Span(" closes this help", "muted"))]
