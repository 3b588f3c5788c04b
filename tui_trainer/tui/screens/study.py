"""A study: accuracy against what networks cost, effects against seed noise, and every point."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar

from tui_trainer.record.index import Index
from tui_trainer.record.plain_text import plain_line
from tui_trainer.tui import figures, keys, study_charts
from tui_trainer.tui.bring_on import bring_all_on
from tui_trainer.tui.screens.acting import Acting, Operated
from tui_trainer.tui.screens.queue import Queue
from tui_trainer.tui.screens.scrolling import Scrolling
from tui_trainer.tui.study_view import METRICS, StudyView, TheStudy
from tui_trainer.tui.widgets.key_bar import KeyBar, Offer
from tui_trainer.tui.widgets.line import Line, Span
from tui_trainer.tui.widgets.page_view import PageView
from tui_trainer.tui.widgets.plot import Plot
from tui_trainer.tui.widgets.point_lines import point_lines
from tui_trainer.tui.widgets.rule import Rule
from tui_trainer.tui.widgets.words import Words

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from tui_trainer.spec.project import Project
    from tui_trainer.spec.study import Study
    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.operations import Operations
    from tui_trainer.tui.store import Answered, Store
    from tui_trainer.tui.views import RunView

_T = TypeVar("_T")

PARTS = ("overview", "effects", "points")
# More of them are read in full below the effects.
MOST_WARNINGS = 3


class StudyPage(Scrolling, Acting):
    """Shows one study and completes it.

    Args:
        store: What is looked at.
        operations: What is done to runs.
        operating: Held while something is done to a run.
        glyphs: The signs that the terminal can show.
        study: The study as it was last seen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.STUDY_KEYS)]

    def __init__(
        self,
        store: Store,
        operations: Operations,
        operating: threading.Lock,
        glyphs: Glyphs,
        study: Study,
    ) -> None:
        super().__init__(store, operations, operating, glyphs)
        self._study = study
        self._question = TheStudy(study.name, METRICS[0])
        self._view: StudyView | None = None
        self._axis = ""
        self._is_log = False
        self._part = PARTS[0]

    def compose(self) -> ComposeResult:
        """The widgets, from top to bottom."""
        glyphs = self._glyphs
        yield Rule(glyphs, widget_id="study")
        yield Words(glyphs, widget_id="study-warnings")
        yield Plot(glyphs, widget_id="curves")
        yield PageView(glyphs)
        yield Rule(glyphs, widget_id="above-points")
        yield Words(glyphs, widget_id="points")
        yield Words(glyphs, widget_id="notice")
        yield KeyBar(glyphs)

    def on_mount(self) -> None:
        """Begin to look."""
        self.query_one("#study", Rule).show(self._study.name, f"looking {self._glyphs.ellipsis}")
        self.query_one("#above-points", Rule).show("points", "mean and spread over seeds")
        self._show_part()
        self._ask_store()

    def on_unmount(self) -> None:
        """Look no more."""
        self._store.ask_no_more(self.post_message)

    def on_answered(self, message: Answered) -> None:
        """Show what the store saw; an answer about another metric comes too late."""
        if message.question == self._question and isinstance(message.answer, StudyView):
            self._view = message.answer
            self._show_selected()

    def on_resize(self) -> None:
        """What has room decides what is shown."""
        self._show_selected()

    # What keys do, in the order of the key table.

    def action_close(self) -> None:
        """Back to the list."""
        self.dismiss()

    def action_complete(self) -> None:
        """Start what is missing and resume what died, as `run STUDY` does."""
        view, project = self._view, self._store.seen.project
        if view is None or project is None:
            return
        if not view.startable:
            live = view.planned - view.done
            self._say(
                "nothing is to be started: the rest is live" if live else "every point is done"
            )
            return
        points = figures.plural(view.startable, "point")
        self._operate(f"starting {points}", partial(_complete, project, self._study))

    def action_next_part(self) -> None:
        """The next part of what there is to see."""
        self._part = _next(PARTS, self._part)
        self._show_part()
        self._show_selected()

    def action_next_axis(self) -> None:
        """Over something else."""
        self._axis = _next(tuple(study_charts.AXES), self._shown_axis)
        self._show_selected()

    def action_log_axis(self) -> None:
        """That on a logarithmic scale, and back."""
        self._is_log = not self._is_log
        self._show_selected()

    def action_next_metric(self) -> None:
        """Effects on something else."""
        self._question = TheStudy(self._study.name, _next(METRICS, self._question.metric))
        self._ask_store()

    def action_queue(self) -> None:
        """Show who waits."""
        self.app.push_screen(Queue(*self._acting))

    # What keys act on: a study is no run.

    @property
    def _meant(self) -> list[RunView]:
        return []

    @property
    def _selected_run(self) -> RunView | None:
        return None

    @property
    def _selected_experiment(self) -> str:
        return ""

    @property
    def _keys_here(self) -> tuple[keys.Key, ...]:
        return keys.STUDY_KEYS

    @property
    def _scrolled(self) -> PageView | Words:
        if self._part == "effects":
            return self.query_one(PageView)
        return self.query_one("#points", Words)

    # What is shown.

    def _ask_store(self) -> None:
        self._store.ask(self._question, self.post_message)

    def _show_part(self) -> None:
        for part in PARTS:
            self.set_class(part == self._part, f"-{part}")

    @property
    def _shown_axis(self) -> str:
        """What was asked for, or else the first axis that tells the points apart."""
        if self._axis or self._view is None:
            return self._axis or next(iter(study_charts.AXES))
        places = {
            axis: {at for point in self._view.points if (at := point.size.at(axis)) is not None}
            for axis in study_charts.AXES
        }
        return max(places, key=lambda axis: min(2, len(places[axis])))

    def _show_selected(self) -> None:
        view, width = self._view, self.size.width
        if view is None:
            return
        done = f"{view.done} of {figures.plural(view.planned, 'run')} done"
        about = plain_line(self._study.description)
        words = f"{done} {self._glyphs.dot} {about}" if about else done
        self.query_one("#study", Rule).show(self._study.name, view.fault or words)
        self._show_chart(view)
        # Alone, effects have every warning below them, in full.
        is_alone = self._part == "effects"
        page = study_charts.effects_page(view, view.warnings if is_alone else ())
        self.query_one(PageView).update(page)
        lines = point_lines(view.points, view.metric, width - 1, self._glyphs)
        self.query_one("#points", Words).show([] if is_alone else lines)
        warnings = [] if is_alone else list(self._warnings(view))
        self.query_one("#study-warnings", Words).show(warnings)
        self.query_one(KeyBar).show(self._offers(view))

    def _show_chart(self, view: StudyView) -> None:
        following = _next(tuple(study_charts.AXES), self._shown_axis)
        hint = f"{keys.shown(keys.NEXT_AXIS)}: {study_charts.AXES[following]}"
        chart = study_charts.cost_chart(
            view, self._shown_axis, log=self._is_log, dashed=self.app.no_color, hint=hint
        )
        self.query_one("#curves", Plot).show(chart)

    def _warnings(self, view: StudyView) -> Iterator[Line]:
        """The beginnings of the first ones, and how many more there are."""
        more = len(view.warnings) - MOST_WARNINGS
        words = [*view.warnings[:MOST_WARNINGS]]
        words += [f"and {more} more: {keys.shown(keys.NEXT_PART)}"] if more > 0 else []
        for each in words:
            yield (Span(f" {self._glyphs.warning} ", "warn"), Span(each))

    def _offers(self, view: StudyView) -> list[Offer]:
        following = _next(PARTS, self._part)
        words = {
            keys.COMPLETE_STUDY: f"start {view.startable}",
            keys.NEXT_PART: following,
        }
        offered = (
            *(keys.CLOSE_STUDY, keys.COMPLETE_STUDY, keys.NEXT_PART, keys.NEXT_AXIS, keys.LOG_AXIS),
            *(keys.NEXT_METRIC, keys.HELP, keys.TO_QUEUE, keys.PALETTE),
        )
        return [
            Offer(
                keys.shown(key),
                words.get(key, key.short),
                bool(view.startable) or key is not keys.COMPLETE_STUDY,
            )
            for key in offered
        ]


def _complete(project: Project, study: Study) -> Operated:
    """Bring on every point that is not done, one after the other."""
    brought = bring_all_on(project, study, Index(project.folder / "runs"))
    return Operated(brought.words, hint=brought.hint, ink="bad" if brought.errors else "accent")


def _next(cycle: tuple[_T, ...], now: _T) -> _T:
    return cycle[(cycle.index(now) + 1) % len(cycle)]
