"""What a run waits for while a disk is full, in words: how much, where, and what to do."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tui_trainer.record.words import byte_size

if TYPE_CHECKING:
    from tui_trainer.record.run_folder import RunFolder


def want_of_room(folder: RunFolder) -> str:
    """What has to change before the run can go on."""
    place, needed = folder.path, max(_sizes_of_checkpoints(folder), default=0)
    about = os.statvfs(place)
    free = about.f_bavail * about.f_frsize
    cure = "make room (tui-trainer prune shows what can go), and it goes on by itself"
    if needed and free > 2 * needed:
        # What is free says nothing of a quota, nor of the disk that caches or data are on.
        return f"a quota, or another disk than that of {place}, is full: waits for room; {cure}"
    wanted = byte_size(needed) if needed else "room"
    return (
        f"the disk is full: waits for {wanted} in {place}, where {byte_size(free)} are free; {cure}"
    )


def _sizes_of_checkpoints(folder: RunFolder) -> list[int]:
    try:
        return [path.stat().st_size for path in folder.checkpoints.iterdir()]
    except OSError:  # none was saved yet, or one was pruned at this moment
        return []
