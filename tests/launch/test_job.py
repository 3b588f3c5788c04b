"""What signals mean to a supervisor in a scheduler's job."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tui_trainer.launch.job import EARLY_SECONDS, JobSignals

if TYPE_CHECKING:
    from collections.abc import Iterator

USR1, USR2, TERM = signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Those of this process are put back afterwards."""
    numbers = [*(USR1, USR2, TERM), signal.SIGINT, signal.SIGXCPU, signal.SIGCHLD, signal.SIGHUP]
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("left", "usr1_is_end", "sent", "taken", "time_is_up"),
    [
        # Grid Engine suspends, deletes, and tells of the end; the clock tells which.
        (1000.0, False, USR1, [USR1], False),
        (1000.0, False, USR2, [USR2], False),
        (3.0, False, USR1, [USR2], True),
        (3.0, False, USR2, [USR2, USR2], True),
        (None, False, USR1, [USR1], False),
        # Slurm tells of the end, up to a minute too early; TERM is a cancel, or the very end.
        (EARLY_SECONDS - 10, True, USR1, [USR1], False),
        (EARLY_SECONDS + 10, True, USR1, [USR2], True),
        (None, True, USR1, [USR2], True),
        (1000.0, True, TERM, [TERM], False),
        (3.0, True, TERM, [TERM, USR2], True),
    ],
)
def test_the_clock_tells_what_a_signal_means(
    *, left: float | None, usr1_is_end: bool, sent: int, taken: list[int], time_is_up: bool
) -> None:
    ends_at = None if left is None else time.monotonic() + left
    signals = JobSignals(ends_at, usr1_is_end=usr1_is_end)
    os.kill(os.getpid(), sent)
    assert signals.take() == taken
    assert signals.time_is_up is time_is_up
    assert signals.take() == []


def test_the_end_of_the_wall_time_comes_without_any_signal_and_in_time() -> None:
    signals = JobSignals(time.monotonic() + 0.2, usr1_is_end=False)
    began = time.monotonic()
    signals.wait(60)
    assert signals.take() == [USR2]
    assert signals.time_is_up
    assert time.monotonic() - began < 30
