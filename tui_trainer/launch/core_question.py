"""Asks the training core something, in a process of its own: torch never enters this one."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
from typing import Any

from tui_trainer.errors import (
    ExitCode,
    PreflightError,
    RunCrashedError,
    TuiTrainerError,
    UsageError,
)
from tui_trainer.record.state import exit_cause

_ERRORS: dict[int, type[TuiTrainerError]] = {
    ExitCode.USAGE: UsageError,
    ExitCode.PREFLIGHT: PreflightError,
}
# What a step in native code takes to end; then the process hears no request and is killed.
_SECONDS_TO_WITHDRAW = 3.0


class Withdrawn(Exception):  # noqa: N818  nothing is wrong
    """Nobody wants the answer any more."""


class Question:
    """One question, which can be withdrawn while it is being answered.

    Args:
        module: The module that answers, below `tui_trainer.train`.
        arguments: Its command line.
        text: Its standard input.
        talk: Where its standard error goes, a descriptor or one of subprocess's constants; this
            process's own where left out.
    """

    def __init__(
        self, module: str, *arguments: str, text: str = "", talk: int | None = None
    ) -> None:
        self._module = module
        self._arguments = arguments
        self._text = text
        self._talk = talk
        self._process: subprocess.Popen[str] | None = None
        self._is_withdrawn = False
        self._starting = threading.Lock()

    def answer(self) -> Any:
        """Wait for the answer.

        Raises:
            TuiTrainerError: The error that it ended with.
            Withdrawn: It was withdrawn meanwhile.
        """
        with self._starting:
            if self._is_withdrawn:
                raise Withdrawn
            self._process = process = self._start()
        try:
            output, _ = process.communicate(self._text)
        except BaseException:
            process.kill()
            process.wait()
            raise
        if self._is_withdrawn:
            raise Withdrawn
        return self._understood(output, process.returncode)

    def withdraw(self) -> None:
        """End its process, which may clear up first; returns at once."""
        with self._starting:
            self._is_withdrawn = True
            process = self._process
        if process is not None and process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            killing = threading.Timer(_SECONDS_TO_WITHDRAW, process.kill)
            killing.daemon = True
            killing.start()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", f"tui_trainer.train.{self._module}", *self._arguments],
            # Not in the project: a file of the user's named like a module would be imported.
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._talk,
            text=True,
        )

    def _understood(self, output: str, code: int) -> Any:
        try:
            record = json.loads(output)
        except ValueError:
            how = exit_cause(code) or "without an answer"
            said = "stands above" if self._talk is None else f"tui-trainer {self._module} shows"
            raise RunCrashedError(
                f"the process that was asked for {self._module} ended: {how}",
                hint=f"what it said {said}; own code that calls os._exit ends it without a word",
            ) from None
        if code:
            kind = _ERRORS.get(code, RunCrashedError)
            raise kind(record["error"], hint=record["hint"])
        return record


def ask_core(module: str, *arguments: str, text: str = "") -> Any:
    """What a module of the core answers.

    Args:
        module: Its name below `tui_trainer.train`.
        arguments: Its command line.
        text: Its standard input.

    Raises:
        TuiTrainerError: The error that it ended with.
    """
    return Question(module, *arguments, text=text).answer()
