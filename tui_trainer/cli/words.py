"""How commands speak: results on standard output, talk on standard error, data never as markup."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    from collections.abc import Sequence

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

    On a narrow terminal the last column, which tells the story, gives way.
    """
    from rich.table import Table

    titles = [header.lstrip(">") for header in headers]
    cells = [
        [cell if isinstance(cell, Text) else Text(plain_line(cell)) for cell in row] for row in rows
    ]
    widths = [
        max(len(title), *(len(row[index]) for row in cells)) for index, title in enumerate(titles)
    ]
    widths[-1] = min(
        widths[-1], max(len(titles[-1]), results.width - sum(width + 2 for width in widths[:-1]))
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title, header, width in zip(titles, headers, widths, strict=True):
        table.add_column(
            title,
            justify="right" if header.startswith(">") else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=width,
        )
    for row in cells:
        table.add_row(*row)
    results.print(table, crop=False)


def print_findings(findings: Sequence[Finding]) -> None:
    """One line each: how it stands, what was found and, where something is wrong, the cure."""
    for finding in findings:
        mark, style = LEVELS[finding.level]
        subject = f"{finding.subject:<15}"
        line = Text.assemble((f"{mark} ", style), subject, plain_line(finding.found))
        if finding.cure:
            line.append(f"  -> {plain_line(finding.cure)}", style="bold")
        results.print(line, soft_wrap=True)
