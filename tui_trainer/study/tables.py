"""Tables of runs in the forms that papers, pages, sheets and programs take."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tui_trainer.errors import UsageError
from tui_trainer.record.plain_text import LONGEST_SHOWN_LINE, plain_line
from tui_trainer.record.words import ABSENT
from tui_trainer.spec.wording import listed, quote, suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tui_trainer.study.effects import Spread

Value = str | int | float | bool | None

# What a spreadsheet takes for the beginning of a formula, wide forms of it too, or strips to find
# one behind it: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|~&$#])")
_HYPHENS = re.compile(r"-(?=-)")  # two of them would become a dash
_LATEX: Final = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "_": r"\_",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "[": "{[}",  # behind \\ it would begin an argument
    "]": "{]}",
    "*": "{*}",
    "±": r"$\pm$",
    "…": r"\dots{}",
}


# Letters that a quarter of a line takes in LaTeX's usual type, and of a word without a hyphen.
_LONGEST_LINE, _LONGEST_WORD = 24, 16


class Format(str, Enum):
    """What tables are printed as."""

    TEXT = "text"
    MARKDOWN = "md"
    LATEX = "latex"
    CSV = "csv"
    JSON = "json"


class Column(NamedTuple):
    """A column: what people read above it, and what programs call what is in it."""

    title: str
    keys: tuple[str, ...]
    """One for each value of a cell: a mean, say, its standard deviation and n."""
    is_figure: bool = True
    is_for_papers: bool = True
    """Whether a page of a paper has room for it where nobody chose columns."""

    @property
    def name(self) -> str:
        """What commands take for it: `test` of `test (%)`."""
        return self.title.partition(" (")[0]


class Cell(NamedTuple):
    """What people read, and the same for programs, to the last digit."""

    said: str
    values: tuple[Value, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under columns, whatever they are printed as."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    """What has to be known of the figures; a line each."""

    def records(self) -> list[dict[str, Value]]:
        """The rows for programs."""
        keys = _keys(self)
        return [dict(zip(keys, _values(row), strict=True)) for row in self.rows]

    def with_notes(self, notes: Iterable[str]) -> Table:
        """With more to be known."""
        return replace(self, notes=(*self.notes, *notes))

    def for_people(self) -> Table:
        """Without the columns that say nothing of any row; one without rows as it is."""
        shown = [
            index
            for index in range(len(self.columns))
            if not self.rows
            or any(value not in {None, ""} for row in self.rows for value in row[index].values)
        ]
        return self._at(shown)

    def for_papers(self) -> Table:
        """Without what a page has no room for."""
        return self._at([at for at, column in enumerate(self.columns) if column.is_for_papers])

    def with_columns(self, names: Sequence[str]) -> Table:
        """The columns of these names, in their order, whatever they are printed as.

        Raises:
            UsageError: There is no such column.
        """
        places = {key: at for at, column in enumerate(self.columns) for key in column.keys}
        places |= {column.name: at for at, column in enumerate(self.columns) if column.name}
        for name in names:
            if name not in places:
                known = tuple(column.name or column.keys[0] for column in self.columns)
                raise UsageError(
                    f"the table has no column {quote(name)}{suggestion(name, known)}",
                    hint=f"its columns: {listed(known)}",
                )
        chosen = self._at([places[name] for name in names])
        columns = tuple(each._replace(is_for_papers=True) for each in chosen.columns)
        return replace(chosen, columns=columns)

    def _at(self, places: Sequence[int]) -> Table:
        return replace(
            self,
            columns=tuple(self.columns[at] for at in places),
            rows=tuple(tuple(row[at] for at in places) for row in self.rows),
        )


def words(text: str) -> Cell:
    """A name or a setting, from whatever file it is."""
    plain = plain_line(text, LONGEST_SHOWN_LINE)
    return Cell(plain or ABSENT, (plain,))


def figure(value: float | None, spell: Callable[[Any], str]) -> Cell:
    """A number."""
    return Cell(ABSENT if value is None else spell(value), (value,))


def spread_column(title: str, key: str) -> Column:
    """The column of cells that `spread` makes."""
    return Column(title, (f"{key}_mean", f"{key}_std", f"{key}_n"))


def spread(value: Spread | None, spell: Callable[[Any], str], n: int) -> Cell:
    """Mean and standard deviation, `97.3 ± 0.2`; with how many runs they are of unless `n`."""
    if value is None:
        return Cell(ABSENT, (None, None, None))
    beside = "" if value.std is None else f" ± {spell(value.std)}"
    count = "" if value.n == n else f" (n = {value.n})"
    return Cell(f"{spell(value.mean)}{beside}{count}", tuple(value))


def percent(fraction: float) -> str:
    """As columns with `%` or `pt` in their titles have it: `97.3`."""
    return f"{100 * fraction:.1f}"


def signed_percent(difference: float) -> str:
    """The same of a difference: `+1.2`."""
    return signed(100 * difference, 1)


def signed(difference: float, decimals: int) -> str:
    """A difference with its sign; zero has none."""
    said = f"{difference:+.{decimals}f}"
    return said if float(said) else said[1:]


def as_csv(table: Table) -> str:
    """Comma-separated values with a header; what could be taken for a formula is quoted by `'`.

    Texts stand in double quotes, so that no reader finds a column in them by another separator;
    numbers do not, and are as they were measured: fractions of 1, seconds.
    """
    import csv  # commands that print no table do without, and start sooner
    import io

    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(map(in_csv, _keys(table)))
    writer.writerows([in_csv(value) for value in _values(row)] for row in table.rows)
    return written.getvalue()


def in_csv(value: Value) -> Value:
    """A value as a cell of CSV has it: a number as it is, a text never as a formula."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return value


