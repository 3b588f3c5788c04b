"""Pictures for what draws pixels: kitty's and the sixel protocol, and PNG files.

What a terminal can draw is known from its environment alone. Asking it would take time over SSH,
and an answer that comes late, or to another program in between, is garbage on the screen.
"""

from __future__ import annotations

import base64
import fcntl
import os
import struct
import sys
import termios
import zlib
from enum import Enum
from itertools import groupby
from typing import TYPE_CHECKING

from tui_trainer.tui.terminal import (
    is_in_browser,
    terminal_has_colours,
    terminal_speaks_unicode,
)
from tui_trainer.tui.widgets.pictures import GAP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tui_trainer.tui.widgets.pictures import Picture, Sheet

_KITTY_TERMS = ("xterm-kitty", "xterm-ghostty")
_SIXEL_TERMS = ("foot", "mlterm", "contour", "yaft")
_SIXEL_PROGRAMS = {"WezTerm", "iTerm.app", "mintty"}
# Where a terminal does not say it: the VT340's.
_CELL = (10, 20)
_CHUNK = 4096
# Levels of red, green and blue that sixels are drawn in: 216 colours, as every terminal has them.
_LEVELS = 6
_PIXEL_OF_PNG = 4

Canvas = list[list["tuple[int, int, int] | None"]]
_KITTY_FORGET = "\x1b_Ga=d,q=2;\x1b\\"


class Graphics(str, Enum):
    """How pictures are drawn in a terminal."""

    AUTO = "auto"
    KITTY = "kitty"
    SIXEL = "sixel"
    BLOCKS = "blocks"
    ASCII = "ascii"


PIXELS = {Graphics.KITTY, Graphics.SIXEL}
FORGET_PICTURES = {Graphics.KITTY: _KITTY_FORGET, Graphics.SIXEL: ""}
"""What takes pictures off the screen, where clearing its cells does not."""


def terminals_graphics(environment: Mapping[str, str], *, is_terminal: bool) -> Graphics:
    """The best that the terminal is known to draw; through tmux and screen only text comes."""
    if not is_terminal or not terminal_has_colours():
        return Graphics.ASCII
    text = Graphics.BLOCKS if terminal_speaks_unicode() else Graphics.ASCII
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if {"TMUX", "STY"} & environment.keys() or term.startswith(("screen", "tmux")):
        return text
    if term in _KITTY_TERMS or "KITTY_WINDOW_ID" in environment or program == "ghostty":
        return Graphics.KITTY
    if term.startswith(_SIXEL_TERMS) or program in _SIXEL_PROGRAMS:
        return Graphics.SIXEL
    return text


def strip_of(pictures: Sequence[Picture]) -> Canvas:
    """Pictures beside each other, with nothing between them, as wide as `GAP` cells."""
    side = max(picture.side for picture in pictures)
    canvas: Canvas = [[] for _ in range(side)]
    for picture in pictures:
        for y, row in enumerate(canvas):
            row.extend(picture.pixel(x, y) for x in range(side))
            row.extend([None] * GAP)
    return canvas


def as_kitty(canvas: Canvas, columns: int, rows: int) -> str:
    """For kitty and Ghostty, drawn in so many cells; they are told not to answer."""
    pixels = b"".join(
        bytes((*(pixel or (0, 0, 0)), 255 if pixel else 0)) for row in canvas for pixel in row
    )
    data = base64.standard_b64encode(zlib.compress(pixels)).decode()
    chunks = [data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)]
    size = f"s={len(canvas[0])},v={len(canvas)},c={columns},r={rows}"
    control = f"a=T,f=32,o=z,{size},"
    parts = []
    for number, chunk in enumerate(chunks):
        more = int(number < len(chunks) - 1)
        parts.append(f"\x1b_G{control if number == 0 else ''}q=2,m={more};{chunk}\x1b\\")
    return "".join(parts)


