"""Pictures on a screen of the terminal's own, in the pixels that it draws, page by page."""

from __future__ import annotations

import contextlib
import os
import sys
import termios
import tty
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_trainer.tui.graphics import FORGET_PICTURES, sheet_in_pixels
from tui_trainer.tui.widgets.line import fit
from tui_trainer.tui.widgets.pictures import SMALLEST_SIDE, Row, Sheet, columns_for, even

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tui_trainer.tui.graphics import Graphics

# Its other screen, without a cursor; and as it was.
TAKE_SCREEN, GIVE_SCREEN_BACK = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
CLEAR = "\x1b[0m\x1b[2J"
LINES_BELOW = 2
# Esc, q, v, Ctrl-C, and a terminal that is gone.
ENDS = {b"\x1b", b"q", b"v", b"\x03", b""}
TURNS_BACK = {b"\x1b[D", b"\x1bOD", b"\x1b[A", b"\x1bOA", b"\x1b[5~", b"h", b"k", b"\x02"}


@dataclass(frozen=True)
class Gallery:
    """Pictures to look through.

    Args:
        sheet: The pictures.
        graphics: How the terminal draws them.
        side: How many cells wide each of them is to be, as far as the terminal is high enough.
        ellipsis: Where a name is cut.
    """

    sheet: Sheet
    graphics: Graphics
    side: int
    ellipsis: str

    def look_through(self) -> None:
        """Show page after page as keys ask for it; the terminal is given back as it was."""
        terminal, page = sys.__stdin__.fileno(), 0  # type: ignore[union-attr]
        with contextlib.suppress(OSError), _screen_of_its_own(terminal, self.graphics):
            while page >= 0:
                columns, lines = os.get_terminal_size(terminal)
                pages = self.pages(columns, lines)
                if page >= len(pages):
                    return
                _write(self._drawn(pages[page], page, len(pages), columns, lines))
                key = os.read(terminal, 64)
                if key in ENDS:
                    return
                page += -1 if key in TURNS_BACK else 1
                page = max(0, page)

    def pages(self, columns: int, lines: int) -> list[Sheet]:
        """As many pictures as fit on each; one row at the least, however low the terminal is."""
        side = self._side_within(columns, lines)
        together = columns_for(side, columns)
        count = max(1, (lines - LINES_BELOW) // _height(side))
        return [
            Sheet(
                tuple(
                    Row(row.name, row.pictures[left : left + together])
                    for row in self.sheet.rows[top : top + count]
                ),
                self.sheet.labels[left : left + together],
            )
            for left in range(0, len(self.sheet.labels), together)
            for top in range(0, len(self.sheet.rows), count)
        ]

    def _side_within(self, columns: int, lines: int) -> int:
        highest = 2 * (lines - LINES_BELOW - 1)
        return max(SMALLEST_SIDE, even(min(self.side, columns - 1, highest)))

    def _drawn(self, page: Sheet, number: int, count: int, columns: int, lines: int) -> str:
        side = self._side_within(columns, lines)
        parts = [CLEAR, FORGET_PICTURES[self.graphics]]
        drawings = sheet_in_pixels(page, self.graphics, side, len(page.labels))
        line = 1
        for name, drawing in drawings:
            parts += [_at(line), fit(f" {name}", columns, self.ellipsis), _at(line + 1), drawing]
            line += _height(side)
        labels = "".join(fit(label, side, self.ellipsis) + "  " for label in page.labels)
        turn = "the next page" if number + 1 < count else "back to the app"
        foot = f" Enter {turn}   Esc back to the app   page {number + 1} of {count}"
        parts += [_at(line), fit(labels, columns, self.ellipsis)]
        parts += [_at(lines), fit(foot, columns, self.ellipsis).rstrip()]
        return "".join(parts)


def _height(side: int) -> int:
    """Lines of a row of pictures, with its name."""
    return side // 2 + 1


def _at(line: int) -> str:
    return f"\x1b[{line};1H"


@contextlib.contextmanager
def _screen_of_its_own(terminal: int, graphics: Graphics) -> Iterator[None]:
    """Each key comes at once and unseen, Ctrl-C as a key like others."""
    before = termios.tcgetattr(terminal)
    try:
        tty.setraw(terminal, termios.TCSAFLUSH)
        _write(TAKE_SCREEN)
        yield
    finally:
        with contextlib.suppress(OSError):
            _write(FORGET_PICTURES[graphics] + GIVE_SCREEN_BACK)
            termios.tcsetattr(terminal, termios.TCSAFLUSH, before)


def _write(text: str) -> None:
    output = sys.__stdout__
    output.buffer.write(text.encode(output.encoding, "replace"))  # type: ignore[union-attr]
    output.flush()  # type: ignore[union-attr]
