"""Runs a module that answers questions, for as long as the process that asks is there.

python -m tui_trainer.train.answering MODULE [ARGUMENT ...], the module below `tui_trainer.train`.
"""

from __future__ import annotations

import os
import runpy
import select
import signal
import sys

from tui_trainer.train.signals import die_with_parent


def main() -> None:
    """Be bound to who asks before torch is imported: that takes seconds, deaf to everything."""
    die_with_parent(signal.SIGKILL)
    if _nobody_listens():
        os._exit(1)
    module = sys.argv.pop(1)
    runpy.run_module(f"tui_trainer.train.{module}", run_name="__main__", alter_sys=True)


def _nobody_listens() -> bool:
    """Whether who asked was gone before this process was bound to it."""
    listener = select.poll()
    listener.register(1, 0)
    return any(events & select.POLLERR for _, events in listener.poll(0))


if __name__ == "__main__":
    main()
