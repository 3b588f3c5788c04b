"""Pictures as lines of text: two pixels a cell in colours, or signs by brightness."""

from __future__ import annotations

import base64
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from tui_trainer.record.plain_text import plain_line
from tui_trainer.tui.widgets.line import Line, Span, fit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

HALF_BLOCK = "▀"
# From dark to bright, on a dark background.
RAMP = " .:-=+*#%@"
GAP = 2
SMALLEST_SIDE = 8


@dataclass(frozen=True)
class Picture:
    """A square picture."""

    side: int
    pixels: bytes
    """Red, green and blue of each, row by row."""

    def scaled(self, side: int) -> Picture:
        """Smaller, each pixel the mean of those in its place; larger, each as often as it fits."""
        if side == self.side:
            return self
        bounds = [at * self.side // side for at in range(side + 1)]
        spans = [(low, max(low + 1, high)) for low, high in pairwise(bounds)]
        pixels = bytearray()
        for top, bottom in spans:
            for left, right in spans:
                pixels += self._mean(top, bottom, left, right)
        return Picture(side, bytes(pixels))

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        """Its red, green and blue."""
        at = 3 * (y * self.side + x)
        red, green, blue = self.pixels[at : at + 3]
        return red, green, blue

    def _mean(self, top: int, bottom: int, left: int, right: int) -> bytes:
        rows = [
            self.pixels[3 * (y * self.side + left) : 3 * (y * self.side + right)]
            for y in range(top, bottom)
        ]
        count = (bottom - top) * (right - left)
        return bytes(sum(sum(row[channel::3]) for row in rows) // count for channel in range(3))


@dataclass(frozen=True)
class Row:
    """Pictures beside each other."""

    name: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Sheet:
    """Rows of pictures, with a label for each column."""

    rows: tuple[Row, ...]
    labels: tuple[str, ...]

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Sheet:
        """As the core answers."""
        rows = [
            Row(plain_line(row["name"]), tuple(_pictures(row["side"], row["pixels"])))
            for row in record["rows"]
        ]
        return cls(tuple(rows), tuple(map(plain_line, record["labels"])))

    @property
    def side(self) -> int:
        """Of its pictures, in pixels."""
        return max((picture.side for row in self.rows for picture in row.pictures), default=1)


class Part(NamedTuple):
    """Some lines that are drawn together."""

    height: int
    draw: Callable[[], list[Line]]


class Drawing(Sequence[Line]):
    """Lines that are drawn when they are looked at: a key shall not wait for those below."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._begins = [0, *accumulate(part.height for part in parts)]
        self._drawn: dict[int, list[Line]] = {}

    def __len__(self) -> int:
        return self._begins[-1]

    @overload
    def __getitem__(self, at: int) -> Line: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Line]: ...
    def __getitem__(self, at: int | slice) -> Line | Sequence[Line]:
        if isinstance(at, slice):
            seen = range(*at.indices(len(self)))
            self._forget_all_but(seen)
            return [self[index] for index in seen]
        if not 0 <= at < len(self):
            raise IndexError(at)
        number = bisect_right(self._begins, at) - 1
        if number not in self._drawn:
            self._drawn[number] = self._parts[number].draw()
        return self._drawn[number][at - self._begins[number]]

    def _forget_all_but(self, seen: range) -> None:
        numbers = {bisect_right(self._begins, at) - 1 for at in seen}
        self._drawn = {at: lines for at, lines in self._drawn.items() if at in numbers}


@dataclass(frozen=True)
class Look:
    """How pictures are drawn."""

    has_colours: bool
    is_dark: bool = True
    """Whether text is brighter than what it stands on."""
    ellipsis: str = "…"

    def lines(self, sheet: Sheet, side: int, width: int) -> Drawing:
        """The sheet with pictures of `side` cells, in as many blocks as its columns need."""
        columns = columns_for(side, width)
        begins = range(0, len(sheet.labels), columns)
        return Drawing(
            [
                part
                for begin in begins
                for part in self._block(sheet, side, slice(begin, begin + columns), begin > 0)
            ]
        )

    def _block(
        self,
        sheet: Sheet,
        side: int,
        columns: slice,
        is_below: bool,  # noqa: FBT001 - one question
    ) -> Iterator[Part]:
        if is_below:
            yield Part(1, lambda: [()])
        for row in sheet.rows:
            yield Part(1 + side // 2, partial(self._row, row, side, columns))
        labels = (fit(label, side, self.ellipsis) + " " * GAP for label in sheet.labels[columns])
        line = Span(" "), Span("".join(labels).rstrip(), "strong")
        yield Part(1, lambda: [line])

    def _row(self, row: Row, side: int, columns: slice) -> list[Line]:
        """Its name, and its pictures beside each other."""
        lines: list[Line] = [(Span(f" {row.name}", "muted"),)]
        shown = [self._cells(picture.scaled(side)) for picture in row.pictures[columns]]
        for cells in zip(*shown, strict=True):
            spans = [Span(" ")]
            for piece in cells:
                spans += [*piece, Span(" " * GAP)]
            lines.append(tuple(spans[:-1]))
        return lines

    def _cells(self, picture: Picture) -> list[Line]:
        draw = self._coloured if self.has_colours else self._plain
        return [draw(picture, y) for y in range(0, picture.side, 2)]

    def _coloured(self, picture: Picture, y: int) -> Line:
        """Pixels of the row above as the sign's colour, of the one below as its background."""
        below = min(y + 1, picture.side - 1)
        spans: list[Span] = []
        for x in range(picture.side):
            upper, lower = picture.pixel(x, y), picture.pixel(x, below)
            ink = "#{:02x}{:02x}{:02x} #{:02x}{:02x}{:02x}".format(*upper, *lower)
            if spans and spans[-1].ink == ink:
                spans[-1] = Span(spans[-1].text + HALF_BLOCK, ink)
            else:
                spans.append(Span(HALF_BLOCK, ink))
        return tuple(spans)

    def _plain(self, picture: Picture, y: int) -> Line:
        below = min(y + 1, picture.side - 1)
        ramp = RAMP if self.is_dark else RAMP[::-1]
        signs = ""
        for x in range(picture.side):
            red, green, blue = map(
                sum, zip(picture.pixel(x, y), picture.pixel(x, below), strict=True)
            )
            brightness = (0.299 * red + 0.587 * green + 0.114 * blue) / 2
            signs += ramp[min(len(ramp) - 1, int(brightness * len(ramp) / 256))]
        return (Span(signs),)


def columns_for(side: int, width: int) -> int:
    """How many pictures of `side` cells stand beside each other."""
    return max(1, (width - 1 + GAP) // (side + GAP))


def side_for(sheet: Sheet, width: int, together: int) -> int:
    """The largest size, in cells, in which so many pictures stand beside each other."""
    wanted = max(1, min(together, len(sheet.labels)))
    fitting = (width - 1 + GAP) // wanted - GAP
    return even(min(sheet.side, fitting))


def even(side: int) -> int:
    """A size that fills whole cells, and in which something can be seen."""
    return max(SMALLEST_SIDE, side - side % 2)


def _pictures(side: int, text: str) -> Iterator[Picture]:
    pixels = base64.b64decode(text)
    size = 3 * side * side
    return (Picture(side, pixels[at : at + size]) for at in range(0, len(pixels), size))
