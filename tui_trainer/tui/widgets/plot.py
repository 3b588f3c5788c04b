"""A line plot in text: axes with ticks, a line for each series, its name and value at its end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.tui.widgets.braille import SOLID, Canvas, Dash
from tui_trainer.tui.widgets.line import Line, Span, fit, fit_line
from tui_trainer.tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tui_trainer.tui.glyphs import Glyphs

SMALLEST_WIDTH, SMALLEST_HEIGHT = 24, 5
# One tick in three rows and one in twelve columns can be read off without crowding the picture.
ROWS_PER_TICK, COLUMNS_PER_TICK = 3, 12
# Few epochs have a tick each.
MOST_SINGLE_TICKS = 10
# Below it floating-point numbers lose digits, and no loss that anybody reads off is there.
SMALLEST_ON_LOG_SCALE = 1e-30
SIGNS = ("o", "*", "+", "x", "#", "@")
SIGN_BEHIND = "."
# A line from what is cut off is drawn dot by dot, from at most so many heights above.
STEEPEST = 20
# A line bears its sign once in so many columns, one line after the other.
COLUMNS_PER_SIGN = 24


class Spread(NamedTuple):
    """A point that was measured several times: marked at its mean, a bar from `low` to `high`."""

    x: float
    low: float
    mean: float
    high: float


@dataclass(frozen=True)
class Series:
    """One line of a plot."""

    name: str
    ink: str
    points: tuple[tuple[float, float | None], ...]
    """From left to right; None leaves a gap."""
    true_last: float | None = None
    """What its label says in place of its last point: a smoothed line's newest true value."""
    sign: str = ""
    """Stands on the line here and there, where colour alone would not tell it from others."""
    dash: Dash = SOLID
    spreads: tuple[Spread, ...] = ()

    @property
    def is_behind(self) -> bool:
        """Whether it only stands behind another one, without a label of its own."""
        return not self.name

    @property
    def last(self) -> float | None:
        """The newest value that there is."""
        return next((y for _, y in reversed(self.points) if y is not None), None)


@dataclass(frozen=True, kw_only=True)
class Chart:
    """What a plot shows."""

    title: str
    series: tuple[Series, ...]
    last_x: float
    """Where the x axis ends."""
    show_value: Callable[[float], str]
    first_x: float = 1
    """Where the x axis begins."""
    x_unit: str = ""
    """Beside the numbers of the x axis; without one they are whole."""
    x_ticks: tuple[float, ...] = ()
    """Where the x axis has numbers; none: at round ones."""
    show_x: Callable[[float], str] = "{:g}".format
    log_x: bool = False
    begins: tuple[float, ...] = ()
    """Where something began anew: faint upright lines."""
    best: tuple[float, float] | None = None
    """The point that is marked."""
    log: bool = False
    top: float | None = None
    """What is higher is cut off, and marked."""
    notes: tuple[str, ...] = ()
    """How it is looked at, beside the title."""
    hint: str = ""
    """At the end of the title line."""
    empty: str = ""
    """Shown in place of lines where there are none yet."""


@dataclass(frozen=True)
class Scale:
    """Maps values to 0 (bottom) … 1 (top)."""

    low: float
    high: float
    log: bool
    ticks: tuple[float, ...]
    step: float = 1.0
    """Between two ticks of a linear scale."""

    def share(self, value: float) -> float:
        """Where a value stands between the two ends."""
        if self.log:
            low, high, value = (math.log10(each) for each in (self.low, self.high, value))
        else:
            low, high = self.low, self.high
        return (value - low) / (high - low)


