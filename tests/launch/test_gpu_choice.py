"""Which GPUs are taken, by a small library that is compiled here in place of NVIDIA's."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.conftest import CommandLine, wait_until
from tests.launch.test_gpus import library  # noqa: F401  a fixture
from tui_trainer.launch import gpu_choice
from tui_trainer.launch.gpu_choice import Driver, GpuChoice, choices
from tui_trainer.launch.gpus import Gpu, GpuProcess
from tui_trainer.launch.turn import driver_for
from tui_trainer.record.state import State
from tui_trainer.spec.experiment import Resources

if TYPE_CHECKING:
    from pathlib import Path


def gpu(index: int, *pids: int) -> Gpu:
    return Gpu(
        index=index,
        uuid=f"GPU-{'ab'[index % 2]}{index}",
        name="",
        memory_bytes=1,
        used_bytes=0,
        busy=None,
        processes=tuple(GpuProcess(pid, 1) for pid in pids),
    )


class Knowing(Driver):
    """Tells of these."""

    def __init__(self, *there: Gpu) -> None:
        super().__init__()
        self._there = there

    def gpus(self) -> tuple[Gpu, ...]:
        return self._there


@pytest.mark.parametrize(
    ("visible", "ids"),
    [
        (None, ["GPU-a0", "GPU-b1", "GPU-a2"]),
        ("", []),
        ("-1", []),
        ("2, 0", ["GPU-a2", "GPU-a0"]),
        ("0,7,1", ["GPU-a0"]),  # as CUDA: what stands behind a name that is none is not there
        ("GPU-b", ["GPU-b1"]),
        ("GPU-a", []),  # two begin like that
        ("MIG-1/2", ["MIG-1/2"]),
    ],
)
def test_what_cuda_visible_devices_leaves(visible: str | None, ids: list[str]) -> None:
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    found = choices(Knowing(gpu(0), gpu(1), gpu(2)), environment)
    assert [choice.id for choice in found] == ids


def test_who_computes_on_a_gpu_is_named() -> None:
    driver = Knowing(gpu(0, os.getpid(), 2**22 + 1), gpu(1))
    first, second = choices(driver, {})
    said = driver.others_on(first)
    assert said.startswith(f"GPU 0: pid {os.getpid()} (")
    assert said.endswith(" computes on it, and 1 more")
    assert driver.others_on(second) == ""


def test_a_driver_that_does_not_answer_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_choice, "SECONDS_TO_ANSWER", 0.01)
    monkeypatch.setattr(gpu_choice, "gpus", lambda: time.sleep(5))
    driver = Driver()
    assert driver.gpus() is None
    began = time.monotonic()
    assert choices(driver, {}) == ()  # the first question is still not answered
    assert time.monotonic() - began < 2


def test_a_driver_that_wakes_gpus_up_is_waited_for_by_who_would_use_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asleep = [0.5]

    def answer() -> tuple[Gpu, ...]:
        time.sleep(asleep.pop() if asleep else 0.0)
        return (gpu(0),)

    monkeypatch.setattr(gpu_choice, "SECONDS_TO_ANSWER", 0.2)
    monkeypatch.setattr(gpu_choice, "gpus", answer)
    driver = driver_for(Resources(device="cuda"))
    assert [choice.id for choice in choices(driver, {})] == ["GPU-a0"]


def test_a_gpu_that_fell_off_the_bus_is_no_free_one() -> None:
    lost, part = (GpuChoice(name, name, name) for name in ("GPU-b1", "MIG-1/2"))
    driver = Knowing(gpu(0))
    assert driver.others_on(lost) == "GPU-b1: NVIDIA's driver tells nothing of it any more"
    assert driver.others_on(part) == ""


def test_a_run_takes_the_gpu_that_is_free_and_the_next_one_waits_for_it(
    tui_trainer: CommandLine,
    library: Path,  # noqa: F811
) -> None:
    command_line = tui_trainer.fake(seconds=0.01, hang_at=2)
    command_line.environment = {
        **command_line.environment,
        "LD_LIBRARY_PATH": str(library),
        "NVML_STUB_PID": str(os.getpid()),
    }
    gpus = ("--set", "resources.device=cuda", "--detach")
    for name in ("one", "two"):
        assert command_line("run", name, *gpus).returncode == 0
    log = tui_trainer.folder / "runs/one/1/attempts/1/log.txt"
    wait_until(lambda: log.exists() and "CUDA_VISIBLE_DEVICES=GPU-1" in log.read_text())
    waiting = tui_trainer.wait("two", lambda run: "computes on it" in run.cause)
    assert waiting.state is State.QUEUED
    assert f"waits for GPU 0: pid {os.getpid()} (" in waiting.cause
    assert waiting.cause.endswith("; one/1 has the slots")
