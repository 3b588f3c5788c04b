"""A program in a pseudo-terminal of its own, what it sends there, and what is seen of that."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyte

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[2]
START = "import pathlib; from tui_trainer.tui.app import run_app; run_app(pathlib.Path('.'))"
# A terminal belongs to who takes it; the program then comes in this one's place.
LOGIN = (
    "import fcntl, os, signal, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "signal.signal(signal.SIGPIPE, signal.SIG_DFL); "  # which Python ignores, and hands down
    "signal.signal(signal.SIGHUP, signal.SIG_DFL); "  # which nohup ignores for the tests, too
)
WITHOUT_HANGUPS = "signal.signal(signal.SIGHUP, signal.SIG_IGN); "
BECOME = "os.execvp(sys.argv[1], sys.argv[1:])"
SECONDS_TO_SHOW = 60.0

# What pyte takes for text or for something else: questions, modes of newer terminals, titles.
UNKNOWN = re.compile(
    rb"\x1b\[[<=>?][0-9;:]*[ -/]*[@-~]|\x1b\[[0-9;:]*[ -/]+[@-~]|\x1b\[[0-9;]*t"
    rb"|\x1b[P_\]X^][^\x07\x1b]*(?:\x07|\x1b\\)"
)
UNFINISHED = re.compile(rb"\x1b(?:\[[0-9;:<=>? -/]*|[P_\]X^][^\x07\x1b]*\x1b?)?\Z")
REPEATED = re.compile(rb"([ -~]|[\xc2-\xf4][\x80-\xbf]+)\x1b\[(\d+)b")
WITH_COLONS = re.compile(rb"\x1b\[[0-9;]*:[0-9;:]*m")

# What a program waits for that asks a terminal what it is and can.
ANSWERS: tuple[tuple[re.Pattern[bytes], Callable[[re.Match[bytes]], bytes]], ...] = (
    (re.compile(rb"\x1b\[0?c"), lambda _: b"\x1b[?62;22c"),
    (re.compile(rb"\x1b\[>0?c"), lambda _: b"\x1b[>41;354;0c"),
    (re.compile(rb"\x1b\[>0?q"), lambda _: b"\x1bP>|XTerm(354)\x1b\\"),
    (re.compile(rb"\x1b\[5n"), lambda _: b"\x1b[0n"),
    (re.compile(rb"\x1b\[6n"), lambda _: b"\x1b[1;1R"),
    (re.compile(rb"\x1b\[\?(\d+)\$p"), lambda asked: b"\x1b[?%s;0$y" % asked[1]),
    (re.compile(rb"\x1b\]10;\?"), lambda _: b"\x1b]10;rgb:cccc/cccc/cccc\x1b\\"),
    (re.compile(rb"\x1b\]11;\?"), lambda _: b"\x1b]11;rgb:0000/0000/0000\x1b\\"),
)


class Display:
    """What a terminal makes of the bytes that it gets."""

    def __init__(self, columns: int = 120, rows: int = 40) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._unfinished = b""

    def draw(self, data: bytes) -> None:
        """The next bytes, which may end within a sequence."""
        data = self._unfinished + data
        rest = UNFINISHED.search(data)
        self._unfinished = rest[0] if rest else b""
        data = data[: rest.start()] if rest else data
        data = REPEATED.sub(lambda found: found[1] * (1 + int(found[2])), data)
        data = WITH_COLONS.sub(lambda found: found[0].replace(b":", b";"), data)
        self._stream.feed(UNKNOWN.sub(b"", data))

    @property
    def text(self) -> str:
        """The signs on it, a line each."""
        return "\n".join(self._screen.display)

    def look(self) -> tuple[object, ...]:
        """Signs and their colours, a line each: a moved highlight changes nothing else."""
        lines, columns = self._screen.buffer, range(self._screen.columns)
        return tuple(tuple(lines[row][x] for x in columns) for row in range(self._screen.lines))


class Arrival(NamedTuple):
    """What came in one piece."""

    at: float
    """By `time.monotonic`."""
    data: bytes


def give_up_privileges() -> None:
    """Of root's capabilities, those to pass over the modes of files: lost with the next exec."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (1, 2, 3):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; refused to whoever has none


class Terminal:
    """A terminal of 120x40 with a program in it."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self.master = master
        self.process = process
        self.sent = b""
        """Everything that the program wrote, as far as it was drawn."""
        self.display = Display()

    def arrivals(self, seconds: float, quiet: float | None = None) -> Iterator[Arrival]:
        """What the program writes within some seconds, or until it has been quiet; not drawn."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            wait = left if quiet is None else min(left, quiet)
            if not select.select([self.master], [], [], wait)[0]:
                break
            try:
                data = os.read(self.master, 1 << 16)
            except OSError:  # the program has ended and its side is closed
                break
            arrival = Arrival(time.monotonic(), data)
            self._answer(data)
            yield arrival

    def draw(self, data: bytes) -> None:
        """Show what arrived."""
        self.sent += data
        self.display.draw(data)

    def read(self, seconds: float) -> bytes:
        """What the program writes within some seconds."""
        got = b""
        for arrival in self.arrivals(seconds):
            self.draw(arrival.data)
            got += arrival.data
        return got

    def settle(self) -> None:
        """Read on until nothing came for longer than the app looks at its runs again."""
        for arrival in self.arrivals(SECONDS_TO_SHOW, quiet=1.5):
            self.draw(arrival.data)

    def sees(self, words: str) -> None:
        """Wait until this stands on the screen."""
        self.shows_until(lambda: words in self.screen(), words)

    def shows_until(self, holds: Callable[[], bool], words: str) -> None:
        """Draw what comes until something holds, which is called so."""
        deadline = time.monotonic() + SECONDS_TO_SHOW
        while not holds():
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
        return self.display.text

    def _answer(self, data: bytes) -> None:
        for asked, answer in ANSWERS:
            for found in asked.finditer(data):
                with contextlib.suppress(OSError):
                    os.write(self.master, answer(found))


@contextlib.contextmanager
def program_in_terminal(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *,
    without_hangups: bool = False,
    like_anybody: bool = False,
) -> Iterator[Terminal]:
    """Start a program in a terminal of its own.

    Args:
        command: The program and its arguments.
        folder: Where it is started.
        environment: What its user has set.
        without_hangups: Whether SIGHUP is ignored, as nohup would have it.
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
    login = LOGIN + (WITHOUT_HANGUPS if without_hangups else "") + BECOME
    with subprocess.Popen(
        [sys.executable, "-ISc", login, *command],
        preexec_fn=give_up_privileges if like_anybody else None,  # noqa: PLW1509
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=folder,
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
            # What it started has its own way to go, but not to outlive a test.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def terminal(
    project: Path, environment: Mapping[str, str] | None = None, **kinds: bool
) -> contextlib.AbstractContextManager[Terminal]:
    """Start the app in a terminal of its own, `kinds` as for any program."""
    return program_in_terminal([sys.executable, "-c", START], project, environment, **kinds)
