"""Lists studies, and their points: how each stands, and what is still to come before it begins."""

from __future__ import annotations

import contextlib
import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

from tui_trainer.errors import ExitCode, TuiTrainerError
from tui_trainer.record.state import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui_trainer.record.index import Run
    from tui_trainer.spec.project import Project
    from tui_trainer.spec.study import Study
    from tui_trainer.study.forecast import Prediction
    from tui_trainer.study.points import Standing
    from tui_trainer.study.search import Trial

STATUS_WORDS = {
    "done": "done",
    "live": "under way",
    "resumable": "to be resumed",
    "missing": "to be started",
}


class _Row(NamedTuple):
    """A point, and what it still takes."""

    standing: Standing
    seconds: float | None
    """Until its end, once it has its slots; None where nobody knows."""
    bytes: int | None
    """That it will still write."""
    prediction: Prediction


class _TrialRow(NamedTuple):
    """A trial of a search, and its run; None where it has none."""

    trial: Trial
    run: Run | None

    @property
    def status(self) -> str:
        """How it stands; one whose run nobody trains is as little under way as a point."""
        is_dead = self.run is None or not self.run.state.is_live
        is_open = self.trial.state == STATUS_WORDS["live"]
        return STATUS_WORDS["resumable"] if is_open and is_dead else self.trial.state


def print_studies(project: Project) -> None:
    """Print the studies of a project, one line each."""
    from tui_trainer.cli.words import print_table, results
    from tui_trainer.record.index import Index
    from tui_trainer.study.points import standings

    runs = Index(project.folder / "runs").look()
    results.say("")
    print_table(
        ["study", "base", "varies", ">points", ">done", "description"],
        [
            [
                study.name,
                study.base,
                _varied(study),
                _points_in_words(study),
                ""
                if study.search
                else str(sum(each.status == "done" for each in standings(study, runs))),
                study.description,
            ]
            for study in project.studies.values()
        ],
    )


def _varied(study: Study) -> str:
    from tui_trainer.record.words import ABSENT

    keys = ", ".join(factor.key for factor in study.factors)
    return keys or (ABSENT if study.problems else "seed")


def _points_in_words(study: Study) -> str:
    if study.problems:
        return "mistakes"
    return "search" if study.search else str(len(study.points))


def print_points(
    project: Project, name: str | None, changes: Sequence[str] = (), *, as_json: bool
) -> ExitCode:
    """Print the points of one study, with `--set` changes laid over it, or of all."""
    from tui_trainer.cli.for_programs import print_json
    from tui_trainer.cli.words import errors, results
    from tui_trainer.record.index import Index

    wanted = list(project.studies.values())
    if name is not None:
        wanted = [_study(project, name, changes)]
    runs = Index(project.folder / "runs").look_until_sure()
    rows = {study.name: _rows(study, runs) for study in wanted if study.search is None}
    trials = {
        study.name: _trial_rows(project, study, changes, runs)
        for study in wanted
        if study.search is not None
    }
    if as_json:
        records = [_trial_record(name, each) for name, those in trials.items() for each in those]
        print_json([_record(row) for each in rows.values() for row in each] + records)
    elif not (rows or trials):
        results.say(f"{project.path} defines no study that can be run")
    else:
        changed = "".join(f" --set {shlex.quote(each)}" for each in changes)
        for study in wanted:
            if study.name in rows:
                _print_study(study, rows[study.name], runs, changed)
            else:
                _print_trials(study, trials[study.name], changed)
    problems = project.problems if name is None else project.studies[name].problems
    for problem in problems:
        errors.say(problem.text(project.path.name))
    return ExitCode.USAGE if problems else ExitCode.DONE


def _study(project: Project, name: str, changes: Sequence[str]) -> Study:
    """One with mistakes, too: how its points stand is told all the same."""
    if name in project.studies and not changes:
        return project.studies[name]
    return project.study(name, changes)  # says why there is none, or none that can be run


def counted(standing: Sequence[Standing]) -> str:
    """How many points there are, and how they stand: `6 points: 2 done, 4 to be started`."""
    from tui_trainer.study.points import counts
    from tui_trainer.tui.figures import plural

    known = [
        f"{count} {STATUS_WORDS[status]}" for status, count in counts(standing).items() if count
    ]
    return f"{plural(len(standing), 'point')}: {', '.join(known) or 'none that can be run'}"


