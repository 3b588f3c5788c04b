"""Writes runs as two CSV files, epochs.csv and runs.csv, in which nothing is a formula."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from tui_trainer.record.plain_text import plain_line
from tui_trainer.study.export.tables import EPOCH_COLUMNS, columns_of, epoch_rows, run_row
from tui_trainer.study.tables import in_csv

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tui_trainer.record.index import Run
    from tui_trainer.study.tables import Value


def write(runs: Iterable[Run], place: Path, _destination: Path) -> None:
    """A folder with both files."""
    place.mkdir()
    rows = []
    with (place / "epochs.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(EPOCH_COLUMNS)
        for run in runs:
            writer.writerows(map(_cell, row) for row in epoch_rows(run))
            rows.append(run_row(run))
    columns = columns_of(rows)
    with (place / "runs.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(map(_cell, columns))
        writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)


def _cell(value: Value) -> Value:
    return in_csv(plain_line(value, len(value)) if isinstance(value, str) else value)
