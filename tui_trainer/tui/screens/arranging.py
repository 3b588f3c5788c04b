"""What the first screen does to its list: filter, order, groups, folds, marks; and remembers it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual.message import Message

from tui_trainer.record.plain_text import plain_line
from tui_trainer.study.facts import settings_of
from tui_trainer.study.filter import Filter, understand_filter
from tui_trainer.tui import figures, keys
from tui_trainer.tui.arrangement import GROUPS, Arrangement, Order, narrowed
from tui_trainer.tui.screens.acting import Acting
from tui_trainer.tui.views import ExperimentView, RunView, View
from tui_trainer.tui.widgets.filter_line import FilterLine
from tui_trainer.tui.widgets.headline import Headline
from tui_trainer.tui.widgets.line import Line, Span
from tui_trainer.tui.widgets.run_list import RunList

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence

    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.memory import Memory
    from tui_trainer.tui.operations import Operations
    from tui_trainer.tui.store import Store


class Arranging(Acting):
    """A screen with a `RunList`, a `FilterLine` and a `Headline`.

    Args:
        store: What is looked at.
        memory: How the list was arranged.
        operations: What is done to runs.
        operating: Held while something is done to a run.
        glyphs: The signs that the terminal can show.
    """

    class Recalled(Message):
        """How the list was arranged when the app was left."""

        def __init__(self, arrangement: Arrangement) -> None:
            super().__init__()
            self.arrangement = arrangement

    def __init__(
        self,
        store: Store,
        memory: Memory,
        operations: Operations,
        operating: threading.Lock,
        glyphs: Glyphs,
    ) -> None:
        super().__init__(store, operations, operating, glyphs)
        self._memory = memory
        self._arrangement = Arrangement()
        self._filter = Filter()
        self._filter_before: str | None = None
        """What comes back if the filter that is being typed is given up; None while none is."""
        self._view: View | None = None

    def on_arranging_recalled(self, message: Arranging.Recalled) -> None:
        """Arrange the list as it was when the app was left."""
        self._arrangement = message.arrangement
        self._list.refold(message.arrangement.folded)
        if message.arrangement.theme in self.app.available_themes:
            self.app.theme = message.arrangement.theme

    def on_filter_line_changed(self, message: FilterLine.Changed) -> None:
        """The filter as far as it is typed; what comes after the line was closed comes too late."""
        if self._filter_before is not None:
            self._arrange(filter=message.text)

    def on_filter_line_kept(self) -> None:
        """The filter stays, its line goes; a mistake keeps the line open."""
        if not self._filter_fault:
            self._close_filter_line()
            self._remember()

    def on_filter_line_given_up(self) -> None:
        """The list is as it was before the line was opened."""
        if (before := self._filter_before) is not None:
            self._close_filter_line()
            self._arrange(filter=before)

    # What keys do, in the order of the key table.

    def action_mark(self) -> None:
        """Mark the run, or every run of the experiment that is shown; again to take it back."""
        row = self._list.selected
        if row is None:
            return
        rows = {run.key for run in ((row,) if isinstance(row, RunView) else row.runs)}
        marked = self._arrangement.marked
        self._arrange(marked=marked - rows if rows <= marked else marked | rows)
        self._list.move(1)

    def action_unmark(self) -> None:
        """Take all marks away."""
        self._arrange(marked=frozenset())

    def action_filter(self) -> None:
        """Ask which runs to show."""
        self.query_one(FilterLine).open(self._arrangement.filter)
        self.query_one(FilterLine).say(self._filter_fault)
        self.add_class("-filtering")
        if self._filter_before is None:
            self._filter_before = self._arrangement.filter

    def action_sort(self) -> None:
        """Sort by the next column that has room; after the last one by none."""
        columns = ("", *self._list.columns)
        order = self._arrangement.order
        now = columns.index(order.column) if order.column in columns else 0
        self._arrange(order=Order(columns[(now + 1) % len(columns)]))

    def on_run_list_title_chosen(self, message: RunList.TitleChosen) -> None:
        """Sort by a column; by the one that is sorted by already, the other way round."""
        if message.column == self._arrangement.order.column:
            self.action_reverse()
        else:
            self._arrange(order=Order(message.column))

    def action_reverse(self) -> None:
        """Sort the other way round."""
        order = self._arrangement.order
        if order.column:
            self._arrange(order=order._replace(is_reversed=not order.is_reversed))
        else:
            self._say(f"{keys.shown(keys.SORT)} sorts by a column first")

    def action_group(self) -> None:
        """Group by the next thing that runs can have in common; in the end by none."""
        now = GROUPS.index(self._arrangement.group)
        self._arrange(group=GROUPS[(now + 1) % len(GROUPS)])

    def action_hide_finished(self) -> None:
        """Hide finished runs, or show them again."""
        self._arrange(hides_finished=not self._arrangement.hides_finished)

    def action_fold(self) -> None:
        """Fold the experiment's runs."""
        self._list.fold(folded=True)

    def action_unfold(self) -> None:
        """Unfold the experiment's runs."""
        self._list.fold(folded=False)

    def action_back(self) -> None:
        """To all runs."""
        self._close_filter_line()
        self._arrange(filter="")

    # How the list is arranged.

    @property
    def _list(self) -> RunList:
        return self.query_one(RunList)

    @property
    def _marked(self) -> list[RunView]:
        """The marked runs that there are, in the order of the list, whether shown or not."""
        if self._view is None or not self._arrangement.marked:
            return []
        marked = {run.key: run for run in self._view.runs if run.key in self._arrangement.marked}
        shown = [row.key for row in self._list.rows if row.key in marked]
        return [marked[key] for key in dict.fromkeys((*shown, *marked))]

    def _remember_theme(self, theme: str) -> None:
        self._arrange(theme=theme)

    def _recall_and_watch(self) -> None:
        self.post_message(self.Recalled(self._memory.recall()))
        self._store.watch(self.post_message)

    def _arrange(self, **changes: Any) -> None:
        """Show the list as it was asked for, and remember that."""
        arrangement = replace(self._arrangement, **changes)
        if arrangement == self._arrangement or self._view is None:  # what is kept comes first
            return
        if arrangement.filter != self._arrangement.filter:
            self._list.fold_anew()
        self._arrangement = arrangement
        self._remember()
        self._show_list()

    def _remember(self) -> None:
        """Keep how the list is arranged, but no filter that is only being typed."""
        before = self._filter_before
        wanted = self._arrangement if before is None else replace(self._arrangement, filter=before)
        self._memory.wanted = wanted
        self.run_worker(self._memory.keep, thread=True)

    def _show_list(self) -> None:
        view, arrangement = self._view, self._arrangement
        if view is None:
            return
        self._read_filter(view)
        shown = narrowed(view.experiments, arrangement, self._filter.takes)
        all_of_them = f"{keys.shown(keys.BACK)} shows all"
        if arrangement.hides_finished:
            all_of_them += f", {keys.shown(keys.HIDE_FINISHED)} the finished ones"
        empty = f"none of {figures.plural(len(view.runs), 'run')} is to be seen here; {all_of_them}"
        self._list.show(
            shown,
            arrangement.order,
            arrangement.marked,
            empty if view.experiments else "",
            arrangement.group,
        )
        self.query_one(Headline).show(view, tuple(self._scope(view, shown)))
        self.query_one(FilterLine).say(self._filter_fault)

    def _read_filter(self, view: View) -> None:
        """What the filter asks for, as far as it can be meant."""
        text = self._arrangement.filter
        known = settings_of(run.facts for run in view.runs) if text else ()
        self._filter = understand_filter(text, known)

    @property
    def _filter_fault(self) -> str:
        faults = (fault.message.removeprefix("the filter's ") for fault in self._filter.faults)
        return next(faults, "")

    def _scope(self, view: View, shown: Sequence[ExperimentView]) -> Iterator[Span]:
        """What of all runs the list shows, in a few words."""
        arrangement, dot = self._arrangement, Span(f" {self._glyphs.dot} ", "muted")
        parts: list[Line] = []
        if arrangement.filter.strip():
            ink = "bad" if self._filter_fault else "accent"
            slash = Span(f"{keys.shown(keys.FILTER)} ", "key")
            parts.append((slash, Span(plain_line(arrangement.filter), ink)))
        if arrangement.hides_finished:
            parts.append((Span("finished hidden", "accent"),))
        if parts:
            count = sum(len(experiment.runs) for experiment in shown)
            parts.append((Span(f"{count} of {len(view.runs)}", "strong"),))
        if arrangement.group:
            parts.append((Span(f"by {arrangement.group}", "accent"),))
        if self._marked:
            marks = f"{self._glyphs.marked} {len(self._marked)} marked"
            parts.append((Span(marks, "accent"),))
        for index, part in enumerate(parts):
            yield from (dot, *part) if index else part

    def _close_filter_line(self) -> None:
        self.query_one(FilterLine).close()
        self.remove_class("-filtering")
        self._filter_before = None
