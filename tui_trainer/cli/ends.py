"""What the ends of runs are for the shell: an exit code for each, and the worst of several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_trainer.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tui_trainer.record.index import Run

# From the best to the worst end, for commands that bring several runs to theirs.
SEVERITY = (
    ExitCode.DONE,
    ExitCode.STOPPED,
    ExitCode.OWNED,
    ExitCode.USAGE,
    ExitCode.PREFLIGHT,
    ExitCode.CRASHED,
)


def exit_code(run: Run) -> ExitCode:
    """What a command says that saw a run to its end."""
    from tui_trainer.record.state import State

    if run.state is State.FINISHED:
        return ExitCode.DONE
    if run.state is State.FAILED:
        return ExitCode.PREFLIGHT
    if run.state in {State.CRASHED, State.LOST}:
        return ExitCode.CRASHED
    return ExitCode.STOPPED


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Of several ends the one to tell; of none, that all is done."""
    return max(codes, key=SEVERITY.index, default=ExitCode.DONE)
