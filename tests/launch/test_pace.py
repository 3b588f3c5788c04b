"""What a step usually takes, and for how long nothing happened."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from tui_trainer.launch.pace import Pace
from tui_trainer.record.heartbeat import Progress
from tui_trainer.record.owner import resident_bytes


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def at(step: int, stage: str = "training", epoch: int = 1) -> Progress:
    return Progress(stage=stage, epoch=epoch, step=step, steps=99)


def test_the_usual_step_is_learnt_from_training_alone() -> None:
    clock = Clock()
    pace = Pace(clock)
    for seconds, progress in [
        (0, at(0, "preparing")),
        (500, at(1)),  # the first step compiles
        (502, at(2)),
        (506, at(4)),
        (600, at(4, "saving")),
        (700, at(5)),
        (702, at(6)),
        (800, at(1, epoch=2)),
    ]:
        clock.seconds = seconds
        pace.heard(progress)
    assert pace.step_seconds == pytest.approx(2.0)
    clock.seconds = 860
    assert pace.idle_seconds == 60


def test_a_slow_machine_makes_longer_steps_usual() -> None:
    clock = Clock()
    pace = Pace(clock)
    for step in range(1, 100):
        clock.seconds += 1 if step < 20 else 10
        pace.heard(at(step))
    assert pace.step_seconds == pytest.approx(10, rel=0.01)


def test_work_without_steps_is_seen_by_the_processor_it_uses() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.heard(at(0, "preparing"))
    pace.watch(os.getpid())
    deadline = time.process_time() + 0.3
    while time.process_time() < deadline:
        pass
    clock.seconds = 1.0
    assert pace.idle_seconds == 1.0
    pace.watch(os.getpid())
    assert pace.idle_seconds == 0.0


def test_one_that_only_waits_uses_none() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "input('ready\\n')"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    process.stdout.readline()
    clock = Clock()
    pace = Pace(clock)
    pace.watch(process.pid)
    time.sleep(0.2)
    clock.seconds = 1.0
    pace.watch(process.pid)
    assert pace.idle_seconds == 1.0
    process.communicate()


def test_what_a_core_uses_of_its_machine_is_seen() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.heard(at(3))
    pace.watch(os.getpid())
    seen_once = pace.usage
    assert seen_once is None
    deadline = time.process_time() + 0.3
    while time.process_time() < deadline:
        pass
    clock.seconds = 0.2
    pace.watch(os.getpid())
    assert pace.usage is not None
    assert pace.usage.processors >= 1.0
    assert 5e6 < pace.usage.memory_bytes < 5e9
    assert resident_bytes(2**22 + 1) == 0
