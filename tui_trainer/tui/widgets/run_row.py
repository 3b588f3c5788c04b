"""A row of the list of runs: a group, an experiment or a run, in the columns that there are."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.record.state import State
from tui_trainer.tui import figures, keys
from tui_trainer.tui.arrangement import NO_ORDER, STATES, GroupView, Order, where
from tui_trainer.tui.views import ExperimentView, Row, RunView
from tui_trainer.tui.widgets.bar import bar
from tui_trainer.tui.widgets.headline import STATE_INKS
from tui_trainer.tui.widgets.line import Line, Span, fit, fit_line, width_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.widgets.run_columns import Column, Layout

# Less than this of a note says nothing; the status line has it whole.
SHORTEST_NOTE = 16
# As much of a cause says what is wrong: for more of it no figure gives way.
LONG_ENOUGH = 40


class Cell(NamedTuple):
    """What a run has in a column."""

    column: Column
    text: str
    ink: str


class Look(NamedTuple):
    """How a row is drawn."""

    is_folded: bool = False
    is_selected: bool = False
    is_marked: bool = False
    is_alone: bool = False
    """Whether a run stands under no experiment."""
    is_in_group: bool = False
    study: str = ""
    """The study that it stands under, which its name need not say again."""


ListRow = Row | GroupView


def draw_titles(layout: Layout, glyphs: Glyphs, order: Order = NO_ORDER) -> Line:
    """The line above the rows, with a mark at the column that they are sorted by."""
    line = [Span(" ")]
    for column in _titled(layout, order):
        is_sorted = bool(order.column) and order.column in {column.title, column.sorts_by}
        title = _sorted_title(column, order, glyphs) if is_sorted else column.title
        text = fit(title, column.width, glyphs.ellipsis, right=column.right)
        line += [Span(text, "accent" if is_sorted else "muted"), Span(" " * layout.gap)]
    return fit_line(line, layout.width)


def title_at(layout: Layout, order: Order, x: int) -> str:
    """The column whose title stands there, by what it sorts by; empty between two of them."""
    left = 1
    for column in _titled(layout, order):
        if left <= x < left + column.width:
            return column.sorts_by or column.title
        left += column.width + layout.gap
    return ""


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
    name = _fit_name(name_of(row, glyphs, look), layout.name.width, glyphs)
    edge = Span(glyphs.cursor, "accent") if look.is_selected else Span(" ")
    line = fit_line((edge, *name, *cells), layout.width, glyphs.ellipsis)
    if not look.is_selected:
        return line
    filler = Span(" " * (layout.width - width_of(line)))
    return tuple(Span(text, f"{ink} cursor") for text, ink in (*line, filler))


def name_of(row: ListRow, glyphs: Glyphs, look: Look) -> Line:
    """Its fold, its mark and its name."""
    mark = Span(glyphs.marked, "accent") if look.is_marked else Span(" ")
    if isinstance(row, GroupView):
        fold = glyphs.folded if look.is_folded else glyphs.unfolded
        return (Span(fold, "muted"), mark, Span(row.label, "accent"))
    return (Span("  " if look.is_in_group else ""), *_member_name(row, mark, glyphs, look))


def _member_name(row: Row, mark: Span, glyphs: Glyphs, look: Look) -> Line:
    if isinstance(row, RunView):
        family, slash, number = row.label.rpartition("/")
        family = family.removeprefix(f"{look.study}.")
        if look.is_alone:
            return (mark, Span(f" {family}"), Span(f"{slash}{number}"))
        return (Span("  "), mark, Span(f" {family}", "muted"), Span(f"{slash}{number}"))
    fold = " "
    if row.runs:
        fold = glyphs.folded if look.is_folded else glyphs.unfolded
    return (Span(fold, "muted"), mark, Span(row.label.removeprefix(f"{look.study}."), "strong"))


def _group_cells(group: GroupView, layout: Layout, glyphs: Glyphs) -> Iterator[Span]:
    """How much is in it, and how that stands."""
    if group.is_study:
        yield from _study_cells(group, layout, glyphs)
        return
    yield Span(" " * layout.gap)
    counts = Counter(run.state for run in group.runs)
    experiments = len(group.experiments)
    parts = [figures.plural(experiments, "experiment")] if experiments else []
    parts += [figures.plural(len(group.runs), "run")] if group.runs else []
    yield Span(f" {glyphs.dot} ".join(parts), "muted")
    if group.by != "state":
        yield from _state_counts(counts, glyphs)


def _study_cells(study: GroupView, layout: Layout, glyphs: Glyphs) -> Iterator[Span]:
    """How many of its points are done, and how the runs of the others stand."""
    gap, points = Span(" " * layout.gap), len(study.experiments)
    yield gap
    yield Span(fit("study", layout.state.width), "muted")
    yield gap
    yield Span(fit(f"{study.done}/{points}", layout.epoch.width, glyphs.ellipsis, right=True))
    if layout.bar.width:
        yield gap
        yield from bar(study.done / points, layout.bar.width, glyphs, "accent")
    counts = Counter(run.state for run in study.runs)
    counts[State.FINISHED] = 0  # of which the points are told
    yield from _state_counts(counts, glyphs)


def _state_counts(counts: Counter[State], glyphs: Glyphs) -> Iterator[Span]:
    for state in STATES:
        if counts[state]:
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
        yield from (gap, *_missing(row, glyphs), Span(_about(row), "muted"))
        return
    if not row.runs:
        word, ink = ("no data", "warn") if row.missing else ("not run", "muted")
        mark = glyphs.warning if row.missing else glyphs.never_run
        if row.trained_as:
            word, ink, mark = "finished", "", glyphs.marks[State.FINISHED]
            yield from (gap, Span(mark, STATE_INKS[State.FINISHED]))
            yield Span(fit(f" {word}", layout.state.width - 1))
            yield from (gap, Span(f"trained the same as {row.trained_as}", "muted"))
            return
        yield gap
        yield Span(fit(f"{mark} {word}", layout.state.width), ink)
        yield gap
        yield Span(fit(f"0/{row.planned_epochs}", layout.epoch.width, right=True), "muted")
        yield gap
        yield Span(row.missing or row.description, "" if row.missing else "muted")
        return
    newest, more = row.runs[0], len(row.runs) - 1
    yield from _run_cells(newest, layout, glyphs)
    if more:
        yield Span(f" {glyphs.dot} {figures.plural(more, 'older run')}", "muted")


def _missing(row: ExperimentView, glyphs: Glyphs) -> Iterator[Span]:
    if row.missing:
        yield Span(f"{glyphs.warning} no data  ", "warn")


def _about(row: ExperimentView) -> str:
    return row.description if row.is_defined else "no longer in experiments.toml"


def _run_cells(run: RunView, layout: Layout, glyphs: Glyphs) -> Iterator[Span]:
    cells = _beside_its_cause(run, layout)
    yield from _figures(run, layout, cells, glyphs)
    yield Span(" " * layout.gap)
    yield from _note(run, layout, _room_beside(cells, layout), glyphs)


def _figures(run: RunView, layout: Layout, cells: Iterable[Cell], glyphs: Glyphs) -> Iterator[Span]:
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
    for column, text, ink in cells:
        yield gap
        yield Span(fit(text, column.width, glyphs.ellipsis, right=column.right), ink)


def _beside_its_cause(run: RunView, layout: Layout) -> list[Cell]:
    """The last figures, as many from the left as the run's cause leaves room for."""
    cells = list(_last_figures(run, layout))
    cause = width_of([Span(run.new_in_cause)])
    # Nothing is wrong with a run that somebody stopped: it shows its figures.
    needed = 0 if run.state is State.STOPPED else min(cause, LONG_ENOUGH)
    while cells and _room_beside(cells, layout) < (needed if cells[-1].text else cause):
        cells.pop()
    return cells


