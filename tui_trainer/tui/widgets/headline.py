"""The first line: the project, and how many runs are in each state."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tui_trainer.record.state import State
from tui_trainer.tui.arrangement import STATES
from tui_trainer.tui.widgets.line import Line, Span, fit_line, justify, width_of
from tui_trainer.tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.views import View

STATE_INKS = {
    State.QUEUED: "muted",
    State.PREFLIGHT: "accent",
    State.RUNNING: "accent",
    State.EVALUATING: "accent",
    State.STALLED: "warn",
    State.STOPPING: "warn",
    State.STOPPED: "muted",
    State.INTERRUPTED: "warn",
    State.CRASHED: "bad",
    State.LOST: "bad",
    State.FAILED: "bad",
    State.FINISHED: "good",
}
WIDTH_FOR_OWN_NAME = 100


class Headline(LineView):
    """Shows the headline of a view."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._view: View | None = None
        self._scope: Line = ()

    def show(self, view: View, scope: Line = ()) -> None:
        """Show this from now on; `scope` says what of it the list shows."""
        self._view, self._scope = view, scope
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The headline, and a rule where there is room for one."""
        if self._view is None:
            return []
        rule = (Span(self.glyphs.rule * width, "faint"),)
        return [draw_headline(self._view, width, self.glyphs, self._scope), rule][:height]


def draw_headline(view: View, width: int, glyphs: Glyphs, scope: Line = ()) -> Line:
    """Project and counts on the left, when all will be done on the right."""
    name = [Span(" tui-trainer", "accent")]
    gap = Span("   ")
    if view.title:
        name += [Span(f" {glyphs.dot} ", "muted"), Span(view.title, "strong")]
        if width < WIDTH_FOR_OWN_NAME:
            name, gap = [Span(f" {view.title}", "strong")], Span("  ")
    if view.read_only:
        name += [Span(f" {glyphs.dot} ", "muted"), Span("read only", "warn")]
    counts = Counter(run.state for run in view.runs)
    groups = [_count(state, counts[state], glyphs) for state in STATES if counts[state]]
    line = [*name, gap, *([gap, *scope] if scope else [])]
    for group in groups:
        if width_of(line) + width_of((gap, *group)) > width:
            break
        line += [gap, *group]
    done = [Span(f"all done by {view.done_at} ", "muted")] if view.done_at else []
    if view.unread:
        done = [Span(f"reading {view.unread} more ", "muted")]
    return fit_line(justify(line, done, width, glyphs.ellipsis), width, glyphs.ellipsis)


def _count(state: State, count: int, glyphs: Glyphs) -> list[Span]:
    return [Span(glyphs.marks[state], STATE_INKS[state]), Span(f" {count} {state.value}")]
