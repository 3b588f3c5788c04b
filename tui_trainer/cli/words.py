"""How commands speak: results on standard output, talk on standard error, data never as markup."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.text import Text

from tui_trainer.errors import InvalidExperimentsError, TuiTrainerError
from tui_trainer.record.plain_text import plain_line, plain_text
from tui_trainer.record.state import State, new_in_cause
from tui_trainer.record.words import ABSENT, percent, points
from tui_trainer.tui.figures import duration, plural
from tui_trainer.tui.glyphs import ASCII, UNICODE
from tui_trainer.tui.terminal import terminal_speaks_unicode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tui_trainer.record.finding import Finding, Level
    from tui_trainer.record.index import Run

# Colour only where it carries meaning; the mark and the word say the same.
STYLES: dict[State, str] = {
    State.STALLED: "bold yellow",
    State.STOPPING: "yellow",
    State.STOPPED: "yellow",
    State.INTERRUPTED: "yellow",
    State.CRASHED: "bold red",
    State.LOST: "bold red",
    State.FAILED: "bold red",
    State.RUNNING: "green",
    State.EVALUATING: "green",
    State.FINISHED: "green",
}
LEVELS: dict[Level, tuple[str, str]] = {
    "ok": ("✓", "green"),
    "warning": ("!", "yellow"),
    "error": ("✕", "bold red"),
}
# A pipe has no right edge: programs and greps get whole lines.
PIPE_WIDTH = 1000
# Between two columns of a table.
_GAP = 2
# Less of a text is hardly read; more lines of one hide the rows below it.
_NARROWEST_TEXT, _MOST_LINES = 8, 3


class Voice(Console):
    """A console that takes text from files and names as it is, without its control characters."""

    def say(self, text: str, *, label: str = "", style: str = "") -> None:
        """Print text on lines of its own, after a label in a style."""
        self.print(Text.assemble((label, style), plain_text(text)), soft_wrap=True, highlight=False)

    def tell(self, error: TuiTrainerError) -> None:
        """Say what is wrong and what to do about it."""
        if isinstance(error, InvalidExperimentsError):
            self.say("", label=plural(len(error.problems), "problem"), style="bold red")
            for problem in error.problems:
                self.say(problem)
        else:
            self.say(error.message, label="error: ", style="bold red")
        if error.hint:
            self.say(error.hint, label="hint: ", style="bold")


results = Voice(highlight=False, markup=False)
if not results.is_terminal:
    results.width = PIPE_WIDTH
errors = Voice(stderr=True, highlight=False, markup=False)


def state_text(run: Run) -> Text:
    """The state's mark and word in its colour."""
    marks = (UNICODE if terminal_speaks_unicode() else ASCII).marks
    return Text(f"{marks[run.state]} {run.state.value}", style=STYLES.get(run.state, ""))


def time_left(run: Run) -> str:
    """The predicted time until the last epoch ends."""
    return ABSENT if run.eta_seconds is None else duration(run.eta_seconds)


def closing_line(run: Run) -> str:
    """How a run stands, its test accuracy and where its files are."""
    words = [f"{run.name} {run.state.value}"]
    if run.clean_accuracy is not None and run.best is not None:
        words.append(f"test accuracy {percent(run.clean_accuracy)} (epoch {run.best.epoch}, best)")
    elif run.epochs:
        words.append(f"epoch {run.epochs[-1].epoch}/{run.planned_epochs}")
    if run.ood is not None:
        below = f"{percent(run.ood_accuracy)} ({points(run.ood_gap)} below clean)"
        words.append(f"out of distribution {below}")
    if run.cause:
        words.append(plain_line(new_in_cause(run.state, run.cause)))
    return f"{', '.join(words)}; files: {run.folder.path}"


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
    """Print rows under headers; columns of numbers are named with a leading `>`.

    On a narrow terminal texts go on in the next line; numbers stay whole, and where there are too
    many of them the table goes on below itself, each row named again.
    """
    columns = _columns(headers, rows)
    for part in _parts(columns, results.width):
        _print_part(part, _widths(part, results.width))


def fits(headers: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> bool:
    """Whether no cell of a table has to give way."""
    return _taken(column.longest for column in _columns(headers, rows)) <= results.width


class _Column(NamedTuple):
    """A column of a table that is printed."""

    title: Text
    is_figure: bool
    cells: tuple[Text, ...]

    @property
    def longest(self) -> int:
        return max(each.cell_len for each in (self.title, *self.cells))

    @property
    def least(self) -> int:
        """How narrow it may become: numbers are never cut."""
        longest = max((each.cell_len for each in self.cells), default=0)
        word = max(map(len, self.title.plain.split()), default=0)
        return max(word, longest if self.is_figure else min(longest, _NARROWEST_TEXT))


def _columns(headers: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> list[_Column]:
    cells = [
        [cell if isinstance(cell, Text) else Text(plain_line(cell)) for cell in row] for row in rows
    ]
    return [
        _Column(Text(header.lstrip(">")), header.startswith(">"), tuple(row[at] for row in cells))
        for at, header in enumerate(headers)
    ]


def _parts(columns: Sequence[_Column], room: int) -> list[list[_Column]]:
    """The columns by what fits beside each other, those that name the rows in every part."""
    first = next((at for at, each in enumerate(columns) if not each.is_figure), -1) + 1
    names, parts = list(columns[:first]), [list[_Column]()]
    for column in columns[first:]:
        wanted = [*names, *parts[-1], column]
        if parts[-1] and _taken(each.least for each in wanted) > room:
            parts.append([])
        parts[-1].append(column)
    return [[*names, *part] for part in parts]


def _widths(columns: Sequence[_Column], room: int) -> list[int]:
    """How wide columns are: where room is short titles of numbers fold, then the widest texts."""
    widths = [column.longest for column in columns]
    if _taken(widths) <= room:
        return widths
    least = [column.least for column in columns]
    widths = [each.least if each.is_figure else each.longest for each in columns]
    while _taken(widths) > room and widths != least:
        free = [at for at, width in enumerate(widths) if width > least[at]]
        widths[max(free, key=lambda at: widths[at])] -= 1
    return widths


def _taken(widths: Iterable[int]) -> int:
    return sum(width + _GAP for width in widths) - _GAP


def _print_part(columns: Sequence[_Column], widths: Sequence[int]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for column, width in zip(columns, widths, strict=True):
        table.add_column(
            _folded(column.title, width),
            justify="right" if column.is_figure else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=width,
        )
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*map(_folded, row, widths))
    results.print(table, crop=False)


def _folded(cell: Text, width: int) -> Text:
    """A cell on as many lines as it takes, up to some."""
    if cell.cell_len <= width:
        return cell
    lines = cell.wrap(results, width, overflow="fold")
    shown = list(lines[:_MOST_LINES])
    if len(lines) > _MOST_LINES:
        shown[-1].append(" " * width)
        shown[-1].truncate(width, overflow="ellipsis")
    return Text("\n").join(shown)


def print_findings(findings: Sequence[Finding]) -> None:
    """One line each: how it stands, what was found and, where something is wrong, the cure."""
    for finding in findings:
        mark, style = LEVELS[finding.level]
        subject = f"{finding.subject:<15}"
        line = Text.assemble((f"{mark} ", style), subject, plain_line(finding.found))
        if finding.cure:
            line.append(f"  -> {plain_line(finding.cure)}", style="bold")
        results.print(line, soft_wrap=True)