class Plot(LineView):
    """Shows one chart."""

    def __init__(self, glyphs: Glyphs, *, widget_id: str) -> None:
        super().__init__(glyphs, widget_id)
        self._chart: Chart | None = None
        self._is_due = False

    def show(self, chart: Chart) -> None:
        """Show this from now on; curves take a while, so a key's own answer is shown before."""
        if chart != self._chart:
            self._chart = chart
            if not self._is_due:
                self._is_due = True
                self.call_after_refresh(self._redraw_now)

    def _redraw_now(self) -> None:
        self._is_due = False
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The chart in the widget's size."""
        return [] if self._chart is None else draw_chart(self._chart, width, height, self.glyphs)


def draw_chart(chart: Chart, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The chart as `height` lines of at most `width` cells."""
    title = _title(chart, width, glyphs)
    values = [
        y
        for series in chart.series
        for _, y in series.points
        if y is not None and _is_drawable(y, chart) and not _is_cut_off(y, chart)
    ]
    values += [end for series in chart.series for at in series.spreads for end in (at.low, at.high)]
    if width < SMALLEST_WIDTH or height < SMALLEST_HEIGHT or not values:
        rows = [title, (), (Span("  "), Span(fit_text(chart.empty, width - 2, glyphs), "muted"))]
        return [fit_line(row, width, glyphs.ellipsis) for row in rows[:height]]
    scale = scale_for(
        min(values), max(values), max(2, (height - 3) // ROWS_PER_TICK), log=chart.log
    )
    lines = _picture(chart, scale, width, height - 1, glyphs)
    return [title, *(fit_line(line, width, glyphs.ellipsis) for line in lines)]


def fit_text(text: str, width: int, glyphs: Glyphs) -> str:
    """The text, cut where it is too long, never filled."""
    return fit(text, width, glyphs.ellipsis).rstrip()


def scale_for(low: float, high: float, ticks: int, *, log: bool) -> Scale:
    """A scale with round ends around the values."""
    return _log_scale(low, high) if log and low > 0 else _linear_scale(low, high, ticks)


def round_epochs(epochs: int, planned: int) -> int:
    """Where the x axis of a live run ends: round, so that it moves seldom."""
    size: int = 10 ** max(0, math.floor(math.log10(max(1, epochs))))
    candidates = (factor * size for factor in (1, 2, 3, 5, 10, 20))
    end = next(candidate for candidate in candidates if candidate > epochs)
    return max(2, min(max(5, end), planned) if planned else end)


def _title(chart: Chart, width: int, glyphs: Glyphs) -> Line:
    words = [Span(f" {chart.title}", "strong")]
    notes = (*(["log"] if chart.log else []), *_cut(chart, glyphs), *chart.notes)
    if notes:
        words.append(Span(f"  {f' {glyphs.dot} '.join(notes)}", "muted"))
    if chart.hint:
        words.append(Span(f"   {chart.hint}", "muted"))
    return fit_line(words, width, glyphs.ellipsis)


def _cut(chart: Chart, glyphs: Glyphs) -> Iterator[str]:
    """How far up the values go that are cut off."""
    values = (y for series in chart.series for _, y in series.points if _is_cut_off(y, chart))
    highest = max((y for y in values if y is not None), default=None)
    if highest is not None:
        yield f"{glyphs.ascending} up to {chart.show_value(highest)}"


def _is_cut_off(value: float | None, chart: Chart) -> bool:
    return value is not None and chart.top is not None and value > chart.top


def _is_drawable(value: float | None, chart: Chart) -> bool:
    return value is not None and (value > SMALLEST_ON_LOG_SCALE or not chart.log)


def _linear_scale(low: float, high: float, ticks: int) -> Scale:
    if high - low < 1e-9 * max(1.0, abs(high)):
        # Around it alone an axis would show digits that nobody asked for.
        low, high = (min(0.0, 1.25 * low), max(0.0, 1.25 * high)) if high else (-1.0, 1.0)
    step = _round_step((high - low) / ticks)
    # The ends stand on quarters of a step: on whole ones a small plot would be half empty.
    quarter = step / 4
    bottom = math.floor(low / quarter + 1e-9) * quarter
    top = math.ceil(high / quarter - 1e-9) * quarter
    first, last = math.ceil(bottom / step - 1e-9), math.floor(top / step + 1e-9)
    values = tuple(index * step for index in range(first, last + 1))
    return Scale(bottom, top, log=False, ticks=values, step=step)


def _log_scale(low: float, high: float) -> Scale:
    """Ends at 1, 2 or 5 of a power of ten; ticks there too, or at the powers where it is long."""
    first, last = math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1
    values = [factor * 10.0**power for power in range(first, last + 1) for factor in (1, 2, 5)]
    bottom = max(value for value in values if value <= low * (1 + 1e-9))
    top = min(value for value in values if value >= high * (1 - 1e-9) and value > bottom)
    inside = [value for value in values if bottom <= value <= top]
    powers = [value for value in inside if math.log10(value) % 1 < 1e-9]
    return Scale(bottom, top, log=True, ticks=tuple(powers if len(powers) > 2 else inside))


def _round_step(rough: float) -> float:
    size = 10.0 ** math.floor(math.log10(rough))
    return next(factor * size for factor in (1, 2, 5, 10) if factor * size >= rough * (1 - 1e-9))


def _picture(chart: Chart, scale: Scale, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    labels = [_tick_label(tick, scale) for tick in scale.ticks]
    left = max(map(len, labels)) + 1
    right = max(len(_end_label(chart, series)) for series in _labelled(chart)) + 4
    columns, rows = max(2, width - left - 1 - right), height - 2
    behind = {owner for owner, series in enumerate(chart.series) if series.is_behind}
    canvas = Canvas(columns, rows, is_ascii=glyphs.is_ascii, behind=behind)
    for owner, series in enumerate(chart.series):
        for points in _pieces(series, chart, scale, canvas):
            canvas.draw(points, owner, series.dash)
        for points in _bars(series, chart, scale, canvas):
            canvas.draw(points, owner)
    ticks = dict(zip((_row(tick, scale, rows) for tick in scale.ticks), labels, strict=True))
    ends = _end_rows(chart, scale, rows)
    marks = _Marks.of(chart, scale, canvas, glyphs)
    lines = [
        (
            *_axis(ticks.get(row), left, glyphs),
            *_cells(canvas, row, chart, marks, glyphs),
            *_end(chart, ends.get(row), glyphs),
        )
        for row in range(rows)
    ]
    return [*lines, *_x_axis(chart, left, columns, glyphs)]


def _tick_label(tick: float, scale: Scale) -> str:
    if scale.log:
        return f"{tick:g}"
    decimals = max(0, -math.floor(math.log10(scale.step) + 1e-9))
    return f"{tick:.{decimals}f}" if decimals <= 4 and abs(tick) < 1e6 else f"{tick:.3g}"


def _end_label(chart: Chart, series: Series) -> str:
    if series.true_last is not None:  # beside a line that ends elsewhere
        return f"{series.name} {chart.show_value(series.true_last)} raw"
    return series.name if series.last is None else f"{series.name} {chart.show_value(series.last)}"


def _labelled(chart: Chart) -> list[Series]:
    return [series for series in chart.series if not series.is_behind]


def _signs(chart: Chart) -> list[str]:
    """The sign of each series in ASCII; what stands behind another is drawn with points."""
    labelled = _labelled(chart)
    return [
        SIGN_BEHIND if series.is_behind else series.sign or SIGNS[labelled.index(series)]
        for series in chart.series
    ]


def _at(x: float, chart: Chart, places: int) -> int:
    """Where an x stands among so many places from left to right."""
    first, last = chart.first_x, chart.last_x
    if chart.log_x:
        first, last, x = (math.log10(each) for each in (first, last, x))
    return round((x - first) / ((last - first) or 1) * (places - 1))


def _row(value: float, scale: Scale, rows: int) -> int:
    return round((1 - scale.share(value)) * (rows - 1))


def _pieces(
    series: Series, chart: Chart, scale: Scale, canvas: Canvas
) -> Iterator[list[tuple[int, int]]]:
    """The series' points in dots, apart where a value is missing."""
    last_y = canvas.height - 1
    highest = -STEEPEST * canvas.height
    for is_drawable, points in groupby(series.points, lambda at: _is_drawable(at[1], chart)):
        if is_drawable:
            yield [
                (
                    _at(x, chart, canvas.width),
                    max(highest, round((1 - scale.share(y or 0.0)) * last_y)),
                )
                for x, y in points
            ]


def _bars(
    series: Series, chart: Chart, scale: Scale, canvas: Canvas
) -> Iterator[list[tuple[int, int]]]:
    """The spreads, upright, in dots: mean, lower end, upper end."""
    last_y = canvas.height - 1
    for at in series.spreads:
        x = _at(at.x, chart, canvas.width)
        yield [(x, round((1 - scale.share(y)) * last_y)) for y in (at.mean, at.low, at.high)]


def _end_rows(chart: Chart, scale: Scale, rows: int) -> dict[int, Series]:
    """The row of each series' label: beside its end, or the next free one, higher values above."""
    drawable = [series for series in _labelled(chart) if _is_drawable(series.last, chart)]
    drawable.sort(key=lambda series: -(series.last or 0.0))
    ends: dict[int, Series] = {}
    lowest_free = 0
    for place, series in enumerate(drawable):
        wanted = min(rows - 1, max(0, _row(series.last or 0.0, scale, rows)))
        row = min(max(wanted, lowest_free), rows - (len(drawable) - place))
        ends[row] = series
        lowest_free = row + 1
    return ends


def _axis(label: str | None, left: int, glyphs: Glyphs) -> Line:
    if label is None:
        return (Span(" " * left + glyphs.axis_y, "faint"),)
    return (Span(label.rjust(left), "muted"), Span(glyphs.axis_tick_y, "faint"))


class _Marks(NamedTuple):
    """What is the same for every row of a picture; to ask all points for it takes long."""

    columns: int
    """Up to where the lines end, so that labels stand beside their ends."""
    begins: set[int]
    best: tuple[int, int] | None
    cut: Mapping[int, int]
    """The columns of the top row where lines go on above it, and the series of each."""
    signs: Sequence[str]
    signed: Mapping[tuple[int, int], int]
    """The cells where lines bear their signs, and the series of each."""
    means: Mapping[tuple[int, int], int]
    """The cells where spreads have their means, and the series of each."""

    @classmethod
    def of(cls, chart: Chart, scale: Scale, canvas: Canvas, glyphs: Glyphs) -> _Marks:
        end = max(x for series in chart.series for x, _ in series.points)
        return cls(
            columns=min(_at(end, chart, canvas.columns) + 1, canvas.columns),
            begins={_at(x, chart, canvas.columns) for x in chart.begins},
            best=_best_cell(chart, scale, canvas),
            cut={
                _at(x, chart, canvas.columns): owner
                for owner, series in enumerate(chart.series)
                for x, y in series.points
                if _is_cut_off(y, chart)
            },
            signs=_signs(chart) if glyphs.is_ascii else (),
            signed=dict(_sign_cells(chart, canvas)),
            means={
                (x // canvas.across, y // canvas.down): owner
                for owner, series in enumerate(chart.series)
                for (x, y), *_ in _bars(series, chart, scale, canvas)
            },
        )


def _cells(canvas: Canvas, row: int, chart: Chart, marks: _Marks, glyphs: Glyphs) -> Iterator[Span]:
    """The row's cells up to where the lines end."""
    cells: list[tuple[str, str]] = []
    for column in range(marks.columns):
        sign, owner = canvas.cell(column, row, marks.signs)
        mean, signed = marks.means.get((column, row)), marks.signed.get((column, row))
        if mean is not None:
            sign = marks.signs[mean] if marks.signs else glyphs.point
            cells.append((sign, chart.series[mean].ink))
        elif (column, row) == marks.best:
            cells.append((glyphs.best, "strong"))
        elif row == 0 and column in marks.cut:
            cells.append((glyphs.ascending, chart.series[marks.cut[column]].ink))
        elif signed is not None:
            cells.append((chart.series[signed].sign, chart.series[signed].ink))
        elif owner is None and column in marks.begins:
            cells.append((glyphs.begin, "faint"))
        else:
            cells.append((sign, "" if owner is None else chart.series[owner].ink))
    for ink, group in groupby(cells, lambda cell: cell[1]):
        yield Span("".join(sign for sign, _ in group), ink)


def _best_cell(chart: Chart, scale: Scale, canvas: Canvas) -> tuple[int, int] | None:
    if chart.best is None or not _is_drawable(chart.best[1], chart):
        return None
    x, y = chart.best
    return _at(x, chart, canvas.columns), _row(y, scale, canvas.rows)


def _sign_cells(chart: Chart, canvas: Canvas) -> Iterator[tuple[tuple[int, int], int]]:
    """Where lines bear their signs, and whose: at the top of a column, on a steep piece once."""
    for owner, series in enumerate(chart.series):
        first = COLUMNS_PER_SIGN * owner // len(chart.series)
        for turn in range(
            first if series.sign else canvas.columns, canvas.columns, COLUMNS_PER_SIGN
        ):
            pieces = (
                (column, row)
                for column in (turn, turn + 1)  # a dashed line may be left out in one
                for row in range(canvas.rows)
                if owner in canvas.owners(column, row)
            )
            yield from ((cell, owner) for cell in islice(pieces, 1))


def _end(chart: Chart, series: Series | None, glyphs: Glyphs) -> Line:
    if series is None:
        return ()
    has_sign = glyphs.is_ascii and not series.sign
    sign = f" {_signs(chart)[chart.series.index(series)]}" if has_sign else ""
    return (Span(f"{sign} {_end_label(chart, series)}", series.ink),)


def _x_axis(chart: Chart, left: int, columns: int, glyphs: Glyphs) -> tuple[Line, Line]:
    axis, labels = [glyphs.axis_x] * columns, [" "] * (columns + 2)
    taken = 0
    for tick in _x_ticks(chart, columns):
        at = _at(tick, chart, columns)
        label = f"{chart.show_x(tick)}{chart.x_unit}"
        begin = min(max(0, at - len(label) // 2), len(labels) - len(label))
        if begin < taken:
            continue
        axis[at] = glyphs.axis_tick_x
        labels[begin : begin + len(label)] = label
        taken = begin + len(label) + 1
    return (
        (Span(" " * left + glyphs.axis_corner + "".join(axis), "faint"),),
        (Span(" " * (left + 1) + "".join(labels).rstrip(), "muted"),),
    )


def _x_ticks(chart: Chart, columns: int) -> list[float]:
    most = max(1, columns // COLUMNS_PER_TICK)
    if chart.x_ticks:
        return list(chart.x_ticks)
    if chart.x_unit:
        step = _round_step((chart.last_x - chart.first_x) / most or 1.0)
        first, last = math.ceil(chart.first_x / step), math.floor(chart.last_x / step + 1e-9)
        return [index * step for index in range(first, last + 1)]
    first, last = math.ceil(chart.first_x), math.floor(chart.last_x)
    if last - first < min(MOST_SINGLE_TICKS, columns // (len(str(last)) + 1)):
        return list(range(first, last + 1))
    whole_step = max(1, round(_round_step(max(1.0, (last - first + 1) / most))))
    multiples = range((first // whole_step + 1) * whole_step, last, whole_step)
    return [first, *(each for each in multiples if 2 * (last - each) >= whole_step), last]
