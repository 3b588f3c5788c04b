"""The queue as people see and change it: who waits, in which order, and who has the slots."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.errors import TuiTrainerError, UsageError
from tui_trainer.launch.slots import Pool, Slot, Want
from tui_trainer.launch.tickets import tickets
from tui_trainer.record.index import Index, RunReader, look_until_sure
from tui_trainer.record.place import Place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tui_trainer.record.index import Run
    from tui_trainer.record.run_folder import RunFolder

# Ranks count nanoseconds; so far apart there is room for others in between.
STEP = 1_000_000_000


class Waiting(NamedTuple):
    """A run that waits on this machine, of whatever project."""

    folder: RunFolder
    place: Place
    want: Want


class Standing(NamedTuple):
    """The queue of a machine at one moment."""

    slots: tuple[Slot, ...]
    waiting: tuple[Waiting, ...]
    """In the order in which they get their slots."""

    @property
    def taken(self) -> dict[Path, Want]:
        """What each run that has slots has of them."""
        sums: dict[Path, Want] = {}
        for slot in self.slots:
            if slot.holder is not None:
                had = sums.get(slot.holder.path, Want(0, 0))
                size = slot.size
                sums[slot.holder.path] = Want(had.cpus + size.cpus, had.gpus + size.gpus)
        return sums

    @property
    def line(self) -> dict[Path, Want]:
        """Those that are not held, in their order, each with what it waits for."""
        return {each.folder.path: each.want for each in self.waiting if not each.place.held}

    def with_runs_from_elsewhere(self, runs: Sequence[Run]) -> dict[Path, Run]:
        """These runs, and those of other projects that have slots here or wait for some."""
        known = {run.folder.path: run for run in runs}
        holders = [slot.holder for slot in self.slots if slot.holder is not None]
        for folder in (*holders, *(each.folder for each in self.waiting)):
            if folder.path not in known and folder.path.is_dir():
                known[folder.path] = RunReader(folder).look()
        return known

    @property
    def room(self) -> Want:
        """All that there is."""
        cpus, gpus = (sum(slot.size[kind] for slot in self.slots) for kind in (0, 1))
        return Want(cpus, gpus)


def standing(pool: Pool) -> Standing:
    """The queue as it is now."""
    return Standing(tuple(pool.slots()), tuple(waiting(pool)))


def waiting(pool: Pool) -> list[Waiting]:
    """All that wait for slots of a pool, in the order in which they get them."""
    return [
        Waiting(ticket.folder(), ticket.place, ticket.want())
        for ticket in tickets(pool)
        if ticket.is_of_the_living()
    ]


def hold(folder: RunFolder) -> None:
    """Let others go by a run that waits.

    Raises:
        UsageError: It does not wait.
    """
    replace(_place(folder), held=True).write(folder.queue_file)


def release(folder: RunFolder) -> None:
    """Let a run that was held go on, at the place that it had.

    Raises:
        UsageError: It does not wait.
    """
    replace(_place(folder), held=False).write(folder.queue_file)


def prioritise(folder: RunFolder, priority: int) -> None:
    """Give a run that waits a priority: who has more goes first.

    Raises:
        UsageError: It does not wait.
    """
    replace(_place(folder), priority=priority).write(folder.queue_file)


def move_first(folder: RunFolder) -> None:
    """Let a run that waits go before all others.

    Raises:
        UsageError: It does not wait.
    """
    own, others = _place(folder), _others(folder)
    priority = max([own.priority, *(place.priority for place in others.values())])
    ranks = [place.rank for place in others.values() if place.priority == priority]
    rank = min([own.rank, *(rank - STEP for rank in ranks)])
    replace(own, priority=priority, rank=rank).write(folder.queue_file)


def move_last(folder: RunFolder) -> None:
    """Let all others go before a run that waits.

    Raises:
        UsageError: It does not wait.
    """
    own, others = _place(folder), _others(folder)
    priority = min([own.priority, *(place.priority for place in others.values())])
    ranks = [place.rank for place in others.values() if place.priority == priority]
    rank = max([own.rank, *(rank + STEP for rank in ranks)])
    replace(own, priority=priority, rank=rank).write(folder.queue_file)


def move_before(folder: RunFolder, other: RunFolder) -> None:
    """Let a run that waits go right before another one; it takes on that one's priority.

    Raises:
        UsageError: One of them does not wait, or both are the same.
    """
    if folder == other:
        raise UsageError(f"{folder.run} cannot go before itself", hint="name another run")
    own, after = _place(folder), _place(other)
    ahead = [
        (place.rank, each)
        for each, place in _others(folder).items()
        if place.priority == after.priority and place.rank <= after.rank and each != other
    ]
    ahead.sort(key=lambda entry: (entry[0], entry[1].path))
    rank = (ahead[-1][0] + after.rank) // 2 if ahead else after.rank - STEP
    if ahead and not ahead[-1][0] < rank < after.rank:
        rank = after.rank - STEP
        for steps, (_, each) in enumerate(reversed(ahead), 2):
            moved = replace(Place.read(each.queue_file), rank=after.rank - steps * STEP)
            moved.write(each.queue_file)
    replace(own, priority=after.priority, rank=rank).write(folder.queue_file)


def _others(folder: RunFolder) -> dict[RunFolder, Place]:
    """The places of all others that wait: in this project, and on this machine."""
    known = {run.folder: run.queue for run in Index(folder.runs).look() if run.queue is not None}
    with contextlib.suppress(TuiTrainerError, OSError):
        known |= {each.folder: _wanted(each) for each in waiting(Pool.here())}
    return {each: place for each, place in known.items() if each.path != folder.path}


def _wanted(each: Waiting) -> Place:
    """Where it was put last: its ticket follows within a second, in which others are moved, too."""
    file = each.folder.queue_file
    return Place.read(file) if file.is_file() else each.place


def _place(folder: RunFolder) -> Place:
    run = look_until_sure([RunReader(folder)])[0]
    if run.queue is None:
        raise UsageError(
            f"{run.name} is {run.state.value}; it does not wait in the queue",
            hint="who waits: tui-trainer queue",
        )
    return run.queue
