"""What every key does, from the key table."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.screen import ModalScreen

from tui_trainer.tui import keys
from tui_trainer.tui.screens.scrolling import Scrolling
from tui_trainer.tui.widgets.key_bar import KeyBar, Offer
from tui_trainer.tui.widgets.line import Line, Span
from tui_trainer.tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from tui_trainer.tui.glyphs import Glyphs

KEY_WIDTH = 16


class Help(Scrolling, ModalScreen[None]):
    """Shows the keys by group."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.HELP_KEYS)]

    def __init__(self, glyphs: Glyphs, shown: tuple[keys.Key, ...]) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._shown = shown

    def compose(self) -> ComposeResult:
        """The keys."""
        yield Words(self._glyphs, help_lines(self._shown), widget_id="help")
        closes, down, up = (keys.shown(key) for key in (keys.CLOSE_HELP, keys.DOWN, keys.UP))
        keybar = KeyBar(self._glyphs)
        keybar.show([Offer(closes, "closes this help"), Offer(f"{down} {up}", "scroll")])
        yield keybar

    def action_close(self) -> None:
        """Back to where the help was asked for."""
        self.dismiss()

    @property
    def _scrolled(self) -> Words:
        return self.query_one(Words)


def help_lines(shown: tuple[keys.Key, ...]) -> list[Line]:
    """A line for each key, the group's name beside its first one."""
    lines: list[Line] = []
    groups = keys.groups(shown)
    width = max(map(len, groups)) + 2
    for group, members in groups.items():
        for index, key in enumerate(members):
            lines.append(
                (
                    Span(f" {group if index == 0 else '':<{width}}", "strong"),
                    Span(f"{keys.shown_all(key):<{KEY_WIDTH}}", "key"),
                    Span(key.words),
                )
            )
    return lines
