"""Which GPUs a run may be given, and who computes on one besides: asked of the driver in time."""

from __future__ import annotations

import os
import pwd
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.launch.gpus import Gpu, gpus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"
# A driver takes milliseconds, one that wakes a GPU up seconds; after ten without a beat the run
# would be taken for lost.
SECONDS_TO_ANSWER = 4.0
# Where no daemon keeps them awake, it wakes up all eight GPUs of a node, one after the other.
SECONDS_TO_WAKE_UP = 20.0
# It is on every GPU whose processes share it, and stays there while nobody computes.
_SHARER = "nvidia-cuda-mps"
_PART = "MIG-"


class GpuChoice(NamedTuple):
    """A GPU that a run may be given, or a part of one (MIG) that the environment names."""

    id: str
    """What tells it from all others, however they are counted."""
    shown: str
    visible_as: str
    """What `CUDA_VISIBLE_DEVICES` has to say for a process that gets it."""

    @property
    def is_part(self) -> bool:
        """Whether it is a part of a GPU, of which the driver tells nothing apart."""
        return self.id.startswith(_PART)

    def __str__(self) -> str:
        return self.shown


def choices(driver: Driver, environment: Mapping[str, str] | None = None) -> tuple[GpuChoice, ...]:
    """All GPUs, or those that `CUDA_VISIBLE_DEVICES` leaves; none where the driver tells of none.

    Numbers in the variable count as nvidia-smi does, which is how CUDA counts with
    `CUDA_DEVICE_ORDER=PCI_BUS_ID`, and on every machine whose GPUs are alike.
    """
    visible = (os.environ if environment is None else environment).get(VISIBLE_VARIABLE)
    there = driver.gpus() or ()
    if visible is None:
        return tuple(GpuChoice(gpu.uuid, f"GPU {gpu.index}", gpu.uuid) for gpu in there)
    return tuple(_named(visible, there)) if there else ()


class Driver:
    """Asks in a thread of its own: a driver whose GPU fell off the bus may never answer."""

    def __init__(self) -> None:
        self._asking: threading.Thread | None = None

    def gpus(self) -> tuple[Gpu, ...] | None:
        """What it tells; None where it gives no answer in time, or still has none to the last."""
        if self._asking is not None and self._asking.is_alive():
            return None
        answer = list[tuple[Gpu, ...]]()
        self._asking = threading.Thread(target=lambda: answer.append(gpus()), daemon=True)
        try:
            self._asking.start()
        except RuntimeError:  # as many threads as this user may have
            self._asking = None
            return None
        self._asking.join(SECONDS_TO_ANSWER)
        return answer[0] if answer else None

    def wake_up(self) -> None:
        """Wait for the first answer, which may take longer than all that follow."""
        self.gpus()
        if self._asking is not None:
            self._asking.join(SECONDS_TO_WAKE_UP)

    def others_on(self, choice: GpuChoice) -> str:
        """Who computes on a GPU, in words; empty where nobody does."""
        told = self.gpus()
        if told is None:
            return f"{choice}: NVIDIA's driver gives no answer"
        if not (choice.is_part or any(gpu.uuid == choice.id for gpu in told)):
            return f"{choice}: NVIDIA's driver tells nothing of it any more"
        processes = [each for gpu in told if gpu.uuid == choice.id for each in gpu.processes]
        named = (_named_process(each.pid) for each in processes)
        others = [process for process in named if f"({_SHARER}" not in process]
        more = f", and {len(others) - 1} more" if len(others) > 1 else ""
        return f"{choice}: {others[0]} computes on it{more}" if others else ""


def _named(visible: str, there: tuple[Gpu, ...]) -> Iterator[GpuChoice]:
    """What the variable leaves; like CUDA it ends at the first name that is none."""
    for entry in map(str.strip, visible.split(",")):
        if entry.startswith(_PART):
            yield GpuChoice(entry, entry, entry)
            continue
        found = [gpu for gpu in there if entry == str(gpu.index)]
        if entry.startswith("GPU-"):
            found = [gpu for gpu in there if gpu.uuid.startswith(entry)]
        if len(found) != 1:
            return
        yield GpuChoice(found[0].uuid, f"GPU {found[0].index}", entry)


def _named_process(pid: int) -> str:
    """`pid 4242 (python) of user x`; the pid alone where it is out of sight, as in a container."""
    process = Path(f"/proc/{pid}")
    try:
        name = (process / "comm").read_text(errors="replace").strip()
        uid = process.stat().st_uid
    except OSError:
        return f"pid {pid}"
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    return f"pid {pid} ({name}) of user {user}"
