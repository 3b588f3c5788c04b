"""The door of small questions to the core: one JSON document on standard output, or an error."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any

from tui_trainer.errors import ExitCode, TuiTrainerError
from tui_trainer.train import own

if TYPE_CHECKING:
    from collections.abc import Callable


def answer(ask: Callable[[], Any]) -> ExitCode:
    """Print what a function returns, or the error it ends with, as JSON.

    What it prints itself, and the user's modules that it imports, goes to standard error.
    """
    code = ExitCode.DONE
    with contextlib.redirect_stdout(sys.stderr):
        try:
            record = ask()
        except TuiTrainerError as error:
            code = error.exit_code
            record = {"error": error.message, "hint": error.hint, "exit_code": code}
        except (SystemExit, KeyboardInterrupt) as error:
            code = ExitCode.CRASHED
            words = f"own code: {own.describe(error)}"
            record = {"error": words, "hint": "", "exit_code": code}
    json.dump(record, sys.stdout)
    return code
