"""Lines of text in named inks: what widgets draw, before any terminal or style is known."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len, chop_cells, set_cell_size

if TYPE_CHECKING:
    from collections.abc import Iterable


class Span(NamedTuple):
    """A piece of a line."""

    text: str
    ink: str = ""
    """Names of inks, apart by spaces; tui.tcss gives them colours.

    In pictures two colours, `#rrggbb #rrggbb`: of the sign and of what is behind it.
    """


Line = tuple[Span, ...]


def width_of(line: Iterable[Span]) -> int:
    """Cells that the line covers."""
    return sum(cell_len(span.text) for span in line)


def fit(text: str, width: int, ellipsis: str = "…", *, right: bool = False) -> str:
    """The text in exactly `width` cells: cut with an ellipsis, or filled with spaces."""
    if width <= 0:
        return ""
    missing = width - cell_len(text)
    if missing < 0:
        return set_cell_size(text, width - 1) + ellipsis
    return " " * missing + text if right else text + " " * missing


def end_of(text: str, width: int) -> str:
    """The end of a text, as much of it as has room in `width` cells."""
    end = text[-width:]  # no character but a combining one covers less than a cell
    while cell_len(end) > width:
        end = end[1:]
    return end


def fit_line(line: Iterable[Span], width: int, ellipsis: str = "…") -> Line:
    """The line in at most `width` cells, cut with an ellipsis where more than blanks is cut."""
    line = tuple(line)
    fitting: list[Span] = []
    left = width
    for index, span in enumerate(line):
        cells = cell_len(span.text)
        if cells > left:
            only_blanks = _is_blank_from(line[index:], left)
            cut = set_cell_size if only_blanks else partial(fit, ellipsis=ellipsis)
            fitting.append(Span(cut(span.text, left), span.ink))
            break
        fitting.append(span)
        left -= cells
    return tuple(fitting)


def _is_blank_from(line: Line, cell: int) -> bool:
    """Whether nothing but blanks stands from a cell on."""
    return width_of([Span(as_text(line).rstrip())]) <= cell


def wrap(text: str, width: int) -> list[str]:
    """The whole text in lines of at most `width` cells, broken between words where it can be."""
    if width < 2:  # a wide character has no room
        return []
    lines = [""]
    for word in text.split():
        if lines[-1] and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
            continue
        lines += chop(word, width)
    return lines[1:]


def chop(text: str, width: int) -> list[str]:
    """The whole text in lines of at most `width` cells, broken anywhere: for what is not prose."""
    return chop_cells(text, width) if width >= 2 else []


def justify(left: Iterable[Span], right: Iterable[Span], width: int, ellipsis: str = "…") -> Line:
    """One line with a part at each end; where both have no room, the right one goes."""
    left, right = tuple(left), tuple(right)
    gap = width - width_of(left) - width_of(right)
    if gap < 2:
        return fit_line(left, width, ellipsis)
    return (*left, Span(" " * gap), *right)


def as_text(line: Iterable[Span]) -> str:
    """The line without its inks."""
    return "".join(span.text for span in line)
