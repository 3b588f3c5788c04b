"""What screens of runs share besides: what is said of runs, measured of them, and edited."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from tui_trainer.errors import ExitCode, TuiTrainerError, UsageError, told
from tui_trainer.launch import editor
from tui_trainer.launch.note import write_note
from tui_trainer.record.plain_text import plain_line
from tui_trainer.record.remarks import LONGEST_NOTE, fault_of_score, is_tag, score_value
from tui_trainer.spec.find import find_project
from tui_trainer.tui import deeds, keys
from tui_trainer.tui.screens.acting import Acting, Operated, failure
from tui_trainer.tui.screens.ask import WRITE_IT, Ask, AskForFolder, AskForNote
from tui_trainer.tui.terminal import is_in_browser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from textual.app import App

    from tui_trainer.launch.unattended import Answer, What
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.tui.deeds import Deed
    from tui_trainer.tui.views import RunView

DOING = {"evaluate": "evaluating", "predict": "predicting with"}
DONE = {"evaluate": "evaluated", "predict": "predicted with"}
MOST_TAGS_NAMED = 8
NO_TERMINAL = "a browser has no terminal for an editor; edit the file elsewhere"


class Speaking(Acting):
    """A screen from which runs are tagged, written about, scored, measured and edited."""

    # What keys do, in the order of the key table.

    def action_tag(self) -> None:
        """Ask for tags, and give them to the run or the marked ones."""
        if runs := self._meant_by_words("tag"):
            known = sorted({tag for run in self._store.seen.runs for tag in run.facts.tags})
            used = f"; used so far: {' '.join(known[:MOST_TAGS_NAMED])}" if known else ""
            question, hint = f"tag {deeds.named(runs)}:", f"-word takes away{used}"
            ask = Ask(question, hint, self._glyphs, _fault_of_tags)
            self._push_question(ask, partial(self._tag, runs))

    def action_note(self) -> None:
        """Ask for a line of the note, or let all of it be written."""
        if runs := self._meant_by_words("write about"):
            ask = AskForNote(
                *(f"note on {deeds.named(runs)}:", "", self._glyphs),
                partial(_fault_of_note, runs),
                partial(_why_not_written, runs),
            )
            self._push_question(ask, partial(self._note, runs))

    def action_score(self) -> None:
        """Ask what a leaderboard said."""
        if runs := self._meant_by_words("score"):
            hint = "a number, and which leaderboard if there are more"
            ask = Ask(f"score of {deeds.named(runs)}:", hint, self._glyphs, _fault_of_score)
            self._push_question(ask, partial(self._score, runs))

    def action_evaluate(self) -> None:
        """Measure the run, or the marked ones."""
        self._assess("evaluate")

    def action_predict(self) -> None:
        """Write the submission of the run, or of the marked ones."""
        self._assess("predict")

    def action_edit(self) -> None:
        """Open experiments.toml at the experiment."""
        project = self._store.seen.project
        line = 1 if project is None else project.line_of(self._selected_experiment)
        try:
            # Also one that cannot be read, which is why it is to be edited.
            path = find_project(self._store.folder) if project is None else project.path
        except TuiTrainerError as error:
            self._say(error.message, error.hint)
        else:
            self._in_editor(lambda: editor.edit(path, line))

    # What was asked for.

    def _meant_or_say(self, verb: str) -> list[RunView]:
        """The runs that keys act on, if there are any and they may be written to."""
        runs = self._meant
        if not runs:
            self._say(f"there is no run to {verb} here; {keys.shown(keys.OPEN)} launches one")
        return runs if runs and self._may_write() else []

    def _meant_by_words(self, verb: str) -> list[RunView]:
        """The same for what is asked for in a prompt."""
        runs = self._meant_or_say(verb)
        if not runs:
            self._open_nothing()
        return runs

    def _push_question(self, question: Ask, take: Callable[[str], None]) -> None:
        def answered(words: str | None) -> None:
            self._is_asking = False
            self._show_selected()
            if words:
                take(words)

        self._is_asking = True
        self._show_selected()
        self.app.push_screen(question, answered)

    def _tag(self, runs: Sequence[RunView], words: str) -> None:
        names = words.replace(",", " ").split()
        add = [name for name in names if not name.startswith("-")]
        remove = [name[1:] for name in names if name.startswith("-")]
        self._record(deeds.tagging(add, remove), runs)

    def _score(self, runs: Sequence[RunView], words: str) -> None:
        number, _, board = words.partition(" ")
        self._record(deeds.scoring(score_value(number), board.strip()), runs)

    def _note(self, runs: Sequence[RunView], words: str) -> None:
        if words.startswith(WRITE_IT):
            begun = words.removeprefix(WRITE_IT)
            self._in_editor(partial(write_note, runs[0].folder, begun))
        else:
            self._record(deeds.noting(words), runs)

    def _record(self, deed: Deed, runs: Sequence[RunView]) -> None:
        """Write down what was typed, which is not lost where something else is still being done."""
        self._begin(deed.doing.format(deeds.named(runs)), partial(self._carry_out, deed, runs))

    def _in_editor(self, edit: Callable[[], None]) -> None:
        """Give the terminal to the editor until it ends."""
        failed: Operated | None = None
        try:
            editor.editor()
            with self.app.suspend():
                # Textual comes back from an end, not from an error.
                failed = _failure(edit)
        except SuspendNotSupported:
            failed = Operated(NO_TERMINAL, ink="bad")
        except TuiTrainerError as error:
            failed = failure(error)
        if failed is not None:
            self._say(failed.words, failed.hint, ink=failed.ink)
        self._store.look_soon()

    def forget_assessed(self, what: What, runs: Sequence[RunView]) -> None:
        """They can be measured again."""
        self._store.assessed -= {(what, run.key) for run in runs}

    # What is measured, by a process that goes on when the app is left.

    def _assess(self, what: What) -> None:
        meant = self._meant_or_say(what)
        able = [run for run in meant if run.epochs]
        runs = [run for run in able if (what, run.key) not in self._store.assessed]
        if what == "predict" and (unnamed := [run for run in runs if not _names_images(run)]):
            question = f"images to predict with {deeds.named(runs)}:"
            hint = f"a folder of distortion00.npy and so on; {_why_asked(runs, unnamed)}"
            ask = AskForFolder(question, hint, self._glyphs, partial(_fault_of_images, runs[0]))
            self._push_question(ask, partial(self._predict_on, runs))
        elif runs:
            self._begin_to_assess(what, runs)
        elif able:
            self._say(f"{deeds.named(able)}: that is being done already")
        elif meant:
            self._say(f"{deeds.named(meant)}: no epoch is finished, so that there is no checkpoint")

    def _predict_on(self, runs: Sequence[RunView], words: str) -> None:
        self._begin_to_assess("predict", runs, _folder_meant(runs[0], words))

    def _begin_to_assess(
        self, what: What, runs: Sequence[RunView], images: Path | None = None
    ) -> None:
        self._store.assessed |= {(what, run.key) for run in runs}
        self._say(f"{DOING[what]} {deeds.named(runs)}; it goes on if you leave")
        begin = partial(self._operations.assess, images=images)
        work = partial(_assess, begin, runs, what, self)
        # A daemon: whoever leaves the app does not wait for it.
        threading.Thread(target=work, args=(self.app,), daemon=True, name=what).start()


def _why_asked(runs: Sequence[RunView], unnamed: Sequence[RunView]) -> str:
    """That the experiments do not say it, and for whom else the answer is."""
    if len(runs) == 1:
        return "ood.folder is not set"
    those = "none of them" if len(unnamed) == len(runs) else "not all of them"
    return f"one for all, as {those} set ood.folder"


def _names_images(run: RunView) -> bool:
    """Whether it says itself what to predict; of one that cannot be read, its process says so."""
    return not run.facts.settings or "ood.folder" in run.facts.settings


def _assess(
    assess: Callable[[Sequence[RunFolder], What], Iterable[Answer]],
    runs: Sequence[RunView],
    what: What,
    screen: Speaking,
    app: App[list[str]],
) -> None:
    """For a thread of its own: begin, wait, and tell the screen of each answer."""
    left = {run.folder.run: run for run in runs}
    try:
        for answer in assess([run.folder for run in runs], what):
            run = left.pop(answer.run, None)
            if run is not None:
                screen.forget_assessed(what, [run])
                screen.tell(app, _outcome(answer, what))
    except OSError as error:
        said = told(error)
        words = f"{what} could not be started: {said.message}"
        screen.tell(app, Operated(words, hint=said.hint, ink="bad"))
    else:
        if left:
            words = f"{what} ended before it was done with {deeds.named(list(left.values()))}"
            screen.tell(app, Operated(words, hint="tui-trainer does it as a command", ink="bad"))
    screen.forget_assessed(what, list(left.values()))


def _outcome(answer: Answer, what: What) -> Operated:
    if answer.exit_code == ExitCode.DONE:
        return Operated(f"{DONE[what]} {answer.run}\n{answer.words}")
    return Operated(f"{what} {answer.run}: {answer.words}", hint=answer.hint, ink="bad")


def _failure(edit: Callable[[], None]) -> Operated | None:
    try:
        edit()
    except (TuiTrainerError, OSError) as error:
        return failure(error)
    return None


def _folder_meant(run: RunView, words: str) -> Path:
    """As the run's own settings would mean it."""
    return run.folder.project / Path(words).expanduser()


