"""What the terminal can show, and an end that comes with the terminal's own."""

from __future__ import annotations

import os
import select
import sys
import threading

# A launch or a stop that is under way takes a second at the most; then the process ends anyway.
SECONDS_FOR_OPERATIONS = 2.0
WEB_DRIVER = "textual.drivers.web_driver:WebDriver"
HANGUP_EXIT_CODE = 129  # what a shell reports for a process that SIGHUP ended


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
