"""How the list is arranged: filter, order, marks, folds, what is hidden; and what is left then."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from tui_trainer.record.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from tui_trainer.study.facts import Facts
    from tui_trainer.tui.views import ExperimentView, RowKey, RunView

# What moves and what needs a person first; what is done last.
STATES = (
    *(State.RUNNING, State.EVALUATING, State.PREFLIGHT, State.STOPPING, State.STALLED),
    *(State.CRASHED, State.FAILED, State.LOST, State.INTERRUPTED),
    *(State.QUEUED, State.STOPPED, State.FINISHED),
)
SORTABLE = (
    *("experiment", "state", "epoch", "val", "test", "ood", "gap"),
    *("score", "best", "eta", "tries", "where"),
)
"""The columns that runs can be sorted by, whether or not the terminal has room for them."""
# What is better, or nearer, when it is smaller; of all other figures the largest comes first.
SMALLEST_FIRST = ("experiment", "state", "gap", "eta", "where")


GROUPS = ("", "base", "state", "tag")
"""What the list can be grouped by; an empty one groups nothing."""
STUDY = "study"
NO_BASE, NO_TAG, NO_RUN = "no base", "no tag", "not run"


class Order(NamedTuple):
    """By which column runs are sorted; an empty one is the order of experiments.toml."""

    column: str = ""
    is_reversed: bool = False

    @property
    def is_ascending(self) -> bool:
        """Whether values grow from row to row."""
        return (self.column in SMALLEST_FIRST) is not self.is_reversed


NO_ORDER = Order()


@dataclass(frozen=True, kw_only=True)
class Arrangement:
    """What a user chose to see, and how."""

    filter: str = ""
    order: Order = NO_ORDER
    hides_finished: bool = False
    marked: frozenset[RowKey] = frozenset()
    folded: Mapping[str, bool] = field(default_factory=dict)
    theme: str = ""
    """The name of the theme that was asked for; empty for the terminal's."""
    group: str = ""
    """What the list is grouped by, of `GROUPS`."""
    thrown_away: tuple[tuple[str, ...], ...] = ()
    """The runs that each move to the trash took along, the last one last."""


@dataclass(frozen=True, kw_only=True)
class GroupView:
    """Experiments, or runs, that have something in common."""

    by: str
    label: str
    """What they have in common, in words."""
    experiments: tuple[ExperimentView, ...]
    """Whole ones; of a group of single runs those that have none."""
    loose_runs: tuple[RunView, ...] = ()

    @property
    def is_study(self) -> bool:
        """Whether it is the points of a study."""
        return self.by == STUDY

    @property
    def done(self) -> int:
        """How many of its experiments are trained to the end."""
        return sum(experiment.is_done for experiment in self.experiments)

    @property
    def not_begun(self) -> tuple[ExperimentView, ...]:
        """Those of its experiments that have no run and need one."""
        return tuple(each for each in self.experiments if not each.runs and not each.is_done)

    @property
    def key(self) -> RowKey:
        """What the row is found by again, and its fold; no experiment is called so."""
        return (f"{self.by}: {self.label}", -1)

    @property
    def runs(self) -> tuple[RunView, ...]:
        """Every run in it."""
        of_experiments = (run for experiment in self.experiments for run in experiment.runs)
        return (*of_experiments, *self.loose_runs)


def studies(experiments: tuple[ExperimentView, ...]) -> list[GroupView]:
    """The studies that they are points of, as they come."""
    members: dict[str, list[ExperimentView]] = {}
    for experiment in experiments:
        if experiment.study:
            members.setdefault(experiment.study, []).append(experiment)
    return [
        GroupView(by=STUDY, label=study, experiments=tuple(points))
        for study, points in members.items()
    ]


def grouped(experiments: tuple[ExperimentView, ...], by: str) -> list[GroupView]:
    """The groups that they fall into: bases as they come, states by urgency, tags by name."""
    if by == "base":
        return _grouped_by_base(experiments)
    label_of = _LABELS[by]
    members: dict[str, list[RunView]] = {}
    for run in (run for experiment in experiments for run in experiment.runs):
        members.setdefault(label_of(run), []).append(run)
    groups = [
        GroupView(by=by, label=label, experiments=(), loose_runs=tuple(members[label]))
        for label in sorted(members, key=_RANKS[by])
    ]
    idle = tuple(experiment for experiment in experiments if not experiment.runs)
    return [*groups, *([GroupView(by=by, label=NO_RUN, experiments=idle)] if idle else [])]


def _grouped_by_base(experiments: tuple[ExperimentView, ...]) -> list[GroupView]:
    families: dict[str, list[ExperimentView]] = {}
    for experiment in experiments:
        families.setdefault(experiment.base, []).append(experiment)
    return [
        GroupView(by="base", label=f"from {base}" if base else NO_BASE, experiments=tuple(family))
        for base, family in families.items()
    ]


_LABELS: Mapping[str, Callable[[RunView], str]] = {
    "state": lambda run: run.state.value,
    # A run with two tags stands once, so that marks and counts are right.
    "tag": lambda run: " ".join(f"#{tag}" for tag in run.facts.tags) or NO_TAG,
}
_RANKS: Mapping[str, Callable[[str], Any]] = {
    "state": [state.value for state in STATES].index,
    "tag": lambda label: (label == NO_TAG, label),
}


def narrowed(
    experiments: tuple[ExperimentView, ...],
    arrangement: Arrangement,
    takes: Callable[[Facts], bool],
) -> tuple[ExperimentView, ...]:
    """The experiments with the runs that are to be seen; those that lose all their runs go."""
    if not arrangement.filter and not arrangement.hides_finished:
        return experiments
    left = []
    for experiment in experiments:
        runs = tuple(
            run
            for run in experiment.runs
            if takes(run.facts) and not (arrangement.hides_finished and run.state is State.FINISHED)
        )
        if runs or not (experiment.runs or arrangement.filter):
            left.append(replace(experiment, runs=runs))
    return tuple(left)


def in_order(runs: Collection[RunView], order: Order) -> list[RunView]:
    """The runs sorted; those without a value last, whatever the direction."""

    def figure(run: RunView) -> Any:
        return run.facts.figures.get(order.column)

    value_of = _VALUES.get(order.column, figure)
    known = [run for run in runs if value_of(run) is not None]
    unknown = [run for run in runs if value_of(run) is None]
    return [*sorted(known, key=value_of, reverse=not order.is_ascending), *unknown]


_VALUES: Mapping[str, Callable[[RunView], Any]] = {
    "experiment": lambda run: (run.experiment, run.folder.number),
    "state": lambda run: STATES.index(run.state),
    "tries": lambda run: run.facts.figures.get("attempts"),
    "where": lambda run: where(run.facts) or None,
}


def where(facts: Facts) -> str:
    """Where a run runs or ran: the scheduler's job, or else the host."""
    return f"{facts.launcher} {facts.job}" if facts.job else facts.host
