"""Questions to a short-lived core process, one after the other: torch never enters this one."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from typing import Any

from tui_trainer.errors import (
    ExitCode,
    PreflightError,
    RunCrashedError,
    TuiTrainerError,
    UsageError,
)
from tui_trainer.record.plain_text import plain_line

_ERRORS: dict[int, type[TuiTrainerError]] = {
    ExitCode.USAGE: UsageError,
    ExitCode.PREFLIGHT: PreflightError,
}
_LAST_WORDS_BYTES = 4096


class Conversation:
    """A module of the core that answers lines of JSON with lines of JSON, while it is open.

    Args:
        module: Its name below `tui_trainer.train`.
        arguments: Its command line.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._module = module
        # Not the terminal, which an app may be drawing on.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process is
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tui_trainer.train.{module}", *arguments],
            # Not in the project: a file of the user's named like a module would be imported.
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def ask(self, question: dict[str, Any]) -> Any:
        """What the core answers; it may take seconds.

        Raises:
            TuiTrainerError: The error that it answered with, or its end.
        """
        process = self._process
        if process.stdin is None or process.stdout is None:  # never: both are pipes
            raise RunCrashedError(f"{self._module} cannot be asked")
        try:
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
            record = json.loads(process.stdout.readline())
        except (OSError, ValueError):
            code = process.wait()
            raise RunCrashedError(
                f"{self._module} ended with exit code {code}", hint=self._last_words()
            ) from None
        if "error" in record:
            kind = _ERRORS.get(record.get("exit_code", 0), RunCrashedError)
            raise kind(record["error"], hint=record["hint"])
        return record

    def close(self) -> None:
        """End the process, whatever it is doing; from any thread."""
        self._process.kill()
        self._process.wait()
        for file in (self._process.stdin, self._process.stdout, self._errors):
            with contextlib.suppress(OSError):
                if file is not None:
                    file.close()

    def _last_words(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            size = self._errors.seek(0, 2)
            self._errors.seek(max(0, size - _LAST_WORDS_BYTES))
            lines = self._errors.read().decode(errors="replace").strip().splitlines()
            return plain_line(lines[-1]) if lines else ""
        return ""
