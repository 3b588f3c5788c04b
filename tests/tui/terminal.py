"""The app as a process in a pseudo-terminal of its own, and what it sends there."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyte

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
START = "import sys, pathlib; from tui_trainer.tui.app import run_app; run_app(pathlib.Path('.'))"
SECONDS_TO_SHOW = 20.0


def give_up_privileges() -> None:
    """Of root's capabilities, those to pass over the modes of files: lost with the next exec."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (1, 2, 3):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; refused to whoever has none


class Terminal:
    """A terminal of 120x40 with the app in it."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self.master = master
        self.process = process
        self.sent = b""
        """Everything that the app wrote."""

    def read(self, seconds: float) -> bytes:
        """What the app writes within some seconds."""
        got, deadline = b"", time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                try:
                    got += os.read(self.master, 1 << 16)
                except OSError:  # the app has ended and its side is closed
                    break
        self.sent += got
        return got

    def sees(self, words: str) -> None:
        """Wait until this stands on the screen."""
        deadline = time.monotonic() + SECONDS_TO_SHOW
        while words not in self.screen():
            assert time.monotonic() < deadline, f"waited for {words} on\n{self.screen()}"
            self.read(0.1)

    def press(self, text: str) -> None:
        os.write(self.master, text.encode())

    def close(self) -> None:
        """The window is closed, the connection lost."""
        os.close(self.master)
        self.master = -1

    def screen(self) -> str:
        """What a terminal makes of all that was sent."""
        screen = pyte.Screen(120, 40)
        stream = pyte.ByteStream(screen)
        # pyte does not know the private sequences that ask what the terminal can do.
        for part in self.sent.split(b"\x1b["):
            stream.feed(b"" if part[:1] in {b">", b"<", b"?"} else b"\x1b[" + part)
        return "\n".join(screen.display)


@contextlib.contextmanager
def terminal(
    project: Path,
    environment: Mapping[str, str] | None = None,
    *,
    without_hangups: bool = False,
    like_anybody: bool = False,
) -> Iterator[Terminal]:
    """Start the app in a terminal of its own, as nohup would where that is asked for.

    Args:
        project: Where it is started.
        environment: What its user has set.
        without_hangups: Whether SIGHUP is ignored.
        like_anybody: Whether the modes of files bind it, as they bind everybody but root.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    plain = {
        name: value
        for name, value in os.environ.items()
        if name not in {"NO_COLOR", "COLORTERM", "COLUMNS", "LINES", "TMUX"}
    }
    base = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    ignore = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
    login = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    with subprocess.Popen(
        [sys.executable, "-c", login + (ignore if without_hangups else "") + START],
        preexec_fn=give_up_privileges if like_anybody else None,  # noqa: PLW1509
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=project,
        env={**plain, **base, **(environment or {})},
        start_new_session=True,
    ) as process:
        os.close(slave)
        shown = Terminal(master, process)
        try:
            yield shown
        finally:
            if shown.master >= 0:
                shown.close()
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
