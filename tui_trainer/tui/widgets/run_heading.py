"""The first lines of a run's page: its name, its state and why, and the pages there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_trainer.tui.detail import Tab
from tui_trainer.tui.widgets.headline import STATE_INKS
from tui_trainer.tui.widgets.line import Line, Span, fit_line, justify, width_of
from tui_trainer.tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.views import RunView


class RunHeading(LineView):
    """Shows the heading of one run."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._run: RunView | None = None
        self._tab = Tab.CURVES
        self._is_read_only = False

    def show(self, run: RunView, tab: Tab, *, is_read_only: bool) -> None:
        """Show these from now on, and whether nothing can be done to the run."""
        self._run, self._tab, self._is_read_only = run, tab, is_read_only
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """A line about the run, and a rule with the pages in it."""
        if self._run is None:
            return []
        how = (Span("read only   ", "warn"),) if self._is_read_only else ()
        about = draw_about(self._run, self._tab, width, self.glyphs, how)
        return [about, draw_tabs(self._tab, width, self.glyphs)][:height]


def draw_about(run: RunView, tab: Tab, width: int, glyphs: Glyphs, how: Line = ()) -> Line:
    """Name, state and cause on the left; how far it is on the right, after `how` it is looked at.

    Beside curves a bad end is told whole, and not here as well.
    """
    state = Span(f"{glyphs.marks[run.state]} {run.state.value}", STATE_INKS[run.state])
    left = [Span(f" {run.label}", "strong"), Span("   "), state]
    if run.cause and not (run.ended_badly and tab is Tab.CURVES):
        left.append(Span(f"  {run.new_in_cause}"))
    right = [*how, *_right(run)]
    return fit_line(justify(left, right, width, glyphs.ellipsis), width, glyphs.ellipsis)


def draw_tabs(tab: Tab, width: int, glyphs: Glyphs) -> Line:
    """The pages with their keys, the one that is shown told apart by more than its colour."""
    line: list[Span] = [Span(glyphs.rule, "faint")]
    for each in Tab:
        is_shown = each is tab
        ink = "key" if is_shown else "muted"
        name = f"[{each.value} {each.word}]" if is_shown else f" {each.value} {each.word} "
        line += [Span(name, ink), Span(glyphs.rule, "faint")]
    line = list(fit_line(line, width, glyphs.ellipsis))
    return (*line, Span(glyphs.rule * (width - width_of(line)), "faint"))


def _right(run: RunView) -> Iterator[Span]:
    attempt = f"attempt {run.attempt}   " if run.attempt > 1 else ""
    yield Span(f"{attempt}{len(run.epochs)}/{run.planned_epochs or '?'} epochs ", "muted")
