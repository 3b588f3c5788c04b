"""The style of a cell that holds two pixels of a picture."""

from __future__ import annotations

from functools import lru_cache

from rich.color import Color
from rich.style import Style


@lru_cache(maxsize=1024)
def pixel_style(ink: str) -> Style:
    """Of two pixels in a cell, `#rrggbb #rrggbb`: the upper one, and the lower one behind it."""
    upper, lower = ink.split()
    return Style.from_color(Color.parse(upper), Color.parse(lower))
