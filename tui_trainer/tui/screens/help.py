"""What every key does, from the key table."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.screen import ModalScreen

from tui_trainer.tui import keys
from tui_trainer.tui.widgets.key_bar import KeyBar, Offer
from tui_trainer.tui.widgets.line import Line, Span
from tui_trainer.tui.widgets.pages import Pages

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from tui_trainer.tui.glyphs import Glyphs

KEY_WIDTH = 16


class Help(ModalScreen[None]):
    """Shows the keys by group."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.HELP_KEYS)]

    def __init__(self, glyphs: Glyphs, shown: tuple[keys.Key, ...]) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._shown = shown

    def compose(self) -> ComposeResult:
        """The keys."""
        yield Pages(self._glyphs, help_lines(self._shown), widget_id="help")
        closes, down, up = (keys.shown(key) for key in (keys.CLOSE_HELP, keys.DOWN, keys.UP))
        keybar = KeyBar(self._glyphs)
        keybar.show([Offer(closes, "closes this help"), Offer(f"{down} {up}", "scroll")])
        yield keybar

    def action_close(self) -> None:
        """Back to where the help was asked for."""
        self.dismiss()

    def action_move(self, rows: int) -> None:
        """Scroll."""
        self.query_one(Pages).move(rows)

    def action_page(self, pages: int) -> None:
        """Scroll by pages."""
        self.query_one(Pages).move_pages(pages)

    def action_top(self) -> None:
        """To the first key."""
        self.query_one(Pages).move_to_end(last=False)

    def action_bottom(self) -> None:
        """To the last key."""
        self.query_one(Pages).move_to_end(last=True)


def help_lines(shown: tuple[keys.Key, ...]) -> list[Line]:
    """A line for each key, the group's name beside its first one."""
    lines: list[Line] = []
    groups = keys.groups(shown)
    width = max(map(len, groups)) + 2
    for group, members in groups.items():
        for index, key in enumerate(members):
            lines.append(
                (
                    Span(f"  {group if index == 0 else '':<{width}}", "strong"),
                    Span(f"{keys.shown_all(key):<{KEY_WIDTH}}", "key"),
                    Span(key.words),
                )
            )
    return lines
