"""What the terminal can show, and an end that comes with the terminal's own."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# A launch or a stop that is under way takes a second at the most; then the process ends anyway.
SECONDS_FOR_OPERATIONS = 2.0
WEB_DRIVER = "textual.drivers.web_driver:WebDriver"
HANGUP_EXIT_CODE = 129  # what a shell reports for a process that SIGHUP ended
# What Textual's driver sends when it ends: keys, mouse, paste, wrapping, screen, cursor, focus.
AS_IT_WAS = (
    "\x1b[?2004l\x1b[?7h\x1b[?2048l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"
    "\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"
)


def is_in_browser() -> bool:
    """Whether a web server shows the app, by pipes that textual-serve and Textual speak over."""
    return os.environ.get("TEXTUAL_DRIVER") == WEB_DRIVER


def terminal_can_show_app() -> bool:
    """Whether a full-screen app can be shown: a terminal on every stream, and not a dumb one."""
    if is_in_browser():
        return True
    streams = (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    on_terminal = all(stream is not None and stream.isatty() for stream in streams)
    return on_terminal and os.environ.get("TERM", "") not in {"", "dumb", "unknown"}


def terminal_speaks_unicode() -> bool:
    """Whether the locale says UTF-8; Python's own encoding is UTF-8 in the C locale too."""
    if is_in_browser():
        return True
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "")
    return "utf8" in locale.lower().replace("-", "")


def terminal_has_colours() -> bool:
    """Whether colours are wanted, and there are some: not by NO_COLOR, nor on a VT100."""
    if os.environ.get("NO_COLOR"):
        return False
    return is_in_browser() or os.environ.get("TERM", "") not in {"", "dumb", "unknown", "vt100"}


def terminal_is_light() -> bool:
    """Whether the terminal says that its background is light, as rxvt, Konsole and others do."""
    background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return background in {"7", "15"}


def end_with_terminal(operating: threading.Lock) -> None:
    """End this process once its terminal, or its web server, is gone, also where SIGHUP is ignored.

    Textual reads end-of-file from a terminal that is gone as fast as it can, for ever, and its
    writer thread dies of EIO, so that an orderly end would wait for it in vain.

    Args:
        operating: Held while a run is being launched, resumed or stopped, which is let finish.
    """
    threading.Thread(target=_wait_and_end, args=(operating,), daemon=True, name="terminal").start()


def _wait_and_end(operating: threading.Lock) -> None:
    hangup = select.poll()
    hangup.register(sys.stdin.fileno(), 0)  # no event but the hang-up, which is always told
    hangup.poll()
    operating.acquire(timeout=SECONDS_FOR_OPERATIONS)
    os._exit(HANGUP_EXIT_CODE)


class EndBySignal:
    """What SIGTERM asks for, and SIGHUP of a terminal that is still there: an end like a leave.

    Whatever keeps the app from it, a disk that does not answer say, the terminal is given back
    and the process ends soon. Python's handlers only note a signal; a thread waits for that.

    Args:
        leave: Asks the app to end; called within a signal handler.
        last_words: What is said of the runs, with its end of line; empty for nothing.
    """

    def __init__(self, leave: Callable[[], None], last_words: Callable[[], str]) -> None:
        self.number = 0
        """The signal that was noted; 0 for none."""
        self._leave = leave
        self._last_words = last_words
        self._noted = threading.Event()
        self._speaking = threading.Lock()
        self._attributes = termios.tcgetattr(sys.stdin.fileno())

    def watch(self) -> None:
        """Take the signals, except those that whoever started this process wants ignored."""
        threading.Thread(target=self._end_anyway, daemon=True, name="signals").start()
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._note)

    def say_last_words(self) -> None:
        """Say them, once, on a terminal that is as it was."""
        if self._speaking.acquire(blocking=False):
            sys.__stdout__.write(self._last_words())  # type: ignore[union-attr]
            sys.__stdout__.flush()  # type: ignore[union-attr]

    def _note(self, number: int, _frame: object) -> None:
        self.number = number
        self._leave()
        self._noted.set()

    def _end_anyway(self) -> None:
        self._noted.wait()
        time.sleep(SECONDS_FOR_OPERATIONS)
        if not self._speaking.locked():
            output = sys.stdin.fileno()
            termios.tcflush(output, termios.TCOFLUSH)
            termios.tcsetattr(output, termios.TCSANOW, self._attributes)
            os.write(output, AS_IT_WAS.encode())
            self.say_last_words()
        os._exit(128 + self.number)
