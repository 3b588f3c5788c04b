"""Evaluates or predicts in a process of its own, which may look at a run while it trains."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Literal

from tui_trainer.errors import ExitCode
from tui_trainer.launch.core_process import MALLOC_SETTINGS, THREAD_VARIABLES
from tui_trainer.launch.resources import allotted_cores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui_trainer.record.run_folder import RunFolder

MODULE = "tui_trainer.train.assess"


def assess(
    folder: RunFolder, what: Literal["evaluate", "predict"], options: Sequence[str]
) -> ExitCode:
    """Wait for the process, which prints to this one's output; how it ended."""
    command = [sys.executable, "-m", MODULE, str(folder.path), what, *options]
    threads = str(allotted_cores().cores)
    environment = {
        **MALLOC_SETTINGS,
        **os.environ,
        **dict.fromkeys(THREAD_VARIABLES, threads),
        "PYTHONSAFEPATH": "1",
    }
    process = subprocess.Popen(command, env=environment)
    while True:
        try:
            code = process.wait()
            break
        except KeyboardInterrupt:
            # The terminal sent it to both; the process ends by itself and leaves nothing half.
            continue
    return ExitCode(code) if code in set(ExitCode) else ExitCode.CRASHED