def _rows(study: Study, runs: Sequence[Run]) -> list[_Row]:
    from tui_trainer.spec.summary import summary_of
    from tui_trainer.study.forecast import Predictor
    from tui_trainer.study.points import standings

    predictor = Predictor(runs)
    return [
        _row(standing, predictor.of(summary_of(standing.point.experiment)))
        for standing in standings(study, runs)
    ]


def _row(standing: Standing, prediction: Prediction) -> _Row:
    if standing.status == "done":
        return _Row(standing, 0.0, 0, prediction)
    run, seconds = standing.run, prediction.seconds
    if run is not None and run.state is State.STALLED:  # nothing says that it goes on
        return _Row(standing, None, 0, prediction)
    if run is None:
        return _Row(standing, seconds, prediction.bytes, prediction)
    left = None if seconds is None else seconds * (1.0 - run.share_done)
    # A run that saved has most of its checkpoints; the next one takes the place of an older one.
    to_come = 0 if run.history.has_trained else prediction.bytes
    return _Row(standing, run.eta_seconds or left, to_come, prediction)


def _trial_rows(
    project: Project, study: Study, changes: Sequence[str], runs: Sequence[Run]
) -> list[_TrialRow]:
    from tui_trainer.errors import InvalidExperimentsError
    from tui_trainer.study.points import by_fingerprint, standing
    from tui_trainer.study.search import point_of

    known, rows = by_fingerprint(runs), []
    for trial in _trials(project, study, changes):
        run = None
        with contextlib.suppress(InvalidExperimentsError):  # it failed for that
            run = standing(point_of(project, study, trial, changes), known).run
        rows.append(_TrialRow(trial, run))
    return rows


def _trials(project: Project, study: Study, changes: Sequence[str]) -> list[Trial]:
    """What a search has chosen so far; one whose record cannot be read hides no other study."""
    from tui_trainer.cli.words import errors
    from tui_trainer.launch.planning import SEARCHES
    from tui_trainer.study.search import recorded_trials

    if study.search is None:
        return []
    base, folder = project.experiment(study.base, changes), project.folder / "runs" / SEARCHES
    try:
        return recorded_trials(study.name, study.search, base, folder)
    except TuiTrainerError as error:
        errors.tell(error)
        return []


def _trial_record(study: str, row: _TrialRow) -> dict[str, Any]:
    trial = row.trial
    return {
        "study": study,
        "trial": trial.number,
        "changes": trial.changes,
        "status": row.status,
        "value": trial.value,
        "run": None if row.run is None else row.run.name,
    }


def _print_trials(study: Study, rows: Sequence[_TrialRow], changed: str) -> None:
    from tui_trainer.cli.words import print_table, results
    from tui_trainer.record.words import ABSENT
    from tui_trainer.study.search import best_of

    if study.search is None:
        return
    wanted = study.search.table.trials
    over = sum(row.trial.state != STATUS_WORDS["live"] for row in rows)
    results.say(f"{study.name}: a search, {over} of {wanted} trials are over")
    if rows:
        print_table(
            [">trial", "changes", "status", ">value", "run"],
            [
                [
                    str(row.trial.number),
                    row.trial.words,
                    row.status,
                    ABSENT if row.trial.value is None else f"{row.trial.value:.4g}",
                    ABSENT if row.run is None else row.run.name,
                ]
                for row in rows
            ],
        )
    best = best_of(study.search, [row.trial for row in rows])
    if best is not None:
        run = rows[best.number - 1].run
        where = "" if run is None else f"; its run: {run.name}"
        results.say(f"best so far: trial {best.number}, {best.value:.4g}: {best.words}{where}")
    if over < wanted and not study.problems:
        results.say(f"go on with it: tui-trainer run {study.name}{changed}")


def _record(row: _Row) -> dict[str, Any]:
    standing = row.standing
    point, run = standing.point, standing.run
    return {
        "point": point.name,
        "study": point.study,
        "changes": dict(point.changes),
        "labels": dict(point.labels),
        "seed": point.seed,
        "is_base": point.is_base,
        "fingerprint": point.experiment.fingerprint,
        "status": standing.status,
        "run": None if run is None else run.name,
        "state": None if run is None else run.state.value,
        "runs": [each.name for each in standing.runs],
        "epoch": 0 if run is None else len(run.epochs),
        "epochs": point.experiment.epochs,
        "seconds_left": None if row.seconds is None else round(row.seconds, 1),
        "bytes_to_come": row.bytes,
        "basis": row.prediction.basis,
    }


