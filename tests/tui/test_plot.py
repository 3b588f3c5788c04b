"""Curves as text: nothing is lost, nothing is drawn twice, no values break it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.snapshot import screen_agrees
from tui_trainer.tui import figures
from tui_trainer.tui.glyphs import ASCII, UNICODE, Glyphs
from tui_trainer.tui.widgets.braille import Canvas, straight_line, thin_out
from tui_trainer.tui.widgets.line import as_text, width_of
from tui_trainer.tui.widgets.plot import Chart, Series, draw_chart, round_epochs, scale_for

dots = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40)), max_size=100).map(
    lambda points: sorted(points, key=lambda point: point[0])
)
values = st.none() | st.floats(-1e12, 1e12) | st.floats(0, 5)


def chart(*curves: list[float | None], log: bool = False) -> Chart:
    names = (("train", "train"), ("val", "validation"))
    return Chart(
        title="loss",
        series=tuple(
            Series(name, ink, tuple(enumerate(curve, start=1)))
            for (name, ink), curve in zip(names, curves, strict=False)
        ),
        last_x=max(2, *map(len, curves)) if curves else 2,
        show_value=figures.loss,
        log=log,
        empty="nothing yet",
    )


def picture(canvas: Canvas) -> list[str]:
    return [
        "".join(canvas.cell(column, row, "o")[0] for column in range(canvas.columns))
        for row in range(canvas.rows)
    ]


def test_a_dot_stands_in_its_cell_and_place() -> None:
    canvas = Canvas(2, 1)
    canvas.draw([(0, 0)], 0)
    canvas.draw([(3, 3)], 0)
    assert picture(canvas) == ["⠁⢀"]


def test_a_line_has_no_gap() -> None:
    canvas = Canvas(4, 2)
    canvas.draw([(0, 7), (7, 0)], 0)
    assert picture(canvas) == ["⠀⠀⡠⠊".replace("⠀", " "), "⡠⠊  "]


def test_a_dashed_line_is_left_out_in_parts_and_signs_need_no_dashes() -> None:
    canvas = Canvas(6, 1)
    canvas.draw([(0, 0), (11, 0)], 0, (3, 3))
    assert picture(canvas) == ["⠉⠁ ⠉⠁ "]
    canvas = Canvas(6, 1, is_ascii=True)
    canvas.draw([(0, 0), (5, 0)], 0, (3, 3))
    assert picture(canvas) == ["oooooo"]


@given(
    st.tuples(st.integers(0, 50), st.integers(0, 50)),
    st.tuples(st.integers(0, 50), st.integers(0, 50)),
)
def test_each_step_of_a_line_is_one_dot(begin: tuple[int, int], end: tuple[int, int]) -> None:
    line = list(straight_line(begin, end))
    assert (line[0], line[-1]) == (begin, end)
    assert len(line) == len(set(line))
    for (x0, y0), (x1, y1) in pairwise(line):
        assert max(abs(x1 - x0), abs(y1 - y0)) == 1


@given(dots)
def test_thinning_out_keeps_the_ends_and_extremes_of_each_column(
    points: list[tuple[int, int]],
) -> None:
    thin = list(thin_out(points))
    for column in {x for x, _ in points}:
        before = [y for x, y in points if x == column]
        after = [y for x, y in thin if x == column]
        assert (before[0], before[-1]) == (after[0], after[-1])
        assert (min(before), max(before)) == (min(after), max(after))
        assert len(after) <= 4


def test_a_spike_among_ten_thousand_points_stays() -> None:
    curve: list[float | None] = [0.1] * 10_000
    curve[5_000] = 5.0
    lines = draw_chart(chart(curve), 60, 14, UNICODE)
    # The spike reaches the top row; a stride over 10,000 points would miss it.
    assert any("\u2800" < sign <= "\u28ff" for sign in as_text(lines[1]))


@given(st.lists(st.lists(values, max_size=80), max_size=2), st.booleans(), st.booleans())
def test_any_values_in_any_size_are_drawn_within_it(
    curves: list[list[float | None]],
    log: bool,  # noqa: FBT001
    ascii_only: bool,  # noqa: FBT001
) -> None:
    glyphs = ASCII if ascii_only else UNICODE
    for width, height in ((0, 0), (1, 1), (24, 5), (60, 14)):
        lines = draw_chart(chart(*curves, log=log), width, height, glyphs)
        assert len(lines) <= height
        assert all(width_of(line) <= width for line in lines)
        assert not ascii_only or all(as_text(line).isascii() for line in lines)


@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9), st.booleans(), st.integers(2, 12))
def test_a_scale_holds_its_values(one: float, other: float, log: bool, ticks: int) -> None:  # noqa: FBT001
    low, high = sorted((one, other))
    scale = scale_for(low, high, ticks, log=log)
    assert -1e-6 <= scale.share(low) <= scale.share(high) <= 1 + 1e-6
    assert all(-1e-6 <= scale.share(tick) <= 1 + 1e-6 for tick in scale.ticks)


@pytest.mark.parametrize(
    ("epochs", "planned", "end"),
    [(0, 14, 5), (4, 14, 5), (5, 14, 10), (10, 14, 14), (61, 100, 100), (3, 3, 3), (1, 1, 2)],
)
def test_the_x_axis_of_a_live_run_ends_round(epochs: int, planned: int, end: int) -> None:
    assert round_epochs(epochs, planned) == end


def test_labels_stand_in_the_order_of_their_values() -> None:
    lines = [as_text(line) for line in draw_chart(chart([3, 1.01], [3, 1.0]), 60, 14, UNICODE)]
    train = next(y for y, line in enumerate(lines) if "train 1.010" in line)
    val = next(y for y, line in enumerate(lines) if "val 1.000" in line)
    assert train < val


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_lines_that_run_together_take_turns(glyphs: Glyphs) -> None:
    lines = draw_chart(chart([1.0] * 30, [1.0] * 30), 60, 14, glyphs)
    curve = next(line for line in lines if "train 1.000" in as_text(line))[2:-1]
    assert {"train", "validation"} <= {span.ink for span in curve}


def test_signs_stand_on_lines_that_run_together_and_on_dashed_ones() -> None:
    both = chart([1.0] * 30, [1.0] * 30)
    signed = tuple(
        replace(series, sign=series.name[0], dash=dash)
        for series, dash in zip(both.series, ((1, 0), (1, 2)), strict=True)
    )
    lines = draw_chart(replace(both, series=signed), 60, 14, UNICODE)
    row = next(as_text(line) for line in lines if "train 1.000" in as_text(line))
    curve = row.removesuffix(" train 1.000")
    assert {"t", "v"} <= set(curve)


@pytest.mark.parametrize("first", [3.8, 1e12])
def test_what_is_cut_off_leaves_the_height_to_the_others_and_is_marked(first: float) -> None:
    curve: list[float | None] = [first, *(0.5 - 0.04 * epoch for epoch in range(10))]
    title, top, *rows = draw_chart(replace(chart(curve), top=0.5), 60, 14, UNICODE)
    assert f"▲ up to {figures.loss(first)}" in as_text(title)
    assert "▲" in as_text(top)
    drawn = [row for row in rows if any(sign > "\u2800" for sign in as_text(row))]
    assert len(drawn) >= 9
    log = draw_chart(chart(curve, log=True), 60, 14, UNICODE)
    assert not any("▲" in as_text(line) for line in log)


@pytest.mark.parametrize(
    ("epochs", "ticks"),
    [
        (2, "1 2"),
        (5, "1 2 3 4 5"),
        (10, "1 2 3 4 5 6 7 8 9 10"),
        (12, "1 5 12"),
        (14, "1 5 10 14"),
        (100, "1 50 100"),
        (203, "1 100 203"),
    ],
)
def test_the_x_axis_has_a_tick_at_its_end_and_one_for_each_of_few_epochs(
    epochs: int, ticks: str
) -> None:
    lines = draw_chart(chart([0.5] * epochs), 60, 14, UNICODE)
    assert as_text(lines[-1]).split() == ticks.split()


def test_a_constant_is_drawn_from_zero() -> None:
    lines = [as_text(line) for line in draw_chart(chart([0.05] * 5), 60, 14, UNICODE)]
    assert any(line.strip().startswith("0.00┤") for line in lines)


def test_a_missing_value_is_a_gap_and_not_a_line() -> None:
    lines = draw_chart(chart([1, 1, None, None, None, 1, 1]), 60, 14, UNICODE)
    row = next(as_text(line) for line in lines if any(sign > "\u2800" for sign in as_text(line)))
    assert "   " in row.strip()[5:-12]


def test_without_values_it_says_why() -> None:
    text = "\n".join(as_text(line) for line in draw_chart(chart([None]), 60, 14, UNICODE))
    assert "nothing yet" in text


def test_the_pictures_are_the_known_ones() -> None:
    curve: list[float | None] = [2.4 * 0.8**epoch + 0.05 for epoch in range(30)]
    other: list[float | None] = [2.3 * 0.85**epoch + 0.2 for epoch in range(30)]
    both = chart(curve, other)
    pictures = [
        "\n".join(as_text(line).rstrip() for line in draw_chart(each, 60, 14, glyphs))
        for each, glyphs in ((both, UNICODE), (replace(both, log=True), UNICODE), (both, ASCII))
    ]
    screen_agrees("plots", "\n\n".join(pictures))
