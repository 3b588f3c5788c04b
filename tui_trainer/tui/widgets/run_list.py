"""The list of experiments with their runs folded under them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from textual.message import Message

from tui_trainer.record.state import State
from tui_trainer.tui import figures, keys
from tui_trainer.tui.arrangement import (
    NO_ORDER,
    STATES,
    GroupView,
    Order,
    grouped,
    in_order,
    where,
)
from tui_trainer.tui.store import ExperimentView, Row, RowKey, RunView
from tui_trainer.tui.widgets.bar import bar
from tui_trainer.tui.widgets.headline import STATE_INKS
from tui_trainer.tui.widgets.line import Line, Span, fit, fit_line, width_of
from tui_trainer.tui.widgets.scrolled import Scrolled, with_scroll_mark

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from textual import events

    from tui_trainer.tui.glyphs import Glyphs

# An experiment with more runs than this begins folded, unless one of them is live.
RUNS_SHOWN_AT_FIRST = 5
# Columns from which on nothing gives way to the accuracy out of distribution.
ROOM_FOR_ALL = 110
# Columns from which on a run's attempts and its host have columns of their own.
ROOM_FOR_WHERE = 180
# Less than this of a note says nothing; the status line has it whole.
SHORTEST_NOTE = 24


@dataclass(frozen=True)
class Column:
    """A column of the list; a width of 0 leaves it out."""

    title: str
    width: int
    right: bool = True
    sorts_by: str = ""
    """The column that its title names as well."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The widths that a list of this width and these names has."""

    width: int
    gap: int
    name: Column
    state: Column
    epoch: Column
    bar: Column
    val: Column
    test: Column
    ood: Column
    ood_gap: Column
    score: Column
    best: Column
    eta: Column
    tries: Column
    where: Column

    @classmethod
    def of(cls, width: int, longest_name: int, *, has_ood: bool, has_score: bool = False) -> Layout:
        """The columns that fit, the name and the note taking what is left.

        Where runs are measured out of distribution, a narrow list tells that in place of the best
        epoch, which the status line has too.
        """
        wide, medium = width >= 100, width >= 72
        shows_ood = has_ood and medium
        gap = 2 if medium else 1
        limit = 60 if width >= 160 else 34
        layout = cls(
            width=width,
            gap=gap,
            name=Column("experiment", 0, right=False),
            state=Column("state", 13, right=False),
            epoch=Column("epoch", 7),
            bar=Column("", 16 if width >= 160 else 8 if wide else 0, right=False),
            val=Column("val", 5),
            test=Column("test", 5 if medium else 0),
            ood=Column("ood", 5 if shows_ood else 0),
            ood_gap=Column("gap", 5 if shows_ood else 0),
            score=Column("score", 7 if has_score and width >= ROOM_FOR_ALL else 0),
            best=Column("best", 10 if medium and (not shows_ood or width >= ROOM_FOR_ALL) else 0),
            eta=Column("eta", 5 if medium else 0),
            tries=Column("tries", 5 if width >= ROOM_FOR_WHERE else 0),
            where=Column("where", 14 if width >= ROOM_FOR_WHERE else 0, right=False),
        )
        room = layout.width - 1 - sum(each.width + gap for each in layout.columns[1:])
        longest = max(8, min(limit, room, max(14, longest_name)))
        return replace(layout, name=replace(layout.name, width=longest))

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are shown, from left to right."""
        every = (self.state, self.epoch, self.bar, self.val, *self.given_up)
        return (self.name, *(column for column in every if column.width))

    @property
    def given_up(self) -> tuple[Column, ...]:
        """The last columns, which a dead run has less use for than for its cause."""
        return (
            *(self.test, self.ood, self.ood_gap, self.score, self.best),
            *(self.eta, self.tries, self.where),
        )

    @property
    def room_for_note(self) -> int:
        """Cells that are left at the right, beside the scroll mark."""
        return self.width - 2 - sum(column.width + self.gap for column in self.columns)


class Look(NamedTuple):
    """How a row is drawn."""

    is_folded: bool = False
    is_selected: bool = False
    is_marked: bool = False
    is_alone: bool = False
    """Whether a run stands under no experiment."""
    is_in_group: bool = False


PLAIN = Look()
ListRow = Row | GroupView


class RunList(Scrolled):
    """Shows experiments and runs; one row is the cursor's."""

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
        self._columns: tuple[str, ...] = ()
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
        return self._columns

    @property
    def folded(self) -> Mapping[str, bool]:
        """The experiments that the user folded or unfolded."""
        return dict(self._folded)

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
            if any(run.key == key for run in group.runs):
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
        if isinstance(row, ExperimentView) and not (folded and self._is_folded(row)):
            return row.key
        above = (each for each in reversed(self._rows[: self._cursor]))
        return next((each.key for each in above if isinstance(each, GroupView)), None)

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Column titles, and the rows that have room."""
        if width < 1 or height < 1:
            return []
        self._scroll_to_cursor()
        plain = Look(is_alone=self._runs_stand_alone, is_in_group=bool(self._group))
        longest = max((width_of(_name(row, self.glyphs, plain)) for row in self._rows), default=0)
        runs = [run for experiment in self._experiments for run in experiment.runs]
        layout = Layout.of(
            width - self._is_cut,
            longest,
            has_ood=any(run.ood for run in runs),
            has_score=any(run.scores for run in runs),
        )
        if not self._rows and self._empty:
            words = [Span(f"   {self._empty}", "muted")]
            return [(), fit_line(words, width, self.glyphs.ellipsis)][:height]
        self._columns = tuple(column.title for column in layout.columns if column.title)
        lines = [draw_titles(layout, self.glyphs, self._order)]
        for index in range(self._top, min(self._top + self._room, len(self._rows))):
            row = self._rows[index]
            is_folded = not isinstance(row, RunView) and self._is_folded(row)
            is_selected = index == self._cursor
            is_alone, is_in_group = self._runs_stand_alone, bool(self._group)
            look = Look(is_folded, is_selected, self._is_marked(row), is_alone, is_in_group)
            lines.append(draw_row(row, layout, self.glyphs, look))
        hidden = len(self._rows) - self._room
        if not self._is_cut:
            return lines
        rows = with_scroll_mark(lines[1:], layout.width, self._top, hidden, self.glyphs)
        return [lines[0], *rows]

    def on_click(self, event: events.Click) -> None:
        """Select the row; a click on the fold mark folds or unfolds it."""
        index = self._top + event.y - 1
        if event.y < 1 or index >= len(self._rows):
            return
        self.go_to(index)
        row = self._rows[index]
        if event.x < 5 and not isinstance(row, RunView):
            self.fold(folded=not self._is_folded(row))

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
        return grouped(self._experiments, self._group) if self._group else []

    @property
    def _runs_stand_alone(self) -> bool:
        """Whether runs stand under no experiment of theirs."""
        return bool(self._order.column) or self._group in {"state", "tag"}

    def _arranged(self) -> Iterator[ListRow]:
        if not self._group:
            yield from self._members(self._experiments, ())
        for group in self._groups:
            yield group
            if not self._is_folded(group):
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
            if not self._is_folded(experiment):
                yield from experiment.runs

    def _is_folded(self, experiment: ExperimentView | GroupView) -> bool:
        if isinstance(experiment, GroupView):
            return self._folded.get(experiment.key[0], False)
        many = len(experiment.runs) > RUNS_SHOWN_AT_FIRST
        at_first = many and not any(run.state.is_live for run in experiment.runs)
        at_first = self._folded_at_first.setdefault(experiment.name, at_first)
        return self._folded.get(experiment.name, at_first)

    def _is_marked(self, row: ListRow) -> bool:
        """Whether it is, or hides a run that is."""
        if isinstance(row, RunView):
            return row.key in self._marked
        return self._is_folded(row) and any(run.key in self._marked for run in row.runs)

    def _scroll_to_cursor(self) -> None:
        top = min(self._top, self._cursor, self._last_top)
        self._top = max(top, self._cursor - self._room + 1)

    @property
    def _is_cut(self) -> bool:
        return len(self._rows) > self._room


def draw_titles(layout: Layout, glyphs: Glyphs, order: Order = NO_ORDER) -> Line:
    """The line above the rows, with a mark at the column that they are sorted by."""
    line = [Span(" ")]
    for column in _titled(layout, order):
        is_sorted = bool(order.column) and order.column in {column.title, column.sorts_by}
        title = _sorted_title(column, order, glyphs) if is_sorted else column.title
        text = fit(title, column.width, glyphs.ellipsis, right=column.right)
        line += [Span(text, "accent" if is_sorted else "muted"), Span(" " * layout.gap)]
    return fit_line(line, layout.width)


def _titled(layout: Layout, order: Order) -> tuple[Column, ...]:
    """The columns; where that which is sorted by has no room, the first one's title names it."""
    first, *others = layout.columns
    if order.column and all(order.column != column.title for column in layout.columns):
        first = replace(first, title=f"by {order.column}", sorts_by=order.column)
    return (first, *others)


