"""What signals ask of the core: they set a flag, the loop acts between two batches."""

from __future__ import annotations

import ctypes
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_trainer.record.owner import Presence

if TYPE_CHECKING:
    from types import FrameType

    from tui_trainer.record.owner import Owner

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2, signal.SIGXCPU)
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(number: signal.Signals) -> None:
    """Have the kernel send a signal once what started this process is gone: its thread counts."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)


@dataclass
class Requests:
    """What somebody asked for and the loop has not done yet."""

    stop: bool = False
    """Save a checkpoint and end."""
    checkpoint: bool = False
    """Save a checkpoint and go on."""
    stopped_by: int = 0
    """The first signal that asked to stop; 0 where none did."""

    def listen(self) -> None:
        """Take requests from signals from now on. A second signal changes nothing."""
        for number in STOPPING:
            signal.signal(number, self._ask_to_stop)
        signal.signal(signal.SIGUSR1, self._ask_for_checkpoint)
        # A supervisor holds these back until there is somebody to hear them.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {*STOPPING, signal.SIGUSR1})
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)

    def close(self) -> None:
        """Take no more: what is to be done is done.

        An interpreter that takes itself apart gives its handlers up before it ends; what is ignored
        stays so, and a late signal does not make a death of a good end.
        """
        for number in (*STOPPING, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)

    def stop_with(self, supervisor: Owner | None) -> None:
        """Stop when the process that started this one dies, or if it is dead already."""
        die_with_parent(signal.SIGTERM)
        if supervisor is not None and supervisor.presence() is Presence.DEAD:
            self.stop = True

    def _ask_to_stop(self, number: int, _frame: FrameType | None) -> None:
        self.stop, self.stopped_by = True, self.stopped_by or number

    def _ask_for_checkpoint(self, _number: int, _frame: FrameType | None) -> None:
        self.checkpoint = True
