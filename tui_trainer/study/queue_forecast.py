"""When the runs of a queue will be done: plays the queue through with what each will take."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.record.state import State
from tui_trainer.study.forecast import Predictor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from tui_trainer.record.index import Run


class Job(NamedTuple):
    """A run that has slots, or waits for some."""

    name: str
    """Which no other of them has."""
    seconds: float | None
    """What it still takes of its slots; None where nobody knows."""
    cpus: int
    gpus: int


class Forecast(NamedTuple):
    """What comes of it, in seconds from now."""

    ends: Mapping[str, float]
    """Of each run whose end can be told."""
    all_done: float | None
    """None where that of some run cannot."""
    runs: int
    """Of how many it is told."""

    @property
    def unknown(self) -> int:
        """Of how many no end can be told."""
        return self.runs - len(self.ends)

    @property
    def at_least(self) -> float:
        """When those are done whose end can be told."""
        return max(self.ends.values(), default=0.0)


def forecast(running: Sequence[Job], waiting: Sequence[Job], cpus: int, gpus: int) -> Forecast:
    """Let every run begin as soon as the queue would let it, and end after its time.

    Args:
        running: Those that have their slots.
        waiting: Those that wait, in their order; none that is held.
        cpus: CPU slots that there are, taken ones among them.
        gpus: GPUs that there are.
    """
    line, ends = list(waiting), dict[str, float]()
    free = {"cpu": cpus, "gpu": gpus}
    at_work = list[tuple[float, str, Job]]()
    for job in running:
        _begin(job, 0.0, free, at_work)
    now = 0.0
    while True:
        for job in _next_ones(line, free):
            line.remove(job)
            _begin(job, now, free, at_work)
        if not at_work:
            break
        now, name, job = heapq.heappop(at_work)
        ends[name] = now
        free["cpu"] += job.cpus
        free["gpu"] += job.gpus
    told = Forecast(ends, None, len(running) + len(waiting))
    return told if told.unknown else told._replace(all_done=told.at_least)


class Outlook(NamedTuple):
    """When the runs of a queue will be done."""

    expected: Forecast
    by_wall_time: Forecast | None
    """If each takes the whole of its wall-time; None where none of them has one."""


def outlook(
    runs: Mapping[Path, Run],
    taken: Mapping[Path, tuple[int, int]],
    line: Mapping[Path, tuple[int, int]],
    room: tuple[int, int],
    to_come: Sequence[Job] = (),
) -> Outlook:
    """Play the queue through; who lives and has no slots of it is in nobody's way.

    Args:
        runs: Of whatever state, by their folders.
        taken: The CPU slots and the GPUs that runs have, by their folders.
        line: Those that the others wait for, in their order; none that is held.
        room: The CPU slots and the GPUs that there are.
        to_come: What would be launched now, behind all others.
    """
    predictor = Predictor(runs.values())
    live = {path: run for path, run in runs.items() if run.state.is_live and not _is_held(run)}

    def expected(run: Run) -> float | None:
        if run.state is State.STALLED:  # nothing says that it goes on
            return None
        alike = None if run.plan is None else predictor.seconds(run.plan)
        left = seconds_left(run, alike or seconds_of_experiment(run, runs.values()))
        return wall_seconds(run) if left is None else left

    def played(seconds: Callable[[Run], float | None]) -> Forecast:
        # What waits elsewhere, or is not in line yet, has an end that nobody knows.
        at_work = [
            Job(str(path), None if run.queue else seconds(run), *taken.get(path, (0, 0)))
            for path, run in live.items()
            if path not in line
        ]
        waiting = [
            Job(str(path), seconds(runs[path]) if path in runs else None, *want)
            for path, want in line.items()
        ]
        return forecast(at_work, [*waiting, *to_come], *room)

    if not any(map(wall_seconds, live.values())):
        return Outlook(played(expected), None)
    return Outlook(played(expected), played(lambda run: wall_seconds(run) or expected(run)))


def seconds_left(run: Run, whole: float | None) -> float | None:
    """What a run still takes: by its own epochs, or else as a part of what such runs take."""
    if run.state is State.STALLED:
        return None
    if run.eta_seconds is not None:
        return run.eta_seconds
    return None if whole is None else whole * (1.0 - run.share_done)


def seconds_of_experiment(run: Run, runs: Iterable[Run]) -> float | None:
    """What its epochs will take, by those of its experiment's newest, with whatever changes."""
    name = run.folder.experiment_name
    trained = [each for each in runs if each.epochs and each.folder.experiment_name == name]
    if not trained:
        return None
    newest = max(trained, key=lambda each: each.epochs[-1].time or 0.0)
    per_epoch = sum(epoch.seconds or 0.0 for epoch in newest.epochs) / len(newest.epochs)
    return per_epoch * run.planned_epochs


def wall_seconds(run: Run) -> float | None:
    """The wall-time that its experiment grants an attempt; None where it says none."""
    walltime = run.plan and run.plan.settings.get("resources.walltime")
    try:
        hours, minutes, seconds = map(int, str(walltime).split(":"))
    except ValueError:
        return None
    return 3600.0 * hours + 60.0 * minutes + seconds


def _is_held(run: Run) -> bool:
    return run.queue is not None and run.queue.held


def _begin(
    job: Job, now: float, free: dict[str, int], at_work: list[tuple[float, str, Job]]
) -> None:
    free["cpu"] -= job.cpus
    free["gpu"] -= job.gpus
    if job.seconds is not None:  # the others are never seen to end
        heapq.heappush(at_work, (now + job.seconds, job.name, job))


def _next_ones(line: Sequence[Job], free: Mapping[str, int]) -> list[Job]:
    """Who begins now: of each kind of slot the first ones, as far as there are enough."""
    left, stopped, found = dict(free), set[str](), list[Job]()
    for job in line:
        if not any(count for kind, count in left.items() if kind not in stopped):
            break
        wants = {kind: count for kind, count in (("cpu", job.cpus), ("gpu", job.gpus)) if count}
        if stopped.isdisjoint(wants) and all(left[kind] >= count for kind, count in wants.items()):
            for kind, count in wants.items():
                left[kind] -= count
            found.append(job)
        else:
            stopped |= set(wants)
    return found
