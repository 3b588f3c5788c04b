"""The first screen: experiments and runs, the curves of the selected one, and what to do to it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Horizontal
from textual.message import Message
from textual.screen import Screen

from tui_trainer.errors import TuiTrainerError
from tui_trainer.record.plain_text import plain_line
from tui_trainer.tui import charts, keys
from tui_trainer.tui.screens.confirm import Confirm
from tui_trainer.tui.screens.help import Help
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
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.timer import Timer

    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.operations import Operations
    from tui_trainer.tui.store import RowKey

NOTICE_SECONDS, ERROR_SECONDS = 5.0, 15.0
LINES_OF_ERROR = 3


class Home(Screen[None]):
    """Shows the store's view and acts on the selected row.

    Args:
        store: What is looked at.
        operations: What is done to runs.
        operating: Held while something is done to a run.
        glyphs: The signs that the terminal can show.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.HOME_KEYS)]

    class Operated(Message):
        """Something was done to a run, or could not be done."""

        def __init__(
            self,
            words: str,
            *,
            hint: str = "",
            ink: str = "accent",
            launched: RunFolder | None = None,
        ) -> None:
            super().__init__()
            self.words = words
            self.hint = hint
            self.ink = ink
            self.launched = launched

    def __init__(
        self, store: Store, operations: Operations, operating: threading.Lock, glyphs: Glyphs
    ) -> None:
        super().__init__()
        self._store = store
        self._operations = operations
        self._operating = operating
        self._glyphs = glyphs
        self._view: View | None = None
        self._log_scale = False
        self._is_asking = False
        self._awaited: RowKey | None = None
        self._notice_timer: Timer | None = None

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

    def on_home_operated(self, message: Home.Operated) -> None:
        """Say how it went; a new run is gone to as soon as the store has seen it."""
        self._say(message.words, message.hint, ink=message.ink)
        if message.launched is not None:
            self._awaited = (message.launched.experiment_name, message.launched.number)
            self._go_to_awaited_run()
        self._store.look_soon()

    def on_run_list_cursor_moved(self) -> None:
        """Show the curves, the status and the keys of the row."""
        self._show_selected()

    def on_resize(self) -> None:
        """Whether one plot or two have room decides what is said about the other one."""
        self._show_selected()

    # What keys do, in the order of the key table.

    def action_open(self) -> None:
        """Launch the experiment, or show the run large."""
        row = self._selected
        if isinstance(row, RunView):
            self.toggle_class("-large")
            self._show_selected()
        elif isinstance(row, ExperimentView):
            self._launch_or_ask(row)

    def action_resume(self) -> None:
        """Resume the run."""
        run = self._run("resume")
        if run is None:
            return
        if not run.state.is_resumable:
            self._say(f"{run.label} is {run.state.value}; there is nothing to resume")
            return
        self._operate(f"resuming {run.label}", partial(self._resume, run))

    def action_stop(self) -> None:
        """Stop the run after a checkpoint."""
        run = self._live_run()
        if run is not None:
            self._operate(f"stopping {run.label}", partial(self._stop, run, at_once=False))

    def action_stop_now(self) -> None:
        """Stop the run at once, if that is meant."""
        run = self._live_run()
        if run is None:
            return
        question = f"Stop {run.label} now? The steps since its last checkpoint are lost."
        stop = partial(self._stop, run, at_once=True)
        self._ask(question, partial(self._operate, f"stopping {run.label} now", stop))

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

    def action_back(self) -> None:
        """From the large curves to the list."""
        self.remove_class("-large")
        self._show_selected()

    def action_theme(self) -> None:
        """Change between dark and light."""
        other = {"trainer-dark": "trainer-light", "trainer-light": "trainer-dark"}
        self.app.theme = other.get(self.app.theme, "trainer-dark")

    def action_help(self) -> None:
        """Show what keys do."""
        self.app.push_screen(Help(self._glyphs))

    def action_leave(self) -> None:
        """End the app; runs go on."""
        live = [] if self._view is None else [run for run in self._view.runs if run.state.is_live]
        self.app.exit([run.label for run in live])

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

    def _run(self, verb: str) -> RunView | None:
        run = self._selected_run
        if run is None:
            self._say(f"there is no run to {verb} here; {keys.shown(keys.OPEN)} launches one")
        return run

    def _live_run(self) -> RunView | None:
        run = self._run("stop")
        if run is not None and not run.state.is_live:
            self._say(f"{run.label} is {run.state.value}; there is nothing to stop")
            return None
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
        loss.show(charts.loss_chart(run, log=self._log_scale, hint=tab and f"{tab}accuracy"))
        accuracy.show(charts.accuracy_chart(run, hint=tab and f"{tab}loss"))

    def _show_ending(self, run: RunView | None) -> None:
        """Why a run ended badly: in place of curves that it does not have, large below its own."""
        bad = run if run is not None and run.ended_badly else None
        self.set_class(bad is not None and not bad.epochs, "-no-curves")
        self.set_class(bad is not None and bool(bad.epochs), "-bad-end")
        self.query_one(Ending).show(bad)

    @property
    def _shows_one_plot(self) -> bool:
        return self.has_class("-narrow") and not self.has_class("-tall")

    def _offers(self, row: ExperimentView | RunView | None, run: RunView | None) -> list[Offer]:
        if self._is_asking:
            return []
        if row is None:
            return [Offer(keys.shown(key), key.short) for key in (keys.HELP, keys.LEAVE)]
        is_run, is_large = isinstance(row, RunView), self.has_class("-large")
        left_out = {keys.NEXT_PLOT} if not self._shows_one_plot else set()
        if is_large:
            left_out |= {keys.FOLD, keys.OPEN} if is_run else {keys.FOLD}
        else:
            left_out |= {keys.BACK}
        # The way back stands where the way there stood.
        offered = dict.fromkeys((keys.BACK, *keys.HOME_KEYS))
        possible = {
            keys.OPEN: isinstance(row, RunView) or not row.fault,
            keys.RESUME: run is not None and run.state.is_resumable,
            keys.STOP: run is not None and run.state.is_live,
        }
        words = {keys.OPEN: "show" if is_run else "launch"}
        return [
            Offer(keys.shown(key), words.get(key, key.short), possible.get(key, True))
            for key in offered
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

    def _launch(self, name: str) -> Home.Operated:
        if self._view is None or self._view.project is None:
            return Home.Operated("there is no experiments.toml any more", ink="bad")
        folder = self._operations.launch(self._view.project, name)
        return Home.Operated(f"launched {plain_line(folder.run)}", launched=folder)

    def _resume(self, run: RunView) -> Home.Operated:
        self._operations.resume(run.folder)
        return Home.Operated(f"resumed {run.label}")

    def _stop(self, run: RunView, *, at_once: bool) -> Home.Operated:
        self._operations.stop(run.folder, at_once=at_once)
        how = "at once" if at_once else "after a checkpoint"
        return Home.Operated(f"asked {run.label} to stop {how}")

    def _operate(self, words: str, operation: Callable[[], Home.Operated]) -> None:
        # A key pressed twice must not launch twice.
        if self._operating.locked() or self._awaited is not None:
            self._say("one moment: the last thing asked for is still being done")
            return
        self._say(f"{words} {self._glyphs.ellipsis}")
        self.run_worker(partial(self._operate_in_thread, operation), thread=True)

    def _operate_in_thread(self, operation: Callable[[], Home.Operated]) -> None:
        with self._operating:
            try:
                outcome = operation()
            except TuiTrainerError as error:
                outcome = Home.Operated(error.message, hint=error.hint, ink="bad")
            except OSError as error:
                outcome = Home.Operated(str(error), ink="bad")
        self.post_message(outcome)

    def _go_to_awaited_run(self) -> None:
        if self._awaited is None or self._view is None:
            return
        if all(run.key != self._awaited for run in self._view.runs):
            return
        awaited, self._awaited = self._awaited, None
        row = self._list.selected
        if row is not None and row.key[0] == awaited[0]:  # else the user has gone elsewhere
            self._list.select(awaited)

    # What is said and asked.

    def _ask(self, question: str, do: Callable[[], None]) -> None:
        def take(answer: bool | None) -> None:  # noqa: FBT001 - Textual passes the answer so
            self._is_asking = False
            self._show_selected()
            if answer:
                do()

        self._is_asking = True
        self._show_selected()
        self.app.push_screen(Confirm(question, self._glyphs), take)

    def _say(self, words: str, hint: str = "", *, ink: str = "accent") -> None:
        mark = self._glyphs.invalid if ink == "bad" else self._glyphs.dot
        lines: list[Line] = [
            (Span(f" {mark} ", ink), Span(plain_line(line)))
            for line in words.splitlines()[:LINES_OF_ERROR]
        ]
        if hint:
            lines.append((Span(f"   {plain_line(hint)}", "muted"),))
        self.query_one("#notice", Words).show(lines)
        self.add_class("-notice")
        if self._notice_timer is not None:
            self._notice_timer.stop()
        seconds = ERROR_SECONDS if ink == "bad" else NOTICE_SECONDS
        self._notice_timer = self.set_timer(seconds, self._say_nothing)

    def _say_nothing(self) -> None:
        self.query_one("#notice", Words).show([])
        self.remove_class("-notice")


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
