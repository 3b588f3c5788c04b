"""A new experiment from a run or an experiment: its name, what differs, and the table to write."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.message import Message

from tui_trainer.errors import TuiTrainerError, told
from tui_trainer.launch.new_experiment import write_experiment
from tui_trainer.record.plain_text import plain_line, plain_text
from tui_trainer.spec.addition import Addition, addition, free_name, name_fault
from tui_trainer.spec.draft import Draft, draft_of, draft_over
from tui_trainer.tui import keys
from tui_trainer.tui.form import Field, Form
from tui_trainer.tui.screens.form import FormScreen
from tui_trainer.tui.typed import Typed
from tui_trainer.tui.widgets.form_view import FormRow, FormView
from tui_trainer.tui.widgets.key_bar import KeyBar, Offer
from tui_trainer.tui.widgets.line import Line, Span
from tui_trainer.tui.widgets.rule import Rule
from tui_trainer.tui.widgets.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from tui_trainer.spec.experiment import Experiment
    from tui_trainer.spec.project import Project
    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.store import Store
    from tui_trainer.tui.wanted import Source

WRITE = "write"
NAME = "name"


class Wanted(NamedTuple):
    """What a table was made for."""

    project: Project
    name: str
    changes: tuple[str, ...]


def new_form(project: Project, source: Source) -> Form:
    """A form with a name that is free and one change to fill in."""
    name = Field(label=NAME, typed=Typed.of(free_name(project, source.base)))
    return Form((name, Field()), (WRITE,))


class NewExperiment(FormScreen[str]):
    """Fills in a new experiment and writes it; ends with its name.

    Args:
        source: What it is to be like.
        form: As it was left.
        store: Knows the project as it is by now.
        glyphs: The signs that the terminal can show.
        late: Told, in whatever thread, how writing went that its form was left for.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.NEW_KEYS)]

    class Previewed(Message):
        """The table that would be written, or why none can be."""

        def __init__(self, wanted: Wanted, added: Addition | None, fault: str) -> None:
            super().__init__()
            self.wanted = wanted
            self.added = added
            self.fault = fault

    class Written(Message):
        """It stands in the file, or why it does not."""

        def __init__(self, name: str, error: TuiTrainerError | None) -> None:
            super().__init__()
            self.name = name
            self.error = error

    def __init__(
        self,
        source: Source,
        form: Form,
        store: Store,
        glyphs: Glyphs,
        late: Callable[[str, TuiTrainerError | None], None],
    ) -> None:
        super().__init__(form, glyphs)
        self._late = late
        self._is_told_to_wait = self._is_left = False
        self._source = source
        self._store = store
        self._preview: NewExperiment.Previewed | None = None
        self._is_writing = False
        self._drafted_for: object = None
        self._drafted = Draft(None)

    def compose(self) -> ComposeResult:
        """The form, below it the table."""
        glyphs = self._glyphs
        yield Rule(glyphs, widget_id="source")
        yield FormView(glyphs)
        yield Words(glyphs, widget_id="about-field")
        yield Rule(glyphs, widget_id="below-form")
        yield Words(glyphs, widget_id="table-to-write")
        yield Words(glyphs, widget_id="notice")
        yield KeyBar(glyphs)

    def on_mount(self) -> None:
        """Show the form and what it would write."""
        words = "a run" if self._source.launched else "an experiment"
        self.query_one("#source", Rule).show(f"new experiment from {self._source.label}", words)
        self._changed()
        self._show_form()

    def on_resize(self) -> None:
        """What has room decides what is cut."""
        self._show_form()

    # What keys do, besides those of every form.

    def action_write(self) -> None:
        """Write the table that is shown, in a thread of its own."""
        preview, wanted = self._preview, self._wanted
        if self._is_writing or wanted is None:
            return
        if preview is not None and preview.wanted.project is not wanted.project:
            self._changed()
            self._say("experiments.toml was changed meanwhile: look at the table again", ink="bad")
        elif preview is None or preview.wanted != wanted:
            self._changed()  # the table under way may be one of an older file
            self._say("one moment: the table is being made")
        elif preview.added is None:
            self._say(preview.fault, ink="bad")
        else:
            self._is_writing, self._is_told_to_wait = True, False
            self._say(f"writing {plain_line(wanted.name)} {self._glyphs.ellipsis}")
            write = partial(self._write, wanted.project, preview.added)
            self.app.run_worker(write, thread=True)

    def action_close(self) -> None:
        """Back to where one came from; what is being written is waited for, or else told there."""
        if self._is_writing and not self._is_told_to_wait:
            self._is_told_to_wait = True
            again = keys.shown(keys.LEAVE_FORM)
            self._say(f"it is being written; {again} again leaves, and is told how that went")
            return
        self._is_left = True
        super().action_close()

    def action_page(self, pages: int) -> None:
        """The table is short."""

    def on_new_experiment_written(self, message: NewExperiment.Written) -> None:
        """End with its name, or say why it was not written."""
        self._is_writing = False
        if self._is_left:
            self._late(message.name, message.error)
            return
        if message.error is None:
            while self.app.screen is not self:  # help, say
                self.app.pop_screen()
            self.dismiss(message.name)
            return
        self._store.look_soon()
        self._say(message.error.message, message.error.hint, ink="bad")

    def on_new_experiment_previewed(self, message: NewExperiment.Previewed) -> None:
        """Show the table."""
        if message.wanted != self._wanted:
            return
        self._preview = message
        self._show_table()

    # What a form says of itself.

    @property
    def _keys_here(self) -> tuple[keys.Key, ...]:
        return keys.NEW_KEYS

    def _draft(self) -> Draft:
        project = self._store.seen.project
        if project is None:
            return Draft(None, faults={"": "there is no experiments.toml any more"})
        seen = (project, self.form.changes)
        if seen != self._drafted_for:
            launched, changes = self._source.launched, self.form.changes
            self._drafted_for = seen
            self._drafted = (
                draft_of(project, self._source.base, changes)
                if launched is None
                else draft_over(launched, changes)
            )
        return self._drafted

    def _rows_of_actions(self) -> Iterator[FormRow]:
        into = f"[experiments.{self._new_name}] into experiments.toml"
        shown = "nothing under this name" if self._fault_of_name else into
        yield FormRow(WRITE, shown=shown, is_action=True, number=len(self.form.fields))

    def _note(self, number: int, field: Field, draft: Draft) -> Line:
        if field.label == NAME:
            return self._in_red(fault) if (fault := self._fault_of(field, draft)) else ()
        return super()._note(number, field, draft)

    def _fault_of(self, field: Field, draft: Draft) -> str:
        return self._fault_of_name if field.label == NAME else super()._fault_of(field, draft)

    def _do(self, action: str) -> None:
        del action
        self.action_write()

    def _changed(self) -> None:
        """See what would be written; that reads the whole file anew, so not here."""
        self._say_nothing()
        wanted, draft = self._wanted, self._draft()
        if wanted is None:
            return
        if draft.experiment is None:
            words = next(iter(draft.faults.values()), "")
            self.post_message(self.Previewed(wanted, None, words))
            return
        work = partial(self._see, wanted, draft.experiment)
        self.run_worker(work, thread=True, exclusive=True, group="preview")

    # What is shown.

    @property
    def _wanted(self) -> Wanted | None:
        """What a table is to be made for by now."""
        project = self._store.seen.project
        return None if project is None else Wanted(project, self._new_name, self.form.changes)

    @property
    def _new_name(self) -> str:
        return self.form.fields[0].typed.text.strip()

    @property
    def _fault_of_name(self) -> str:
        project = self._store.seen.project
        return "" if project is None else plain_line(name_fault(project, self._new_name))

    def _show_form(self) -> None:
        super()._show_form()
        self.query_one(KeyBar).show(list(self._offers()))
        self._show_table()

    def _offers(self) -> Iterator[Offer]:
        is_right = not self._fault_of_name and self._draft().experiment is not None
        on_action = self.form.action
        for key in (keys.LEAVE_FORM, keys.ENTER, keys.COMPLETE, keys.WRITE_EXPERIMENT):
            writes = key is keys.WRITE_EXPERIMENT or (key is keys.ENTER and bool(on_action))
            word = on_action if key is keys.ENTER and on_action else key.short
            yield Offer(keys.shown(key), word, is_right or not writes)

    def _show_table(self) -> None:
        preview = self._preview
        words = ""
        lines: list[Line] = [()]
        if preview is not None and preview.added is not None:
            words = "at the end of the file; nothing else in it changes"
            lines = [
                (Span(f"   {plain_text(line)}", "accent" if number else "strong"),)
                for number, line in enumerate(preview.added.text.splitlines())
            ]
        elif preview is not None:
            lines = [(Span(f"   {plain_line(preview.fault)}", "muted"),)]
        self.query_one("#below-form", Rule).show("experiments.toml", words)
        self.query_one("#table-to-write", Words).show(lines)

    # What touches the disk or takes a while.

    def _see(self, wanted: Wanted, experiment: Experiment) -> None:
        try:
            added = addition(wanted.project, wanted.name, self._source.base, experiment)
        except TuiTrainerError as error:
            words = f"{error.message}; {error.hint}".rstrip("; ")
            self.post_message(self.Previewed(wanted, None, words))
        else:
            self.post_message(self.Previewed(wanted, added, ""))

    def _write(self, project: Project, added: Addition) -> None:
        fault: TuiTrainerError | None = None
        try:
            write_experiment(project, added)
        except (TuiTrainerError, OSError) as error:
            fault = told(error)
        if self._is_left:
            self._late(added.name, fault)
        else:
            self.post_message(self.Written(added.name, fault))
