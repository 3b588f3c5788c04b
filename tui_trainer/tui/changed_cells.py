"""Sends the terminal only the cells that differ from what stands on it."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.cells import cell_len, get_character_cell_size
from rich.color import ColorSystem
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console, RenderableType
    from rich.style import Style

Cell = tuple[str, "Style | None"]
"""A sign with its colours; the second cell of a wide sign is empty."""

UNKNOWN: Cell = ("\0", None)
# Moving over a gap costs four bytes and more, so a shorter one is written again.
BYTES_OF_A_MOVE = 4


class Ink(NamedTuple):
    """What a terminal writes in, as the numbers of the sequence that sets it."""

    attributes: frozenset[str]
    foreground: str
    background: str


NO_INK = Ink(frozenset(), "", "")


class TerminalCells:
    """What stands on the terminal by now."""

    def __init__(self) -> None:
        self._rows: dict[int, list[Cell]] = {}
        self._inks: dict[tuple[Style | None, ColorSystem], Ink] = {}

    def forget(self) -> None:
        """The terminal may show anything, as after it was resized."""
        self._rows.clear()

    def only_changes(self, update: RenderableType | None) -> RenderableType | None:
        """What is to be displayed in place of an update of Textual's."""
        if isinstance(update, LayoutUpdate | ChopsUpdate):
            return cast("RenderableType", _Changes(update, self))  # as Textual's own are
        return update

    def sequence(self, update: LayoutUpdate | ChopsUpdate, colors: ColorSystem) -> str:
        """What makes the terminal show the update, which it then does."""
        pieces: list[str] = []
        now = NO_INK
        for y, x, strips in _placed(update):
            new = list(chain.from_iterable(map(_cells, strips)))
            row = self._rows.setdefault(y, [])
            row += [UNKNOWN] * (x + len(new) - len(row))
            old, row[x : x + len(new)] = row[x : x + len(new)], new
            if old == new:
                continue
            at = None
            for begin, end in _differing(old, new):
                pieces.append(_move(at, begin, x, y))
                at = end
                for sign, style in new[begin:end]:
                    ink = self._ink(style, colors)
                    if ink is not now:
                        pieces.append(_change(now, ink))
                        now = ink
                    pieces.append(sign)
        return "".join([*pieces, "\x1b[0m"]) if pieces else ""

    def _ink(self, style: Style | None, colors: ColorSystem) -> Ink:
        ink = self._inks.get((style, colors))
        if ink is None:
            rendered = "\0" if style is None else Strip.render_style(style, "\0", colors)
            ink = self._inks[style, colors] = _ink_of(rendered.partition("\0")[0])
        return ink


class _Changes(CompositorUpdate):
    """An update that is compared once it is really sent."""

    def __init__(self, update: LayoutUpdate | ChopsUpdate, cells: TerminalCells) -> None:
        self._update = update
        self._cells = cells

    def render_segments(self, console: Console) -> str:
        """As Textual asks for it, just before it writes."""
        colors = console._color_system or ColorSystem.TRUECOLOR  # noqa: SLF001 - as Strip.render
        return self._cells.sequence(self._update, colors)


def _ink_of(sequence: str) -> Ink:
    attributes, foreground, background = set[str](), "", ""
    numbers = iter(sequence.removeprefix("\x1b[").removesuffix("m").split(";"))
    for first in filter(None, numbers):
        color = first
        if first in {"38", "48"}:
            space = next(numbers)
            color = ";".join([first, space, *islice(numbers, 1 if space == "5" else 3)])
        if first.startswith(("3", "9")) and len(first) == 2:
            foreground = color
        elif first.startswith(("4", "10")) and len(first) > 1:
            background = color
        else:
            attributes.add(first)
    return Ink(frozenset(attributes), foreground, background)


def _change(now: Ink, ink: Ink) -> str:
    """The shortest sequence from one ink to another."""
    is_new = not now.attributes <= ink.attributes
    is_new |= bool(now.foreground and not ink.foreground)
    is_new |= bool(now.background and not ink.background)
    before = NO_INK if is_new else now
    numbers = ["0"] * is_new + sorted(ink.attributes - before.attributes)
    numbers += [ink.foreground] * (ink.foreground != before.foreground)
    numbers += [ink.background] * (ink.background != before.background)
    return f"\x1b[{';'.join(numbers)}m" if numbers else ""


def _placed(update: LayoutUpdate | ChopsUpdate) -> Iterator[tuple[int, int, Iterable[Strip]]]:
    """The strips of an update, with the row and the column where they begin."""
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            yield y, update.region.x, strips
        return
    for y in {y: None for y, _, _ in update.spans}:
        for x, strip in update.chops[y].items():
            if strip is not None:
                yield y, x, (strip,)


def _cells(strip: Strip) -> Iterator[Cell]:
    for text, style, _ in strip:
        if text.isascii():
            yield from ((sign, style) for sign in text)
            continue
        widths = [get_character_cell_size(sign) for sign in text]
        if 0 in widths or sum(widths) != cell_len(text):  # signs that join to fewer: left whole
            yield from ((text, style), *[("", style)] * (cell_len(text) - 1))
            continue
        for sign, width in zip(text, widths, strict=True):
            yield sign, style
            if width == 2:
                yield "", style


def _differing(old: list[Cell], new: list[Cell]) -> Iterator[tuple[int, int]]:
    """Where cells differ: begins and ends, with short gaps of the same colours in them."""
    begin = end = 0
    for index, (before, after) in enumerate(zip(old, new, strict=True)):
        if before == after or index < end:
            continue
        first, last = _whole_sign(new, index)
        is_far = first - end > BYTES_OF_A_MOVE
        if begin < end and (is_far or not _is_worth_writing(new[end - 1 : first])):
            yield begin, end
            begin = first
        begin, end = (begin if begin < end else first), last
    if begin < end:
        yield begin, end


def _whole_sign(cells: list[Cell], index: int) -> tuple[int, int]:
    """Where the sign in a cell begins and ends."""
    begin, end = index, index + 1
    while begin and not cells[begin][0]:
        begin -= 1
    while end < len(cells) and not cells[end][0]:
        end += 1
    return begin, end


def _is_worth_writing(gap: list[Cell]) -> bool:
    """Whether the cells after the first, which is written anyway, cost no more than a move."""
    text, style = "".join(sign for sign, _ in gap[1:]), gap[0][1]
    is_short = len(text.encode()) <= BYTES_OF_A_MOVE
    return is_short and all(other == style for _, other in gap)


def _move(at: int | None, begin: int, x: int, y: int) -> str:
    return f"\x1b[{y + 1};{x + begin + 1}H" if at is None else f"\x1b[{begin - at}C"
