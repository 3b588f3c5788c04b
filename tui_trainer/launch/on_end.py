"""Runs the user's own command once a run has come to its end, whatever becomes of the command."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from typing import TYPE_CHECKING, BinaryIO

from tui_trainer.errors import TuiTrainerError
from tui_trainer.record.index import RunReader
from tui_trainer.record.plain_text import plain_line
from tui_trainer.spec.find import find_project
from tui_trainer.spec.project import load_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tui_trainer.record.index import Run
    from tui_trainer.record.run_folder import RunFolder

# Enough for a message over a slow network; the supervisor has nothing else left to do.
SECONDS = 60.0
SECONDS_PER_LOOK = 0.05
# Enough for what a webhook answers; the log is on a disk that many share.
MOST_BYTES = 1 << 16
# What prints more than this in the background prints without end.
MOST_BYTES_UNHEARD = 1 << 24


def run_on_end(folder: RunFolder, tell: Callable[[str], None]) -> None:
    """Run what `project.on_end` says, as it stands by now; what goes wrong is told.

    Args:
        folder: The run that is over.
        tell: Takes a line for the log.
    """
    try:
        command = load_project(find_project(folder.project)).on_end
        if command:
            _run(command, RunReader(folder).look(), tell)
    except (TuiTrainerError, OSError) as error:
        tell(f"project.on_end was not run: {error}")


def _run(command: str, run: Run, tell: Callable[[str], None]) -> None:
    told = json.dumps(run.summary()).encode()
    with _in_memory(told) as stdin, _started(command, run, stdin) as process:
        has_ended = _listen(process, tell)
        if has_ended:
            _let_print(process)
        else:
            os.killpg(process.pid, signal.SIGKILL)
    if not has_ended:
        tell(f"project.on_end was ended after {SECONDS:.0f} s")
    elif process.returncode:
        tell(f"project.on_end ended with exit code {process.returncode}")


def _in_memory(content: bytes) -> BinaryIO:
    """A file that the command can read whenever it likes, or not at all."""
    file = os.fdopen(os.memfd_create("run"), "w+b")
    file.write(content)
    file.seek(0)
    return file


def _started(command: str, run: Run, stdin: BinaryIO) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=run.folder.project,
        env={**os.environ, **_variables(run)},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _listen(process: subprocess.Popen[bytes], tell: Callable[[str], None]) -> bool:
    """Tell the beginning of what it prints; False where it does not end in time."""
    said, until = b"", time.monotonic() + SECONDS
    for piece in _pieces(process, until):
        said += piece[: MOST_BYTES + 1 - len(said)]
    if said:
        tell(said[:MOST_BYTES].decode(errors="replace").rstrip("\n"))
    if len(said) > MOST_BYTES:
        tell(f"project.on_end printed more than {MOST_BYTES >> 10} KiB; the rest is left out")
    return process.poll() is not None


def _pieces(process: subprocess.Popen[bytes], until: float) -> Iterator[bytes]:
    """What it prints until it ends; what it leaves behind in the background is not waited for."""
    output = process.stdout.fileno() if process.stdout else -1
    while (left := until - time.monotonic()) > 0:
        is_over = process.poll() is not None
        ready, _, _ = select.select([output], [], [], 0 if is_over else min(left, SECONDS_PER_LOOK))
        piece = os.read(output, 1 << 16) if ready else b""
        yield piece
        if is_over and not piece:
            return
        if ready and not piece:
            time.sleep(SECONDS_PER_LOOK)  # it closed its output and goes on


def _let_print(process: subprocess.Popen[bytes]) -> None:
    """What it left in the background would end at its next word, with nobody to hear it."""
    output = select.poll()
    output.register(process.stdout or -1, 0)
    if not output.poll(0):  # nobody has closed the last end to write to
        deaf = f"exec 3<&0; head -c {MOST_BYTES_UNHEARD} <&3 >&2 &"
        shell, nowhere = ["/bin/sh", "-c", deaf], subprocess.DEVNULL
        subprocess.run(
            shell, stdin=process.stdout, stderr=nowhere, start_new_session=True, check=False
        )


def _variables(run: Run) -> dict[str, str]:
    return {
        "TUI_TRAINER_RUN": run.name,
        "TUI_TRAINER_STATE": run.state.value,
        "TUI_TRAINER_CAUSE": plain_line(run.cause),
        "TUI_TRAINER_PATH": str(run.folder.path),
    }
