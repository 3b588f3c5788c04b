"""The queue as rows: who works and who waits, with place, slots, end and cause of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_trainer.record.state import State
from tui_trainer.tui.widgets.bar import bar
from tui_trainer.tui.widgets.cursor_rows import Row
from tui_trainer.tui.widgets.headline import STATE_INKS
from tui_trainer.tui.widgets.line import Line, Span, fit, fit_line, width_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.queue_view import Kind, QueueRow, QueueView

LONGEST_NAME, SHORTEST_NAME = 40, 12
STATE_WIDTH, DONE_WIDTH, PRIORITY_WIDTH = 11, 9, 5
# Beside the name, with what stands between the columns and a few words of the cause.
WIDTH_OF_OTHERS = 50
SLOT_BAR = 10


@dataclass(frozen=True)
class QueueRows:
    """The rows of a queue."""

    queue: QueueView
    marked: Collection[Path]

    def title(self, width: int, glyphs: Glyphs) -> Line:
        """The names of the columns."""
        del glyphs
        name, slots = self._name_width(width), self._slots_width
        priority = f"{'prio':>{PRIORITY_WIDTH}}" if self._has_priorities else ""
        words = f"      {fit('run', name)}  {'state':<{STATE_WIDTH}}  {fit('slots', slots)}"
        return (Span(f"{words}  {'done':<{DONE_WIDTH}}{priority}", "muted"),)

    def rows(self, width: int, glyphs: Glyphs) -> Sequence[Row]:
        """A row for each run."""
        return [Row(row.key, tuple(self._cells(row, width, glyphs))) for row in self.queue.rows]

    def _cells(self, row: QueueRow, width: int, glyphs: Glyphs) -> Iterator[Span]:
        state = row.run.state
        place = "" if row.position is None else str(row.position)
        mark = glyphs.marked if row.key in self.marked else " "
        words = "held" if row.is_held else state.value
        ink = "warn" if row.is_held else STATE_INKS[state]
        yield Span(f"{place:>3}", "muted")
        yield Span(f"{mark} ", "accent")
        yield Span(fit(row.run.label, self._name_width(width), glyphs.ellipsis), "strong")
        yield Span(f"  {glyphs.marks[state]}", ink)
        yield Span(f" {words:<{STATE_WIDTH - 2}}  ")
        yield Span(fit(row.slots, self._slots_width), "muted")
        yield Span(f"  {row.done_at:<{DONE_WIDTH}}")
        if self._has_priorities:
            yield Span(f"{row.priority or '':>{PRIORITY_WIDTH}}", "accent")
        yield Span("  ")
        yield from _about(row, glyphs)

    def _name_width(self, width: int) -> int:
        longest = max((width_of([Span(row.run.label)]) for row in self.queue.rows), default=3)
        return max(SHORTEST_NAME, min(longest, LONGEST_NAME, width - WIDTH_OF_OTHERS))

    @property
    def _slots_width(self) -> int:
        return max([5, *(len(row.slots) for row in self.queue.rows)])

    @property
    def _has_priorities(self) -> bool:
        return any(row.priority for row in self.queue.rows)


def _about(row: QueueRow, glyphs: Glyphs) -> Iterator[Span]:
    """How far it is, or why it waits; and whose it is that is of another project."""
    if row.elsewhere:
        yield Span(f"of {row.elsewhere} {glyphs.dot} ", "accent")
    if row.run.state is State.QUEUED:
        yield Span(row.run.new_in_cause or row.run.cause, "muted")
        return
    yield Span(f"{len(row.run.epochs)}/{row.run.planned_epochs} ", "muted")
    yield from bar(row.run.done_share, SLOT_BAR, glyphs)
    if row.run.new_in_cause:
        yield Span(f"  {row.run.new_in_cause}", "muted")


def slot_lines(slots: Sequence[Kind], width: int, glyphs: Glyphs) -> list[Line]:
    """Who has which slots: a line for those of processors, and one for each GPU."""
    longest = min(24, max((width_of([Span(kind.name)]) for kind in slots), default=0))
    return [fit_line(_slot_line(kind, longest, glyphs), width, glyphs.ellipsis) for kind in slots]


def _slot_line(kind: Kind, longest: int, glyphs: Glyphs) -> Iterator[Span]:
    yield Span(f" {fit(kind.name, longest, glyphs.ellipsis)}  ", "strong")
    yield from bar(kind.taken / max(1, kind.of), SLOT_BAR, glyphs)
    counts = (
        f"{kind.taken} of {kind.of} taken" if kind.of > 1 else "taken" if kind.taken else "free"
    )
    yield Span(f"  {counts}", "muted")
    dot = f" {glyphs.dot} "
    times = (f"{name} {count}" if count > 1 else name for name, count in kind.holders)
    if kind.holders:
        yield Span(f"   {dot.join(times)}")
