"""Drives a search: asks for points, runs them, stops those that do badly, tells how each did."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tui_trainer.cli.ends import exit_code, worst
from tui_trainer.cli.run_study import SECONDS_PER_LOOK, ask_to_stop
from tui_trainer.cli.words import closing_line, errors, results
from tui_trainer.errors import (
    ExitCode,
    InvalidExperimentsError,
    TuiTrainerError,
    UsageError,
    told,
)
from tui_trainer.launch.planning import driving
from tui_trainer.record.index import Index
from tui_trainer.record.state import State
from tui_trainer.study.points import by_fingerprint, standing
from tui_trainer.study.search import Trial, open_trials, point_of
from tui_trainer.tui.bring_on import bring_on

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tui_trainer.record.index import Run
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.spec.project import Project
    from tui_trainer.spec.study import Point, Study


def run_search(
    project: Project,
    study: Study,
    changes: Sequence[str],
    *,
    preflight: bool,
    interrupts: Sequence[int],
) -> ExitCode:
    """Go on with a search until all of its trials are done.

    The first Ctrl-C asks the runs under way to stop; the same command goes on with them.

    Args:
        project: Whose it is.
        study: The search.
        changes: `--set`, which makes another search of it.
        preflight: Whether new runs begin with one.
        interrupts: Signals as they come, from `interrupts_noted`.
    """
    try:
        with driving(project.folder / "runs", study.name) as folder:
            driver = _Driver(project, study, changes, folder, preflight=preflight)
            return driver.drive(interrupts)
    except (TuiTrainerError, OSError) as error:
        said = told(error)
        errors.tell(said)
        return said.exit_code


class _Driver:
    def __init__(
        self,
        project: Project,
        study: Study,
        changes: Sequence[str],
        folder: Path,
        *,
        preflight: bool,
    ) -> None:
        if study.search is None:
            raise UsageError(f"{study.name} is no search")
        self._project = project
        self._study = study
        self._changes = tuple(changes)
        self._preflight = preflight
        self._at_once = study.search.table.at_once
        base = project.experiment(study.base, changes)
        self._trials = open_trials(study.name, study.search, base, folder)
        self._index = Index(project.folder / "runs")
        self._live: dict[int, RunFolder] = {}
        self._condemned: set[int] = set()
        self._codes: list[ExitCode] = []
        self._was_refused = False

    def drive(self, interrupts: Sequence[int]) -> ExitCode:
        """Until nothing is under way and nothing is to be asked for."""
        self._index.look_until_sure()
        for trial in self._trials.under_way():
            if not interrupts:
                self._take_up(trial)
        is_asked_to_stop = False
        while len(interrupts) < 2:
            self._ask_for_more(interrupts)
            if not self._live:
                break
            if interrupts and not is_asked_to_stop:
                is_asked_to_stop = True
                errors.say("asks the runs under way to stop; the same command goes on with them")
                for folder in self._live.values():
                    ask_to_stop(folder, self._index)
            for number, folder in list(self._live.items()):
                self._look_at(number, self._index.look_at(folder))
            time.sleep(SECONDS_PER_LOOK)
        stopped = [ExitCode.STOPPED] if interrupts else []
        return worst([*self._codes, *stopped, self._told_best()])

    def _ask_for_more(self, interrupts: Sequence[int]) -> None:
        while len(self._live) < self._at_once and not self._codes and not interrupts:
            trial = self._trials.ask()
            if trial is None:
                return
            self._take_up(trial)

    def _take_up(self, trial: Trial) -> None:
        """Start the run of a trial, resume it, or find it."""
        try:
            point = point_of(self._project, self._study, trial, self._changes)
        except InvalidExperimentsError as error:
            # Each value is allowed; that these are not together shows only now.
            self._trials.tell_failed(trial.number)
            results.say(f"trial {trial.number}: failed; {trial.words}")
            errors.tell(error)
            return
        if trial.is_to_be_pruned:
            self._end(trial.number, point)
            return
        folder, how = bring_on(self._project, point, self._index, preflight=self._preflight)
        results.say(f"trial {trial.number}: {folder.run} {how}: {trial.words}")
        self._live[trial.number] = folder

    def _end(self, number: int, point: Point) -> None:
        """Stop a trial that was to be stopped when whoever drove the search was killed.

        One that came to its end before anybody could is done.
        """
        now = standing(point, by_fingerprint(self._index.look()))
        if now.run is None or now.status == "resumable":
            self._trials.tell_pruned(number)
            return
        self._condemned.add(number)
        self._live[number] = now.run.folder
        ask_to_stop(now.run.folder, self._index)

    def _look_at(self, number: int, run: Run) -> None:
        if number not in self._condemned:
            self._trials.report(number, run.epochs)
        if not run.state.is_live:
            del self._live[number]
            self._settle(number, run)
        elif number not in self._condemned and self._is_worth_stopping(number, run):
            self._condemned.add(number)
            ask_to_stop(run.folder, self._index)

    def _is_worth_stopping(self, number: int, run: Run) -> bool:
        is_almost_done = len(run.epochs) >= run.planned_epochs
        return bool(run.epochs) and not is_almost_done and self._trials.should_prune(number)

    def _settle(self, number: int, run: Run) -> None:
        """Tell what became of a run that is over, unless somebody will go on with it."""
        if run.state is State.FINISHED:
            value = self._trials.tell_done(number, run)
            came_to = "no such metric" if value is None else f"{value:.4g}"
            results.say(f"trial {number}: {came_to}; {closing_line(run)}")
        elif number in self._condemned:
            self._trials.tell_pruned(number)
            results.say(f"trial {number}: pruned after epoch {len(run.epochs)}; {run.name}")
        elif run.state is State.CRASHED or self._is_refused_alone(run):
            # Its supervisor has tried as often as there was hope.
            self._trials.tell_failed(number)
            results.say(f"trial {number}: failed; {closing_line(run)}")
        else:
            results.say(closing_line(run))
            self._codes.append(exit_code(run))
        self._was_refused = run.state is State.FAILED

    def _is_refused_alone(self, run: Run) -> bool:
        """Whether a preflight refused what was chosen, and not what every other run would meet."""
        is_refused = exit_code(run) is ExitCode.PREFLIGHT
        return is_refused and not self._was_refused and self._trials.best() is not None

    def _told_best(self) -> ExitCode:
        """Say which trial came to most; a search of which none came to anything has failed."""
        best = self._trials.best()
        if best is None:
            return ExitCode.DONE if self._trials.under_way() else ExitCode.CRASHED
        results.say(f"best so far: trial {best.number}, {best.value:.4g}: {best.words}")
        return ExitCode.DONE
