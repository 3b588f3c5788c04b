"""Before a launch: what is changed for it, what that comes to, and what a preflight says."""

from __future__ import annotations

import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.containers import Horizontal
from textual.message import Message

from tui_trainer.errors import TuiTrainerError, told
from tui_trainer.launch.core_question import Withdrawn
from tui_trainer.record.plain_text import plain_line
from tui_trainer.record.preflight import Preflight
from tui_trainer.spec.draft import Draft, draft_of
from tui_trainer.spec.known import known_keys
from tui_trainer.spec.snapshot import experiment_to_toml
from tui_trainer.tui import charts, figures, keys
from tui_trainer.tui.form import Field, Form
from tui_trainer.tui.schedule_chart import schedule_chart
from tui_trainer.tui.screens.form import FormScreen, command_lines
from tui_trainer.tui.screens.samples import Samples, Subject
from tui_trainer.tui.wanted import WantedLaunch
from tui_trainer.tui.widgets.form_view import FormRow, FormView
from tui_trainer.tui.widgets.key_bar import KeyBar, Offer
from tui_trainer.tui.widgets.page_view import PageView
from tui_trainer.tui.widgets.plot import Plot
from tui_trainer.tui.widgets.preflight_page import in_order
from tui_trainer.tui.widgets.rehearsal_page import RehearsalPage, verdict
from tui_trainer.tui.widgets.rule import Rule
from tui_trainer.tui.widgets.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.timer import Timer

    from tui_trainer.spec.experiment import Experiment
    from tui_trainer.spec.project import Project
    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.operations import Asked, Operations
    from tui_trainer.tui.store import Store

# A core takes seconds and a core of the machine; nobody reads a curve between two keys.
SECONDS_UNTIL_CHANGES_REST = 0.8
NOT_KNOWN = "not known before the preflight"
LAUNCH, REHEARSE = "launch", "preflight"
# Where no job is submitted they only take lines away from what is looked at.
_OF_JOBS = {"resources.memory", "resources.gpus", "resources.cluster"}
CHANGED_SINCE = "of other settings"


def launch_form(project: Project, name: str) -> Form:
    """An empty form: launcher and resources as the schema has them, then one change."""
    fields = tuple(_fixed_fields(project, name))
    return Form((*fields, Field()), (LAUNCH, REHEARSE), at=len(fields))


def _fixed_fields(project: Project, name: str) -> Iterator[Field]:
    experiment = project.experiment(name)
    is_local = experiment.launcher == "local" and not project.clusters
    for known in known_keys(experiment):
        if is_local and known.key in _OF_JOBS:
            continue
        if known.key == "launcher" or known.key.startswith("resources."):
            label = known.key.rpartition(".")[2]
            yield Field(known.key, label, choices=known.choices, is_text=known.is_text)


