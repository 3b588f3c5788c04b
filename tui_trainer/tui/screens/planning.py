"""What screens of runs share besides: a launch with changes is planned."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tui_trainer.errors import TuiTrainerError, told
from tui_trainer.record.plain_text import plain_line
from tui_trainer.tui.figures import plural
from tui_trainer.tui.screens.acting import Acting, Operated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.spec.project import Project
    from tui_trainer.tui.screens.form import FormScreen
    from tui_trainer.tui.wanted import WantedLaunch

MOST_NAMED = 4


class Planning(Acting):
    """A screen that plans launches of what is selected there."""

    # What keys do.

    def action_plan_launch(self) -> None:
        """Fill in a launch of the experiment, or of those that marked runs are of."""
        of_runs = dict.fromkeys(run.experiment for run in self._meant)
        names = tuple(of_runs) or tuple(filter(None, (self._selected_experiment,)))
        project = self._store.seen.project
        if project is None or not names:
            self._open_nothing()
            self._say("there is no experiment to launch here")
        elif gone := next((name for name in names if project.runnable(name) is None), ""):
            self._open_nothing()
            why = "cannot be run as it is" if gone in project.bases else "is no longer defined"
            self._say(f"{plain_line(gone)} {why}: see experiments.toml", ink="bad")
        else:
            from tui_trainer.tui.screens.launch import LaunchScreen, launch_form

            words = _of_launch(names)
            form = self._store.forms.get(words) or launch_form(project, names[0])
            seen = (self._store, self._operations, self._glyphs)
            self._fill_in(words, LaunchScreen(names, form, *seen), self._launch_wanted)

    # What becomes of a form.

    def _fill_in(
        self, words: tuple[str, ...], screen: FormScreen[Any], do: Callable[[Any], None]
    ) -> None:
        """Show a form, which is there again as it was left until it was done."""

        def take(wanted: object | None) -> None:
            self._store.forms[words] = screen.form
            if wanted is not None:
                do(wanted)

        self.app.push_screen(screen, take)

    def _launch_wanted(self, wanted: WantedLaunch) -> None:
        doing = f"launching {_in_short(wanted.names, 'experiment')}"
        self._operate(doing, partial(self._launch_all, wanted))

    def _launch_all(self, wanted: WantedLaunch) -> Operated:
        """Launch one after the other, whatever becomes of each; what failed can be tried again."""
        project = self._store.seen.project
        if project is None:
            return Operated("there is no experiments.toml any more", ink="bad")
        outcomes = {name: self._launched(project, name, wanted.changes) for name in wanted.names}
        launched = [each for each in outcomes.values() if not isinstance(each, TuiTrainerError)]
        failed = {name: e for name, e in outcomes.items() if isinstance(e, TuiTrainerError)}
        form = self._store.forms.pop(_of_launch(wanted.names), None)
        if failed and form is not None:
            self._store.forms[_of_launch(failed)] = form
        return _how_it_went(launched, failed, is_one=len(wanted.names) == 1)

    def _launched(
        self, project: Project, name: str, changes: Sequence[str]
    ) -> RunFolder | TuiTrainerError:
        try:
            return self._operations.launch(project, name, changes)
        except (TuiTrainerError, OSError) as error:
            return told(error)


def _of_launch(names: Iterable[str]) -> tuple[str, ...]:
    """What a launch's form is remembered by."""
    return ("launch", *names)


def _in_short(names: Sequence[str], what: str) -> str:
    """The names, or how many there are where they would fill the line."""
    if len(names) > MOST_NAMED:
        return plural(len(names), what)
    return ", ".join(map(plain_line, names))


def _how_it_went(
    launched: Sequence[RunFolder], failed: Mapping[str, TuiTrainerError], *, is_one: bool
) -> Operated:
    runs = _in_short([folder.run for folder in launched], "run")
    words = [f"launched {runs}"] if launched else []
    for name, error in failed.items():
        words.append(error.message if is_one else f"{plain_line(name)}: {error.message}")
    return Operated(
        "\n".join(words),
        hint=next((error.hint for error in failed.values() if error.hint), ""),
        ink="bad" if failed else "accent",
        launched=launched[-1] if launched else None,
    )
