"""Asks the training core something, in a process of its own: torch never enters this one."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
from typing import IO, Any, cast

from tui_trainer.errors import (
    ExitCode,
    PreflightError,
    RunCrashedError,
    TuiTrainerError,
    UsageError,
)
from tui_trainer.record.state import exit_cause

ANSWERING_MODULE = "tui_trainer.train.answering"
_ERRORS: dict[int, type[TuiTrainerError]] = {
    ExitCode.USAGE: UsageError,
    ExitCode.PREFLIGHT: PreflightError,
}
# What a step in native code takes to end; then the process hears no request and is killed.
_SECONDS_TO_WITHDRAW = 3.0


class Withdrawn(Exception):  # noqa: N818  nothing is wrong
    """Nobody wants the answer any more."""


class _Asked:
    """A process of the core, begun when it is asked first, which can be withdrawn meanwhile.

    Args:
        module: The module that answers, below `tui_trainer.train`.
        arguments: Its command line.
        talk: Where its standard error goes, a descriptor or one of subprocess's constants; this
            process's own where left out.
    """

    def __init__(self, module: str, *arguments: str, talk: int | None = None) -> None:
        self._module = module
        self._arguments = arguments
        self._talk = talk
        self._process: subprocess.Popen[str] | None = None
        self._is_withdrawn = False
        self._starting = threading.Lock()

    def withdraw(self) -> None:
        """End its process, which may clear up first; returns at once, from any thread."""
        with self._starting:
            self._is_withdrawn = True
            process = self._process
        if process is not None and process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            killing = threading.Timer(_SECONDS_TO_WITHDRAW, process.kill)
            killing.daemon = True
            killing.start()

    def _begun(self) -> subprocess.Popen[str]:
        """Its process, of which there is never more than one."""
        with self._starting:
            if self._is_withdrawn:
                raise Withdrawn
            if self._process is None:
                self._process = self._start()
            return self._process

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", ANSWERING_MODULE, self._module, *self._arguments],
            # Not in the project: a file of the user's named like a module would be imported.
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._talk,
            text=True,
        )

    def _understood(self, output: str, process: subprocess.Popen[str]) -> Any:
        """What it answered; without an answer it has ended, or is about to."""
        try:
            record = json.loads(output)
        except ValueError:
            process.wait()
            if self._is_withdrawn:
                raise Withdrawn from None
            raise self._ended(process.returncode) from None
        # An answer that is whole is one, also of a process that native code ended after it.
        if isinstance(record, dict) and "error" in record:
            kind = _ERRORS.get(record["exit_code"], RunCrashedError)
            raise kind(record["error"], hint=record["hint"])
        return record

    def _ended(self, code: int) -> RunCrashedError:
        how = exit_cause(code) or "without an answer"
        shown = "stands above" if self._talk is None else f"is shown by tui-trainer {self._module}"
        return RunCrashedError(
            f"the process that was asked for {self._module} ended: {how}",
            hint=f"what it said {shown}; own code that calls os._exit ends it without a word",
        )


class Question(_Asked):
    """One question, whose text is the process's standard input."""

    def __init__(
        self, module: str, *arguments: str, text: str = "", talk: int | None = None
    ) -> None:
        super().__init__(module, *arguments, talk=talk)
        self._text = text

    def answer(self) -> Any:
        """Wait for the answer.

        Raises:
            TuiTrainerError: The error that it ended with.
            Withdrawn: It was withdrawn meanwhile.
        """
        process = self._begun()
        try:
            output, _ = process.communicate(self._text)
        except BaseException:
            process.kill()
            process.wait()
            raise
        if self._is_withdrawn:
            raise Withdrawn
        return self._understood(output, process)


class Conversation(_Asked):
    """Questions one after the other, each a line of JSON, to a module that keeps what it read."""

    def ask(self, question: dict[str, Any]) -> Any:
        """What the core answers; it may take seconds.

        Raises:
            TuiTrainerError: The error that it answered with, or its end.
            Withdrawn: The conversation was withdrawn meanwhile.
        """
        process = self._begun()
        stdin, stdout = _pipes(process)
        # One that has ended answers nothing, and that is told of below.
        with contextlib.suppress(BrokenPipeError):
            stdin.write(json.dumps(question) + "\n")
            stdin.flush()
        return self._understood(stdout.readline(), process)

    def close(self) -> None:
        """End it; whoever asks is the one to close."""
        process = self._process
        if process is None:
            return
        stdin, stdout = _pipes(process)
        with contextlib.suppress(BrokenPipeError):
            stdin.close()
        try:
            process.wait(_SECONDS_TO_WITHDRAW)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        stdout.close()


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    """Standard input and output; both are pipes, always."""
    return cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)


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
