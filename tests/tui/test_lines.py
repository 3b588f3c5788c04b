"""Lines and figures: exact widths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_trainer.tui import figures
from tui_trainer.tui.glyphs import ASCII, UNICODE
from tui_trainer.tui.widgets.bar import bar
from tui_trainer.tui.widgets.line import (
    Span,
    as_text,
    fit,
    fit_line,
    justify,
    width_of,
    wrap,
)

texts = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=30)
lines = st.lists(st.builds(Span, texts, st.sampled_from(["", "muted", "bad"])), max_size=5)


@given(texts, st.integers(0, 40), st.booleans())
def test_a_text_fits_exactly(text: str, width: int, right: bool) -> None:  # noqa: FBT001
    assert width_of([Span(fit(text, width, right=right))]) == width


@given(lines, lines, st.integers(0, 60))
def test_lines_stay_within_their_width(left: list[Span], right: list[Span], width: int) -> None:
    assert width_of(fit_line(left, width)) <= width
    assert width_of(justify(left, right, width)) <= width


def test_a_line_of_which_only_blanks_are_cut_has_no_ellipsis() -> None:
    blank = [Span("99.7 @ 10"), Span("     "), Span("  ")]
    assert as_text(fit_line(blank, 12)) == "99.7 @ 10   "
    assert as_text(fit_line([*blank, Span("7s")], 12)) == "99.7 @ 10  …"
    assert as_text(fit_line([Span("99.7   ")], 4)) == "99.7"


@given(texts, st.integers(2, 40))
def test_a_wrapped_text_is_whole_and_within_its_width(text: str, width: int) -> None:
    rows = wrap(text, width)
    assert "".join("".join(rows).split()) == "".join(text.split())
    assert all(0 < width_of([Span(row)]) <= width for row in rows)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (3540, "59m"),
        (3600, "1h00"),
        (86_399, "1d00h"),
        (200_000, "2d07h"),
    ],
)
def test_durations_are_short(seconds: float, words: str) -> None:
    assert figures.duration(seconds) == words


def test_figures_have_fixed_decimals() -> None:
    assert figures.percent(0.97249) == "97.2"
    assert figures.percent(None) == ""
    assert [figures.loss(value) for value in (0.0824, 12.3, 123_456.0)] == [
        "0.082",
        "12.30",
        "1.2e+05",
    ]
    assert [figures.learning_rate(value) for value in (0.1, 0.0254, 0.00081, 0.0)] == [
        "0.1",
        "0.025",
        "8.1e-04",
        "0",
    ]
    assert (figures.size(640_000_000), figures.size(7_800_000_000)) == ("640 MB", "7.8 GB")


def test_a_bar_is_full_only_when_all_is_done() -> None:
    assert as_text(bar(0.999, 10, UNICODE)) == "━━━━━━━━━╸"
    assert as_text(bar(1.0, 10, UNICODE)) == "━━━━━━━━━━"
    assert as_text(bar(0.5, 10, ASCII)) == "=====....."
