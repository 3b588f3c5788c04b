"""What the app shows of the queue, looked at in the store's thread; every text is safe to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.errors import TuiTrainerError, told
from tui_trainer.launch.queue import standing
from tui_trainer.launch.slots import Pool
from tui_trainer.record.plain_text import plain_line
from tui_trainer.record.words import clock
from tui_trainer.study.queue_forecast import outlook
from tui_trainer.tui.queued import all_done, queued, slots_in_words
from tui_trainer.tui.views import run_view

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tui_trainer.launch.queue import Standing
    from tui_trainer.record.index import Run
    from tui_trainer.spec.project import Project
    from tui_trainer.tui.queued import Queued
    from tui_trainer.tui.views import RunView


@dataclass(frozen=True, kw_only=True)
class QueueRow:
    """A run that has slots or waits for some."""

    run: RunView
    position: int | None
    """Among those in line; None for one that is not."""
    waits: bool
    """For slots of this machine; a scheduler's job has no place that anybody could change."""
    is_held: bool
    priority: int
    slots: str
    """What it has or waits for, in words."""
    done_at: str
    """As a time of day; empty where nobody knows."""
    elsewhere: str
    """The folder of its project where that is another one than the app's; empty for this one."""

    @property
    def key(self) -> Path:
        """What the row is found by again."""
        return self.run.folder.path


class Kind(NamedTuple):
    """All slots of one kind, or one GPU."""

    name: str
    taken: int
    of: int
    holders: tuple[tuple[str, int], ...]
    """Who has how many of them."""


@dataclass(frozen=True, kw_only=True)
class QueueView:
    """The queue of this machine at one moment."""

    rows: tuple[QueueRow, ...] = ()
    """Those that work, then those that wait, in their order."""
    slots: tuple[Kind, ...] = ()
    done: str = ""
    """When all is done, in words."""
    fault: str = ""
    """Why nothing can be told."""


class TheQueue:
    """The question that the screen of the queue asks of the store."""

    def __init__(self) -> None:
        self._pool: Pool | None = None

    def answer(self, project: Project, runs: Sequence[Run]) -> QueueView:
        """The queue as it is now."""
        try:
            self._pool = self._pool or Pool.here()
            now = standing(self._pool)
            known = now.with_runs_from_elsewhere(runs)
        except (TuiTrainerError, OSError) as error:
            return QueueView(fault=plain_line(told(error).message))
        ends = outlook(known, now.taken, now.line, now.room)
        rows = tuple(_row(each, project) for each in queued(now, known, ends))
        held = sum(row.is_held for row in rows)
        done = all_done(ends, held) if rows else "nothing runs and nothing waits"
        return QueueView(rows=rows, slots=tuple(_kinds(now)), done=done)


def _row(each: Queued, project: Project) -> QueueRow:
    theirs = each.run.folder.project
    return QueueRow(
        run=run_view(each.run, ()),
        position=each.position,
        waits=each.run.queue is not None,
        is_held=each.is_held,
        priority=each.priority,
        slots=slots_in_words(each.want),
        done_at=clock(each.ends_in),
        elsewhere="" if theirs == project.folder else plain_line(str(theirs)),
    )


def _kinds(now: Standing) -> Iterator[Kind]:
    cpus = [slot for slot in now.slots if slot.size.cpus]
    names = [plain_line(slot.holder.run) for slot in cpus if slot.holder is not None]
    counts = tuple((name, names.count(name)) for name in dict.fromkeys(names))
    yield Kind("CPU slots", len(names), len(cpus), counts)
    for slot in now.slots:
        if slot.size.gpus:
            holder = () if slot.holder is None else ((plain_line(slot.holder.run), 1),)
            yield Kind(plain_line(slot.name), len(holder), 1, holder)
