"""Writes runs as two Parquet files, epochs.parquet and runs.parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui_trainer.spec.summary import said
from tui_trainer.study.export.tables import EPOCH_COLUMNS, as_columns, epoch_rows, run_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tui_trainer.record.index import Run

_INTEGERS = ("number", "epoch", "attempt", "step", "peak_memory_bytes")
# Readers take a group of rows at once: enough for a good compression, few enough for any memory.
_ROWS_AT_ONCE = 20_000


def write(runs: Iterable[Run], place: Path, _destination: Path) -> None:
    """A folder with both files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    place.mkdir()
    schema, rows, waiting = _schema(), [], list[tuple[Any, ...]]()
    with pq.ParquetWriter(place / "epochs.parquet", schema) as writer:
        for run in runs:
            rows.append(run_row(run))
            waiting += epoch_rows(run)
            if len(waiting) >= _ROWS_AT_ONCE:
                writer.write_table(_table(waiting, schema))
                waiting = []
        writer.write_table(_table(waiting, schema))
    columns = {name: _alike(values) for name, values in as_columns(rows).items()}
    pq.write_table(pa.table(columns), place / "runs.parquet")


def _schema() -> Any:
    import pyarrow as pa

    def kind(column: str) -> Any:
        if column in {"run", "experiment"}:
            return pa.string()
        return pa.int64() if column in _INTEGERS else pa.float64()

    return pa.schema([(column, kind(column)) for column in EPOCH_COLUMNS])


def _table(rows: Sequence[Sequence[Any]], schema: Any) -> Any:
    import pyarrow as pa

    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)],
        schema,
    )


def _alike(values: Sequence[Any]) -> list[Any]:
    """A column of one kind: where runs have numbers and words under one key, all in words."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and float in kinds:
        return [None if value is None else float(value) for value in values]
    if len(kinds) > 1:
        return [None if value is None else said(value) for value in values]
    return list(values)
