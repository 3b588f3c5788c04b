"""What screens of runs share: runs are resumed and stopped there, and the foot says how it went."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from textual.message import Message

from tui_trainer.errors import TuiTrainerError, told
from tui_trainer.tui import deeds, keys
from tui_trainer.tui.screens.confirm import Confirm
from tui_trainer.tui.screens.help import Help
from tui_trainer.tui.screens.palette import open_palette
from tui_trainer.tui.screens.telling import Telling

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import App

    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.tui.deeds import Deed
    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.keys import Key
    from tui_trainer.tui.operations import Operations
    from tui_trainer.tui.store import Store
    from tui_trainer.tui.views import RunView

# Whoever types goes on within this; whoever has seen that nothing opened does not.
SECONDS_BETWEEN_TYPED = 0.5


class Operated(Message):
    """Something was done to a run, or could not be done."""

    def __init__(
        self,
        words: str,
        *,
        hint: str = "",
        ink: str = "accent",
        ends_launch: bool = False,
        launched: RunFolder | None = None,
        thrown_away: tuple[str, ...] = (),
        brought_back: tuple[tuple[str, ...], tuple[str, ...]] | None = None,
    ) -> None:
        super().__init__()
        self.words = words
        self.hint = hint
        self.ink = ink
        self.ends_launch = ends_launch
        """Whether it is what became of a launch by the list, good or bad."""
        self.launched = launched
        self.thrown_away = thrown_away
        self.brought_back = brought_back
        """Runs that were to come back from the trash, and those of them that are still there."""


def failure(error: TuiTrainerError | OSError, *, ends_launch: bool = False) -> Operated:
    """That it could not be done, and why."""
    said = told(error)
    return Operated(said.message, hint=said.hint, ink="bad", ends_launch=ends_launch)


class Acting(Telling[None]):
    """A screen that does something to runs.

    Args:
        store: What is looked at.
        operations: What is done to runs.
        operating: Held while something is done to a run.
        glyphs: The signs that the terminal can show.
    """

    def __init__(
        self, store: Store, operations: Operations, operating: threading.Lock, glyphs: Glyphs
    ) -> None:
        super().__init__(glyphs)
        self._store = store
        self._operations = operations
        self._operating = operating
        self._is_asking = False
        self._ignores_until = 0.0

    # What a screen says of itself.

    @property
    def _meant(self) -> list[RunView]:
        """The runs that keys act on."""
        raise NotImplementedError

    @property
    def _selected_run(self) -> RunView | None:
        """The run that is looked at."""
        raise NotImplementedError

    @property
    def _selected_experiment(self) -> str:
        """The experiment that is looked at, itself or by a run of it; empty for none."""
        raise NotImplementedError

    def _show_selected(self) -> None:
        """Show what keys act on, and the keys."""
        raise NotImplementedError

    @property
    def _keys_here(self) -> tuple[Key, ...]:
        """The keys that the help lists."""
        raise NotImplementedError

    @property
    def _acting(self) -> tuple[Store, Operations, threading.Lock, Glyphs]:
        """What another screen of runs needs that is opened from here."""
        return self._store, self._operations, self._operating, self._glyphs

    @property
    def _idle_keys(self) -> set[Key]:
        """Those of them that would do nothing now, so that nobody is offered them."""
        return set() if self._shows_one_plot else {keys.NEXT_PLOT}

    @property
    def _is_busy(self) -> bool:
        """Whether what was asked for last is still being done."""
        return self._operating.locked()

    @property
    def _shows_one_plot(self) -> bool:
        # By the app's size: the classes of its breakpoints may come after the first words.
        width, height = self.app.size
        columns, rows = self.app.HORIZONTAL_BREAKPOINTS or [], self.app.VERTICAL_BREAKPOINTS or []
        (wide, _), (tall, _) = columns[-1], rows[-1]
        return width < wide and height < tall

    @property
    def is_current(self) -> bool:
        """Whether any of it is seen, so that it is to be drawn.

        What is drawn below another screen makes Textual send all of that one again: 30 KB a second
        over the page of a live run.
        """
        return super().is_current and not any(
            isinstance(screen, Acting)
            for screen in self.app.screen_stack[self.app.screen_stack.index(self) + 1 :]
        )

    def on_key(self, event: events.Key) -> None:
        """Ignore what is typed into a prompt that did not open: Enter at its end would launch."""
        if event.time < self._ignores_until:
            event.stop()
            self._ignores_until = event.time + SECONDS_BETWEEN_TYPED

    def on_operated(self, message: Operated) -> None:
        """Say how it went."""
        self._say(message.words, message.hint, ink=message.ink)
        self._store.look_soon()

    # What keys do, in the order of the key table.

    def action_resume(self) -> None:
        """Resume the run, or the marked ones."""
        self._do(deeds.resuming(self._operations))

    def action_stop(self) -> None:
        """Stop the run, or the marked ones, after a checkpoint."""
        self._do(deeds.stopping(self._operations))

    def action_stop_now(self) -> None:
        """Stop the run, or the marked ones, at once, if that is meant."""
        self._do(deeds.stopping_now(self._operations))

    def action_theme(self) -> None:
        """Change between dark and light."""
        other = {"trainer-dark": "trainer-light", "trainer-light": "trainer-dark"}
        self.app.theme = other.get(self.app.theme, "trainer-dark")

    def action_help(self) -> None:
        """Show what keys do."""
        self.app.push_screen(Help(self._glyphs, self._keys_here))

    def action_palette(self) -> None:
        """Find anything by its name."""
        offered = [key for key in self._keys_here if key not in self._idle_keys]
        open_palette(self, offered, self._glyphs, self._store.seen)

    def action_leave(self) -> None:
        """End the app; runs go on."""
        self.app.exit(self._store.seen.live)

    # What is done to runs, each in a thread of its own.

    def _may_write(self) -> bool:
        """Whether anything can be done to runs here; where not it is said."""
        place = self._store.seen.read_only
        if place:
            self._say(f"nothing can be changed: {place} is read only for you", ink="warn")
        return not place

    def _do(self, deed: Deed) -> None:
        """Do it to the runs that are meant and can take it; ask first where it says so."""
        if not self._may_write():
            return
        meant = self._meant
        runs = [run for run in meant if deed.is_possible(run)]
        if not meant:
            opens = keys.shown(keys.OPEN)
            self._say(f"there is no run to {deed.verb} here; {opens} launches one")
        elif not runs and len(meant) == 1:
            run = meant[0]
            self._say(f"{run.label} is {run.state.value}; there is nothing to {deed.verb}")
        elif not runs:
            self._say(f"none of the {len(meant)} marked runs is one to {deed.verb}")
        elif question := deed.question_for(runs, self._selected_run):
            left = len(meant) - len(runs)
            others = f" ({left} of the marked ones cannot be.)" if left else ""
            self._ask(question + others, partial(self._do_to, deed, runs))
        else:
            self._do_to(deed, runs)

    def _do_to(self, deed: Deed, runs: Sequence[RunView]) -> None:
        self._operate(deed.doing.format(deeds.named(runs)), partial(self._carry_out, deed, runs))

    def _carry_out(self, deed: Deed, runs: Sequence[RunView]) -> Operated:
        outcome = deeds.carry_out(deed, runs)
        ink = "bad" if outcome.is_bad else "accent"
        gone = tuple(run.folder.run for run in outcome.done) if deed.can_be_undone else ()
        return Operated(outcome.words, hint=outcome.hint, ink=ink, thrown_away=gone)

    def _operate(self, words: str, operation: Callable[[], Operated]) -> bool:
        """Do it, where nothing else is being done; whether it is begun."""
        if not self._may_write():
            return False
        # A key pressed twice must not launch twice.
        if self._is_busy or not self._operating.acquire(blocking=False):
            self._say("one moment: the last thing asked for is still being done")
            return False
        self._work(words, partial(self._finish_in_thread, self.app, operation))
        return True

    def _begin(self, words: str, operation: Callable[[], Operated]) -> None:
        """Do it, after what is still being done."""
        self._work(words, partial(self._wait_in_thread, self.app, operation))

    def _work(self, words: str, work: Callable[[], None]) -> None:
        self._say(f"{words} {self._glyphs.ellipsis}")
        self.app.run_worker(work, thread=True)

    def _wait_in_thread(self, app: App[list[str]], operation: Callable[[], Operated]) -> None:
        self._operating.acquire()
        self._finish_in_thread(app, operation)

    def _finish_in_thread(self, app: App[list[str]], operation: Callable[[], Operated]) -> None:
        """Do it, and let the next thing be done."""
        try:
            outcome = operation()
        except (TuiTrainerError, OSError) as error:
            outcome = failure(error)
        finally:
            self._operating.release()
        self.tell(app, outcome)

    def tell(self, app: App[list[str]], outcome: Operated) -> None:
        """Say how something went, from any thread, also where this screen is closed by now."""
        self._screen_to_tell(app).post_message(outcome)

    def _screen_to_tell(self, app: App[list[str]]) -> Acting:
        """This one, or the one that its user went back to meanwhile."""
        screens = [screen for screen in app.screen_stack if isinstance(screen, Acting)]
        return self if self in screens or not screens else screens[-1]

    # What is asked.

    def _ask(self, question: str, do: Callable[[], None]) -> None:
        def take(answer: bool | None) -> None:  # noqa: FBT001 - Textual passes the answer so
            self._is_asking = False
            self._show_selected()
            if answer:
                do()

        self._is_asking = True
        self._show_selected()
        self.app.push_screen(Confirm(question, self._glyphs), take)

    def _open_nothing(self) -> None:
        """What was to be typed has nowhere to go."""
        self._ignores_until = time.monotonic() + SECONDS_BETWEEN_TYPED
