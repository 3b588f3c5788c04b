"""What screens of runs share besides: a launch with changes is planned, an experiment written."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from textual.message import Message

from tui_trainer.errors import TuiTrainerError
from tui_trainer.record.experiment_file import read_experiment
from tui_trainer.record.plain_text import plain_line
from tui_trainer.tui import keys
from tui_trainer.tui.screens.acting import Acting, Operated
from tui_trainer.tui.screens.launch import LaunchScreen, WantedLaunch, launch_form
from tui_trainer.tui.screens.new import NewExperiment, Source, new_form

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui_trainer.tui.screens.form import FormScreen
    from tui_trainer.tui.store import RunView


class Planning(Acting):
    """A screen that plans launches and writes experiments from what is selected there."""

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
        self._say(f"wrote {name} into experiments.toml; {keys.shown(keys.PLAN)} plans its launch")
        self._store.look_soon()

    # What keys do.

    def action_plan_launch(self) -> None:
        """Fill in a launch of the experiment, or of those that marked runs are of."""
        of_runs = dict.fromkeys(run.experiment for run in self._meant)
        names = tuple(of_runs) or tuple(filter(None, (self._selected_experiment,)))
        project = self._store.seen.project
        if project is None or not names:
            self._open_nothing()
            self._say("there is no experiment to launch here")
        elif gone := next((name for name in names if name not in project.experiments), ""):
            self._open_nothing()
            why = "cannot be run as it is" if gone in project.bases else "is no longer defined"
            self._say(f"{plain_line(gone)} {why}: see experiments.toml", ink="bad")
        else:
            form = self._forms.get(names) or launch_form(project.experiments[names[0]])
            seen = (self._store, self._operations, self._glyphs)
            self._fill_in(names, LaunchScreen(names, form, *seen), self._launch_wanted)

    def action_new(self) -> None:
        """Fill in an experiment that begins as the selected run or experiment."""
        run, name = self._selected_for_new, self._selected_experiment
        if run is not None:
            self.app.run_worker(partial(self._read_source, run), thread=True)
        elif name:
            self.post_message(self.SourceRead(Source(name, plain_line(name))))
        else:
            self._open_nothing()
            self._say("there is no experiment to begin from here")

    def on_planning_source_read(self, message: Planning.SourceRead) -> None:
        """Fill it in."""
        project, source = self._store.seen.project, message.source
        if project is not None:
            words = ("new", source.label)
            form = self._forms.get(words) or new_form(project, source)
            screen = NewExperiment(source, form, self._store, self._glyphs)
            self._fill_in(words, screen, partial(self._forget_and_tell, words))

    # What becomes of a form.

    def _fill_in(
        self, words: tuple[str, ...], screen: FormScreen[Any], do: Callable[[Any], None]
    ) -> None:
        """Show a form, which is there again as it was left until it was done."""

        def take(wanted: object | None) -> None:
            self._forms[words] = screen.form
            if wanted is not None:
                do(wanted)

        self.app.push_screen(screen, take)

    def _forget_and_tell(self, words: tuple[str, ...], name: str) -> None:
        self._forms.pop(words, None)
        self._written(name)

    def _launch_wanted(self, wanted: WantedLaunch) -> None:
        doing = f"launching {', '.join(map(plain_line, wanted.names))}"
        self._operate(doing, partial(self._launch_all, wanted))

    def _launch_all(self, wanted: WantedLaunch) -> Operated:
        project = self._store.seen.project
        if project is None:
            return Operated("there is no experiments.toml any more", ink="bad")
        launched = [self._operations.launch(project, name, wanted.changes) for name in wanted.names]
        self._forms.pop(wanted.names, None)
        words = ", ".join(plain_line(folder.run) for folder in launched)
        return Operated(f"launched {words}", launched=launched[-1])

    def _read_source(self, run: RunView) -> None:
        try:
            launched = read_experiment(run.folder).experiment
        except (TuiTrainerError, OSError) as error:
            self.post_message(Operated(str(error).partition("\n")[0], ink="bad"))
        else:
            self.post_message(self.SourceRead(Source(run.experiment, run.label, launched)))
