"""The queue: who has slots and who waits, in their order, and what is done to those that wait."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from tui_trainer.launch import queue
from tui_trainer.record.place import MOST_PRIORITY
from tui_trainer.tui import deeds, figures, keys
from tui_trainer.tui.queue_view import QueueView, TheQueue
from tui_trainer.tui.queued import Move, first, last, later, sooner
from tui_trainer.tui.screens.acting import Acting, Operated
from tui_trainer.tui.screens.ask import Ask
from tui_trainer.tui.screens.run import RunPage
from tui_trainer.tui.screens.scrolling import Scrolling
from tui_trainer.tui.widgets.cursor_rows import CursorRows
from tui_trainer.tui.widgets.key_bar import KeyBar, Offer
from tui_trainer.tui.widgets.line import Span, wrap
from tui_trainer.tui.widgets.queue_rows import QueueRows, slot_lines
from tui_trainer.tui.widgets.rule import Rule
from tui_trainer.tui.widgets.words import Words

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.operations import Operations
    from tui_trainer.tui.queue_view import QueueRow
    from tui_trainer.tui.store import Answered, Store
    from tui_trainer.tui.views import RunView

# Those of runs that wait first; a narrow foot leaves the others out.
FOOTER = (
    *(keys.CLOSE_QUEUE, keys.HOLD, keys.RELEASE, keys.SOONER, keys.LATER_ON, keys.FIRST),
    *(keys.LAST, keys.PRIORITY, keys.HELP, keys.STOP, keys.SHOW_RUN, keys.MARK),
)
# Narrower, the cause of the selected run is told below the rows.
WIDTH_FOR_CAUSES = 100


class Queue(Scrolling, Acting):
    """Shows the queue of this machine, whoever's project a run is of.

    Args:
        store: What is looked at.
        operations: What is done to runs.
        operating: Held while something is done to a run.
        glyphs: The signs that the terminal can show.
        marked: Runs that are marked already, by their folders.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.QUEUE_KEYS)]

    def __init__(
        self,
        store: Store,
        operations: Operations,
        operating: threading.Lock,
        glyphs: Glyphs,
        marked: Collection[Path] = (),
    ) -> None:
        super().__init__(store, operations, operating, glyphs)
        self._queue = QueueView()
        self._marks = frozenset(marked)

    def compose(self) -> ComposeResult:
        """The rows, and the slots below them."""
        glyphs = self._glyphs
        yield Rule(glyphs, widget_id="above-queue")
        yield Words(glyphs, widget_id="said-of-queue")
        yield CursorRows(glyphs)
        yield Words(glyphs, widget_id="cause")
        yield Rule(glyphs, widget_id="above-slots")
        yield Words(glyphs, widget_id="slots")
        yield Words(glyphs, widget_id="notice")
        yield KeyBar(glyphs)

    def on_mount(self) -> None:
        """Begin to look."""
        self.query_one("#above-queue", Rule).show("queue", f"looking {self._glyphs.ellipsis}")
        self.query_one("#above-slots", Rule).show("slots of this machine", "")
        self._store.ask(TheQueue(), self.post_message)

    def on_unmount(self) -> None:
        """Look no more."""
        self._store.ask_no_more(self.post_message)

    def on_answered(self, message: Answered) -> None:
        """Show what the store saw."""
        if isinstance(message.answer, QueueView):
            self._queue = message.answer
            self._show_selected()

    def on_resize(self) -> None:
        """What has room decides what is cut."""
        self._show_selected()

    def on_cursor_rows_moved(self) -> None:
        """Other keys do something."""
        self._show_keys()

    # What keys do, in the order of the key table.

    def action_close(self) -> None:
        """Back to where one was."""
        self.dismiss()

    def action_open(self) -> None:
        """The page of the run, which is of this project."""
        row = self._row
        if row is None:
            return
        if row.elsewhere:
            self._say(f"{row.run.label} is of another project: tui-trainer in {row.elsewhere}")
            return
        self.app.push_screen(RunPage(*self._acting, row.run))

    def action_hold(self) -> None:
        """Let all others go by."""
        self._do(_deed("hold", "held {}", queue.hold, self._line))

    def action_release(self) -> None:
        """Let them go on."""
        self._do(_deed("release", "released {}", queue.release, self._line))

    def action_sooner(self) -> None:
        """One place up."""
        self._move(sooner(self._line, self._waiting_meant), "stands at the top already")

    def action_later(self) -> None:
        """One place down."""
        self._move(later(self._line, self._waiting_meant), "stands at the end already")

    def action_first(self) -> None:
        """Before all others."""
        self._move(first(self._line, self._waiting_meant), "stands at the top already")

    def action_last(self) -> None:
        """Behind all others."""
        self._move(last(self._line, self._waiting_meant), "stands at the end already")

    def action_priority(self) -> None:
        """Ask for a priority."""
        line = self._line
        runs = [run for run in self._meant if run.folder in line]
        if not runs or not self._may_write():
            self._open_nothing()
            self._say("only a run that waits has a priority")
            return
        hint = "a whole number; who has more goes first, a launch gives 0"
        ask = Ask(f"priority of {deeds.named(runs)}:", hint, self._glyphs, _fault_of_priority)
        self.app.push_screen(ask, self._prioritise)

    def action_mark(self) -> None:
        """Mark the run, or take its mark back."""
        row = self._row
        if row is not None:
            self._marks ^= {row.key}
            self._show_selected()
            self._scrolled.move(1)

    def action_unmark(self) -> None:
        """Take all marks away."""
        self._marks = frozenset()
        self._show_selected()

    # What keys act on.

    @property
    def _scrolled(self) -> CursorRows:
        return self.query_one(CursorRows)

    @property
    def _row(self) -> QueueRow | None:
        key = self._scrolled.selected
        return next((row for row in self._queue.rows if row.key == key), None)

    @property
    def _meant(self) -> list[RunView]:
        """The marked runs of the queue in its order, or else the selected one."""
        marked = [row.run for row in self._queue.rows if row.key in self._marks]
        return marked or ([] if self._row is None else [self._row.run])

    @property
    def _selected_run(self) -> RunView | None:
        return None if self._row is None else self._row.run

    @property
    def _selected_experiment(self) -> str:
        return "" if self._row is None else self._row.run.experiment

    @property
    def _line(self) -> list[RunFolder]:
        """All that wait for slots of this machine, held ones at their places among them."""
        return [row.run.folder for row in self._queue.rows if row.waits]

    @property
    def _waiting_meant(self) -> list[RunFolder]:
        line = set(self._line)
        return [run.folder for run in self._meant if run.folder in line]

    @property
    def _keys_here(self) -> tuple[keys.Key, ...]:
        return keys.QUEUE_KEYS

    @property
    def _idle_keys(self) -> set[keys.Key]:
        waits = {keys.HOLD, keys.RELEASE, keys.SOONER, keys.LATER_ON}
        waits |= {keys.FIRST, keys.LAST, keys.PRIORITY}
        idle = set() if self._waiting_meant else waits
        return idle if self._marks else idle | {keys.UNMARK}

    # What is done.

    def _move(self, moves: Sequence[Move], why_none: str) -> None:
        if moves:
            self._operate("moving", partial(_carry_out, moves))
        elif not self._waiting_meant:
            self._say("only a run that waits has a place")
        else:
            self._say(f"{deeds.named(self._meant)} {why_none}")

    def _prioritise(self, words: str | None) -> None:
        if words:
            value = int(words)
            done = f"{{}}: priority {value}"
            do = partial(queue.prioritise, priority=value)
            self._do(_deed("give a priority to", done, do, self._line))

    # What is shown.

    def _show_selected(self) -> None:
        view = self._queue
        waits = len(self._line)
        self.query_one("#above-queue", Rule).show("queue", f"{waits} waiting" if waits else "")
        said = wrap(view.fault or view.done, self.size.width - 2)
        ink = "bad" if view.fault else ""
        self.query_one("#said-of-queue", Words).show([(Span(f" {each}", ink),) for each in said])
        self._scrolled.show(QueueRows(view, self._marks))
        self.query_one("#slots", Words).show(slot_lines(view.slots, self.size.width, self._glyphs))
        self._show_keys()

    def _show_keys(self) -> None:
        idle = self._idle_keys
        offers = [Offer(keys.shown(key), key.short, key not in idle) for key in FOOTER]
        self.query_one(KeyBar).show(offers)
        is_cut = self.size.width < WIDTH_FOR_CAUSES
        cause = self._row.run.cause if is_cut and self._row is not None else ""
        lines = [(Span(f" {each}", "muted"),) for each in wrap(cause, self.size.width - 2)]
        self.query_one("#cause", Words).show(lines)


def _deed(
    verb: str, done: str, do: Callable[[RunFolder], None], line: Sequence[RunFolder]
) -> deeds.Deed:
    """Something that is done to runs that wait; nothing is asked: it is taken back as easily."""
    return deeds.Deed(
        verb=verb,
        doing=f"{verb}: {{}}",
        done=done,
        question="",
        is_possible=lambda run: run.folder in line,
        do=lambda run: do(run.folder),
    )


def _carry_out(moves: Sequence[Move]) -> Operated:
    for run, before in moves:
        if before is None:
            queue.move_last(run)
        else:
            queue.move_before(run, before)
    names = moves[0].run.run if len(moves) == 1 else figures.plural(len(moves), "run")
    return Operated(f"{names} moved")


def _fault_of_priority(words: str) -> str:
    try:
        value = int(words)
    except ValueError:
        return "a priority is a whole number"
    if abs(value) > MOST_PRIORITY:
        return f"a priority is between -{MOST_PRIORITY} and {MOST_PRIORITY}"
    return ""