def _sorted_title(column: Column, order: Order, glyphs: Glyphs) -> str:
    mark = glyphs.ascending if order.is_ascending else glyphs.descending
    space = " " if len(column.title) + 2 <= column.width else ""
    return f"{mark}{space}{column.title}" if column.right else f"{column.title}{space}{mark}"


def draw_row(row: ListRow, layout: Layout, glyphs: Glyphs, look: Look) -> Line:
    """One row of the list."""
    cells: Iterable[Span]
    if isinstance(row, GroupView):
        cells = _group_cells(row, layout, glyphs)
    elif isinstance(row, ExperimentView):
        cells = _experiment_cells(row, layout, glyphs, folded=look.is_folded)
    else:
        cells = _run_cells(row, layout, glyphs)
    name = _fit_name(_name(row, glyphs, look), layout.name.width, glyphs)
    edge = Span(glyphs.cursor, "accent") if look.is_selected else Span(" ")
    line = fit_line((edge, *name, *cells), layout.width, glyphs.ellipsis)
    if not look.is_selected:
        return line
    filler = Span(" " * (layout.width - width_of(line)))
    return tuple(Span(text, f"{ink} cursor") for text, ink in (*line, filler))


def _name(row: ListRow, glyphs: Glyphs, look: Look = PLAIN) -> Line:
    mark = Span(glyphs.marked, "accent") if look.is_marked else Span(" ")
    if isinstance(row, GroupView):
        fold = glyphs.folded if look.is_folded else glyphs.unfolded
        return (Span(fold, "muted"), mark, Span(row.label, "accent"))
    return (Span("  " if look.is_in_group else ""), *_member_name(row, mark, glyphs, look))


