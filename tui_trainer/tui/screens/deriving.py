"""What the first screen does besides: an experiment is written from the one that is selected."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.message import Message
from textual.worker import get_current_worker

from tui_trainer.errors import TuiTrainerError, told
from tui_trainer.record.experiment_file import read_experiment
from tui_trainer.record.plain_text import plain_line
from tui_trainer.tui import keys
from tui_trainer.tui.screens.acting import Operated, failure
from tui_trainer.tui.screens.form import FormScreen
from tui_trainer.tui.screens.planning import Planning
from tui_trainer.tui.wanted import Source

if TYPE_CHECKING:
    from tui_trainer.tui.views import RunView


class Deriving(Planning):
    """A screen from which experiments are written that begin as what is selected there."""

    class SourceRead(Message):
        """What the selected run was launched with."""

        def __init__(self, source: Source) -> None:
            super().__init__()
            self.source = source

    # What a screen says of itself.

    @property
    def _selected_for_new(self) -> RunView | None:
        """The run that a new experiment begins as; None for an experiment as the file has it."""
        raise NotImplementedError

    def _written(self, name: str) -> None:
        """An experiment was written."""
        self._say(_wrote(name))
        self._store.look_soon()

    # What keys do.

    def action_new(self) -> None:
        """Fill in an experiment that begins as the selected run or experiment."""
        run, name = self._selected_for_new, self._selected_experiment
        if run is not None:
            self._say(f"reading what {run.label} was launched with {self._glyphs.ellipsis}")
            read = partial(self._read_source, run)
            # Of a disk that is slow the answer to the last question counts.
            self.app.run_worker(read, thread=True, exclusive=True, group="source")
        elif name:
            self.post_message(self.SourceRead(self._source(name)))
        else:
            self._open_nothing()
            self._say("there is no experiment to begin from here")

    def on_deriving_source_read(self, message: Deriving.SourceRead) -> None:
        """Fill it in, unless something is being filled in by now."""
        project, source = self._store.seen.project, message.source
        if project is None or any(isinstance(each, FormScreen) for each in self.app.screen_stack):
            return
        from tui_trainer.tui.screens.new import NewExperiment, new_form

        self._say_nothing()
        words = ("new", source.label)
        form = self._store.forms.get(words) or new_form(project, source)
        late = partial(self._tell_late, words)
        screen = NewExperiment(source, form, self._store, self._glyphs, late)
        self._fill_in(words, screen, partial(self._forget_and_tell, words))

    def _source(self, name: str) -> Source:
        """An experiment; or a point of a study, of which the file has the base."""
        project, label = self._store.seen.project, plain_line(name)
        point = None if project is None else project.points.get(name)
        if project is None or point is None:
            return Source(name, label)
        return Source(project.studies[point.study].base, label, point.experiment)

    def _forget_and_tell(self, words: tuple[str, ...], name: str) -> None:
        self._store.forms.pop(words, None)
        self._written(name)

    def _tell_late(self, words: tuple[str, ...], name: str, error: TuiTrainerError | None) -> None:
        """How writing went that its form was left for."""
        if error is None:
            self._store.forms.pop(words, None)
            self.tell(self.app, Operated(_wrote(name)))
        else:
            self.tell(self.app, failure(error))

    def _read_source(self, run: RunView) -> None:
        message: Message
        try:
            launched = read_experiment(run.folder).experiment
        except (TuiTrainerError, OSError) as error:
            said = told(error)
            message = Operated(said.message.partition("\n")[0], hint=said.hint, ink="bad")
        else:
            base = self._source(run.experiment).base
            message = self.SourceRead(Source(base, run.label, launched))
        if not get_current_worker().is_cancelled:
            self.post_message(message)


def _wrote(name: str) -> str:
    return f"wrote {name} into experiments.toml; {keys.shown(keys.PLAN)} plans its launch"