def _last_figures(run: RunView, layout: Layout) -> Iterator[Cell]:
    for column, text, ink in (
        (layout.test, figures.percent(run.clean_accuracy), ""),
        (layout.ood, figures.percent(run.ood.accuracy if run.ood else None), ""),
        (layout.ood_gap, figures.percent(run.ood.gap if run.ood else None), "muted"),
        (layout.score, _score(run), ""),
        (layout.best, _best(run), "muted"),
        (layout.eta, _eta(run), "muted"),
        (layout.tries, str(run.attempt or ""), "muted"),
        (layout.where, where(run.facts), "muted"),
    ):
        if column.width:
            yield Cell(column, text, ink)


def _room_beside(cells: Iterable[Cell], layout: Layout) -> int:
    every = sum(column.width + layout.gap for column in layout.given_up if column.width)
    return layout.room_for_note + every - sum(each.column.width + layout.gap for each in cells)


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


def _eta(run: RunView) -> str:
    """Of its epochs: a run that has trained them all has none."""
    if run.eta_seconds is None or run.state is State.EVALUATING:
        return ""
    return figures.duration(run.eta_seconds)


def _score(run: RunView) -> str:
    score = run.facts.figures.get("score")
    return "" if score is None else f"{score:.4g}"


def _note(run: RunView, layout: Layout, room: int, glyphs: Glyphs) -> Line:
    """Why the run is as it is, and what helps, as far as there is room to say it."""
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