def _fault_of_images(run: RunView, words: str) -> str:
    try:
        folder = _folder_meant(run, words)
        is_there, has_images = folder.is_dir(), any(folder.glob("*.npy"))
    except (OSError, RuntimeError) as error:  # ~nobody, a name too long, a folder of others
        reason = getattr(error, "strerror", None) or str(error)
        return f"it cannot be looked into: {reason}: {plain_line(words)}"
    if not is_there:
        return f"there is no folder {plain_line(str(folder))}"
    if not has_images:
        return (
            f"{plain_line(str(folder))} holds no .npy files: distortion00.npy and so on, or "
            "labels.npy and one for each corruption"
        )
    return ""


def _fault_of_tags(words: str) -> str:
    names = words.replace(",", " ").split()
    wrong = next((name for name in names if not is_tag(name.removeprefix("-"))), None)
    return "" if wrong is None else f"`{wrong}` cannot be a tag: one word without / , and quotes"


def _fault_of_score(words: str) -> str:
    number, _, board = words.partition(" ")
    try:
        value = score_value(number)
    except UsageError as error:
        return "; ".join(filter(None, (error.message, error.hint)))
    return fault_of_score(value, board)


def _fault_of_note(runs: Sequence[RunView], words: str) -> str:
    full = [run for run in runs if len(run.facts.note) + len(words) > LONGEST_NOTE]
    return f"the note of {full[0].label} has at most {LONGEST_NOTE:,} characters" if full else ""


def _why_not_written(runs: Sequence[RunView]) -> str:
    if len(runs) > 1:
        return "only one note at a time can be written in an editor"
    if is_in_browser():
        return NO_TERMINAL
    try:
        editor.editor()
    except TuiTrainerError as error:
        return error.message
    return ""


def edit_copy(name: str, words: str) -> None:
    """Show a text in the editor as a copy, so that nothing is written where it comes from."""
    editor.edit_text(words, name)
