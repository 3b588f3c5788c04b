"""The section of a report that says what a study found: effects against the noise of seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_trainer.record.plain_text import plain_line
from tui_trainer.study.document import Caveat, Paragraph, Plate, Table
from tui_trainer.study.effects_figure import effects_figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tui_trainer.study import tables
    from tui_trainer.study.document import Block
    from tui_trainer.study.outcome import Outcome

_LONGEST_WARNING = 400


def study_blocks(outcomes: Sequence[Outcome]) -> list[Block]:
    """What a study found, by one metric after the other; the first is what it is about."""
    said = set[str]()
    return [
        *_points(outcomes[0], said),
        *(block for each in outcomes for block in _effects(each, said)),
    ]


def _points(outcome: Outcome, said: set[str]) -> Iterator[Block]:
    points, _, _ = outcome.tables()
    yield Paragraph(f"The study {plain_line(outcome.study)}, point by point:")
    for warning in outcome.warnings:
        yield Caveat(f"{plain_line(warning, _LONGEST_WARNING)}.")
    yield from _table(points, said)


def _effects(outcome: Outcome, said: set[str]) -> Iterator[Block]:
    _, effects, _ = outcome.tables()
    if effects.rows:
        yield Paragraph(f"Effects on {outcome.metric.heading}:")
        yield from _table(effects, said)
        caption = f"Effects on {outcome.metric.heading} with their intervals, beside seed noise."
        yield Plate(effects_figure(outcome), f"effects-{outcome.metric.value}", caption)
    else:
        yield Paragraph(f"Of {outcome.metric.heading} no effect can be told yet.")


def _table(table: tables.Table, said: set[str]) -> list[Block]:
    """What has to be known of its figures is said below the first table that needs it."""
    shown = table.for_people()
    notes = [note for note in shown.notes if note not in said]
    said.update(notes)
    headers = tuple(f"{'>' * column.is_figure}{column.title}" for column in shown.columns)
    rows = tuple(tuple(cell.said for cell in row) for row in shown.rows)
    return [Table(headers, rows, "; ".join(notes))] if rows else []
