"""Who has slots and who waits for some, in their order, and what moves them in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.record.words import clock
from tui_trainer.tui.figures import plural

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from tui_trainer.launch.queue import Standing
    from tui_trainer.launch.slots import Want
    from tui_trainer.record.index import Run
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.study.queue_forecast import Outlook


class Queued(NamedTuple):
    """A run that has slots, waits for some, or works without any."""

    run: Run
    position: int | None
    """From 1; None for a run that is not in line: it works, is held, or waits elsewhere."""
    want: Want | None
    """The slots that it has, or waits for."""
    ends_in: float | None
    """Seconds; None where nobody knows."""

    @property
    def is_held(self) -> bool:
        """Whether others go by it."""
        return self.run.queue is not None and self.run.queue.held

    @property
    def priority(self) -> int:
        """Who has more goes first; 0 for a run that does not wait."""
        return 0 if self.run.queue is None else self.run.queue.priority


class Move(NamedTuple):
    """A change of the order."""

    run: RunFolder
    before: RunFolder | None
    """None: behind all others."""


def queued(now: Standing, runs: Mapping[Path, Run], ends: Outlook) -> Iterator[Queued]:
    """Those that have slots, then those that wait in their order.

    Args:
        now: How slots and queue stand.
        runs: From `Standing.with_runs_from_elsewhere`.
        ends: What was predicted of them.
    """
    waiting = {each.folder.path: each for each in now.waiting}
    working = [path for path, run in runs.items() if run.state.is_live and run.queue is None]
    elsewhere = [path for path, run in runs.items() if run.queue is not None]
    positions = {path: position for position, path in enumerate(now.line, 1)}
    for path in dict.fromkeys([*now.taken, *working, *waiting, *elsewhere]):
        if path in runs:
            yield Queued(
                runs[path],
                positions.get(path),
                waiting[path].want if path in waiting else now.taken.get(path),
                ends.expected.ends.get(str(path)),
            )


def slots_in_words(want: Want | None) -> str:
    """`1 CPU, 1 GPU`."""
    if want is None:
        return ""
    counts = ((want.cpus, "CPU"), (want.gpus, "GPU"))
    return ", ".join(f"{count} {kind}" for count, kind in counts if count)


def all_done(ends: Outlook, held: int) -> str:
    """When, by what is known, and what that leaves out."""
    done = ends.expected.all_done
    words = f"all done by {clock(done)}"
    if done is None and ends.expected.ends:
        known = f"not before {clock(ends.expected.at_least)}"
        unknown = f"of {ends.expected.unknown} of {ends.expected.runs} runs no end can be told"
        words = f"all done {known}; {unknown}"
    elif done is None:
        words = "when all is done cannot be told yet: of no run an end is known"
    elif ends.by_wall_time is not None and ends.by_wall_time.all_done is not None:
        words += f"; by {clock(ends.by_wall_time.all_done)} if each takes its whole wall-time"
    are = "is" if held == 1 else "are"
    return words + (f"; without {plural(held, 'run')} that {are} held" if held else "")


def sooner(line: Sequence[RunFolder], moving: Collection[RunFolder]) -> list[Move]:
    """What brings each of these one place up; those that stand together stay so."""
    order, moves = list(line), list[Move]()
    for run in (each for each in line if each in moving):
        place = order.index(run)
        if place and order[place - 1] not in moving:
            moves.append(Move(run, order[place - 1]))
            order[place - 1 : place + 1] = [run, order[place - 1]]
    return moves


def later(line: Sequence[RunFolder], moving: Collection[RunFolder]) -> list[Move]:
    """The same, one place down."""
    order, moves = list(line), list[Move]()
    for run in (each for each in reversed(line) if each in moving):
        place = order.index(run)
        behind = order[place + 1 : place + 3]
        if behind and behind[0] not in moving:
            moves.append(Move(run, behind[1] if len(behind) > 1 else None))
            order[place : place + 2] = [behind[0], run]
    return moves


def first(line: Sequence[RunFolder], moving: Collection[RunFolder]) -> list[Move]:
    """What brings them before all others, in the order that they have among themselves."""
    others = [run for run in line if run not in moving]
    if not others or list(line[: len(moving)]) == [run for run in line if run in moving]:
        return []
    return [Move(run, others[0]) for run in line if run in moving]


def last(line: Sequence[RunFolder], moving: Collection[RunFolder]) -> list[Move]:
    """The same, behind all others."""
    those = [run for run in line if run in moving]
    if list(line[-len(those) :]) == those:
        return []
    return [Move(run, None) for run in those]
