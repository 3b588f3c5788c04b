"""The training core as seen from its supervisor: how it is started, what it says, how it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tui_trainer.launch.gpus import GpuWatch
from tui_trainer.launch.pace import Pace
from tui_trainer.record.failure import Hope
from tui_trainer.record.fields import text
from tui_trainer.record.heartbeat import Progress
from tui_trainer.record.owner import Owner
from tui_trainer.record.tail import parse_record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tui_trainer.launch.turn import Share
    from tui_trainer.record.heartbeat import Usage
    from tui_trainer.record.run_folder import AttemptFolder, RunFolder

# The module that is run as the core. The variable names another one that keeps the same contract.
CORE_MODULE = "tui_trainer.train"
CORE_MODULE_VARIABLE = "TUI_TRAINER_CORE_MODULE"

# glibc gives each large tensor back to the kernel and faults its pages in again at every step;
# these keep them: 1.25 to 1.29 times the images per second for a small network on two cores.
MALLOC_SETTINGS = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(4 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
}
# Python takes a tenth of a second, on a cold file system several, until the core can hear these;
# the core unblocks them once it listens.
HELD_UNTIL_THE_CORE_LISTENS = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGXCPU,
)
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass
class CoreProcess:
    """A running core. What it says of itself arrives through a pipe of its own."""

    process: subprocess.Popen[bytes]
    owner: Owner
    progress_descriptor: int
    gpus: GpuWatch
    progress: Progress = field(default_factory=Progress)
    cause: str = ""
    """Why it is about to end, in the core's words."""
    hope: Hope | None = None
    """What a second try is worth in its opinion; None where it did not say."""
    is_done: bool = False
    """Whether it said that its training came to its end."""
    peak_memory_bytes: int = 0
    """Largest resident set; known once it ended."""
    pace: Pace = field(default_factory=Pace)
    _unfinished: bytes = b""

    @classmethod
    def start(cls, folder: RunFolder, attempt: AttemptFolder, share: Share) -> CoreProcess:
        """Start the core for an attempt; what it prints goes where this process prints."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        module = os.environ.get(CORE_MODULE_VARIABLE) or CORE_MODULE
        try:
            with _held_back(HELD_UNTIL_THE_CORE_LISTENS):
                process = subprocess.Popen(
                    [sys.executable, "-m", module, str(folder.path)],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[writer, *share.descriptors],
                    cwd=folder.path,
                    env=core_environment(os.environ, attempt.number, writer, share),
                )
        finally:
            os.close(writer)
        return cls(process, Owner.of_process(process.pid), reader, GpuWatch(process.pid))

    @property
    def usage(self) -> Usage | None:
        """What it uses of its machine, GPUs too; None while too little was seen."""
        usage, of_gpus = self.pace.usage, self.gpus.use
        if usage is None or of_gpus is None:
            return usage
        return usage._replace(gpu_memory_bytes=of_gpus.memory_bytes, gpu_busy=of_gpus.busy)

    def hear(self) -> None:
        """Take in what the core has said."""
        said = self._read()
        *lines, self._unfinished = (self._unfinished + said).split(b"\n")
        for record in filter(None, map(parse_record, lines)):
            if "cause" in record:
                self.cause, self.hope = text(record, "cause"), Hope.of(text(record, "hope"))
            self.is_done = self.is_done or record.get("done") is True
            if "stage" in record:
                self.progress = Progress.from_record(record)
                self.pace.heard(self.progress)

    def exit_code(self) -> int | None:
        """What it ended with, negative for a signal; None while it lives."""
        if self.process.returncode is None:
            # Unlike Popen.poll this says what this one core used, not the greediest of several.
            pid, status, used = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.process.returncode = os.waitstatus_to_exitcode(status)
                self.peak_memory_bytes = used.ru_maxrss * 1024
        return self.process.returncode

    def send(self, signal_number: int) -> None:
        """Send the core a signal, if it still lives."""
        if self.process.returncode is None:
            os.kill(self.process.pid, signal_number)

    def close(self) -> None:
        """Take in its last words and let go of the pipe."""
        self.hear()
        self.gpus.close()
        os.close(self.progress_descriptor)

    def _read(self) -> bytes:
        pieces = []
        try:
            while piece := os.read(self.progress_descriptor, 1 << 16):
                pieces.append(piece)
        except BlockingIOError:
            pass
        return b"".join(pieces)


@contextlib.contextmanager
def _held_back(numbers: Collection[int]) -> Iterator[None]:
    """Signals wait while a process is born, which inherits that and lets them in when it can."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def core_environment(
    environment: Mapping[str, str], attempt: int, progress_descriptor: int, share: Share
) -> dict[str, str]:
    """The core's environment: its attempt and pipe; threads and memory settled before it starts."""
    return {
        **MALLOC_SETTINGS,
        **environment,
        **dict.fromkeys(THREAD_VARIABLES, str(share.threads)),
        **share.environment,
        "PYTHONUNBUFFERED": "1",
        "TUI_TRAINER_ATTEMPT": str(attempt),
        "TUI_TRAINER_PROGRESS_FD": str(progress_descriptor),
    }
