"""The marked runs over one chart, their figures, and the settings in which they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.screen import Screen

from tui_trainer.study.compare import compare
from tui_trainer.tui import charts, figures, keys
from tui_trainer.tui.screens.following import Following
from tui_trainer.tui.screens.help import Help
from tui_trainer.tui.screens.palette import open_palette
from tui_trainer.tui.screens.scrolling import Scrolling
from tui_trainer.tui.widgets.headline import STATE_INKS
from tui_trainer.tui.widgets.key_bar import KeyBar, Offer
from tui_trainer.tui.widgets.line import Line, Span, fit, fit_line
from tui_trainer.tui.widgets.plot import Plot
from tui_trainer.tui.widgets.rule import Rule
from tui_trainer.tui.widgets.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from tui_trainer.study.compare import Compared, Difference
    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.views import RunView

# More curves than that cannot be told apart, in whatever way they are drawn.
MOST_CURVES = 8
LONGEST_NAME, LONGEST_KEY, LONGEST_VALUE = 34, 28, 24
GAP = "  "


class Compare(Following, Scrolling, Screen[None]):
    """Compares runs; the first one is what the others are measured by."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.COMPARE_KEYS)]

    def __init__(self, runs: Sequence[RunView], glyphs: Glyphs) -> None:
        super().__init__()
        self._runs = tuple(runs)
        self._glyphs = glyphs
        self._figure = 0
        self._log_scale = False
        self._first_value = 0

    def compose(self) -> ComposeResult:
        """The chart, and the table below it."""
        glyphs = self._glyphs
        yield Rule(glyphs, widget_id="compared")
        yield Plot(glyphs, widget_id="curves")
        yield Rule(glyphs, widget_id="above-table")
        yield Words(glyphs, widget_id="table")
        yield KeyBar(glyphs)

    def on_mount(self) -> None:
        """Show them."""
        self._show_all()

    def on_resize(self) -> None:
        """What has room decides what is cut."""
        self._show_all()

    def show(self, runs: Sequence[RunView]) -> None:
        """Show the runs as they are by now; one that is gone stays as it was."""
        now = {run.key: run for run in runs}
        newest = tuple(now.get(run.key, run) for run in self._runs)
        if newest != self._runs:
            self._runs = newest
            if self.is_mounted:
                self._show_all()

    # What keys do.

    def action_close(self) -> None:
        """Back to the list."""
        self.dismiss()

    def action_next_figure(self) -> None:
        """The next figure over the epochs."""
        self._figure = (self._figure + 1) % len(charts.COMPARED)
        self._show_all()

    def action_log_scale(self) -> None:
        """Losses on a logarithmic scale, and back."""
        self._log_scale = not self._log_scale
        self._show_all()

    def action_shift(self, runs: int) -> None:
        """Show the settings of other runs, where not all have room."""
        self._first_value = max(0, min(self._first_value + runs, len(self._drawn) - 1))
        self._show_all()

    def action_palette(self) -> None:
        """Find anything by its name."""
        open_palette(self, keys.COMPARE_KEYS, self._glyphs)

    def action_help(self) -> None:
        """Show what keys do."""
        self.app.push_screen(Help(self._glyphs, keys.COMPARE_KEYS))

    # What is shown.

    @property
    def _scrolled(self) -> Words:
        return self.query_one(Words)

    @property
    def _drawn(self) -> tuple[RunView, ...]:
        return self._runs[:MOST_CURVES]

    def _show_all(self) -> None:
        chosen, following = (
            charts.COMPARED[(self._figure + step) % len(charts.COMPARED)] for step in (0, 1)
        )
        hint = f"{keys.shown(keys.NEXT_FIGURE)}: {following.title}"
        dashed = self.app.no_color
        chart = charts.compare_chart(
            self._drawn, chosen, log=self._log_scale, dashed=dashed, hint=hint
        )
        self.query_one("#curves", Plot).show(chart)
        words = ""
        if len(self._runs) > MOST_CURVES:
            words = f"of {len(self._runs)} that are marked: more curves cannot be told apart"
        title = f"{figures.plural(len(self._drawn), 'run')} compared"
        self.query_one("#compared", Rule).show(title, words)
        comparison = compare([run.facts for run in self._drawn])
        states = [STATE_INKS[run.state] for run in self._drawn]
        marks = [self._glyphs.marks[run.state] for run in self._drawn]
        lines = list(_figure_lines(comparison.runs, list(zip(marks, states, strict=True))))
        lines += [(), *_difference_lines(comparison.differences, self._first_value, self._width)]
        self._scrolled.show(lines)
        self.query_one(KeyBar).show(self._offers(chosen.is_loss))

    @property
    def _width(self) -> int:
        return self.size.width - 1

    def _offers(self, is_loss: bool) -> list[Offer]:  # noqa: FBT001 - one question
        offered = [keys.CLOSE_COMPARISON, keys.NEXT_FIGURE]
        offered += [keys.LOG_SCALE] if is_loss else []
        scroll = Offer(f"{keys.shown(keys.DOWN)} {keys.shown(keys.UP)}", "scroll")
        sides = Offer(f"{keys.shown(keys.LEFT)} {keys.shown(keys.RIGHT)}", "other runs")
        return [
            *(Offer(keys.shown(key), key.short) for key in offered),
            *(scroll, sides, Offer(keys.shown(keys.HELP), keys.HELP.short)),
        ]


