"""What a figure is before anything draws it: lines over an axis, bars, or a grid of colours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_RUNS = 7
"""So many colours can be told apart, also by who sees fewer of them."""
LONGEST_LABEL = 40
# A column of a paper has fewer dots than that at 300 dpi; every extreme is kept.
POINTS_OF_A_LINE = 600

Point = tuple[float, float]


class Style(NamedTuple):
    """How a line is told apart: its colour alone never does it."""

    colour: int | None
    """Of the palette; None: that of the text."""
    dash: int = 0
    marker: int | None = None


class Key(NamedTuple):
    """A line of the legend."""

    label: str
    style: Style


@dataclass(frozen=True)
class Line:
    """Points that are joined; where there is a spread, with a bar of it at each."""

    points: tuple[Point, ...]
    style: Style
    spread: tuple[float, ...] = ()
    """Of each point, in the direction of y."""
    band: tuple[float, ...] = ()
    """The same where points are too many for bars."""
    dots: tuple[Point, ...] = ()
    """What the points are means of."""


class Target(NamedTuple):
    """A height to reach."""

    y: float
    label: str


@dataclass(frozen=True)
class Panel:
    """One pair of axes."""

    y_label: str
    lines: tuple[Line, ...]
    best: tuple[tuple[Point, int | None], ...] = ()
    """Best epochs, each with the colour of its run."""
    resumes: tuple[float, ...] = ()
    targets: tuple[Target, ...] = ()
    log: bool = False

    def without_empty_lines(self) -> Panel:
        """The same without lines of what nobody measured."""
        return replace(self, lines=tuple(line for line in self.lines if line.points))


@dataclass(frozen=True)
class Lines:
    """Panels over one x axis, and what explains their lines."""

    x_label: str
    panels: tuple[Panel, ...]
    keys: tuple[Key, ...]
    log_x: bool = False
    whole_x: bool = True
    """Whether only whole numbers make sense there."""
    note: str = ""
    """What its bars are, say."""


@dataclass(frozen=True)
class Grid:
    """Numbers by row and column, as colours."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[float | None, ...], ...]
    """Fractions of 1."""
    row_label: str
    column_label: str
    meaning: str
    """Of the colours."""
    words: tuple[tuple[str, ...], ...] = ()
    """In each cell; none where they would be too many to read."""
    split_before: int | None = None
    """The column that is apart from those before it."""
    is_sparse: bool = False
    """Whether most cells are about nothing, and are to look like it."""


class Bar(NamedTuple):
    """A difference, and where it may lie."""

    label: str
    value: float
    interval: tuple[float, float] | None
    is_clear: bool
    """Whether it is more than noise."""


@dataclass(frozen=True)
class Bars:
    """Differences beside each other, from nothing on."""

    x_label: str
    bars: tuple[Bar, ...]
    noise: float | None
    """How large differences are that mean nothing; None where that is not known."""
    note: str


Figure = Lines | Grid | Bars


def thinned(points: Sequence[Point], most: int = POINTS_OF_A_LINE) -> tuple[Point, ...]:
    """At most so many points: of each stretch its first, lowest, highest and last."""
    if len(points) <= most:
        return tuple(points)
    stretches = most // 4
    kept = list[Point]()
    for index in range(stretches):
        begin, end = (len(points) * at // stretches for at in (index, index + 1))
        part = points[begin:end]
        extremes = {0, len(part) - 1, *_extremes(part)}
        kept += [part[at] for at in sorted(extremes)]
    return tuple(kept)


def _extremes(part: Sequence[Point]) -> tuple[int, int]:
    by_height = sorted(range(len(part)), key=lambda at: part[at][1])
    return by_height[0], by_height[-1]