class LaunchScreen(FormScreen[WantedLaunch]):
    """Fills in a launch of one or several experiments; ends with what is to be launched.

    Args:
        names: The experiments.
        form: As it was left.
        store: Knows the project as it is by now.
        operations: What asks the core.
        glyphs: The signs that the terminal can show.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.LAUNCH_KEYS)]

    class Scheduled(Message):
        """The learning rate is known, or why it is not."""

        def __init__(self, asked: object, record: dict[str, Any] | None, fault: str) -> None:
            super().__init__()
            self.asked = asked
            self.record = record
            self.fault = fault

    class Rehearsed(Message):
        """A preflight's table is there, or why it is not."""

        def __init__(self, asked: object, name: str, table: Preflight | None, fault: str) -> None:
            super().__init__()
            self.asked = asked
            self.name = name
            self.table = table
            self.fault = fault

    def __init__(
        self,
        names: tuple[str, ...],
        form: Form,
        store: Store,
        operations: Operations,
        glyphs: Glyphs,
    ) -> None:
        super().__init__(form, glyphs)
        self._names = names
        self._store = store
        self._operations = operations
        self._resting: Timer | None = None
        self._schedule: Asked | None = None
        self._scheduled_for: object = None
        self._rehearsal: Asked | None = None
        self._rehearsed_since = 0.0
        self._rehearsed_changes: tuple[str, ...] = ()
        self._page = RehearsalPage()
        self._drafted_for: object = None
        self._drafts: dict[str, Draft] = {}

    def compose(self) -> ComposeResult:
        """The form, below it what it comes to."""
        glyphs = self._glyphs
        yield Rule(glyphs, widget_id="launched")
        yield FormView(glyphs)
        yield Words(glyphs, widget_id="about-field")
        yield Rule(glyphs, widget_id="below-form")
        with Horizontal(id="outlook"):
            yield Plot(glyphs, widget_id="schedule")
            yield PageView(glyphs)
        yield Words(glyphs, widget_id="command")
        yield Words(glyphs, widget_id="notice")
        yield KeyBar(glyphs)

    def on_mount(self) -> None:
        """Show the form and ask for the learning rate."""
        self.query_one("#schedule", Plot).show(charts.no_chart("learning rate", ""))
        self._changed()
        self._show_form()
        self.set_interval(1.0, self._show_seconds)

    def on_unmount(self) -> None:
        """Nobody wants an answer any more."""
        for asked in (self._schedule, self._rehearsal):
            if asked is not None:
                asked.withdraw()

    def on_resize(self) -> None:
        """What has room decides what is cut."""
        self._show_form()

    # What keys do, besides those of every form.

    def action_launch(self) -> None:
        """Launch, where nothing is wrong."""
        if self._draft().experiment is None:
            self._say_fault("nothing was launched")
        else:
            self.dismiss(WantedLaunch(self._names, self.form.changes))

    def action_rehearse(self) -> None:
        """Run the preflight in processes of their own, one experiment after the other."""
        experiments = [self._draft_of(name).experiment for name in self._names]
        good = [experiment for experiment in experiments if experiment is not None]
        project = self._store.seen.project
        if self._rehearsal is not None:
            self._say("the preflight is under way")
        elif project is None or len(good) < len(self._names):
            self._say_fault("nothing was rehearsed")
        else:
            ask = self._operations.rehearse
            questions = [
                (name, ask(project, name, experiment, subprocess.DEVNULL))
                for name, experiment in zip(self._names, good, strict=True)
            ]
            self._rehearsed_since, self._rehearsed_changes = time.monotonic(), self.form.changes
            self._page = RehearsalPage()
            self._rehearse_next(questions)
            self.set_class(True, "-rehearsal")
            self._show_form()

    def action_outlook(self) -> None:
        """Show the other one of learning rate and preflight, where one has room."""
        self.toggle_class("-rehearsal")
        self._show_form()

    def action_page(self, pages: int) -> None:
        """Scroll the preflight's table."""
        self.query_one(PageView).move_pages(pages)

    def action_samples(self) -> None:
        """Pictures of what the first experiment would train on with what is filled in."""
        experiment, project = self._draft_of(self._names[0]).experiment, self._store.seen.project
        if experiment is None or project is None:
            self._say_fault("there is nothing to show")
            return
        read = partial(experiment_to_toml, experiment, {})
        subject = Subject(plain_line(self._names[0]), project.folder, read)
        self.app.push_screen(Samples(subject, self._glyphs))

    def action_copy(self) -> None:
        """Copy the command line, by the terminal's own means."""
        import shlex

        self.app.copy_to_clipboard(shlex.join(self._command))
        self._say("copied, where the terminal lets programs do that")

    # What the core answers.

    def on_launch_screen_scheduled(self, message: LaunchScreen.Scheduled) -> None:
        """Draw it."""
        if message.asked is not self._schedule:
            return
        self._schedule = None
        plot = self.query_one("#schedule", Plot)
        if message.record is None:
            plot.show(charts.no_chart("learning rate", plain_line(message.fault)))
        else:
            of = f"of {plain_line(self._names[0])}: " if len(self._names) > 1 else ""
            plot.show(schedule_chart(message.record, of))

    def on_launch_screen_rehearsed(self, message: LaunchScreen.Rehearsed) -> None:
        """Show the table."""
        if message.asked is not self._rehearsal:
            return
        self._rehearsal = None
        tables = self._page.tables
        if message.table is not None:
            tables = (*tables, (plain_line(message.name), message.table))
        self._page = RehearsalPage(tables, fault=plain_line(message.fault))
        if self._waiting and not message.fault:
            self._rehearse_next(self._waiting)
        self._show_page()
        self._show_form()

    # What a form says of itself.

    @property
    def _keys_here(self) -> tuple[keys.Key, ...]:
        return keys.LAUNCH_KEYS

    def _draft(self) -> Draft:
        """That of the first experiment, or of the first one that is wrong."""
        drafts = self._all_drafts
        return next((draft for draft in drafts if draft.faults), drafts[0])

    @property
    def _all_drafts(self) -> list[Draft]:
        return [self._draft_of(name) for name in self._names]

    def _draft_of(self, name: str) -> Draft:
        project = self._store.seen.project
        if project is None:
            return Draft(None, faults={"": "there is no experiments.toml any more"})
        seen = (project, self.form.changes)
        if seen != self._drafted_for:
            self._drafted_for, self._drafts = seen, {}
        if name not in self._drafts:
            self._drafts[name] = draft_of(project, name, self.form.changes)
        return self._drafts[name]

    def _rows_of_actions(self) -> Iterator[FormRow]:
        first = len(self.form.fields)
        live = [
            f"{run.label} is {run.state.value}"
            for run in self._store.seen.runs
            if run.experiment in self._names and run.state.is_live
        ]
        words = f"{live[0]}: this will be another run" if live else "as a new run"
        yield FormRow(LAUNCH, shown=words, is_action=True, number=first)
        words = self._preflight_words()
        yield FormRow(REHEARSE, shown=words, is_action=True, number=first + 1)
        for subject in ("disk", "time"):
            words, ink = self._forecast(subject)
            yield FormRow(subject, shown=words, ink=ink)

    def _do(self, action: str) -> None:
        (self.action_launch if action == LAUNCH else self.action_rehearse)()

    def _changed(self) -> None:
        """Ask for the learning rate once nothing was typed for a while."""
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(SECONDS_UNTIL_CHANGES_REST, self._ask_schedule)
        self._show_page()

    # What is shown.

    @property
    def _command(self) -> list[str]:
        changes = (word for change in self.form.changes for word in ("--set", change))
        return ["tui-trainer", "run", *self._names, *changes]

    def _show_form(self) -> None:
        super()._show_form()
        draft = self._draft()
        names = ", ".join(map(plain_line, self._names))
        about = draft.base.description if draft.base else ""
        self.query_one("#launched", Rule).show(f"launch {names}", plain_line(about))
        words = "" if draft.experiment else "without the lines that are wrong"
        self.query_one("#below-form", Rule).show("what it comes to", words)
        lines = command_lines(self._command, self.size.width)
        self.query_one("#command", Words).show(lines[:3])
        self.query_one(KeyBar).show(self._offers(is_right=draft.experiment is not None))

    def _show_page(self) -> None:
        words = self._preflight_words()
        page = RehearsalPage(self._page.tables, words, self._page.fault)
        self.query_one(PageView).update(page)

    def _show_seconds(self) -> None:
        if self._rehearsal is not None:
            self._show_page()
            self._show_form()

    def _preflight_words(self) -> str:
        if self._rehearsal is not None:
            seconds = time.monotonic() - self._rehearsed_since
            return f"rehearsing every stage {self._glyphs.ellipsis} {seconds:.0f} s"
        if self._page.fault:
            return "could not be run"
        tables = [table for _, table in self._page.tables]
        if not tables:
            return "rehearses every stage on a batch or two"
        words = ", ".join(dict.fromkeys(map(verdict, tables)))
        if self._rehearsed_changes != self.form.changes:
            return f"{words}, {CHANGED_SINCE}"
        return f"{words}, {figures.duration(sum(table.seconds for table in tables))}"

    def _forecast(self, subject: str) -> tuple[str, str]:
        """What will be needed, and the ink that says how that stands."""
        findings = [
            finding
            for _, table in self._page.tables
            for finding in table.findings
            if finding.subject == subject
        ]
        if not findings:
            return NOT_KNOWN, "muted"
        worst = in_order(findings)[0]
        words = plain_line(worst.found)
        if len(findings) > 1:
            words += f"; each of {len(findings)} below"
        if self._rehearsed_changes != self.form.changes:
            return f"{words}, {CHANGED_SINCE}", "muted"
        return words, {"error": "bad", "warning": "warn"}.get(worst.level, "")

    def _offers(self, *, is_right: bool) -> list[Offer]:
        offered = [keys.LEAVE_FORM, keys.ENTER, keys.LAUNCH, keys.REHEARSE]
        if self.has_class("-narrow"):
            offered += [keys.OUTLOOK]
        offered += [keys.COMPLETE, keys.SAMPLES_OF_FORM]
        possible = {
            keys.LAUNCH: is_right,
            keys.REHEARSE: is_right and self._rehearsal is None,
            keys.SAMPLES_OF_FORM: is_right,
        }
        offers = [
            Offer(keys.shown(key), key.short, possible.get(key, True))
            for key in (*offered, keys.COPY)
        ]
        if self.form.action:
            offers[1] = offers[1]._replace(word=self.form.action)
        return offers

    def _say_fault(self, so: str) -> None:
        self._say(f"{so}: {plain_line(self._go_to_fault())}")

    # Questions to the core, each in a thread of its own.

    def _ask_schedule(self) -> None:
        experiment, project = self._draft_of(self._names[0]).of_the_right, self._store.seen.project
        wanted = None if experiment is None else _deciding(experiment)
        if experiment is None or project is None or wanted == self._scheduled_for:
            return
        if self._schedule is not None:
            self._schedule.withdraw()
        self._scheduled_for = wanted
        asked = self._operations.preview_schedule(project, experiment, subprocess.DEVNULL)
        self._schedule = asked
        words = f"leading the scheduler to the end {self._glyphs.ellipsis}"
        self.query_one("#schedule", Plot).show(charts.no_chart("learning rate", words))
        self._ask(asked, lambda record, fault: self.Scheduled(asked, record, fault))

    def _rehearse_next(self, questions: list[tuple[str, Asked]]) -> None:
        (name, asked), *self._waiting = questions
        self._rehearsal = asked
        self._ask(asked, lambda record, fault: self._rehearsed(asked, name, record, fault))

    def _rehearsed(
        self, asked: Asked, name: str, record: dict[str, Any] | None, fault: str
    ) -> Rehearsed:
        table = None if record is None else Preflight.from_record(record)
        return self.Rehearsed(asked, name, table, fault)

    def _ask(self, asked: Asked, answered: Callable[[dict[str, Any] | None, str], Message]) -> None:
        def wait() -> None:
            try:
                message = answered(asked.answer(), "")
            except Withdrawn:
                return
            except (TuiTrainerError, OSError) as error:
                said = told(error)
                message = answered(None, f"{said.message} {said.hint}".rstrip())
            self.post_message(message)

        # Of the app: a screen that is left would wait for its threads.
        self.app.run_worker(wait, thread=True)


def _deciding(experiment: Experiment) -> tuple[object, ...]:
    """What the learning rate depends on."""
    return (
        *(experiment.epochs, experiment.batch_size, experiment.data, experiment.pipeline.size),
        *(experiment.optimizer, experiment.scheduler, experiment.warmup, experiment.training),
    )
