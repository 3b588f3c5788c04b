"""The first screen: experiments and runs, the curves of the selected one, and what to do to it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Horizontal

from tui_trainer.errors import TuiTrainerError
from tui_trainer.record.plain_text import plain_line
from tui_trainer.tui import charts, deeds, figures, keys
from tui_trainer.tui.arrangement import GroupView
from tui_trainer.tui.screens.acting import Operated, failure
from tui_trainer.tui.screens.arranging import Arranging
from tui_trainer.tui.screens.deriving import Deriving
from tui_trainer.tui.screens.following import Following
from tui_trainer.tui.screens.palette import Asked  # noqa: TC001 - Textual looks at it
from tui_trainer.tui.screens.scrolling import Scrolling
from tui_trainer.tui.screens.speaking import Speaking
from tui_trainer.tui.views import ExperimentView, RunView, View
from tui_trainer.tui.wanted import WantedLaunch
from tui_trainer.tui.widgets.filter_line import FilterLine
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
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.memory import Memory
    from tui_trainer.tui.operations import Operations
    from tui_trainer.tui.store import Store, ViewChanged
    from tui_trainer.tui.views import RowKey

# Of a study; each with its name at its end.
MOST_CURVES = 6


class Home(Scrolling, Arranging, Deriving, Speaking):
    """Shows the store's view and acts on the selected row.

    Args:
        store: What is looked at.
        memory: How the list was arranged.
        operations: What is done to runs.
        operating: Held while something is done to a run.
        glyphs: The signs that the terminal can show.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.HOME_KEYS)]

    def __init__(
        self,
        store: Store,
        memory: Memory,
        operations: Operations,
        operating: threading.Lock,
        glyphs: Glyphs,
    ) -> None:
        super().__init__(store, memory, operations, operating, glyphs)
        self._log_scale = False
        self._launching = ""
        self._awaited: RowKey | None = None
        self._new_experiment = ""

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
        yield FilterLine(glyphs)
        yield KeyBar(glyphs)

    def on_mount(self) -> None:
        """Begin to look."""
        self.run_worker(self._recall_and_watch, thread=True)
        # Whichever screen it is chosen on.
        self.watch(self.app, "theme", self._remember_theme, init=False)

    def on_unmount(self) -> None:
        """Look no more."""
        self._store.close()

    def on_view_changed(self, message: ViewChanged) -> None:
        """Show what the store saw."""
        view = self._view = message.view
        self.set_class(view.project is None, "-no-project")
        self.set_class(not view.unread and not any(run.epochs for run in view.runs), "-no-epochs")
        self.query_one("#welcome", Words).show(_welcome(view))
        self.query_one("#warning", Words).show(_warning(view, self._glyphs))
        self._show_list()
        self._go_to_awaited_run()
        self._go_to_new_experiment()
        for screen in self.app.screen_stack:
            if isinstance(screen, Following):
                screen.show(view.runs)

    def on_operated(self, message: Operated) -> None:
        """Remember what can be had back; go to a new run as soon as the store has seen it."""
        if message.thrown_away:
            self._arrange(thrown_away=(*self._arrangement.thrown_away, message.thrown_away))
        if message.brought_back is not None:
            asked, left = message.brought_back
            others = tuple(x for x in self._arrangement.thrown_away if x != asked)
            # What cannot come back now is tried again after all others: it would be in their way.
            self._arrange(thrown_away=(left, *others) if left else others)
        if message.ends_launch:
            self._launching = ""
        if message.launched is not None:
            self._awaited = (message.launched.experiment_name, message.launched.number)
            self._go_to_awaited_run()

    def on_asked(self, message: Asked) -> None:
        """Show the row that was asked for, whichever screen that was on; of a run its page."""
        while self.app.screen is not self:
            self.app.pop_screen()
        if message.narrowed_to is not None:
            self._arrange(filter=message.narrowed_to)
        if message.place is None:
            return
        if not self._list.select(message.place):
            self._arrange(filter="", hides_finished=False)
            self._list.select(message.place)
        if message.place[1]:
            self.action_open()

    def on_run_list_cursor_moved(self) -> None:
        """Show the curves, the status and the keys of the row."""
        self._show_selected()
        self._arrange(folded=self._list.folded)

    def on_resize(self) -> None:
        """Whether one plot or two have room decides what is said about the other one."""
        self._show_selected()

    # What keys do, in the order of the key table.

    def action_open(self) -> None:
        """Launch the experiment, open the page of a run or a study, or fold and unfold a group."""
        row = self._list.selected
        if isinstance(row, GroupView) and row.is_study:
            self._open_study(row.label)
        elif isinstance(row, GroupView):
            self._list.fold(folded=not self._list.is_folded(row))
        elif isinstance(row, RunView):
            from tui_trainer.tui.screens.run import RunPage

            self.app.push_screen(RunPage(*self._acting, row))
        elif isinstance(row, ExperimentView):
            self._launch_or_ask(row)

    def action_plan_launch(self) -> None:
        """Fill in a launch; of a study launch every point that has no run."""
        group = self._selected_group
        if group is None or not group.is_study or self._marked:
            super().action_plan_launch()
            return
        left = tuple(each.name for each in group.not_begun)
        if left:
            question = f"Launch {figures.plural(len(left), 'point')} of {group.label}"
            launch = partial(self._launch_wanted, WantedLaunch(left, ()))
            self._ask(f"{question} without a run? They wait for each other.", launch)
        else:
            self._say(f"every point of {group.label} has a run")

    def action_resume_dead(self) -> None:
        """Resume every run that died, whatever the list shows."""
        if not self._may_write():
            return
        runs = () if self._view is None else self._view.runs
        dead = [run for run in runs if run.state.has_died]
        if not dead:
            self._say("no run crashed, was lost or interrupted")
            return
        deed = deeds.resuming(self._operations)
        question = f"Resume {deeds.named(dead)} that died?"
        self._ask(question, partial(self._do_to, deed, dead))

    def action_trash(self) -> None:
        """Move the run, or the marked ones, to the trash, if that is meant."""
        self._do(deeds.trashing(keys.shown(keys.UNDO)))

    def action_undo(self) -> None:
        """Have back what was last moved to the trash from here."""
        thrown_away = self._arrangement.thrown_away
        if not thrown_away:
            self._say("nothing was moved to the trash from here: tui-trainer restore lists it")
        elif self._view is not None and self._view.project is not None:
            runs = self._view.project.folder / "runs"
            work = partial(self._bring_back, runs, thrown_away[-1])
            self._operate("bringing back from the trash", work)

    def action_compare(self) -> None:
        """Show the marked runs beside each other."""
        if len(self._marked) < 2:
            self._say(f"mark two runs or more with {keys.shown(keys.MARK)}, then compare them")
            return
        from tui_trainer.tui.screens.compare import Compare

        self.app.push_screen(Compare(self._marked, self._glyphs))

    def action_queue(self) -> None:
        """Show who waits; what is marked here is marked there."""
        from tui_trainer.tui.screens.queue import Queue

        marked = [run.folder.path for run in self._marked]
        self.app.push_screen(Queue(*self._acting, marked))

    def action_scores(self) -> None:
        """Rank all runs."""
        from tui_trainer.tui.screens.scores import Scores

        runs = () if self._view is None else self._view.runs
        self.app.push_screen(Scores(*self._acting, runs))

    def action_next_plot(self) -> None:
        """Show the other plot, where only one has room."""
        self.toggle_class("-accuracy")
        self._show_selected()

    def action_log_scale(self) -> None:
        """Loss on a logarithmic scale, and back."""
        self._log_scale = not self._log_scale
        self._show_selected()

    def action_samples(self) -> None:
        """Pictures of what the experiment, or the run as it was launched, trains on."""
        row = self._selected
        project = None if self._view is None else self._view.project
        if row is None or project is None:
            self._say("pictures are of one experiment: go to one of them")
            return
        if isinstance(row, ExperimentView) and (row.fault or not row.is_defined):
            self._say(row.fault or f"{row.label} is no longer in experiments.toml", ink="bad")
            return
        from tui_trainer.tui.screens.samples import Samples, subject_of

        self.app.push_screen(Samples(subject_of(row, project), self._glyphs))

    # What is selected.

    @property
    def _scrolled(self) -> RunList:
        return self._list

    @property
    def _selected(self) -> ExperimentView | RunView | None:
        row = self._list.selected
        return None if isinstance(row, GroupView) else row

    @property
    def _selected_group(self) -> GroupView | None:
        row = self._list.selected
        return row if isinstance(row, GroupView) else None

    @property
    def _selected_run(self) -> RunView | None:
        """The run under the cursor; of an experiment its newest one."""
        row = self._selected
        if isinstance(row, ExperimentView):
            return row.runs[0] if row.runs else None
        return row

    @property
    def _selected_experiment(self) -> str:
        row = self._selected
        if row is None:
            return ""
        return row.name if isinstance(row, ExperimentView) else row.experiment

    @property
    def _selected_for_new(self) -> RunView | None:
        return self._selected if isinstance(self._selected, RunView) else None

    # What is shown of it.

    def _show_selected(self) -> None:
        row, run = self._selected, self._selected_run
        self.query_one(KeyBar).show(self._offers(row))
        if self._selected_group is not None:
            self._show_group(self._selected_group)
        if row is None:
            return
        experiment = self._experiment_of(row)
        about = experiment.description if experiment is not None else ""
        self.query_one("#selected", Rule).show(row.label if run is None else run.label, about)
        self._show_charts(run)
        self._show_ending(run)
        self.query_one(StatusLine).show(row if run is None else run)

    @property
    def _idle_keys(self) -> set[keys.Key]:
        idle = super()._idle_keys
        if not self._arrangement.filter:
            idle |= {keys.BACK}
        if not self._arrangement.order.column:
            idle |= {keys.REVERSE}
        if not self._arrangement.marked:
            idle |= {keys.UNMARK}
        return idle

    def _show_group(self, group: GroupView) -> None:
        """A group has no curves of its own; the points of a study have those of their runs."""
        points = f"{group.done} of {figures.plural(len(group.experiments), 'point')} done"
        words = points if group.is_study else figures.plural(len(group.runs), "run")
        self.query_one("#selected", Rule).show(group.label, words)
        loss, accuracy = self.query_one("#loss", Plot), self.query_one("#accuracy", Plot)
        if group.is_study:
            runs, dashed = dict(_runs_of_points(group)), self.app.no_color
            tab = f"{keys.shown(keys.NEXT_PLOT)}: " if self._shows_one_plot else ""
            hints = (tab and f"{tab}accuracy", tab and f"{tab}loss")
            loss.show(charts.study_chart(runs, charts.LOSS, dashed=dashed, hint=hints[0]))
            accuracy.show(charts.study_chart(runs, charts.ACCURACY, dashed=dashed, hint=hints[1]))
        else:
            words = f"{keys.shown(keys.DOWN)} goes to its runs"
            loss.show(charts.no_chart("loss", words))
            accuracy.show(charts.no_chart("accuracy %", ""))
        self._show_ending(None)
        self.query_one(StatusLine).show(None)

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
        look = charts.Look(log=self._log_scale, dashed=self.app.no_color)
        loss.show(charts.loss_chart(run, look, hint=tab and f"{tab}accuracy"))
        accuracy.show(charts.accuracy_chart(run, look, hint=tab and f"{tab}loss"))

    def _show_ending(self, run: RunView | None) -> None:
        """Why a run ended badly, in place of curves that it does not have."""
        bad = run if run is not None and run.ended_badly else None
        self.set_class(bad is not None and not bad.epochs, "-no-curves")
        self.query_one(Ending).show(bad)

    def _offers(self, row: ExperimentView | RunView | None) -> list[Offer]:
        if self._is_asking:
            return []
        if row is None and self._selected_group is None:
            ways_out = (keys.BACK,) if self._arrangement.filter else ()
            offered = (*ways_out, keys.HELP, keys.LEAVE)
            return [Offer(keys.shown(key), key.short) for key in offered]
        left_out = self._idle_keys
        if len(self._marked) < 2:
            left_out |= {keys.COMPARE}
        if not self._meant:
            left_out |= {keys.RESUME, keys.STOP, keys.MARK, keys.TAG, keys.NOTE, keys.EVALUATE}
        if self._arrangement.order.column or row is None:
            left_out |= {keys.FOLD}
        if row is None:
            left_out |= {keys.NEW, keys.SAMPLES}
        possible = {
            keys.OPEN: not isinstance(row, ExperimentView) or not row.fault,
            keys.RESUME: any(each.state.is_resumable for each in self._meant),
            keys.STOP: any(each.state.is_live for each in self._meant),
        }
        group = self._selected_group
        folds = "unfold" if group is not None and self._list.is_folded(group) else "fold"
        opens = {RunView: "show", ExperimentView: "launch"}.get(type(row), folds)
        words = {keys.OPEN: opens, keys.BACK: "all"}
        if group is not None and group.is_study:
            words[keys.OPEN] = "study"
        if group is not None and group.is_study and not self._marked:
            words[keys.PLAN] = f"launch {len(group.not_begun)}"
            possible[keys.PLAN] = bool(group.not_begun)
        return [
            Offer(keys.shown(key), words.get(key, key.short), possible.get(key, True))
            for key in keys.HOME_FOOTER
            if key not in left_out
        ]

    def _open_study(self, name: str) -> None:
        project = None if self._view is None else self._view.project
        study = None if project is None else project.studies.get(name)
        if study is not None:
            from tui_trainer.tui.screens.study import StudyPage

            self.app.push_screen(StudyPage(*self._acting, study))

    # What is done to runs, each in a thread of its own.

    def _launch_or_ask(self, experiment: ExperimentView) -> None:
        if not self._may_write():
            return
        if experiment.fault or not experiment.is_defined:
            gone = f"{experiment.label} is no longer in experiments.toml"
            self._say(experiment.fault or gone, ink="bad")
            return
        launch = partial(self._begin_launch, experiment)
        live = next((run for run in experiment.runs if run.state.is_live), None)
        if self._is_being_launched(experiment.name):
            self._ask(f"{experiment.label} is being launched. Launch another run?", launch)
        elif live is None:
            launch()
        else:
            self._ask(f"{live.label} is {live.state.value}. Launch another run?", launch)

    def _is_being_launched(self, name: str) -> bool:
        """Whether a run of it is on its way to the list."""
        return name == self._launching or (self._awaited is not None and name == self._awaited[0])

    def _begin_launch(self, experiment: ExperimentView) -> None:
        launch = partial(self._launch, experiment.name)
        # Counts at once: its thread takes the lock only a moment after the key.
        if self._operate(f"launching {experiment.label}", launch):
            self._launching = experiment.name

    def _launch(self, name: str) -> Operated:
        if self._view is None or self._view.project is None:
            gone = "there is no experiments.toml any more"
            return Operated(gone, ink="bad", ends_launch=True)
        try:
            folder = self._operations.launch(self._view.project, name)
        except (TuiTrainerError, OSError) as error:
            return failure(error, ends_launch=True)
        words = f"launched {plain_line(folder.run)}"
        return Operated(words, launched=folder, ends_launch=True)

    def _bring_back(self, runs: Path, names: Sequence[str]) -> Operated:
        outcome = deeds.bring_back(runs, names)
        ink = "bad" if outcome.is_bad else "accent"
        asked = (tuple(names), outcome.left)
        return Operated(outcome.words, hint=outcome.hint, ink=ink, brought_back=asked)

    @property
    def _meant(self) -> list[RunView]:
        """The marked runs, or else the selected one, or those of the selected group."""
        group, run = self._selected_group, self._selected_run
        if group is not None:
            return self._marked or list(group.runs)
        return self._marked or ([] if run is None else [run])

    @property
    def _is_busy(self) -> bool:
        return super()._is_busy or bool(self._launching) or self._awaited is not None

    @property
    def _keys_here(self) -> tuple[keys.Key, ...]:
        return keys.HOME_KEYS

    def _written(self, name: str) -> None:
        super()._written(name)
        self._new_experiment = name

    def _go_to_new_experiment(self) -> None:
        """To an experiment that was written here, as soon as the store has seen it."""
        name, experiments = (
            self._new_experiment,
            () if self._view is None else self._view.experiments,
        )
        if any(experiment.name == name for experiment in experiments):
            self._new_experiment = ""
            self._list.select((name, 0))

    def _go_to_awaited_run(self) -> None:
        if self._awaited is None or self._view is None:
            return
        if all(run.key != self._awaited for run in self._view.runs):
            return
        awaited, self._awaited = self._awaited, None
        row = self._list.selected
        if row is not None and row.key[0] == awaited[0]:  # else the user has gone elsewhere
            self._list.select(awaited)


def _runs_of_points(study: GroupView) -> Iterator[tuple[str, RunView]]:
    """The newest run of each point that has a curve, as many as can be told apart."""
    trained = [
        (point, next((run for run in point.runs if run.epochs), None))
        for point in study.experiments
    ]
    with_curves = [(point, run) for point, run in trained if run is not None]
    for point, run in with_curves[:MOST_CURVES]:
        yield point.label.removeprefix(f"{study.label}."), run


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
