"""A progress bar, half a cell fine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_trainer.tui.widgets.line import Line, Span

if TYPE_CHECKING:
    from tui_trainer.tui.glyphs import Glyphs


def bar(share: float, width: int, glyphs: Glyphs, ink: str = "accent") -> Line:
    """`share` of `width` cells, from 0 to 1; full only when all is done."""
    halves = int(min(1.0, max(0.0, share)) * width * 2)
    done = glyphs.bar_done * (halves // 2) + glyphs.bar_half * (halves % 2)
    return Span(done, ink), Span(glyphs.bar_left * (width - len(done)), "faint")
