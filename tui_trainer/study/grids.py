"""Figures of one run as grids: accuracy by corruption and severity, and the confusion matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_trainer.errors import UsageError
from tui_trainer.record.fields import number, table
from tui_trainer.record.plain_text import plain_line
from tui_trainer.record.tail import read_json
from tui_trainer.study.picture import Grid

if TYPE_CHECKING:
    from tui_trainer.record.index import Run

LONGEST_NAME = 16
MOST_CLASSES_IN_WORDS = 20
"""Of more, a column has no room for a number in each cell."""


def corruptions(run: Run) -> Grid:
    """Accuracy by corruption and severity, the worst corruption last.

    Raises:
        UsageError: The run was not measured so.
    """
    measured = table(run.ood or {}, "corruptions")
    rows = {name: table(measured, name) for name in measured}
    severities = sorted({key for row in rows.values() for key in row if key != "mean"})
    if not severities:
        raise UsageError(
            f"{plain_line(run.name)} was not measured by corruption and severity",
            hint="its experiment needs an ood table, then: tui-trainer evaluate RUN",
        )
    order = sorted(rows, key=lambda name: -(number(rows[name], "mean") or 0.0))
    columns = [*severities, "mean"]
    cells = tuple(tuple(number(rows[name], column) for column in columns) for name in order)
    return Grid(
        rows=tuple(plain_line(name.replace("_", " "), LONGEST_NAME + 4) for name in order),
        columns=tuple(plain_line(column, LONGEST_NAME) for column in columns),
        cells=cells,
        row_label="",
        column_label="severity",
        meaning="accuracy (%)",
        words=tuple(tuple(map(_cell, row)) for row in cells),
        split_before=len(columns) - 1,
    )


def confusion(run: Run) -> Grid:
    """Which class was taken for which, as shares of the images of each class.

    Raises:
        UsageError: The run was not tested, or has too many classes to have kept that.
    """
    result = read_json(run.folder.clean_results_file) or {}
    counts = _matrix(result.get("confusion"))
    if not counts:
        raise UsageError(
            f"{plain_line(run.name)} has no confusion matrix",
            hint="it stands in results/clean.json of a tested run with at most 400 classes",
        )
    known = result.get("class_names")
    named = known if isinstance(known, list) and len(known) == len(counts) else range(len(counts))
    names = tuple(plain_line(str(name), LONGEST_NAME) for name in named)
    totals = [sum(row) for row in counts]
    cells = tuple(
        tuple(count / total if total else None for count in row)
        for row, total in zip(counts, totals, strict=True)
    )
    can_be_read = len(counts) <= MOST_CLASSES_IN_WORDS
    return Grid(
        rows=names,
        columns=names,
        cells=cells,
        row_label="true class",
        column_label="predicted class",
        meaning="share of the true class (%)",
        words=tuple(tuple(str(c) if c else "" for c in row) for row in counts)
        if can_be_read
        else (),
        is_sparse=True,
    )


def _cell(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.0f}"


def _matrix(value: object) -> list[list[int]]:
    """A square of counts, or nothing."""
    if not isinstance(value, list) or not value:
        return []
    rows = [row for row in value if isinstance(row, list) and len(row) == len(value)]
    is_whole = len(rows) == len(value) and all(
        isinstance(count, int) and count >= 0 for row in rows for count in row
    )
    return rows if is_whole else []
