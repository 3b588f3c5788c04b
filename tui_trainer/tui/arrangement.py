"""How the list is arranged: filter, order, marks, folds, what is hidden; and what is left then."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from tui_trainer.record.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from tui_trainer.study.facts import Facts
    from tui_trainer.tui.store import ExperimentView, RowKey, RunView

# What moves and what needs a person first; what is done last.
STATES = (
    *(State.RUNNING, State.EVALUATING, State.PREFLIGHT, State.STOPPING, State.STALLED),
    *(State.CRASHED, State.FAILED, State.LOST, State.INTERRUPTED),
    *(State.QUEUED, State.STOPPED, State.FINISHED),
)
SORTABLE = (
    *("experiment", "state", "epoch", "val", "test", "ood", "gap"),
    *("best", "eta", "tries", "where"),
)
"""The columns that runs can be sorted by, whether or not the terminal has room for them."""
# What is better, or nearer, when it is smaller; of all other figures the largest comes first.
SMALLEST_FIRST = ("experiment", "state", "gap", "eta", "where")


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
