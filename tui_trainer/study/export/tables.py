"""The two tables of an export: a row for each epoch, and a row for each run."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from tui_trainer.record.epochs import Epoch
from tui_trainer.record.plain_text import plain_line
from tui_trainer.study.export.content import about, note, results, settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tui_trainer.record.index import Run
    from tui_trainer.study.tables import Value

EPOCH_FIGURES = tuple(field.name for field in fields(Epoch))
EPOCH_COLUMNS = ("run", "experiment", "number", *EPOCH_FIGURES)


def epoch_rows(run: Run) -> Iterator[tuple[Value, ...]]:
    """The run's epochs, each by `EPOCH_COLUMNS`."""
    words = about(run)
    named = (words["run"], words["experiment"], run.folder.number)
    for epoch in run.epochs:
        yield (*named, *(getattr(epoch, name) for name in EPOCH_FIGURES))


def run_row(run: Run) -> dict[str, Value]:
    """The run by column; what it was launched with stands under `settings.KEY`."""
    return {
        **dict.fromkeys(("run", "experiment", "state", "cause", "fingerprint", "host", "launched")),
        **about(run),
        "number": run.folder.number,
        "tags": " ".join(run.remarks.tags),
        "note": plain_line(note(run)),
        "seconds": sum(attempt.seconds for attempt in run.attempts),
        "attempts": len(run.attempts),
        "epochs": len(run.epochs),
        "planned_epochs": run.planned_epochs or None,
        **{name.removeprefix("result/"): value for name, value in results(run).items()},
        **{f"settings.{key}": value for key, value in settings(run).items()},
    }


def columns_of(rows: Sequence[dict[str, Value]]) -> list[str]:
    """Every column that any of the rows has; settings, which differ in kind, come last."""
    known = dict.fromkeys(column for row in rows for column in row)
    return sorted(known, key=lambda column: column.startswith("settings."))


def as_columns(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """The rows, column by column."""
    return {column: [row.get(column) for row in rows] for column in columns_of(rows)}
