"""What a report is made of before anything spells it: sections of text, tables and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui_trainer.study.picture import Figure


class Paragraph(NamedTuple):
    """Plain text."""

    words: str


class Caveat(NamedTuple):
    """What a reader has to know before the numbers are believed."""

    words: str


class Table(NamedTuple):
    """Rows under headers; columns of numbers are named with a leading `>`."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""

    @property
    def columns(self) -> list[tuple[str, bool]]:
        """The header of each column, and whether it is of numbers."""
        return [(header.lstrip(">"), header.startswith(">")) for header in self.headers]


class Facts(NamedTuple):
    """What holds of everything above and below, key by key."""

    title: str
    pairs: tuple[tuple[str, str], ...]


class Plate(NamedTuple):
    """A figure with what is said below it."""

    figure: Figure
    name: str
    """Told apart from all others of the document; part of a file's name."""
    caption: str


Block = Paragraph | Caveat | Table | Facts | Plate


class Section(NamedTuple):
    """A heading and what stands below it."""

    title: str
    blocks: tuple[Block, ...]


class Document(NamedTuple):
    """A whole report."""

    title: str
    summary: str
    sections: tuple[Section, ...]


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> list[Block]:
    """A table, or nothing where it has no rows."""
    return [Table(tuple(headers), tuple(map(tuple, rows)), caption)] if rows else []