def sign_ink(index: int) -> str:
    """The ink of the curve of run number `index`, from 0."""
    return f"curve{index + 1}"


def _figure_lines(runs: Sequence[Compared], states: Sequence[tuple[str, str]]) -> Iterator[Line]:
    """A line for each run: the sign of its curve, its state and its figures."""
    longest = min(LONGEST_NAME, max([3, *(len(run.name) for run in runs)]))
    titles = f"   {fit('run', longest)}  {'state':<13}{'best':>6} {'at':>5}  {'final':>5}"
    yield (Span(f"{titles}  {'vs 1':>6}  {'test':>5}  {'ood':>5}  {'gap':>5}", "muted"),)
    for index, (run, (mark, ink)) in enumerate(zip(runs, states, strict=True)):
        at = "" if run.best_epoch is None else f"@{run.best_epoch}"
        above = "" if run.above_first is None or not index else f"{100 * run.above_first:+.1f}"
        rest = (figures.percent(each) for each in (run.test, run.ood, run.gap))
        yield (
            Span(f" {index + 1} ", f"{sign_ink(index)} strong"),
            Span(f"{fit(run.name, longest)}  "),
            Span(mark, ink),
            Span(f" {run.state:<11}"),
            Span(f"{figures.percent(run.best):>6}", "strong"),
            Span(f" {at:>5}", "muted"),
            Span(f"  {figures.percent(run.final):>5}"),
            Span(f"  {above:>6}", "good" if above.startswith("+") else ""),
            Span("".join(f"  {figure:>5}" for figure in rest)),
        )


def _difference_lines(differences: Sequence[Difference], first: int, width: int) -> Iterator[Line]:
    """A line for each setting, a column for each run; the columns before `first` are left out."""
    if not differences:
        yield (Span(" all were launched with the same settings", "muted"),)
        return
    verb = "differs" if len(differences) == 1 else "differ"
    title = f"{figures.plural(len(differences), 'setting')} that {verb}"
    key_width = min(LONGEST_KEY, max(len(title), *(len(each.key) for each in differences)))
    count = len(differences[0].values)
    widths = [
        min(LONGEST_VALUE, max(4, *(len(each.values[run]) for each in differences)))
        for run in range(count)
    ]
    shown = [*range(first, count)]
    signs = [Span(f"{GAP}{run + 1:>{widths[run]}}", f"{sign_ink(run)} strong") for run in shown]
    yield fit_line([Span(f" {fit(title, key_width)}", "muted"), *signs], width)
    for difference in differences:
        cells = [Span(GAP + fit(difference.values[run], widths[run], right=True)) for run in shown]
        yield fit_line([Span(f" {fit(difference.key, key_width)}"), *cells], width)
