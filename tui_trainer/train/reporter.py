"""What the core says while it runs: lines for the log, progress for its supervisor."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from tui_trainer.record.durable import print_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tui_trainer.record.failure import Hope
    from tui_trainer.record.heartbeat import Progress

SECONDS_BETWEEN_STEPS = 0.2
"""More often nobody can see."""
# In JSON at most 6 bytes a character, and with them under the 4 KiB that a pipe takes whole.
_LONGEST_CAUSE = 600


class Reporter:
    """Speaks to whoever listens; that nobody does never disturbs the training.

    Args:
        descriptor: Write end of the supervisor's pipe, which must not block; None without one.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor
        self._stage = ""
        self._said_at = 0.0
        self._where: Progress | None = None

    @classmethod
    def from_environment(cls) -> Reporter:
        """Speaks to the supervisor that started this process, if one did."""
        named = os.environ.get("TUI_TRAINER_PROGRESS_FD", "")
        return cls(int(named) if named.isdigit() else None)

    def say(self, line: str) -> None:
        """One line for the log."""
        _print(line, 1)

    def complain(self, text: str) -> None:
        """Lines about an error, for the log."""
        _print(text, 2)

    def progress(self, progress: Progress) -> None:
        """Where training stands; within a stage at most a few times a second."""
        self._where = progress
        now = time.monotonic()
        if progress.stage == self._stage and now - self._said_at < SECONDS_BETWEEN_STEPS:
            return
        self._stage, self._said_at = progress.stage, now
        self._tell(progress.as_record())

    def cause(self, cause: str, hope: Hope) -> None:
        """Why the core is about to end, where that was, and whether to try it again."""
        where = self._where.as_record() if self._where else {}
        self._tell({**where, "cause": cause[:_LONGEST_CAUSE], "hope": hope.value})

    def done(self) -> None:
        """That the training came to its end: an exit code alone, any code in it can give."""
        where = self._where.as_record() if self._where else {}
        self._tell({**where, "done": True})

    def _tell(self, record: Mapping[str, Any]) -> None:
        if self._descriptor is None:
            return
        # A line under 4 KiB goes into a pipe whole or not at all.
        with contextlib.suppress(OSError):
            os.write(self._descriptor, json.dumps(record).encode() + b"\n")


def _print(text: str, descriptor: int) -> None:
    stream = sys.stdout if descriptor == 1 else sys.stderr
    if stream is None:  # it was closed when this process began
        return
    try:
        stream.flush()
        print_whole(stream.fileno(), f"{text}\n".encode(errors="backslashreplace"))
    except BrokenPipeError:
        # Whoever read it is gone. Python would fail once more when it flushes at exit.
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), descriptor)
    except OSError:
        # A full disk: this line is lost, the next one may find room.
        return
