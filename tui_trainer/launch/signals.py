"""Signals to a supervisor as something to wait for: handlers only note them, its loop acts."""

from __future__ import annotations

import contextlib
import os
import select
import signal

# What a scheduler or a person sends, and what the core is to get for it. TERM: finish the batch,
# save, end. USR1: save and go on.
FORWARDED = {
    signal.SIGTERM: signal.SIGTERM,
    signal.SIGINT: signal.SIGTERM,
    signal.SIGUSR2: signal.SIGTERM,
    signal.SIGXCPU: signal.SIGTERM,
    signal.SIGUSR1: signal.SIGUSR1,
}


class Signals:
    """Hears from its creation on."""

    def __init__(self) -> None:
        self._noted: list[int] = []
        self._reader, writer = os.pipe()
        for descriptor in (self._reader, writer):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in FORWARDED:
            signal.signal(number, lambda number, _frame: self._noted.append(number))
        # A core that ends must wake the loop: only a handled signal does.
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def wait(self, seconds: float, *descriptors: int) -> None:
        """Wait until a signal comes, a descriptor can be read, or the time is over."""
        select.select([self._reader, *descriptors], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(self._reader, 1 << 12)

    def take(self) -> list[int]:
        """The signals that came since the last call."""
        taken, self._noted = self._noted, []
        return taken
