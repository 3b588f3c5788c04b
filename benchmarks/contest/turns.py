"""Contenders are processes that live side by side and work one at a time, when it is their turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Turns:
    """A contender's side: it says what it could do next, waits, does it, and says how it went."""

    def __init__(self) -> None:
        self._answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # whatever else is printed is talk

    def wait_for(self, kind: str) -> None:
        """Be idle until it is this process's turn."""
        self._say({"waits": kind})
        if not sys.stdin.readline():
            raise SystemExit("the benchmark has ended")

    def done(self, images: int, **results: Any) -> None:
        """The turn is over, and no work of it is left on the device."""
        self._say({"images": images, **results})

    def _say(self, record: Mapping[str, Any]) -> None:
        print(json.dumps(record), file=self._answers, flush=True)


@dataclass(frozen=True)
class Turn:
    """What one turn took, by the benchmark's clocks, and what the contender says of it."""

    images: int
    seconds: float
    cpu_seconds: float
    """Of the contender's process and those that it started."""
    results: Mapping[str, Any]

    @property
    def images_per_second(self) -> float:
        """By the clock on the wall."""
        return self.images / self.seconds

    @property
    def cpu_microseconds(self) -> float:
        """For each image."""
        return 1e6 * self.cpu_seconds / self.images


class Contender:
    """The benchmark's side: one process, started at once and idle but for its turns."""

    def __init__(
        self,
        module: str,
        environment: Mapping[str, str],
        log: Path,
        arguments: Sequence[str] = (),
        descriptors: Sequence[int] = (),
    ) -> None:
        self._name, self._log = module, log
        with log.open("wb") as talk:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=talk,
                pass_fds=descriptors,
                env=dict(environment),
                text=True,
            )
        self._waits_for: str | None = None

    def turn(self, kind: str) -> Turn:
        """Let it work while all the others wait; returns once it is idle again."""
        self._become_idle()
        if self._waits_for != kind:
            self._fail(f"waits for {self._waits_for}, not for {kind}")
        worked, began = self._cpu_seconds(), time.perf_counter()
        self._tell("go")
        results = self._hear()
        seconds, worked = time.perf_counter() - began, self._cpu_seconds() - worked
        self._waits_for = None
        self._become_idle()
        return Turn(results.pop("images"), seconds, worked, results)

    def end(self) -> None:
        """It has had its last turn; what it still does is over when this returns."""
        if self._process.wait(600):
            self._fail(f"ended with exit code {self._process.returncode}")

    def remove(self) -> None:
        """End it, wherever it stands."""
        if self._process.poll() is None:
            for process in self._tree():
                process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def _become_idle(self) -> None:
        while self._waits_for is None:
            line = self._hear(may_end=True)
            self._waits_for = line.get("waits", "")

    def _tell(self, word: str) -> None:
        stream = self._process.stdin
        if stream is None:
            self._fail("cannot be spoken to")
        stream.write(word + "\n")
        stream.flush()

    def _hear(self, *, may_end: bool = False) -> dict[str, Any]:
        stream = self._process.stdout
        line = stream.readline() if stream else ""
        if not line:
            if may_end and self._process.wait() == 0:
                return {"waits": ""}
            self._fail("ended before its turns did")
        said: dict[str, Any] = json.loads(line)
        return said

    def _fail(self, what: str) -> None:
        talk = self._log.read_text(errors="replace")[-4000:]
        raise SystemExit(f"{self._name} {what}; it said last:\n{talk}")

    def _cpu_seconds(self) -> float:
        times = [process.cpu_times() for process in self._tree()]
        return float(sum(taken.user + taken.system for taken in times))

    def _tree(self) -> list[psutil.Process]:
        process = psutil.Process(self._process.pid)
        return [process, *process.children(recursive=True)]
