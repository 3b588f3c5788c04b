"""Which runs belong to the points of a study, and how each point stands.

A run belongs to every point that trains what it trained, whatever it is called: their fingerprints
are the same. So the runs of a base count for the studies that vary it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from tui_trainer.record.state import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tui_trainer.record.index import Run
    from tui_trainer.spec.study import Point, Study

Status = Literal["done", "live", "resumable", "missing"]
STATUSES: tuple[Status, ...] = ("done", "live", "resumable", "missing")


class Standing(NamedTuple):
    """A point, and the runs that belong to it."""

    point: Point
    runs: tuple[Run, ...]
    """The newest first."""

    @property
    def run(self) -> Run | None:
        """The run that stands for the point: a finished one, else a live one, else the furthest."""
        finished = (run for run in self.runs if run.state is State.FINISHED)
        live = (run for run in self.runs if run.state.is_live)
        furthest = max(self.runs, key=lambda run: len(run.epochs), default=None)
        return next(finished, None) or next(live, None) or furthest

    @property
    def status(self) -> Status:
        """What is to be done about it: nothing, wait, resume, start."""
        run = self.run
        if run is None:
            return "missing"
        if run.state is State.FINISHED:
            return "done"
        return "live" if run.state.is_live else "resumable"


def standings(study: Study, runs: Iterable[Run]) -> tuple[Standing, ...]:
    """How the points of a study stand, in their order."""
    known = by_fingerprint(runs)
    return tuple(standing(point, known) for point in study.points)


def standing(point: Point, runs: Mapping[str, Sequence[Run]]) -> Standing:
    """How one point stands.

    Args:
        point: The point.
        runs: From `by_fingerprint`.
    """
    return Standing(point, tuple(runs.get(point.experiment.fingerprint, ())))


def by_fingerprint(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Runs by what they train, the newest first."""
    known: dict[str, list[Run]] = {}
    for run in sorted(runs, key=_launched, reverse=True):
        if run.plan is not None:
            known.setdefault(run.plan.fingerprint, []).append(run)
    return known


def counts(standings: Iterable[Standing]) -> dict[Status, int]:
    """How many points stand how."""
    every = [standing.status for standing in standings]
    return {status: every.count(status) for status in STATUSES}


def _launched(run: Run) -> tuple[float, int]:
    launched = run.history.launched
    return (0.0 if launched is None else launched.time, run.folder.number)
