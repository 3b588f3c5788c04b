"""What keys do in every screen that has rows to move through."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui_trainer.tui.widgets.scrolled import Scrolled


class Scrolling:
    """The part of a screen that moves through its rows; `keys.SCROLL_KEYS` ask for it."""

    @property
    def _scrolled(self) -> Scrolled:
        """The widget that has the rows."""
        raise NotImplementedError

    def action_move(self, rows: int) -> None:
        """Later or earlier rows."""
        self._scrolled.move(rows)

    def action_page(self, pages: int) -> None:
        """Later or earlier rows, as many as are seen."""
        self._scrolled.move_pages(pages)

    def action_top(self) -> None:
        """To the first row."""
        self._scrolled.move_to_end(last=False)

    def action_bottom(self) -> None:
        """To the last row."""
        self._scrolled.move_to_end(last=True)
