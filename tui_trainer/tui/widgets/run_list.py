"""The list of experiments with their runs folded under them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from tui_trainer.tui.arrangement import (
    NO_ORDER,
    GroupView,
    Order,
    grouped,
    in_order,
    studies,
)
from tui_trainer.tui.views import ExperimentView, Row, RowKey, RunView
from tui_trainer.tui.widgets.line import Line, Span, fit_line, width_of
from tui_trainer.tui.widgets.run_columns import Layout
from tui_trainer.tui.widgets.run_row import ListRow, Look, draw_row, draw_titles, name_of, title_at
from tui_trainer.tui.widgets.scrolled import Scrolled, with_scroll_mark

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from textual import events

    from tui_trainer.tui.glyphs import Glyphs

# An experiment with more runs than this, or a study with more points, begins folded, unless one of
# them is live.
RUNS_SHOWN_AT_FIRST = 5


class RunList(Scrolled):
    """Shows experiments and runs; one row is the cursor's."""

    class TitleChosen(Message):
        """The title of a column was clicked."""

        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    class CursorMoved(Message):
        """Another row is selected, or the selected row changed."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._experiments: tuple[ExperimentView, ...] = ()
        self._folded: dict[str, bool] = {}
        self._folded_at_first: dict[str, bool] = {}
        self._order = NO_ORDER
        self._group = ""
        self._marked: Collection[RowKey] = ()
        self._empty = ""
        self._layout: Layout | None = None
        self._rows: list[ListRow] = []
        self._cursor = 0

    @property
    def selected(self) -> ListRow | None:
        """The row under the cursor."""
        return self._rows[self._cursor] if self._rows else None

    @property
    def rows(self) -> Sequence[ListRow]:
        """Every row, from top to bottom."""
        return self._rows

    @property
    def columns(self) -> tuple[str, ...]:
        """The titles of the columns that have room."""
        if self._layout is None:
            return ()
        return tuple(column.title for column in self._layout.columns if column.title)

    @property
    def folded(self) -> Mapping[str, bool]:
        """The experiments that the user folded or unfolded."""
        return dict(self._folded)

    def is_folded(self, experiment: ExperimentView | GroupView) -> bool:
        """Whether what it holds is hidden."""
        name = experiment.key[0]
        if isinstance(experiment, GroupView):
            many = experiment.is_study and len(experiment.experiments) > RUNS_SHOWN_AT_FIRST
        else:
            many = len(experiment.runs) > RUNS_SHOWN_AT_FIRST
        at_first = many and not any(run.state.is_live for run in experiment.runs)
        if isinstance(experiment, GroupView) and at_first:  # runs of it may not be read yet
            at_first = self._folded_at_first.get(name, at_first)
        else:
            at_first = self._folded_at_first.setdefault(name, at_first)
        return self._folded.get(name, at_first)

    def refold(self, folded: Mapping[str, bool]) -> None:
        """Fold and unfold experiments as they were once."""
        self._folded = dict(folded)

    def fold_anew(self) -> None:
        """Decide again, by the runs to come, which experiments nobody folded begin folded."""
        self._folded_at_first.clear()

    def show(
        self,
        experiments: tuple[ExperimentView, ...],
        order: Order = NO_ORDER,
        marked: Collection[RowKey] = (),
        empty: str = "",
        group: str = "",
    ) -> None:
        """Show these from now on, or `empty` where there are none; the cursor stays with its row.

        Runs that are sorted by a column stand alone, best first; experiments without one follow.
        With a `group` the rows stand under what they have in common.
        """
        self._experiments, self._order, self._marked = experiments, order, marked
        self._empty, self._group = empty, group
        self._arrange(None if self.selected is None else self.selected.key)

    def select(self, key: RowKey) -> bool:
        """Put the cursor on a row, unfolding its experiment; False where there is no such row."""
        if key[1]:
            self._folded[key[0]] = False
        for group in self._groups:
            if key in {row.key for row in group.experiments} | {run.key for run in group.runs}:
                self._folded[group.key[0]] = False
        self._arrange(key)
        return self.selected is not None and self.selected.key == key

    def go_to(self, row: int) -> None:
        """Put the cursor on a row, as far as there are rows."""
        self._cursor = max(0, min(row, len(self._rows) - 1))
        self.redraw()
        self.post_message(self.CursorMoved())

    def fold(self, *, folded: bool) -> None:
        """Fold or unfold what the cursor is in: the experiment, and once that is, its group."""
        row = self.selected
        if row is None:
            return
        key = self._foldable(row, folded=folded)
        if key is not None:
            self._folded[key[0]] = folded
            self._arrange(key if folded else row.key)

    def _foldable(self, row: ListRow, *, folded: bool) -> RowKey | None:
        if isinstance(row, GroupView):
            return row.key
        if isinstance(row, RunView) and not self._runs_stand_alone:
            return (row.experiment, 0)
        if isinstance(row, ExperimentView) and not (folded and self.is_folded(row)):
            return row.key
        above = (each for each in reversed(self._rows[: self._cursor]))
        return next((each.key for each in above if isinstance(each, GroupView)), None)

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Column titles, and the rows that have room."""
        if width < 1 or height < 1:
            return []
        self._scroll_to_cursor()
        inside = self._studies
        names = (name_of(row, self.glyphs, self._look(row, inside)) for row in self._rows)
        longest = max(map(width_of, names), default=0)
        runs = [run for experiment in self._experiments for run in experiment.runs]
        layout = self._layout = Layout.of(
            width - self._is_cut,
            longest,
            has_ood=any(each.measures_ood for each in self._experiments)
            or any(run.ood for run in runs),
            has_score=any(run.scores for run in runs),
        )
        if not self._rows and self._empty:
            words = [Span(f"   {self._empty}", "muted")]
            return [(), fit_line(words, width, self.glyphs.ellipsis)][:height]
        lines = [draw_titles(layout, self.glyphs, self._order)]
        for index in range(self._top, min(self._top + self._room, len(self._rows))):
            row = self._rows[index]
            look = self._look(row, inside)._replace(is_selected=index == self._cursor)
            lines.append(draw_row(row, layout, self.glyphs, look))
        hidden = len(self._rows) - self._room
        if not self._is_cut:
            return lines
        rows = with_scroll_mark(lines[1:], layout.width, self._top, hidden, self.glyphs)
        return [lines[0], *rows]

    def on_click(self, event: events.Click) -> None:
        """Select the row, or sort by the title; a click on the fold mark folds or unfolds it."""
        if event.y < 1 and self._layout is not None:
            title = title_at(self._layout, self._order, event.x)
            if title:
                self.post_message(self.TitleChosen(title))
        index = self._top + event.y - 1
        if event.y < 1 or index >= len(self._rows):
            return
        self.go_to(index)
        row = self._rows[index]
        if event.x < 5 and not isinstance(row, RunView):
            self.fold(folded=not self.is_folded(row))

    @property
    def _count(self) -> int:
        return len(self._rows)

    @property
    def _room(self) -> int:
        return max(1, self.size.height - 1)

    @property
    def _place(self) -> int:
        return self._cursor

    def _arrange(self, key: RowKey | None) -> None:
        """Lay the rows out anew, with the cursor on `key` or as near as can be."""
        self._rows = list(self._arranged())
        # Where its row is gone: its experiment, or else the next best run of that.
        at = {each.key: index for index, each in reversed(list(enumerate(self._rows)))}
        families = {each.key[0]: index for index, each in reversed(list(enumerate(self._rows)))}
        if key is not None:
            beside = families.get(key[0], self._cursor)
            self._cursor = at.get(key, at.get((key[0], 0), beside))
        self.go_to(self._cursor)

    @property
    def _groups(self) -> list[GroupView]:
        if self._group:
            return grouped(self._experiments, self._group)
        return [] if self._order.column else studies(self._experiments)

    @property
    def _studies(self) -> dict[str, str]:
        """By the names of points the study that they stand under."""
        if self._group or self._order.column:
            return {}
        return {each.name: each.study for each in self._experiments if each.study}

    def _look(self, row: ListRow, inside: Mapping[str, str]) -> Look:
        if isinstance(row, GroupView):
            study = ""
        else:
            study = inside.get(row.experiment if isinstance(row, RunView) else row.name, "")
        return Look(
            is_folded=not isinstance(row, RunView) and self.is_folded(row),
            is_marked=self._is_marked(row),
            is_alone=self._runs_stand_alone,
            is_in_group=bool(self._group or study),
            study=study,
        )

    @property
    def _runs_stand_alone(self) -> bool:
        """Whether runs stand under no experiment of theirs."""
        return bool(self._order.column) or self._group in {"state", "tag"}

    def _arranged(self) -> Iterator[ListRow]:
        if not self._group:
            inside = self._studies
            yield from self._members(
                tuple(each for each in self._experiments if each.name not in inside), ()
            )
        for group in self._groups:
            yield group
            if not self.is_folded(group):
                yield from self._members(group.experiments, group.loose_runs)

    def _members(
        self, experiments: tuple[ExperimentView, ...], loose: tuple[RunView, ...]
    ) -> Iterator[Row]:
        if self._order.column:
            runs = [run for experiment in experiments for run in experiment.runs]
            yield from in_order([*runs, *loose], self._order)
            yield from (experiment for experiment in experiments if not experiment.runs)
            return
        yield from loose
        for experiment in experiments:
            yield experiment
            if not self.is_folded(experiment):
                yield from experiment.runs

    def _is_marked(self, row: ListRow) -> bool:
        """Whether it is, or hides a run that is."""
        if isinstance(row, RunView):
            return row.key in self._marked
        return self.is_folded(row) and any(run.key in self._marked for run in row.runs)

    def _scroll_to_cursor(self) -> None:
        top = min(self._top, self._cursor, self._last_top)
        self._top = max(top, self._cursor - self._room + 1)

    @property
    def _is_cut(self) -> bool:
        return len(self._rows) > self._room
