"""Pictures as lines of text: two pixels a cell in colours, or signs by brightness."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tui_trainer.record.plain_text import plain_line
from tui_trainer.tui.widgets.line import Line, Span, fit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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


@dataclass(frozen=True)
class Look:
    """How pictures are drawn."""

    has_colours: bool
    is_dark: bool = True
    """Whether text is brighter than what it stands on."""
    ellipsis: str = "…"

    def lines(self, sheet: Sheet, side: int, width: int) -> Iterator[Line]:
        """The sheet with pictures of `side` cells, in as many blocks as its columns need."""
        columns = columns_for(side, width)
        for begin in range(0, len(sheet.labels), columns):
            if begin:
                yield ()
            yield from self._block(sheet, side, slice(begin, begin + columns))

    def _block(self, sheet: Sheet, side: int, columns: slice) -> Iterator[Line]:
        for row in sheet.rows:
            yield (Span(f" {row.name}", "muted"),)
            shown = [self._cells(picture.scaled(side)) for picture in row.pictures[columns]]
            for cells in zip(*shown, strict=True):
                spans = [Span(" ")]
                for piece in cells:
                    spans += [*piece, Span(" " * GAP)]
                yield tuple(spans[:-1])
        labels = (fit(label, side, self.ellipsis) + " " * GAP for label in sheet.labels[columns])
        yield Span(" "), Span("".join(labels).rstrip(), "strong")

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
