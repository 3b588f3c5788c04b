"""Pairs of processes that want the same run at the same moment.

    python -m tests.faults.launches PROJECT PAIRS

prints how many pairs did not have exactly one winner. It is a program of its own because it forks,
which a process with threads must not.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.runs import new_run, remove
from tui_trainer.errors import OwnedByAnotherError
from tui_trainer.record.claim import claim

if TYPE_CHECKING:
    from tui_trainer.record.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
WON, LOST, BROKEN = b"w", b"l", b"b"


def without_one_winner(place: Path, pairs: int) -> int:
    """How many of so many pairs did not have exactly one winner."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.launches", str(place), str(pairs)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
    )
    return int(done.stdout)


def outcomes(folder: RunFolder) -> list[bytes]:
    """What becomes of two processes that claim a run as soon as a pipe is closed."""
    begin, begun = os.pipe()
    told, tell = os.pipe()
    end, ended = os.pipe()
    for _ in range(2):
        if not os.fork():
            for kept_by_the_parent in (begun, ended):
                os.close(kept_by_the_parent)
            os.read(begin, 1)
            os.write(tell, _outcome(folder))
            # Until both are judged, for a dead owner may be followed.
            os.read(end, 1)
            os._exit(0)
    os.close(begun)
    said = [os.read(told, 1) for _ in range(2)]
    os.close(ended)
    for _ in range(2):
        os.wait()
    for descriptor in (begin, told, tell, end):
        os.close(descriptor)
    return said


def _outcome(folder: RunFolder) -> bytes:
    try:
        attempt, owner = claim(folder)
    except OwnedByAnotherError as error:
        return LOST if "pid" in error.message else BROKEN
    except BaseException:  # noqa: BLE001  a child must not go on as its parent
        return BROKEN
    return WON if attempt.owner() == owner else BROKEN


def main() -> None:
    """Make the pairs and print the figure."""
    project, pairs, wrong = Path(sys.argv[1]), int(sys.argv[2]), 0
    for _ in range(pairs):
        folder = new_run(project)
        said = sorted(outcomes(folder))
        attempts = [path.name for path in folder.attempts.iterdir()]
        wrong += (said, attempts) != ([LOST, WON], ["1"])
        remove(folder)
    print(wrong)


if __name__ == "__main__":
    main()
