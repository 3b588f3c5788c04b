"""Runs what a study lacks: all of it is launched at once, and shown until each has ended."""

from __future__ import annotations

import shlex
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.live import Live
from rich.text import Text

from tui_trainer.cli.ends import exit_code, worst
from tui_trainer.cli.points import counted
from tui_trainer.cli.words import closing_line, errors, results, time_left
from tui_trainer.errors import ExitCode, TuiTrainerError, told
from tui_trainer.launch.clusters.watch import watching
from tui_trainer.launch.launcher import stop
from tui_trainer.record.index import Index
from tui_trainer.record.state import State
from tui_trainer.study.points import standings
from tui_trainer.tui.bring_on import MOST_LAUNCHED, bring_on, in_order
from tui_trainer.tui.figures import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tui_trainer.record.index import Run
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.spec.project import Project
    from tui_trainer.spec.study import Point, Study

SECONDS_PER_LOOK = 0.5


def run_study(
    project: Project,
    study: Study,
    changes: Sequence[str],
    *,
    preflight: bool,
    detach: bool,
    interrupts: Sequence[int],
) -> ExitCode:
    """Start and resume what a study lacks, and show it to its end.

    The first Ctrl-C asks what this command started to stop, the second leaves it alone.

    Args:
        project: Whose it is.
        study: With the changes laid over its points.
        changes: `--set`, which makes other runs of them.
        preflight: Whether new runs begin with one.
        detach: Whether to return once all is launched.
        interrupts: Signals as they come, from `interrupts_noted`.
    """
    index = Index(project.folder / "runs")
    standing = standings(study, index.look_until_sure())
    errors.say(f"{study.name}: {counted(standing)}")
    undone = deque(each.point for each in in_order(standing) if each.status != "done")
    work = _Work(project, index, undone, preflight=preflight)
    work.launch(interrupts)
    again = shlex.join(
        ["tui-trainer", "run", study.name, *(word for each in changes for word in ("--set", each))]
    )
    if detach:
        work.tell_rest(again)
        return worst(work.codes)
    return _follow(work, interrupts, again)


class _Work:
    """What is still to be launched of a study, and what is under way."""

    def __init__(
        self,
        project: Project,
        index: Index,
        undone: deque[Point],
        *,
        preflight: bool,
    ) -> None:
        self.codes: list[ExitCode] = []
        self.live: dict[RunFolder, Run] = {}
        self._project = project
        self._index = index
        self._undone = undone
        self._preflight = preflight
        self._own: set[RunFolder] = set()

    def launch(self, interrupts: Sequence[int]) -> None:
        """Bring points on, as many as may wait at a time."""
        while self._undone and len(self.live) < MOST_LAUNCHED and not interrupts:
            self._bring_on(self._undone.popleft())

    def _bring_on(self, point: Point) -> None:
        try:
            folder, how = bring_on(self._project, point, self._index, preflight=self._preflight)
        except (TuiTrainerError, OSError) as error:
            said = told(error)
            errors.say("", label=f"{point.name}: ", style="bold")
            errors.tell(said)
            self.codes.append(said.exit_code)
            return
        if how == "done":
            return
        if how != "live":
            self._own.add(folder)
            results.say(f"{folder.run} {how}")
        self.live[folder] = self._index.look_at(folder)

    def ended(self) -> list[Run]:
        """The runs that came to their end since this was asked last."""
        seen = {folder: self._index.look_at(folder) for folder in self.live}
        self.live = {folder: run for folder, run in seen.items() if run.state.is_live}
        over = [run for run in seen.values() if not run.state.is_live]
        self.codes += map(exit_code, over)
        return over

    def stop(self) -> int:
        """Ask what was started here to stop after a checkpoint; how many runs that are."""
        return sum(ask_to_stop(folder, self._index) for folder in self._own & self.live.keys())

    def waits_for_own(self) -> bool:
        """Whether something that was started here is live."""
        return bool(self._own & self.live.keys())

    def tell_rest(self, again: str) -> None:
        """Say what was not launched yet, and which command does it."""
        if self._undone:
            rest = plural(len(self._undone), "point")
            errors.say(f"{rest} more once these are done: {again}")


def ask_to_stop(folder: RunFolder, index: Index) -> bool:
    """Ask a run to stop after a checkpoint; whether it was asked, and had not ended meanwhile."""
    try:
        stop(folder)
    except (TuiTrainerError, OSError) as error:
        if index.look_at(folder).state.is_live:
            errors.tell(told(error))
        return False
    return True


def _follow(work: _Work, interrupts: Sequence[int], again: str) -> ExitCode:
    """Show each end until all have come, or until somebody has had enough."""
    is_asked = False
    with _moving_line() as show, watching(lambda: list(work.live.values())):
        while work.live and len(interrupts) < 2:
            for run in work.ended():
                results.say(closing_line(run))
            if interrupts and not is_asked:
                is_asked = _ask_to_stop(work)
            if is_asked and not work.waits_for_own():
                break
            work.launch(interrupts)
            show(work.live.values())
            if work.live:
                time.sleep(SECONDS_PER_LOOK)
    code = worst([*work.codes, *([ExitCode.STOPPED] if interrupts else [])])
    if code is not ExitCode.DONE:
        errors.say(f"complete it: {again}")
    return code


def _ask_to_stop(work: _Work) -> bool:
    asked = plural(work.stop(), "run")
    errors.say(f"asked {asked} to stop after a checkpoint; Ctrl-C again leaves all to themselves")
    return True


@contextmanager
def _moving_line() -> Iterator[Callable[[Iterable[Run]], None]]:
    """Where the runs stand, on a terminal; elsewhere nothing moves."""
    if not results.is_terminal:
        yield lambda _: None
        return
    with Live(console=results, transient=True, auto_refresh=False) as live:
        yield lambda runs: live.update(_standing_line(list(runs)), refresh=True)


def _standing_line(runs: Sequence[Run]) -> Text:
    """Those that train, each with its epoch; how many wait. The end gives way."""
    training = [run for run in runs if run.state is not State.QUEUED]
    waiting = len(runs) - len(training)
    words = [
        f"{run.name} {run.state.value} {len(run.epochs)}/{run.planned_epochs} ETA {time_left(run)}"
        for run in training
    ]
    line = Text("; ".join([*words, f"{plural(waiting, 'run')} queued" * bool(waiting)]))
    line.truncate(results.width, overflow="ellipsis")
    return line
