"""The GPUs of this machine as NVIDIA's library tells of them, and what a core uses of them."""

from __future__ import annotations

import contextlib
import ctypes
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

# A driver takes milliseconds to answer, and averages what it tells over up to a second.
SECONDS_BETWEEN_LOOKS = 2.0
# What is older is of a driver that does not answer any more.
SECONDS_TO_BELIEVE = 10.0
LIBRARY = "libnvidia-ml.so.1"


class GpuProcess(NamedTuple):
    """A process that computes on a GPU."""

    pid: int
    memory_bytes: int
    """0 where the driver does not tell."""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU at one moment."""

    index: int
    uuid: str
    """What `CUDA_VISIBLE_DEVICES` takes, whatever order it counts in."""
    name: str
    memory_bytes: int
    used_bytes: int
    busy: float | None
    """The share of the time in which it computed; None where the driver does not tell."""
    processes: tuple[GpuProcess, ...]
    """Those that the driver lets this user see."""


class GpuUse(NamedTuple):
    """What one process uses of the GPUs."""

    memory_bytes: int
    """Over all of them."""
    busy: float | None
    """Of the GPUs that it computes on, with whatever else computes there; their mean."""


def gpus() -> tuple[Gpu, ...]:
    """Those that there are; none where NVIDIA's library or its Python binding is not there."""
    try:
        ctypes.CDLL(LIBRARY)  # before its binding, which is 6 MB that most machines need not load
        import pynvml
    except (ImportError, OSError):
        return ()
    try:
        pynvml.nvmlInit()  # once more costs nothing
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError:
        return ()
    seen = (_gpu(pynvml, index) for index in range(count))
    return tuple(gpu for gpu in seen if gpu is not None)


def use_of(pid: int, seen: tuple[Gpu, ...]) -> GpuUse | None:
    """What a process uses of these; None for one that computes on none of them."""
    own = [(gpu, process) for gpu in seen for process in gpu.processes if process.pid == pid]
    if not own:
        return None
    busy = [gpu.busy for gpu, _ in own if gpu.busy is not None]
    memory = sum(process.memory_bytes for _, process in own)
    return GpuUse(memory, round(sum(busy) / len(busy), 2) if busy else None)


class GpuWatch:
    """Looks again and again what a process uses, in a thread that nobody waits for.

    A driver whose GPU fell off the bus may never answer; beats have to come all the same.
    """

    def __init__(self, pid: int) -> None:
        self._seen: tuple[float, GpuUse | None] = (0.0, None)
        self._over = threading.Event()
        watching = threading.Thread(target=self._look, args=(pid,), daemon=True, name="gpus")
        with contextlib.suppress(RuntimeError):  # as many threads as this user may have
            watching.start()

    @property
    def use(self) -> GpuUse | None:
        """As it was seen a moment ago."""
        at, use = self._seen
        return use if time.monotonic() - at < SECONDS_TO_BELIEVE else None

    def close(self) -> None:
        """Look no more."""
        self._over.set()

    def _look(self, pid: int) -> None:
        while (seen := gpus()) and not self._over.is_set():
            self._seen = (time.monotonic(), use_of(pid, seen))
            self._over.wait(SECONDS_BETWEEN_LOOKS)


def _gpu(nvml: Any, index: int) -> Gpu | None:
    """What is told of one; None for one that tells nothing, because it failed say."""
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        return Gpu(
            index=index,
            uuid=nvml.nvmlDeviceGetUUID(handle),
            name=nvml.nvmlDeviceGetName(handle),
            memory_bytes=memory.total,
            used_bytes=memory.used,
            busy=_told(nvml, lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100, None),
            processes=_told(nvml, lambda: _processes(nvml, handle), ()),
        )
    except nvml.NVMLError:
        return None


def _processes(nvml: Any, handle: Any) -> tuple[GpuProcess, ...]:
    told = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
    return tuple(GpuProcess(each.pid, each.usedGpuMemory or 0) for each in told)


def _told(nvml: Any, ask: Callable[[], Any], unknown: Any) -> Any:
    """An answer, or what stands for it: a part of a GPU tells less than a whole one."""
    try:
        return ask()
    except nvml.NVMLError:
        return unknown
