"""What the screens show of experiments and runs; every text of it is safe to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.record.events import Alarmed
from tui_trainer.record.plain_text import LONGEST_SHOWN_LINE, plain_line
from tui_trainer.record.state import State, new_in_cause
from tui_trainer.study.facts import Facts, facts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tui_trainer.record.epochs import Epoch
    from tui_trainer.record.events import Warned
    from tui_trainer.record.heartbeat import Progress, Usage
    from tui_trainer.record.index import Run
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.spec.project import Project
    from tui_trainer.spec.study import Point, Study

# Ends that a log may explain; more of it than this is read with `tui-trainer logs`.
EXPLAINED_BY_LOG = {State.FAILED, State.CRASHED, State.LOST, State.INTERRUPTED}


class OodView(NamedTuple):
    """Accuracy out of distribution; fractions of 1."""

    accuracy: float
    gap: float | None
    """How far that is below clean."""
    is_probe: bool
    """Whether it is the newest epoch's probe, and not yet the result."""


@dataclass(frozen=True, kw_only=True)
class RunView:
    """What the screen needs of a run; every text of it is safe to show."""

    folder: RunFolder
    experiment: str
    """The experiment's name, as it is on the disk."""
    label: str
    """`cnn4/3`."""
    state: State
    cause: str
    end_of_log: tuple[str, ...]
    """The last lines of its newest attempt's log; empty unless it ended badly."""
    epochs: Sequence[Epoch]
    planned_epochs: int
    progress: Progress | None
    usage: Usage | None
    best: Epoch | None
    clean_accuracy: float | None
    ood: OodView | None
    """None for a run that is not measured out of distribution, or not yet."""
    eta_seconds: float | None
    attempt: int
    began_at_epoch: int
    peak_memory_bytes: int
    warnings: tuple[str, ...]
    """All but those that are no longer so, an alarm's after its kind."""
    alarms: tuple[str, ...]
    """The kinds of the alarms among the warnings, in words."""
    skipped_lines: int
    scores: tuple[str, ...]
    """What each leaderboard said last, in words, the newest first."""
    facts: Facts
    """What filter, order and comparison ask for."""
    fingerprint: str
    """Of what it trains; empty where that cannot be read."""

    @property
    def key(self) -> RowKey:
        """What the row is found by again."""
        return (self.experiment, self.folder.number)

    @property
    def ended_badly(self) -> bool:
        """Whether its end is one to look into."""
        return self.state in EXPLAINED_BY_LOG

    @property
    def new_in_cause(self) -> str:
        """The cause without the state's word, where it begins with that: `after a checkpoint`."""
        return new_in_cause(self.state, self.cause)

    @property
    def done_share(self) -> float:
        """The finished part of all planned epochs, from 0 to 1, with the epoch in progress."""
        done = float(len(self.epochs))
        beat = self.progress
        if beat is not None and beat.steps > 0 and beat.epoch == len(self.epochs) + 1:
            done += min(1.0, beat.step / beat.steps)
        return min(1.0, done / self.planned_epochs) if self.planned_epochs else 0.0


@dataclass(frozen=True, kw_only=True)
class ExperimentView:
    """What the screen needs of an experiment and its runs, newest first."""

    name: str
    label: str
    description: str
    planned_epochs: int
    fault: str
    """Why it cannot be launched; empty for one that can."""
    is_defined: bool
    """Whether experiments.toml still has it."""
    base: str
    """The label of what it inherits from; empty for none."""
    missing: str
    """Which data are not there, and what brings them; empty where nothing is missed."""
    measures_ood: bool
    """Whether its runs are measured out of distribution."""
    study: str
    """The label of the study that it is a point of; empty for none."""
    trained_as: str
    """The label of a finished run of another name that trained just this; empty for none."""
    runs: tuple[RunView, ...]

    @property
    def key(self) -> RowKey:
        """What the row is found by again."""
        return (self.name, 0)

    @property
    def is_done(self) -> bool:
        """Whether a run has trained it to the end, whatever its name."""
        return bool(self.trained_as) or any(run.state is State.FINISHED for run in self.runs)


class PointView(NamedTuple):
    """What is known of a point of a study, whatever became of it."""

    study: Study
    point: Point
    fingerprint: str


RowKey = tuple[str, int]
Row = ExperimentView | RunView


@dataclass(frozen=True, kw_only=True)
class View:
    """All that the app shows, as it was at one moment; never changed."""

    project: Project | None
    """None where no experiments.toml was found."""
    title: str = ""
    experiments: tuple[ExperimentView, ...] = ()
    warning: str = ""
    """What keeps the view from being whole, in one line."""
    done_at: str = ""
    """When the last live run will be done, as a time of day."""
    unread: int = 0
    """Runs that were not looked at yet, after the start."""
    read_only: str = ""
    """The folder that this user may not write to; empty where nothing stands in the way."""

    @property
    def runs(self) -> tuple[RunView, ...]:
        """Every run, in the order of the list."""
        return tuple(run for experiment in self.experiments for run in experiment.runs)

    @property
    def live(self) -> list[str]:
        """The names of the runs that go on when the app is left."""
        return [run.label for run in self.runs if run.state.is_live]