def _print_study(study: Study, rows: Sequence[_Row], runs: Sequence[Run], changed: str) -> None:
    from tui_trainer.cli.words import fits, print_table, results

    results.say(f"{study.name}: {counted([row.standing for row in rows])}")
    if not rows:
        return
    titles = ["point", "changes", ">seed", "status", "run", ">epoch", ">time", ">disk"]
    cells = [_cells(row) for row in rows]
    if not fits(titles, cells):  # the name of a point says its changes, and that of its run
        del titles[1]
        cells = [_cells_in_brief(row) for row in rows]
    print_table(titles, cells)
    for line in _totals(study, rows, runs, changed):
        results.say(line)


def _cells(row: _Row) -> list[str]:
    from tui_trainer.record.words import ABSENT, byte_size
    from tui_trainer.tui.figures import duration

    standing = row.standing
    point, run = standing.point, standing.run
    is_done = standing.status == "done"
    return [
        point.name,
        ", ".join(f"{key} {label}" for key, label in point.labels.items()) or "the base",
        str(point.seed),
        STATUS_WORDS[standing.status],
        ABSENT if run is None else f"{run.name} {run.state.value}",
        f"{0 if run is None else len(run.epochs)}/{point.experiment.epochs}",
        "" if is_done else ABSENT if row.seconds is None else duration(row.seconds),
        byte_size(row.bytes) if row.bytes else ABSENT if row.bytes is None else "",
    ]


def _cells_in_brief(row: _Row) -> list[str]:
    """The same without what the point's name says already."""
    point, _, seed, status, run, *rest = _cells(row)
    return [point, seed, status, run.removeprefix(point), *rest]


def _totals(study: Study, rows: Sequence[_Row], runs: Sequence[Run], changed: str) -> list[str]:
    """What is still to come of a study, and when that will be done."""
    from tui_trainer.record.words import byte_size
    from tui_trainer.tui.figures import duration, plural

    undone = [row for row in rows if row.standing.status != "done"]
    if not undone:
        return [f"all is done: tui-trainer study {study.name}{changed}"]
    known = [row for row in undone if row.seconds is not None]
    size = sum(row.bytes or 0 for row in known)
    lines = []
    if known:
        took = duration(sum(row.seconds or 0.0 for row in known))
        of = "" if len(known) == len(undone) else f" for {len(known)} of {len(undone)} points"
        lines.append(
            f"to come{of}: {took} of training, {byte_size(size)} on the disk{_end(rows, runs)}"
        )
    if stalled := [
        row.standing.run.name for row in undone if row.standing.run and _is_stalled(row)
    ]:
        lines.append(f"no end can be told of what is stalled: tui-trainer show {stalled[0]}")
    if unknown := [row.standing.point.name for row in undone if _is_unknown(row)]:
        lines.append(
            f"not known yet: what {plural(len(unknown), 'point')} will take, for nothing like that "
            f"was trained; the first epoch tells, or: tui-trainer preflight {unknown[0]}{changed}"
        )
    if study.problems:
        return [*lines, f"nothing of {study.name} is started before its mistakes are mended"]
    return [*lines, f"do it: tui-trainer run {study.name}{changed}"]


def _is_stalled(row: _Row) -> bool:
    return row.standing.run is not None and row.standing.run.state is State.STALLED


def _is_unknown(row: _Row) -> bool:
    return row.seconds is None and not _is_stalled(row)


def _end(rows: Sequence[_Row], runs: Sequence[Run]) -> str:
    """When the queue would have done all of it, launched now; nothing where that cannot be told."""
    from tui_trainer.launch.queue import standing
    from tui_trainer.launch.slots import Pool
    from tui_trainer.record.words import clock
    from tui_trainer.study.queue_forecast import Job, outlook

    try:
        pool = Pool.here()
        now = standing(pool)
    except (TuiTrainerError, OSError):
        return ""
    to_come = [
        Job(
            row.standing.point.name,
            row.seconds,
            *pool.want(row.standing.point.experiment.resources),
        )
        for row in rows
        if row.standing.status in {"missing", "resumable"}
    ]
    known = now.with_runs_from_elsewhere(runs)
    done = outlook(known, now.taken, now.line, now.room, to_come).expected.all_done
    return "" if done is None else f", all done by {clock(done)} if launched now"
