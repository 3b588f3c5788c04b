"""The points of a study as lines: each over its seeds, and what of it is not done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_trainer.study.metrics import Metric
from tui_trainer.tui.widgets.headline import STATE_INKS
from tui_trainer.tui.widgets.line import Line, Span, fit, width_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tui_trainer.study.effects import Spread
    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.study_view import PointRow

SHOWN = (Metric.TEST, Metric.OOD, Metric.GAP, Metric.BEST)
LONGEST_LABEL, SHORTEST_LABEL = 48, 10
COUNT_WIDTH, STATUS_WIDTH, GAP = 6, 14, "  "


def point_lines(
    points: Sequence[PointRow], metric: Metric, width: int, glyphs: Glyphs
) -> list[Line]:
    """Titles, and a line for each point; metrics that have no room are left out, `metric` last."""
    longest = max((width_of([Span(point.label)]) for point in points), default=5)
    measured = [
        each
        for each in dict.fromkeys((metric, *SHOWN))
        if each is metric or any(point.spreads[each] for point in points)
    ]
    columns = {each: _width(each, points, glyphs) for each in measured}
    room = width - 1 - COUNT_WIDTH - STATUS_WIDTH - min(longest, LONGEST_LABEL)
    while len(columns) > 1 and sum(columns.values()) + len(GAP) * len(columns) > room:
        columns.popitem()
    rest = width - 1 - COUNT_WIDTH - STATUS_WIDTH - sum(columns.values()) - 2 * len(columns)
    label = max(SHORTEST_LABEL, min(longest, LONGEST_LABEL, rest))
    titles = "".join(f"{GAP}{each.heading:>{column}}" for each, column in columns.items())
    lines: list[Line] = [
        (Span(f" {fit('point', label)}{'n':>{COUNT_WIDTH}}{titles}{GAP}not done", "muted"),)
    ]
    for point in points:
        spreads = "".join(
            f"{GAP}{_said(point.spreads[each], each, glyphs):>{column}}"
            for each, column in columns.items()
        )
        lines.append(
            (
                Span(f" {fit(point.label, label, glyphs.ellipsis)}", "strong"),
                Span(f"{f'{point.done}/{point.planned}':>{COUNT_WIDTH}}", "muted"),
                Span(spreads),
                Span(GAP),
                *_undone(point, glyphs),
            )
        )
    return lines


def _width(metric: Metric, points: Sequence[PointRow], glyphs: Glyphs) -> int:
    said = (len(_said(point.spreads[metric], metric, glyphs)) for point in points)
    return max(len(metric.heading), *said) if points else len(metric.heading)


def _said(spread: Spread | None, metric: Metric, glyphs: Glyphs) -> str:
    """`96.2 ± 0.4`; of a single seed no spread."""
    if spread is None:
        return "-"
    if spread.std is None:
        return metric.spell(spread.mean)
    sign = "+-" if glyphs.is_ascii else "±"
    return f"{metric.spell(spread.mean)} {sign} {metric.spell_difference(spread.std).lstrip('+')}"


def _undone(point: PointRow, glyphs: Glyphs) -> Iterator[Span]:
    """What became of the seeds that are not done, and how many have no run."""
    for state, count in point.states:
        yield Span(f"{glyphs.marks[state]}", STATE_INKS[state])
        yield Span(f" {count} {state.value} ")
    if point.missing:
        yield Span(f"{glyphs.never_run} {point.missing} missing", "muted")
