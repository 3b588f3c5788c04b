"""Lines drawn with dots: braille cells of two by four dots, or one sign a cell in ASCII."""

from __future__ import annotations

from itertools import chain, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

Dot = tuple[int, int]
"""Column from the left and row from the top, in dots."""
Dash = tuple[int, int]
"""Dots that are drawn, and dots that are left out after them."""
SOLID: Dash = (1, 0)

DOTS_ACROSS, DOTS_DOWN = 2, 4
# One cell of a colour between two of another one is hardly seen.
COLUMNS_PER_TURN = 2
_BLANK = 0x2800
# Unicode numbers the dots of a braille cell by column, with the fourth row added later.
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


class Canvas:
    """Cells that several lines are drawn on; where lines run together, they take turns.

    Args:
        columns: Cells from left to right.
        rows: Cells from top to bottom.
        is_ascii: Whether a cell is one sign and not eight dots.
        behind: The series that give way to what is drawn later.
    """

    def __init__(
        self,
        columns: int,
        rows: int,
        *,
        is_ascii: bool = False,
        behind: Collection[int] = (),
    ) -> None:
        self.columns = columns
        self.rows = rows
        self._behind = behind
        self.across = 1 if is_ascii else DOTS_ACROSS
        self.down = 1 if is_ascii else DOTS_DOWN
        self._bits: dict[Dot, int] = {}
        self._owners: dict[Dot, tuple[int, ...]] = {}

    @property
    def width(self) -> int:
        """Dots from left to right."""
        return self.columns * self.across

    @property
    def height(self) -> int:
        """Dots from top to bottom."""
        return self.rows * self.down

    def draw(self, points: Sequence[Dot], owner: int, dash: Dash = SOLID) -> None:
        """Join the points, which go from left to right, for series number `owner`."""
        points = list(thin_out(points))
        if len(points) == 1:
            self._set(points[0], owner)
        drawn, left_out = dash
        lines = (straight_line(begin, end) for begin, end in pairwise(points))
        for index, dot in enumerate(chain.from_iterable(lines)):
            if self.down == 1 or index % (drawn + left_out) < drawn:  # signs tell lines apart
                self._set(dot, owner)

    def owners(self, column: int, row: int) -> tuple[int, ...]:
        """The series that a cell is a piece of."""
        return self._owners.get((column, row), ())

    def cell(self, column: int, row: int, signs: Sequence[str]) -> tuple[str, int | None]:
        """The sign in a cell and the series whose turn it is; `signs` are those of ASCII."""
        owners = self.owners(column, row)
        if not owners:
            return " ", None
        owner = owners[column // COLUMNS_PER_TURN % len(owners)]
        if self.down == 1:
            return signs[owner], owner
        return chr(_BLANK | self._bits[column, row]), owner

    def _set(self, dot: Dot, owner: int) -> None:
        x, y = dot
        if 0 <= x < self.width and 0 <= y < self.height:
            cell = (x // self.across, y // self.down)
            bit = _BITS[y % self.down][x % self.across]
            self._bits[cell] = self._bits.get(cell, 0) | bit
            owners = self._owners.get(cell)
            if owners is None:
                self._owners[cell] = (owner,)
            elif owner not in owners:
                others = (each for each in owners if each not in self._behind)
                self._owners[cell] = (*others, owner)


def thin_out(points: Sequence[Dot]) -> Iterator[Dot]:
    """First, lowest, highest and last point of each dot column, in their order.

    They draw the same picture as all points; a stride would lose the spikes.
    """
    begin = 0
    while begin < len(points):
        end = begin
        while end < len(points) and points[end][0] == points[begin][0]:
            end += 1
        column = points[begin:end]
        if len(column) <= 4:
            yield from column
        else:
            heights = [y for _, y in column]
            kept = {0, heights.index(min(heights)), heights.index(max(heights)), len(column) - 1}
            yield from (column[index] for index in sorted(kept))
        begin = end


def straight_line(begin: Dot, end: Dot) -> Iterator[Dot]:
    """Every dot from `begin` to `end`, both included, without gaps."""
    (x0, y0), (x1, y1) = begin, end
    steps = max(abs(x1 - x0), abs(y1 - y0))
    if x0 == x1:  # as most lines of many epochs are
        yield from ((x0, y) for y in range(y0, y1 + 1) or range(y0, y1 - 1, -1))
        return
    for step in range(steps + 1):
        yield x0 + _part(x1 - x0, step, steps), y0 + _part(y1 - y0, step, steps)


def _part(distance: int, step: int, steps: int) -> int:
    """`distance * step / steps`, rounded to the nearest."""
    return (2 * distance * step + steps) // (2 * steps)
