"""A file system that takes its time under the app: what it shows is late, its keys are not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.tui.run_folders import RunWriter, write_project
from tests.tui.story import story
from tui_trainer.tui import keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

SECONDS_PER_CALL = 0.5
LONGEST_BLOCKED = 0.1
TICK = 0.01
CALLS = ("open", "stat", "lstat", "listdir", "scandir")


class SlowDisk:
    """Each look at a file below a folder takes half a second, in whatever thread."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = str(folder)
        self.slept: set[int] = set()
        """The threads that waited for it."""
        for name in CALLS:
            monkeypatch.setattr(os, name, self._slow(getattr(os, name)))

    def _slow(self, call: Any) -> Any:
        def slow(path: Any, *arguments: Any, **named: Any) -> Any:
            if isinstance(path, (str, Path)) and str(path).startswith(self._folder):
                self.slept.add(threading.get_ident())
                time.sleep(SECONDS_PER_CALL)
            return call(path, *arguments, **named)

        return slow


@contextlib.asynccontextmanager
async def blocked() -> AsyncIterator[list[float]]:
    """How long the app's thread neither worked nor wanted to, at each tick of its loop."""
    gaps: list[float] = []

    async def tick() -> None:
        while True:
            before, waited = time.monotonic() - time.thread_time(), _seconds_in_queue()
            await asyncio.sleep(TICK)
            gap = time.monotonic() - time.thread_time() - before
            # Others on the same processors are no fault of the app's.
            gaps.append(gap - (_seconds_in_queue() - waited) - TICK)

    ticking = asyncio.create_task(tick())
    yield gaps
    ticking.cancel()


def _seconds_in_queue() -> float:
    """What this thread has waited for a processor so far."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


async def test_keys_are_answered_while_the_disk_answers_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = write_project(tmp_path / "digits")
    for name in ("cnn2", "cnn4"):
        RunWriter(project, name).start().train(3).beat()
    async with story(project) as told:
        await told.sees("2 running")
        with monkeypatch.context() as patch:
            disk = SlowDisk(project, patch)
            RunWriter(project, "cnn8")
            async with blocked() as gaps:
                told.operations.seconds = 1.0
                await told.go_to("cnn4/1")
                await told.press(keys.STOP)
                for _ in range(10):
                    await told.press(keys.UP, keys.LOG_SCALE, keys.DOWN, keys.OPEN, keys.BACK)
                    await asyncio.sleep(0.1)
                await told.press(keys.HELP, keys.CLOSE_HELP)
                await told.did("stop cnn4/1")
        assert disk.slept - {threading.get_ident()}, "the store looked at it meanwhile"
        assert max(gaps) < LONGEST_BLOCKED
        await told.sees("cnn8/1")