def as_markdown(table: Table) -> str:
    """A table as GitHub, Pandoc and others read it, below it what has to be known."""
    table = table.for_people()
    titles = [markdown_text(column.title) for column in table.columns]
    rows = [[markdown_text(cell.said) for cell in row] for row in table.rows]
    widths = [max(3, *map(len, column)) for column in zip(titles, *rows, strict=True)]
    figures = [column.is_figure for column in table.columns]
    rules = [
        f"{'-' * (width - 1)}:" if right else "-" * width
        for width, right in zip(widths, figures, strict=True)
    ]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, figures, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    notes = [markdown_text(plain_line(note, LONGEST_SHOWN_LINE)) for note in table.notes]
    below = ["", *(f"- {note}" for note in notes)] if notes else []
    return "\n".join([*map(line, [titles, rules, *rows]), *below, ""])


def markdown_text(text: str) -> str:
    """A text with everything escaped that Markdown would take for more than a text."""
    return _MARKDOWN.sub(r"\\\1", text)


def as_latex(table: Table) -> str:
    """A tabular for LaTeX, never wider than a line; what has to be known are comments in it."""
    table = table.for_papers().for_people()
    alignment = "".join(
        _latex_alignment(column, [row[at] for row in table.rows])
        for at, column in enumerate(table.columns)
    )
    titles = [latex_text(column.title) for column in table.columns]
    rows = [
        [
            "--" if cell.said == ABSENT else _in_latex(cell.said, column)
            for cell, column in zip(row, table.columns, strict=True)
        ]
        for row in table.rows
    ]
    lines = [f"  {' & '.join(cells)} \\\\" for cells in (titles, *rows)]
    return "\n".join(
        [
            "% \\usepackage{array,booktabs,graphicx}",
            *(f"% {plain_line(note, LONGEST_SHOWN_LINE)}" for note in (table.title, *table.notes)),
            "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%",
            f"\\begin{{tabular}}{{{alignment}}}",
            *("  \\toprule", lines[0], "  \\midrule", *lines[1:], "  \\bottomrule"),
            "\\end{tabular}}",
            "",
        ]
    )


def _latex_alignment(column: Column, cells: Sequence[Cell]) -> str:
    """Long texts are set in several lines, where their words are not too long for those."""
    if column.is_figure:
        return "r"
    said = [column.title, *(cell.said for cell in cells)]
    longest_word = max(len(word) for text in said for word in [*text.split(), ""])
    if max(map(len, said)) <= _LONGEST_LINE or longest_word > _LONGEST_WORD:
        return "l"
    return r">{\raggedright\arraybackslash}p{0.25\linewidth}"


def latex_text(text: str) -> str:
    """A text with everything escaped that LaTeX would take for more than a text."""
    return _HYPHENS.sub("-{}", "".join(_LATEX.get(sign, sign) for sign in text))


def _in_latex(said: str, column: Column) -> str:
    """A figure's minus is no hyphen."""
    text = latex_text(said)
    return text.replace("-", "$-$") if column.is_figure else text


def _keys(table: Table) -> list[str]:
    return [key for column in table.columns for key in column.keys]


def _values(row: Iterable[Cell]) -> list[Value]:
    return [value for cell in row for value in cell.values]
