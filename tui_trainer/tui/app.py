"""The app: theme, first screen, and an end that leaves the runs alone."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from functools import lru_cache, partial
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.app import App
from textual.filter import LineFilter
from textual.theme import Theme

from tui_trainer.launch import launcher
from tui_trainer.tui import keys, notices
from tui_trainer.tui.changed_cells import TerminalCells
from tui_trainer.tui.glyphs import ASCII, UNICODE
from tui_trainer.tui.memory import Memory
from tui_trainer.tui.screens.home import Home
from tui_trainer.tui.store import Store
from tui_trainer.tui.terminal import (
    EndBySignal,
    end_with_terminal,
    is_in_browser,
    terminal_is_light,
    terminal_speaks_unicode,
)
from tui_trainer.tui.widgets.line_view import INKS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import RenderableType
    from rich.style import Style
    from textual.binding import BindingType
    from textual.color import Color
    from textual.screen import Screen

    from tui_trainer.tui.operations import Operations
    from tui_trainer.tui.store import ViewChanged
    from tui_trainer.tui.views import View
    from tui_trainer.tui.widgets.key_bar import KeyBar

# Long enough for the first frame to be drawn, short enough for nobody to have pressed a key.
SECONDS_TO_OTHER_SCREENS = 0.3
# The three curves differ in hue, and most where their kind of colour vision confuses others
# (CIELAB distance of 37 and more, by Machado et al., 2009); the accent is also validation's
# colour, the curve that decides.
DARK = Theme(
    name="trainer-dark",
    primary="#56c2c6",
    accent="#56c2c6",
    success="#86b56b",
    warning="#e2b25f",
    error="#ec7772",
    foreground="#cdd4da",
    background="#11161a",
    surface="#11161a",
    panel="#1d272e",
    dark=True,
    variables={"muted": "#82909b", "faint": "#3d4a54", "train": "#d0945c", "ood": "#9a7fe8"},
)
LIGHT = Theme(
    name="trainer-light",
    primary="#0b7480",
    accent="#0b7480",
    success="#3d7a2c",
    warning="#8f5d00",
    error="#b3261e",
    foreground="#20272d",
    background="#fbfaf7",
    surface="#fbfaf7",
    panel="#e6ecec",
    dark=False,
    variables={"muted": "#65717b", "faint": "#b9c1c6", "train": "#b0570e", "ood": "#6a35b0"},
)


class WithoutColours(LineFilter):
    """Leaves a terminal its own two colours; Textual's filter for NO_COLOR would send greys."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Bold, dim and reversed as they were."""
        del background
        return [
            Segment(text, None if style is None else _without_colours(style), control)
            for text, style, control in segments
        ]


@lru_cache(maxsize=1024)
def _without_colours(style: Style) -> Style:
    return style.without_color


class TrainerApp(App[list[str]]):
    """Shows the project in or above `folder`; its result is the runs that go on.

    Args:
        folder: Where to look for experiments.toml.
        operations: What launches, resumes and stops runs; the launcher where left out.
        bell: Whether the terminal is told when a run ends.
    """

    CSS_PATH = "tui.tcss"
    TITLE = "tui-trainer"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = []
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"ink--{ink}" for ink in INKS}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - so in Textual
    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-medium"), (32, "-tall")]  # noqa: RUF012

    def __init__(
        self, folder: Path, operations: Operations = launcher, *, bell: bool = True
    ) -> None:
        super().__init__()
        self._rings = bell
        self._seen: View | None = None
        self._cells = TerminalCells()
        self.operating = threading.Lock()
        self._folder = folder
        self._operations = operations
        if "TEXTUAL_ANIMATIONS" not in os.environ:
            self.animation_level = "none"  # each step of an animation is bytes over SSH
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = (LIGHT if terminal_is_light() else DARK).name

    def on_mount(self) -> None:
        """Show the first screen."""
        glyphs = UNICODE if terminal_speaks_unicode() else ASCII
        store, memory = Store(self._folder), Memory(self._folder)
        self.app_resume_signal.subscribe(self, lambda _: self._cells.forget())
        self.push_screen(Home(store, memory, self._operations, self.operating, glyphs))
        import_them = partial(self.run_worker, _import_other_screens, thread=True)
        self.set_timer(SECONDS_TO_OTHER_SCREENS, import_them)

    def on_resize(self) -> None:
        """A terminal may have moved or lost what stood on it."""
        self._cells.forget()

    def on_view_changed(self, message: ViewChanged) -> None:
        """Tell the terminal, whichever screen is shown, of runs that came to their end."""
        over, self._seen = notices.ended(self._seen, message.view), message.view
        if over and self._rings:
            self.bell()
            self._send(notices.notification(notices.words(over)))

    def on_key_bar_pressed(self, message: KeyBar.Pressed) -> None:
        """A key of the foot that was clicked is as if it had been typed."""
        self.simulate_key(keys.pressed(message.key))

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What everything that is drawn goes through."""
        return (WithoutColours(),) if self.no_color else super().get_line_filters()

    @property
    def live(self) -> list[str]:
        """The names of runs that go on, as far as any were seen."""
        return [] if self._seen is None else self._seen.live

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        super()._display(screen, self._cells.only_changes(renderable))

    def _send(self, sequence: str) -> None:
        if sequence and self._driver is not None:
            self._driver.write(sequence)  # in turn with what is drawn


def run_app(folder: Path, *, mouse: bool = True, bell: bool = True) -> None:
    """Show the project in or above `folder` until the user leaves.

    Args:
        folder: Where to look for experiments.toml.
        mouse: Whether to take the mouse, which a terminal then no longer copies text with.
        bell: Whether the terminal is told when a run ends.

    Raises:
        SystemExit: the app crashed; its traceback is on the terminal.
    """
    app = TrainerApp(folder, bell=bell)
    end_with_terminal(app.operating)
    number = asyncio.run(_show_until_left(app, mouse=mouse))
    if app.return_code or number:
        raise SystemExit(app.return_code or 128 + number)


def _import_other_screens() -> None:
    """What keys open: the first frame does not wait for it, and the first key need not either."""
    from tui_trainer.tui.screens import (  # noqa: F401
        compare,
        launch,
        new,
        queue,
        run,
        samples,
        scores,
        study,
    )


async def _show_until_left(app: TrainerApp, *, mouse: bool) -> int:
    """Show the app; the signal that ended it, or 0.

    What goes on is said before threads are waited for: a disk may keep them for long.
    """
    loop = asyncio.get_running_loop()
    if is_in_browser():  # where Textual's driver takes the signals
        await app.run_async(mouse=mouse)
        sys.stdout.write(_last_words(app))
        return 0
    end = EndBySignal(partial(_leave_soon, loop, app), partial(_last_words, app))
    end.watch()
    await app.run_async(mouse=mouse)
    end.say_last_words()
    return end.number


def _leave_soon(loop: asyncio.AbstractEventLoop, app: TrainerApp) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(lambda: app.exit(app.live))


def _last_words(app: TrainerApp) -> str:
    live = app.live
    if not live or app.return_code:
        return ""
    verb, them = ("goes", "it") if len(live) == 1 else ("go", "them")
    return f"{', '.join(live)} {verb} on; tui-trainer shows {them} again\n"
