"""What NVIDIA's library tells, by a small one that is compiled here in its place."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tui_trainer.launch import gpus as room
from tui_trainer.launch.gpus import Gpu, GpuProcess, GpuUse, GpuWatch, gpus, use_of

ROOT = Path(__file__).parents[2]
ASK = """
import dataclasses, json, os, time
from tui_trainer.launch.gpus import GpuWatch, gpus
os.environ["NVML_STUB_PID"] = "4242"
watch = GpuWatch(4242)
deadline = time.monotonic() + 20
while watch.use is None and time.monotonic() < deadline:
    time.sleep(0.01)
print(json.dumps([[dataclasses.asdict(gpu) for gpu in gpus()], watch.use]))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a library that tells of two GPUs."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler here")
    folder = tmp_path_factory.mktemp("nvml")
    source = Path(__file__).parent / "nvml_stub.c"
    target = folder / room.LIBRARY
    subprocess.run([compiler, "-shared", "-fPIC", "-o", target, source], check=True)
    return folder


def test_gpus_are_told_with_who_computes_on_them(library: Path) -> None:
    environment = {**os.environ, "LD_LIBRARY_PATH": str(library), "PYTHONPATH": str(ROOT)}
    asked = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True
    )
    (first, second), use = json.loads(asked.stdout)
    assert first == {
        "index": 0,
        "uuid": "GPU-0",
        "name": "Stub 0",
        "memory_bytes": 80_000_000_000,
        "used_bytes": 5_000_000_000,
        "busy": 0.93,
        "processes": [[4242, 4_200_000_000], [2, 0]],
    }
    assert (second["uuid"], second["busy"], second["processes"]) == ("GPU-1", None, [])
    assert use == [4_200_000_000, 0.93]


def test_a_process_on_several_gpus_uses_all_of_them() -> None:
    def gpu(index: int, busy: float | None, *processes: GpuProcess) -> Gpu:
        about = {"uuid": f"GPU-{index}", "name": "", "memory_bytes": 10, "used_bytes": 5}
        return Gpu(index=index, busy=busy, processes=processes, **about)  # type: ignore[arg-type]

    seen = (gpu(0, 0.5, GpuProcess(7, 3)), gpu(1, 1.0, GpuProcess(8, 1), GpuProcess(7, 4)))
    assert use_of(7, seen) == GpuUse(7, 0.75)
    assert use_of(8, (gpu(0, None, GpuProcess(8, 1)),)) == GpuUse(1, None)
    assert use_of(9, seen) is None


def test_without_the_library_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LIBRARY", "libno-such-library.so.1")
    assert gpus() == ()


def test_a_driver_that_does_not_answer_any_more_is_believed_for_a_while_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "gpus", lambda: ())
    watch = GpuWatch(1)
    watch._seen = (time.monotonic(), GpuUse(1, 0.5))
    assert watch.use == GpuUse(1, 0.5)
    watch._seen = (time.monotonic() - room.SECONDS_TO_BELIEVE - 1, GpuUse(1, 0.5))
    assert watch.use is None