def _member_name(row: Row, mark: Span, glyphs: Glyphs, look: Look) -> Line:
    if isinstance(row, RunView):
        family, slash, number = row.label.rpartition("/")
        if look.is_alone:
            return (mark, Span(f" {family}"), Span(f"{slash}{number}"))
        return (Span("  "), mark, Span(f" {family}", "muted"), Span(f"{slash}{number}"))
    fold = " "
    if row.runs:
        fold = glyphs.folded if look.is_folded else glyphs.unfolded
    return (Span(fold, "muted"), mark, Span(row.label, "strong"))


def _group_cells(group: GroupView, layout: Layout, glyphs: Glyphs) -> Iterator[Span]:
    """How much is in it, and how that stands."""
    yield Span(" " * layout.gap)
    counts = Counter(run.state for run in group.runs)
    experiments = len(group.experiments)
    parts = [figures.plural(experiments, "experiment")] if experiments else []
    parts += [figures.plural(len(group.runs), "run")] if group.runs else []
    yield Span(f" {glyphs.dot} ".join(parts), "muted")
    for state in STATES:
        if counts[state] and group.by != "state":
            yield Span(f"   {glyphs.marks[state]}", STATE_INKS[state])
            yield Span(f" {counts[state]}", "muted")


def _fit_name(name: Line, width: int, glyphs: Glyphs) -> Line:
    line = fit_line(name, width, glyphs.ellipsis)
    return (*line, Span(" " * (width - width_of(line))))


def _experiment_cells(
    row: ExperimentView, layout: Layout, glyphs: Glyphs, *, folded: bool
) -> Iterator[Span]:
    gap = Span(" " * layout.gap)
    if row.fault:
        yield from (gap, Span(f"{glyphs.invalid} invalid", "bad"), Span(f"    {row.fault}"))
        return
    if row.runs and not folded:
        yield from (gap, Span(_about(row), "muted"))
        return
    if not row.runs:
        yield gap
        yield Span(fit(f"{glyphs.never_run} not run", layout.state.width), "muted")
        yield gap
        yield Span(fit(f"0/{row.planned_epochs}", layout.epoch.width, right=True), "muted")
        yield gap
        yield Span(row.description, "muted")
        return
    newest, more = row.runs[0], len(row.runs) - 1
    yield from _figures(newest, layout, glyphs)
    yield gap
    yield from _note(newest, layout, glyphs)
    if more:
        yield Span(f" {glyphs.dot} {figures.plural(more, 'older run')}", "muted")


