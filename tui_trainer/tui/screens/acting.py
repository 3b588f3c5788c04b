"""What screens of runs share: runs are resumed and stopped there, and its foot says how it went."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.message import Message
from textual.screen import Screen

from tui_trainer.errors import TuiTrainerError
from tui_trainer.record.plain_text import plain_line
from tui_trainer.tui.screens.confirm import Confirm
from tui_trainer.tui.screens.help import Help
from tui_trainer.tui.widgets.line import Line, Span
from tui_trainer.tui.widgets.words import Words

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from textual.app import App
    from textual.timer import Timer

    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.keys import Key
    from tui_trainer.tui.operations import Operations
    from tui_trainer.tui.store import RunView, Store

NOTICE_SECONDS, ERROR_SECONDS = 5.0, 15.0
LINES_OF_ERROR = 3


class Operated(Message):
    """Something was done to a run, or could not be done."""

    def __init__(
        self,
        words: str,
        *,
        hint: str = "",
        ink: str = "accent",
        launched: RunFolder | None = None,
    ) -> None:
        super().__init__()
        self.words = words
        self.hint = hint
        self.ink = ink
        self.launched = launched


class Acting(Screen[None]):
    """A screen that does something to runs; it has `Words` called `notice` above its keys.

    Args:
        store: What is looked at.
        operations: What is done to runs.
        operating: Held while something is done to a run.
        glyphs: The signs that the terminal can show.
    """

    def __init__(
        self, store: Store, operations: Operations, operating: threading.Lock, glyphs: Glyphs
    ) -> None:
        super().__init__()
        self._store = store
        self._operations = operations
        self._operating = operating
        self._glyphs = glyphs
        self._is_asking = False
        self._notice_timer: Timer | None = None

    # What a screen says of itself.

    def _run_to(self, verb: str) -> RunView | None:
        """The run that keys act on; where there is none, that is said."""
        raise NotImplementedError

    def _show_selected(self) -> None:
        """Show what keys act on, and the keys."""
        raise NotImplementedError

    def _keys_here(self) -> tuple[Key, ...]:
        """The keys that the help lists."""
        raise NotImplementedError

    @property
    def _is_busy(self) -> bool:
        """Whether what was asked for last is still being done."""
        return self._operating.locked()

    @property
    def _shows_one_plot(self) -> bool:
        return self.has_class("-narrow") and not self.has_class("-tall")

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

    def on_operated(self, message: Operated) -> None:
        """Say how it went."""
        self._say(message.words, message.hint, ink=message.ink)
        self._store.look_soon()

    # What keys do, in the order of the key table.

    def action_resume(self) -> None:
        """Resume the run."""
        run = self._run_to("resume")
        if run is None:
            return
        if not run.state.is_resumable:
            self._say(f"{run.label} is {run.state.value}; there is nothing to resume")
            return
        self._operate(f"resuming {run.label}", partial(self._resume, run))

    def action_stop(self) -> None:
        """Stop the run after a checkpoint."""
        run = self._live_run()
        if run is not None:
            self._operate(f"stopping {run.label}", partial(self._stop, run, at_once=False))

    def action_stop_now(self) -> None:
        """Stop the run at once, if that is meant."""
        run = self._live_run()
        if run is None:
            return
        question = f"Stop {run.label} now? The steps since its last checkpoint are lost."
        stop = partial(self._stop, run, at_once=True)
        self._ask(question, partial(self._operate, f"stopping {run.label} now", stop))

    def action_theme(self) -> None:
        """Change between dark and light."""
        other = {"trainer-dark": "trainer-light", "trainer-light": "trainer-dark"}
        self.app.theme = other.get(self.app.theme, "trainer-dark")

    def action_help(self) -> None:
        """Show what keys do."""
        self.app.push_screen(Help(self._glyphs, self._keys_here()))

    def action_leave(self) -> None:
        """End the app; runs go on."""
        self.app.exit([run.label for run in self._store.seen.runs if run.state.is_live])

    # What is done to runs, each in a thread of its own.

    def _live_run(self) -> RunView | None:
        run = self._run_to("stop")
        if run is not None and not run.state.is_live:
            self._say(f"{run.label} is {run.state.value}; there is nothing to stop")
            return None
        return run

    def _resume(self, run: RunView) -> Operated:
        self._operations.resume(run.folder)
        return Operated(f"resumed {run.label}")

    def _stop(self, run: RunView, *, at_once: bool) -> Operated:
        self._operations.stop(run.folder, at_once=at_once)
        how = "at once" if at_once else "after a checkpoint"
        return Operated(f"asked {run.label} to stop {how}")

    def _operate(self, words: str, operation: Callable[[], Operated]) -> None:
        # A key pressed twice must not launch twice.
        if self._is_busy:
            self._say("one moment: the last thing asked for is still being done")
            return
        self._say(f"{words} {self._glyphs.ellipsis}")
        work = partial(self._operate_in_thread, self.app, operation)
        self.app.run_worker(work, thread=True)

    def _operate_in_thread(self, app: App[list[str]], operation: Callable[[], Operated]) -> None:
        with self._operating:
            try:
                outcome = operation()
            except TuiTrainerError as error:
                outcome = Operated(error.message, hint=error.hint, ink="bad")
            except OSError as error:
                outcome = Operated(str(error), ink="bad")
        self._screen_to_tell(app).post_message(outcome)

    def _screen_to_tell(self, app: App[list[str]]) -> Acting:
        """This one, or the one that its user went back to meanwhile."""
        screens = [screen for screen in app.screen_stack if isinstance(screen, Acting)]
        return self if self in screens or not screens else screens[-1]

    # What is said and asked.

    def _ask(self, question: str, do: Callable[[], None]) -> None:
        def take(answer: bool | None) -> None:  # noqa: FBT001 - Textual passes the answer so
            self._is_asking = False
            self._show_selected()
            if answer:
                do()

        self._is_asking = True
        self._show_selected()
        self.app.push_screen(Confirm(question, self._glyphs), take)

    def _say(self, words: str, hint: str = "", *, ink: str = "accent") -> None:
        mark = self._glyphs.invalid if ink == "bad" else self._glyphs.dot
        lines: list[Line] = [
            (Span(f" {mark} ", ink), Span(plain_line(line)))
            for line in words.splitlines()[:LINES_OF_ERROR]
        ]
        if hint:
            lines.append((Span(f"   {plain_line(hint)}", "muted"),))
        self.query_one("#notice", Words).show(lines)
        self.add_class("-notice")
        if self._notice_timer is not None:
            self._notice_timer.stop()
        seconds = ERROR_SECONDS if ink == "bad" else NOTICE_SECONDS
        self._notice_timer = self.set_timer(seconds, self._say_nothing)

    def _say_nothing(self) -> None:
        self.query_one("#notice", Words).show([])
        self.remove_class("-notice")
