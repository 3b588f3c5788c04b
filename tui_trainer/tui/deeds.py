"""What is done to runs, one or several of them: its words, and what became of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.errors import TuiTrainerError, told
from tui_trainer.record import remarks
from tui_trainer.record.trash import restore, trash, trashed
from tui_trainer.tui.figures import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tui_trainer.tui.operations import Operations
    from tui_trainer.tui.views import RunView


class Deed(NamedTuple):
    """One thing that can be done; `{}` in its words stands for the runs."""

    verb: str
    doing: str
    done: str
    question: str
    """Asked before it is done to several runs, or to another one than the selected."""
    is_possible: Callable[[RunView], bool]
    do: Callable[[RunView], object]
    asks_for_one: str = ""
    """Asked before it is done to the selected run; empty where that needs no question."""
    can_be_undone: bool = False
    """Whether the key for it takes it back."""

    def question_for(self, runs: Sequence[RunView], selected: RunView | None) -> str:
        """What to ask before; empty for nothing. A mark may be out of sight, so it is named."""
        question = self.asks_for_one if list(runs) == [selected] else self.question
        return question.format(named(runs))


class Outcome(NamedTuple):
    """What became of a deed."""

    words: str
    hint: str
    is_bad: bool
    done: tuple[RunView, ...]
    """The runs that it was done to."""


def named(runs: Sequence[RunView]) -> str:
    """The run's name, or how many there are."""
    return runs[0].label if len(runs) == 1 else plural(len(runs), "run")


def carry_out(deed: Deed, runs: Sequence[RunView]) -> Outcome:
    """Do it to one run after the other, whatever becomes of each."""
    errors = {run.key: _error_of(partial(deed.do, run)) for run in runs}
    done = [run for run in runs if errors[run.key] is None]
    failed = [(run, error) for run in runs if (error := errors[run.key]) is not None]
    words = [deed.done.format(named(done))] if done else []
    for run, error in failed:
        where = "" if len(runs) == 1 else f"{run.label}: "
        words.append(f"{where}{error.message}")
    hints = [error.hint for _, error in failed if error.hint]
    return Outcome("\n".join(words), "".join(hints[-1:]), bool(failed), tuple(done))


def _error_of(do: Callable[[], object]) -> TuiTrainerError | None:
    try:
        do()
    except (TuiTrainerError, OSError) as error:
        return told(error)
    return None


def resuming(operations: Operations) -> Deed:
    """Resume from the last good checkpoint."""
    return Deed(
        verb="resume",
        doing="resuming {}",
        done="resumed {}",
        question="Resume {}?",
        is_possible=lambda run: run.state.is_resumable,
        do=lambda run: operations.resume(run.folder),
    )


def stopping(operations: Operations) -> Deed:
    """Stop after a checkpoint."""
    return Deed(
        verb="stop",
        doing="stopping {}",
        done="asked {} to stop after a checkpoint",
        question="Stop {} after a checkpoint?",
        is_possible=lambda run: run.state.is_live,
        do=lambda run: operations.stop(run.folder, at_once=False),
    )


def stopping_now(operations: Operations) -> Deed:
    """Stop without a checkpoint."""
    question = "Stop {} now? The steps since {} last checkpoint are lost."
    return Deed(
        verb="stop",
        doing="stopping {} now",
        done="asked {} to stop at once",
        question=question.format("{}", "each one's"),
        is_possible=lambda run: run.state.is_live,
        do=lambda run: operations.stop(run.folder, at_once=True),
        asks_for_one=question.format("{}", "its"),
    )


def trashing(undo_key: str) -> Deed:
    """Move to the trash."""
    question = f"Move {{}} to the trash? {undo_key} brings back."
    return Deed(
        verb="throw away",
        doing="moving {} to the trash",
        done=f"{{}} in the trash; {undo_key} brings back",
        question=question,
        is_possible=lambda run: not run.state.is_live,
        do=lambda run: trash(run.folder),
        asks_for_one=question,
        can_be_undone=True,
    )


def tagging(add: Sequence[str], remove: Sequence[str]) -> Deed:
    """Give tags, and take some away."""
    words = " ".join((*add, *(f"-{name}" for name in remove)))
    return Deed(
        verb="tag",
        doing="tagging {}",
        done=f"{{}}: tagged {_braced(words)}",
        question="",
        is_possible=lambda _: True,
        do=lambda run: remarks.tag(run.folder, add, remove),
    )


def noting(words: str) -> Deed:
    """Add a line to the note."""
    return Deed(
        verb="write about",
        doing="writing about {}",
        done="added to the note of {}",
        question="",
        is_possible=lambda _: True,
        do=lambda run: remarks.add_to_note(run.folder, words),
    )


def scoring(value: float, board: str) -> Deed:
    """Record what a leaderboard said."""
    on = f" on {_braced(board)}" if board else ""
    return Deed(
        verb="score",
        doing="recording the score of {}",
        done=f"{{}}: score {value:g}{on}",
        question="",
        is_possible=lambda _: True,
        do=lambda run: remarks.score(run.folder, value, board),
    )


class BroughtBack(NamedTuple):
    """What became of runs that were to come back from the trash."""

    words: str
    hint: str
    left: tuple[str, ...]
    """Those that could not and are still in the trash."""
    is_bad: bool


def bring_back(runs: Path, names: Sequence[str]) -> BroughtBack:
    """Have runs back from the trash, whatever becomes of each."""
    errors = {name: _error_of(partial(restore, runs, name)) for name in names}
    back = [name for name in names if errors[name] is None]
    failed = [error for error in errors.values() if error is not None]
    those = back[0] if len(back) == 1 else plural(len(back), "run")
    words = [f"{those} back from the trash"] if back else []
    words += [error.message for error in failed]
    hints = [error.hint for error in failed if error.hint]
    left = tuple(name for name in _in_trash(runs, names) if errors[name] is not None)
    return BroughtBack("\n".join(words), "".join(hints[-1:]), left, bool(failed))


def _in_trash(runs: Path, names: Sequence[str]) -> Sequence[str]:
    """Those of the names that the trash has; all of them where it cannot be looked into."""
    try:
        there = {folder.run for folder in trashed(runs)}
    except OSError:
        return names
    return [name for name in names if name in there]


def _braced(words: str) -> str:
    """Words of a user, in a text whose `{}` stands for the runs."""
    return words.replace("{", "{{").replace("}", "}}")
