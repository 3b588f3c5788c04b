"""Asks the training core something, in a process of its own: torch never enters this one."""

from __future__ import annotations

import json
import subprocess
import sys
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


def ask_core(module: str, *arguments: str, text: str = "") -> Any:
    """What a module of the core answers.

    Args:
        module: Its name below `tui_trainer.train`.
        arguments: Its command line.
        text: Its standard input.

    Raises:
        TuiTrainerError: The error that it ended with.
    """
    done = subprocess.run(
        [sys.executable, "-m", f"tui_trainer.train.{module}", *arguments],
        # Not in the project: a file of the user's named like a module would be imported.
        cwd="/",
        input=text,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    try:
        record = json.loads(done.stdout)
    except ValueError:
        how = exit_cause(done.returncode) or "without an answer"
        raise RunCrashedError(
            f"the process that was asked for {module} ended: {how}",
            hint="what it said stands above; own code that calls os._exit ends it without a word",
        ) from None
    if done.returncode:
        kind = _ERRORS.get(done.returncode, RunCrashedError)
        raise kind(record["error"], hint=record["hint"])
    return record