def problems_in_a_line(project: Project) -> str:
    """The first one, and how many more there are; empty for none."""
    lines = project.problem_lines
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return lines[0] + more if lines else ""


def points_of(project: Project) -> dict[str, PointView]:
    """The points of every study, by name; this takes a while where there are thousands."""
    return {
        point.name: PointView(study, point, point.experiment.fingerprint)
        for study in project.studies.values()
        for point in study.points
    }


def experiment_views(
    project: Project,
    points: Mapping[str, PointView],
    runs: list[RunView],
    missing: Mapping[str, str],
) -> tuple[ExperimentView, ...]:
    """Every experiment and point, with its runs, and those of experiments that are no more.

    Args:
        project: What experiments.toml says.
        points: From `points_of`.
        runs: Every run.
        missing: By experiment or point the data that are not there.
    """
    families: dict[str, list[RunView]] = {name: [] for name in (*project.bases, *points)}
    for run in runs:
        families.setdefault(run.experiment, []).append(run)
    faults = _faults(project)
    finished = {run.fingerprint: run.label for run in runs if run.state is State.FINISHED}
    return tuple(
        _experiment_view(project, name, faults.get(name, ""), missing.get(name, ""), family)
        if name not in points
        else _point_view(points[name], finished, missing.get(name, ""), family)
        for name, family in families.items()
    )


def _faults(project: Project) -> dict[str, str]:
    """Why each experiment that cannot be launched cannot, in one line."""
    faults: dict[str, str] = {}
    for problem, line in zip(project.problems, project.problem_lines, strict=True):
        if len(problem.keys) > 1 and problem.keys[0] == "experiments":
            faults.setdefault(str(problem.keys[1]), plain_line(line))
    for name in project.bases:
        if name not in project.experiments:
            faults.setdefault(name, "something that it inherits is wrong")
    return faults


def _experiment_view(
    project: Project, name: str, fault: str, missing: str, family: list[RunView]
) -> ExperimentView:
    experiment = project.experiments.get(name)
    return ExperimentView(
        name=name,
        label=plain_line(name),
        description="" if experiment is None else plain_line(experiment.description),
        planned_epochs=0 if experiment is None else experiment.epochs,
        fault="" if experiment is not None else fault,
        is_defined=name in project.bases,
        base=plain_line(project.bases.get(name) or ""),
        missing=missing,
        measures_ood=experiment is not None and experiment.ood is not None,
        study="",
        trained_as="",
        runs=tuple(reversed(family)),
    )


def _point_view(
    known: PointView, finished: Mapping[str, str], missing: str, family: list[RunView]
) -> ExperimentView:
    point, experiment = known.point, known.point.experiment
    trained_as = finished.get(known.fingerprint, "")
    return ExperimentView(
        name=point.name,
        label=plain_line(point.name),
        description=plain_line(experiment.description),
        planned_epochs=experiment.epochs,
        fault="",
        is_defined=True,
        base=plain_line(known.study.base),
        missing=missing,
        measures_ood=experiment.ood is not None,
        study=plain_line(point.study),
        trained_as="" if any(run.label == trained_as for run in family) else trained_as,
        runs=tuple(reversed(family)),
    )


def run_view(run: Run, end_of_log: tuple[str, ...]) -> RunView:
    """What is shown of a run, whose log ends so."""
    attempt = max(run.attempts, key=lambda attempt: attempt.number, default=None)
    past = run.past_alarms
    warnings = [warning for warning in run.history.warnings if warning not in past]
    return RunView(
        folder=run.folder,
        experiment=run.folder.experiment_name,
        label=plain_line(run.name),
        state=run.state,
        cause=plain_line(run.cause, LONGEST_SHOWN_LINE),
        end_of_log=end_of_log,
        epochs=run.epochs,
        planned_epochs=run.planned_epochs,
        progress=run.progress,
        usage=run.usage,
        best=run.best,
        clean_accuracy=run.clean_accuracy,
        ood=_ood_view(run),
        eta_seconds=run.eta_seconds,
        attempt=attempt.number if attempt else 0,
        began_at_epoch=attempt.began_at_epoch if attempt else 0,
        peak_memory_bytes=attempt.peak_memory_bytes if attempt else 0,
        warnings=tuple(map(_warning_words, warnings)),
        alarms=tuple(_alarm_words(each) for each in warnings if isinstance(each, Alarmed)),
        skipped_lines=run.skipped_lines,
        scores=tuple(plain_line(score.words) for score in reversed(run.remarks.scores)),
        facts=facts_of(run),
        fingerprint="" if run.plan is None else run.plan.fingerprint,
    )


def _warning_words(warning: Warned | Alarmed) -> str:
    kind = f"{_alarm_words(warning)}: " if isinstance(warning, Alarmed) else ""
    return f"{kind}{plain_line(warning.message)}"


def _alarm_words(alarm: Alarmed) -> str:
    return plain_line(alarm.kind.replace("_", " "))


def _ood_view(run: Run) -> OodView | None:
    accuracy = run.ood_accuracy
    return None if accuracy is None else OodView(accuracy, run.ood_gap, run.ood is None)
