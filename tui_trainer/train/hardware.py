"""The device, the threads and the determinism that a run is trained with."""

from __future__ import annotations

import os
import platform
import resource
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tui_trainer import __version__
from tui_trainer.errors import PreflightError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def choose_device(wanted: str) -> torch.device:
    """The device that `resources.device` means here.

    Raises:
        PreflightError: A GPU is demanded and there is none.
    """
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise PreflightError(
            "resources.device is cuda, but PyTorch sees no GPU here",
            hint="ask the scheduler for one, or set resources.device to auto",
        )
    return torch.device("cuda" if available and wanted != "cpu" else "cpu")


def check_precision(precision: str, device: torch.device) -> None:
    """Make sure that the device computes in a precision at a speed that anyone can mean.

    Raises:
        PreflightError: It does not.
    """
    hint = "leave training.precision at fp32, or run it on a GPU that can"
    if precision == "fp16" and device.type == "cpu":
        raise PreflightError("training.precision is fp16, which is for GPUs only", hint=hint)
    if precision == "bf16" and not _computes_bf16(device):
        # Measured without it: 11 times slower than fp32 for small networks, 3.6 for ResNet18.
        raise PreflightError("training.precision is bf16, but this device has none", hint=hint)


def check_compiler(device: torch.device) -> None:
    """Compile something small, forwards and backwards.

    Raises:
        PreflightError: torch.compile lacks what it needs here.
    """
    values = torch.ones(2, device=device, requires_grad=True)
    try:
        torch.autograd.backward(torch.compile(torch.sigmoid)(values).sum())
    except Exception as error:
        first = str(error).partition("\n")[0]
        raise PreflightError(
            f"training.compile is true, but nothing can be compiled here: {first}",
            hint="a processor takes a C++ compiler (g++, or the one that CXX names), a GPU "
            "Triton and a C compiler; or leave training.compile at false",
        ) from error


def _computes_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001


def peak_memory(device: torch.device) -> int:
    """Bytes: what the GPU had allocated at most, or the largest resident set of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def settle() -> None:
    """Use the threads that were allotted, and the same arithmetic every time."""
    torch.set_num_threads(_allotted_threads())
    if torch.get_num_interop_threads() != 1:  # settable once in a process
        torch.set_num_interop_threads(1)
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    # Filling every new tensor would cost time and guards only against reading what nobody wrote.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def _allotted_threads() -> int:
    named = os.environ.get("OMP_NUM_THREADS", "")
    return int(named) if named.isdigit() and int(named) else len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Circumstances:
    """What, apart from the experiment, decides the bits of a result."""

    threads: int
    torch_version: str
    tui_trainer_version: str
    device: str
    python_version: str
    processor: str

    @classmethod
    def of(cls, device: torch.device) -> Circumstances:
        """Those of this process."""
        kind = (
            torch.cuda.get_device_name(device)
            if device.type == "cuda"
            else f"CPU with {torch.backends.cpu.get_cpu_capability()}"
        )
        return cls(
            threads=torch.get_num_threads(),
            torch_version=str(torch.__version__),
            tui_trainer_version=__version__,
            device=kind,
            python_version=platform.python_version(),
            processor=_processor(),
        )

    def as_record(self) -> dict[str, Any]:
        """What a checkpoint holds of them."""
        return asdict(self)

    def differences(self, record: Mapping[str, Any]) -> Iterator[str]:
        """In words, what was otherwise when `record` was taken."""
        for name, now in self.as_record().items():
            # Checkpoints of earlier versions say less.
            if record.get(name, now) != now:
                yield f"{name.replace('_', ' ')} was {record[name]}, is {now}"


def _processor() -> str:
    """The model's name: two of one model compute the same bits."""
    try:
        about = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.machine()
    named = (line.partition(":")[2] for line in about.splitlines() if line.startswith("model name"))
    return next(named, platform.machine()).strip()