def as_sixel(canvas: Canvas, width: int, height: int) -> str:
    """Each pixel drawn `width` wide and `height` high, in 216 colours."""
    rows = [[None if pixel is None else _level(pixel) for pixel in row] for row in canvas]
    used = sorted({color for row in rows for color in row if color is not None})
    high = len(rows) * height
    parts = ["\x1bP0;1;0q", f'"1;1;{len(rows[0]) * width};{high}']
    parts += [_define(color) for color in used]
    for top in range(0, high, 6):
        masks: dict[int, list[int]] = {}
        for bit in range(min(6, high - top)):
            for x, color in enumerate(rows[(top + bit) // height]):
                if color is not None:
                    masks.setdefault(color, [0] * len(rows[0]))[x] |= 1 << bit
        for color, mask in masks.items():
            runs = "".join(
                f"!{len(list(run)) * width}{chr(63 + bits)}" for bits, run in groupby(mask)
            )
            parts.append(f"#{color}{runs}$")
        parts.append("-")
    return "".join(parts) + "\x1b\\"


def as_png(sheet: Sheet) -> bytes:
    """All rows of a sheet, one below the other."""
    canvas: Canvas = []
    for row in sheet.rows:
        strip = strip_of(row.pictures)
        nothing: list[tuple[int, int, int] | None] = [None] * len(strip[0])
        canvas += [*strip, *([nothing] * GAP)]
    width = max(map(len, canvas))
    lines = b"".join(_png_line(row, width) * _PIXEL_OF_PNG for row in canvas)
    size = struct.pack(
        ">IIBBBBB", width * _PIXEL_OF_PNG, len(canvas) * _PIXEL_OF_PNG, 8, 6, 0, 0, 0
    )
    chunks = ((b"IHDR", size), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(kind, data) for kind, data in chunks)


def cell_size() -> tuple[int, int]:
    """Pixels of a cell, as far as the kernel was told; the terminal is not asked."""
    try:
        answer = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, b"\0" * 8)
    except (OSError, ValueError):
        return _CELL
    rows, columns, width, height = struct.unpack("HHHH", answer)
    if not (rows and columns and width and height):
        return _CELL
    return max(1, width // columns), max(1, height // rows)


def sheet_in_pixels(
    sheet: Sheet, graphics: Graphics, side: int, columns: int
) -> Iterator[tuple[str, str]]:
    """Of each row its name, and what draws it with pictures of `side` cells."""
    for row in sheet.rows:
        pictures = row.pictures[:columns]
        if graphics is Graphics.KITTY:
            cells = len(pictures) * (side + GAP)  # as the labels below stand
            yield row.name, as_kitty(strip_of(pictures), cells, side // 2)
            continue
        width, height = cell_size()
        pixels = [picture.scaled(side) for picture in pictures]
        yield row.name, as_sixel(strip_of(pixels), width, max(1, height // 2))


def graphics_here() -> Graphics:
    """The best that the terminal of this process is known to draw, while a screen is on it."""
    return terminals_graphics(os.environ, is_terminal=not is_in_browser())


def environment() -> Mapping[str, str]:
    """What the terminal says of itself."""
    return os.environ


def _level(pixel: tuple[int, int, int]) -> int:
    red, green, blue = (round(value * (_LEVELS - 1) / 255) for value in pixel)
    return (red * _LEVELS + green) * _LEVELS + blue


def _define(color: int) -> str:
    rest, blue = divmod(color, _LEVELS)
    parts = (*divmod(rest, _LEVELS), blue)
    red, green, blue = (part * 100 // (_LEVELS - 1) for part in parts)
    return f"#{color};2;{red};{green};{blue}"


def _png_line(row: Sequence[tuple[int, int, int] | None], width: int) -> bytes:
    pixels = b"".join(
        bytes((*(pixel or (0, 0, 0)), 255 if pixel else 0)) * _PIXEL_OF_PNG for pixel in row
    )
    return b"\0" + pixels.ljust(width * 4 * _PIXEL_OF_PNG, b"\0")


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
