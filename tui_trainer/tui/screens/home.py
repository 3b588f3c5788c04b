"""The first screen: experiments and runs, the curves of the selected one, and what to do to it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Horizontal

from tui_trainer.record.plain_text import plain_line
from tui_trainer.tui import charts, keys
from tui_trainer.tui.screens.acting import Acting, Operated
from tui_trainer.tui.screens.run import RunPage
from tui_trainer.tui.store import ExperimentView, RunView, Store, View, ViewChanged
from tui_trainer.tui.widgets.headline import Headline
from tui_trainer.tui.widgets.key_bar import KeyBar, Offer
from tui_trainer.tui.widgets.line import Line, Span
from tui_trainer.tui.widgets.plot import Plot
from tui_trainer.tui.widgets.rule import Rule
from tui_trainer.tui.widgets.run_list import RunList
from tui_trainer.tui.widgets.status_line import Ending, StatusLine
from tui_trainer.tui.widgets.words import Words

if TYPE_CHECKING:
    import threading

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.operations import Operations
    from tui_trainer.tui.store import RowKey


class Home(Acting):
    """Shows the store's view and acts on the selected row.

    Args:
        store: What is looked at.
        operations: What is done to runs.
        operating: Held while something is done to a run.
        glyphs: The signs that the terminal can show.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.HOME_KEYS)]

    def __init__(
        self, store: Store, operations: Operations, operating: threading.Lock, glyphs: Glyphs
    ) -> None:
        super().__init__(store, operations, operating, glyphs)
        self._view: View | None = None
        self._log_scale = False
        self._awaited: RowKey | None = None

    def compose(self) -> ComposeResult:
        """The widgets, from top to bottom."""
        glyphs = self._glyphs
        yield Headline(glyphs)
        yield Words(glyphs, widget_id="warning")
        yield Words(glyphs, widget_id="welcome")
        yield RunList(glyphs)
        yield Rule(glyphs, widget_id="selected")
        with Horizontal(id="plots"):
            yield Plot(glyphs, widget_id="loss")
            yield Plot(glyphs, widget_id="accuracy")
        yield Ending(glyphs)
        yield StatusLine(glyphs)
        yield Words(glyphs, widget_id="notice")
        yield KeyBar(glyphs)

    def on_mount(self) -> None:
        """Begin to look."""
        self.run_worker(partial(self._store.watch, self.post_message), thread=True)

    def on_unmount(self) -> None:
        """Look no more."""
        self._store.close()

    def on_view_changed(self, message: ViewChanged) -> None:
        """Show what the store saw."""
        view = self._view = message.view
        self.set_class(view.project is None, "-no-project")
        self.query_one("#welcome", Words).show(_welcome(view))
        self.query_one("#warning", Words).show(_warning(view, self._glyphs))
        self.query_one(Headline).show(view)
        self._list.show(view.experiments)
        self._go_to_awaited_run()

    def on_operated(self, message: Operated) -> None:
        """Go to a new run as soon as the store has seen it."""
        if message.launched is not None:
            self._awaited = (message.launched.experiment_name, message.launched.number)
            self._go_to_awaited_run()

    def on_run_list_cursor_moved(self) -> None:
        """Show the curves, the status and the keys of the row."""
        self._show_selected()

    def on_resize(self) -> None:
        """Whether one plot or two have room decides what is said about the other one."""
        self._show_selected()

    # What keys do, in the order of the key table.

    def action_open(self) -> None:
        """Launch the experiment, or open the run's page."""
        row = self._selected
        if isinstance(row, RunView):
            acting = (self._store, self._operations, self._operating, self._glyphs)
            self.app.push_screen(RunPage(*acting, row))
        elif isinstance(row, ExperimentView):
            self._launch_or_ask(row)

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self._list.move(rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by pages."""
        self._list.move_pages(pages)

    def action_top(self) -> None:
        """To the first row."""
        self._list.move_to_end(last=False)

    def action_bottom(self) -> None:
        """To the last row."""
        self._list.move_to_end(last=True)

    def action_fold(self) -> None:
        """Fold the experiment's runs."""
        self._list.fold(folded=True)

    def action_unfold(self) -> None:
        """Unfold the experiment's runs."""
        self._list.fold(folded=False)

    def action_next_plot(self) -> None:
        """Show the other plot, where only one has room."""
        self.toggle_class("-accuracy")
        self._show_selected()

    def action_log_scale(self) -> None:
        """Loss on a logarithmic scale, and back."""
        self._log_scale = not self._log_scale
        self._show_selected()

    # What is selected.

    @property
    def _list(self) -> RunList:
        return self.query_one(RunList)

    @property
    def _selected(self) -> ExperimentView | RunView | None:
        return self._list.selected

    @property
    def _selected_run(self) -> RunView | None:
        """The run under the cursor; of an experiment its newest one."""
        row = self._selected
        if isinstance(row, ExperimentView):
            return row.runs[0] if row.runs else None
        return row

    def _run_to(self, verb: str) -> RunView | None:
        run = self._selected_run
        if run is None:
            self._say(f"there is no run to {verb} here; {keys.shown(keys.OPEN)} launches one")
        return run

    # What is shown of it.

    def _show_selected(self) -> None:
        row, run = self._selected, self._selected_run
        self.query_one(KeyBar).show(self._offers(row, run))
        if row is None:
            return
        experiment = self._experiment_of(row)
        about = experiment.description if experiment is not None else ""
        self.query_one("#selected", Rule).show(row.label if run is None else run.label, about)
        self._show_charts(run)
        self._show_ending(run)
        self.query_one(StatusLine).show(row if run is None else run)

    def _experiment_of(self, row: ExperimentView | RunView) -> ExperimentView | None:
        if isinstance(row, ExperimentView):
            return row
        experiments = () if self._view is None else self._view.experiments
        return next((each for each in experiments if each.name == row.experiment), None)

    def _show_charts(self, run: RunView | None) -> None:
        loss, accuracy = self.query_one("#loss", Plot), self.query_one("#accuracy", Plot)
        if run is None:
            loss.show(charts.no_chart("loss", "no run yet"))
            accuracy.show(charts.no_chart("accuracy %", "no run yet"))
            return
        tab = f"{keys.shown(keys.NEXT_PLOT)}: " if self._shows_one_plot else ""
        loss.show(
            charts.loss_chart(run, charts.Look(log=self._log_scale), hint=tab and f"{tab}accuracy")
        )
        accuracy.show(charts.accuracy_chart(run, charts.Look(), hint=tab and f"{tab}loss"))

    def _show_ending(self, run: RunView | None) -> None:
        """Why a run ended badly, in place of curves that it does not have."""
        bad = run if run is not None and run.ended_badly else None
        self.set_class(bad is not None and not bad.epochs, "-no-curves")
        self.query_one(Ending).show(bad)

    def _offers(self, row: ExperimentView | RunView | None, run: RunView | None) -> list[Offer]:
        if self._is_asking:
            return []
        if row is None:
            return [Offer(keys.shown(key), key.short) for key in (keys.HELP, keys.LEAVE)]
        left_out = {keys.NEXT_PLOT} if not self._shows_one_plot else set()
        possible = {
            keys.OPEN: isinstance(row, RunView) or not row.fault,
            keys.RESUME: run is not None and run.state.is_resumable,
            keys.STOP: run is not None and run.state.is_live,
        }
        words = {keys.OPEN: "show" if isinstance(row, RunView) else "launch"}
        return [
            Offer(keys.shown(key), words.get(key, key.short), possible.get(key, True))
            for key in keys.HOME_KEYS
            if key.short and key not in left_out
        ]

    # What is done to runs, each in a thread of its own.

    def _launch_or_ask(self, experiment: ExperimentView) -> None:
        if experiment.fault or not experiment.is_defined:
            gone = f"{experiment.label} is no longer in experiments.toml"
            self._say(experiment.fault or gone, ink="bad")
            return
        launch = partial(
            self._operate, f"launching {experiment.label}", partial(self._launch, experiment.name)
        )
        live = next((run for run in experiment.runs if run.state.is_live), None)
        if live is None:
            launch()
        else:
            self._ask(f"{live.label} is {live.state.value}. Launch another run?", launch)

    def _launch(self, name: str) -> Operated:
        if self._view is None or self._view.project is None:
            return Operated("there is no experiments.toml any more", ink="bad")
        folder = self._operations.launch(self._view.project, name)
        return Operated(f"launched {plain_line(folder.run)}", launched=folder)

    @property
    def _is_busy(self) -> bool:
        return super()._is_busy or self._awaited is not None

    def _keys_here(self) -> tuple[keys.Key, ...]:
        return keys.HOME_KEYS

    def _go_to_awaited_run(self) -> None:
        if self._awaited is None or self._view is None:
            return
        if all(run.key != self._awaited for run in self._view.runs):
            return
        awaited, self._awaited = self._awaited, None
        row = self._list.selected
        if row is not None and row.key[0] == awaited[0]:  # else the user has gone elsewhere
            self._list.select(awaited)


def _welcome(view: View) -> list[Line]:
    """The first start: what is missing and how to write it."""
    if view.project is not None and not view.experiments:
        return [(), (Span("  experiments.toml has no [experiments.NAME] table yet.", "strong"),)]
    if view.project is not None or view.warning:
        return []
    return [
        (),
        (Span("  No experiments.toml here or above: it says what to train.", "strong"),),
        (),
        (Span("  Write one with   ", "muted"), Span("tui-trainer init", "accent")),
        (Span("  It appears here by itself.", "muted"),),
    ]


def _warning(view: View, glyphs: Glyphs) -> list[Line]:
    return [(Span(f" {glyphs.warning} ", "warn"), Span(view.warning))] if view.warning else []