def _about(row: ExperimentView) -> str:
    return row.description if row.is_defined else "no longer in experiments.toml"


def _run_cells(run: RunView, layout: Layout, glyphs: Glyphs) -> Iterator[Span]:
    yield from _figures(run, layout, glyphs)
    yield Span(" " * layout.gap)
    yield from _note(run, layout, glyphs)


def _figures(run: RunView, layout: Layout, glyphs: Glyphs) -> Iterator[Span]:
    gap = Span(" " * layout.gap)
    yield gap
    yield from _state(run, layout, glyphs)
    yield gap
    yield Span(fit(_epoch(run), layout.epoch.width, glyphs.ellipsis, right=True))
    if layout.bar.width:
        yield gap
        yield from _bar(run, layout, glyphs)
    yield gap
    newest = run.epochs[-1].validation_accuracy if run.epochs else None
    yield Span(fit(figures.percent(newest), layout.val.width, right=True))
    if _cause_needs_room(run, layout):
        return
    for column, text, ink in (
        (layout.test, figures.percent(run.clean_accuracy), ""),
        (layout.ood, figures.percent(run.ood.accuracy if run.ood else None), ""),
        (layout.ood_gap, figures.percent(run.ood.gap if run.ood else None), "muted"),
        (layout.score, _score(run), ""),
        (layout.best, _best(run), "muted"),
        (layout.eta, "" if run.eta_seconds is None else figures.duration(run.eta_seconds), "muted"),
        (layout.tries, str(run.attempt or ""), "muted"),
        (layout.where, where(run.facts), "muted"),
    ):
        if column.width:
            yield gap
            yield Span(fit(text, column.width, glyphs.ellipsis, right=column.right), ink)


def _state(run: RunView, layout: Layout, glyphs: Glyphs) -> Iterator[Span]:
    ink = STATE_INKS[run.state]
    needs_attention = ink in {"warn", "bad"}
    yield Span(glyphs.marks[run.state], ink)
    word = fit(f" {run.state.value}", layout.state.width - 1, glyphs.ellipsis)
    yield Span(word, ink if needs_attention else "")


def _epoch(run: RunView) -> str:
    return f"{len(run.epochs)}/{run.planned_epochs or '?'}"


def _bar(run: RunView, layout: Layout, glyphs: Glyphs) -> Line:
    if run.state is State.FINISHED or not run.planned_epochs:
        return (Span(" " * layout.bar.width),)
    ink = "accent" if run.state.is_live else "muted"
    return bar(run.done_share, layout.bar.width, glyphs, ink)


def _best(run: RunView) -> str:
    if run.best is None:
        return ""
    return f"{figures.percent(run.best.validation_accuracy)} @{run.best.epoch:>3}"


def _score(run: RunView) -> str:
    score = run.facts.figures.get("score")
    return "" if score is None else f"{score:.4g}"


def _cause_needs_room(run: RunView, layout: Layout) -> bool:
    """Whether the cause takes the place of figures that a run which stands still has no use for."""
    has_none = not run.state.is_live or run.state is State.QUEUED
    return bool(run.cause) and has_none and layout.width < 130


def _note(run: RunView, layout: Layout, glyphs: Glyphs) -> Line:
    """Why the run is as it is, and what helps, as far as there is room to say it."""
    room = layout.room_for_note
    if _cause_needs_room(run, layout):
        room += sum(each.width + layout.gap for each in layout.given_up if each.width)
    if not run.cause:
        has_column = bool(layout.tries.width)
        again = run.attempt > 1 and not has_column
        words = [f"attempt {run.attempt}"] if again else []
        words += [f"#{tag}" for tag in run.facts.tags]
        while words and width_of([Span(" ".join(words))]) > room:
            del words[-1]
        return (Span(" ".join(words), "muted"),)
    cause = Span(run.new_in_cause, "muted" if run.state is State.QUEUED else "")
    if width_of([cause]) > room and room < SHORTEST_NOTE:
        return ()
    if not run.state.is_resumable:
        return (cause,)
    hint = Span(f" {glyphs.dot} {keys.shown(keys.RESUME)} resumes", "muted")
    return (cause, hint) if width_of([cause, hint]) <= room else (cause,)
