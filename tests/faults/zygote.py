"""A warm process that has imported torch and forks a training core for each request.

The cores are real processes with real files and die of real signals; only their imports are shared.
`python -m tests.faults.zygote` reads one request as a JSON line and answers it with another.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.faults import shim

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.shim import Fault
    from tui_trainer.record.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
# A core that has not ended by then hangs; what it does takes well under a second.
PATIENCE_SECONDS = 120.0
PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Ended:
    """How a core ended."""

    code: int
    """Negative for the signal that ended it."""
    seconds: float
    log: Path

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Zygote:
    """The warm process, as seen from whoever asks it for cores."""

    def __init__(self) -> None:
        environment = {**os.environ, **shim.preloading(), "PYTHONPATH": str(ROOT)}
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        environment.pop("TUI_TRAINER_ATTEMPT", None)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.zygote"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def train(
        self,
        folder: RunFolder,
        fault: Fault | None = None,
        *,
        signals: Sequence[tuple[float, int]] = (),
        trace: Path | None = None,
        log: Path | None = None,
    ) -> Ended:
        """Let a core bring a run on until it ends, however that is.

        Args:
            folder: The run.
            fault: What is to happen to it.
            signals: What it is sent, each after so many seconds.
            trace: Gets a line for every call that the fault is about, or else for all of the run.
            log: Where it prints; without one a file beside the run folder.
        """
        log = log or folder.path.with_name(f"{folder.path.name}.log")
        request = {
            "run": str(folder.path),
            "log": str(log),
            "fault": fault.as_record() if fault else None,
            "signals": list(signals),
            "trace": str(trace) if trace else "",
        }
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"code":null}')
        assert answer["code"] is not None, f"the core hangs or the zygote died: {request}"
        return Ended(answer["code"], answer["seconds"], log)

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> Zygote:  # noqa: PYI034  Python 3.10 has no Self
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def main() -> None:
    """Serve requests until standard input ends."""
    _warm_up()
    # What is collected in a child would be copied there first.
    gc.collect()
    gc.freeze()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    for line in sys.stdin:
        request = json.loads(line)
        began = time.monotonic()
        pid = os.fork()
        if not pid:
            _be_core(request)
        code = _wait(pid, request["signals"], began)
        answer = {"code": code, "seconds": time.monotonic() - began}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    # Half of torch complains when it is taken down.
    os._exit(0)


def _warm_up() -> None:
    """Train once, for torch imports half of itself only when it is used."""
    from tests.faults.runs import make_project, new_run
    from tui_trainer.record.claim import claim
    from tui_trainer.train import loop
    from tui_trainer.train.reporter import Reporter
    from tui_trainer.train.signals import Requests

    with (
        tempfile.TemporaryDirectory() as place,
        open(os.devnull, "w") as nowhere,  # noqa: PTH123
        contextlib.redirect_stdout(nowhere),
    ):
        folder = new_run(make_project(Path(place) / "project"))
        loop.run(folder, claim(folder)[0].number, Requests(), Reporter())


def _wait(pid: int, signals: list[tuple[float, int]], began: float) -> int | None:
    """The core's exit code; None for one that had to be ended because it hung."""
    due = sorted(((s, n) for s, n in [*signals, (PATIENCE_SECONDS, signal.SIGKILL)]), reverse=True)
    while due:
        waited, status = os.waitpid(pid, os.WNOHANG)
        if waited:
            return os.waitstatus_to_exitcode(status)
        seconds, number = due[-1]
        left = began + seconds - time.monotonic()
        if left > 0:
            signal.sigtimedwait({signal.SIGCHLD}, left)
            continue
        due.pop()
        os.kill(pid, number)
        if number == signal.SIGKILL:
            break
    status = os.waitpid(pid, 0)[1]
    return os.waitstatus_to_exitcode(status) if due else None


def _be_core(request: dict[str, Any]) -> None:
    """Become the core that the request asks for; ends this process."""
    code = 1
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        descriptor = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, standard in ((nothing, 0), (descriptor, 1), (descriptor, 2)):
            os.dup2(source, standard)
        sys.argv = ["tui_trainer.train", request["run"]]
        os.chdir(request["run"])
        from tui_trainer.train.__main__ import main as train

        shim.arm(request["fault"], request["trace"], f"{request['run']}/*")
        code = train()
    except BaseException:  # noqa: BLE001  whatever it is, the child must not go on as the zygote
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
