"""Real run folders, written through the record room the way supervisor and core write them."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.conftest import claim_next
from tui_trainer.record.durable import append_record, write_once
from tui_trainer.record.epochs import Epoch
from tui_trainer.record.events import (
    AttemptEnded,
    AttemptStarted,
    CheckpointSaved,
    Evaluated,
    Launched,
    TrainingBegan,
    append_event,
)
from tui_trainer.record.heartbeat import Heartbeat, Progress, Usage
from tui_trainer.record.owner import Owner
from tui_trainer.record.run_folder import RunFolder, claim_run
from tui_trainer.spec.project import load_project
from tui_trainer.spec.snapshot import experiment_to_toml

if TYPE_CHECKING:
    from pathlib import Path

EXPERIMENTS = """\
[project]
name = "digits-study"
[defaults]
data = { name = "digits" }
epochs = 14
[experiments.cnn2]
description = "two convolutions, nothing fancy"
model = { name = "cnn", depth = 2 }
[experiments.cnn4]
description = "deeper, with augmentation and a one-cycle learning rate"
base = "cnn2"
model.depth = 4
augment = [{ name = "rotation", degrees = 10 }]
[experiments.cnn8]
description = "eight convolutions"
base = "cnn4"
model.depth = 8
[experiments.resnet18]
description = "torchvision's, from nothing"
base = "cnn2"
epochs = 30
model = { name = "resnet18" }
"""


def write_project(folder: Path, text: str = EXPERIMENTS) -> Path:
    """A project folder with this experiments.toml."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "experiments.toml").write_text(text, encoding="utf-8")
    return folder


USAGE = Usage(1.874, 812_000_000)


class RunWriter:
    """Writes one run; its owner is this process, so that a run that did not end is alive."""

    def __init__(self, project: Path, experiment: str) -> None:
        self.folder = claim_run(project / "runs", experiment)
        self.name = experiment
        known = load_project(project / "experiments.toml")
        is_known = experiment in known.experiments or "." in experiment  # a point of a study
        resolved = known.experiment(experiment if is_known else next(iter(known.experiments)))
        write_once(self.folder.experiment_file, experiment_to_toml(resolved, {}).encode())
        self.attempt = 0
        self.owner = Owner.of_process(os.getpid())
        append_event(self.folder.events_file, Launched(launcher="local", owner=self.owner))
        self.epochs = 0

    def start(
        self, owner: Owner | None = None, *, parameters: int = 0, flops: int = 0
    ) -> RunWriter:
        """Claim an attempt and begin to train."""
        self.owner = owner or Owner.of_process(os.getpid())
        self.attempt = claim_next(self.folder, self.owner).number
        started = AttemptStarted(attempt=self.attempt, owner=self.owner, threads=2)
        append_event(self.folder.events_file, started)
        checkpoint = f"epoch-{self.epochs:04d}.pt" if self.epochs else ""
        began = TrainingBegan(
            attempt=self.attempt,
            epoch=self.epochs + 1,
            step=0,
            checkpoint=checkpoint,
            parameters=parameters,
            flops=flops,
        )
        append_event(self.folder.events_file, began)
        return self

    def train(self, epochs: int, *, rate: float = 0.25, ood_gap: float | None = None) -> RunWriter:
        """Finish some epochs, with curves like real ones; `ood_gap` is where the probe's ends."""
        for _ in range(epochs):
            self.epochs += 1
            append_event(self.folder.events_file, self._checkpoint())
            epoch = self._epoch(rate)
            if ood_gap is not None:
                epoch = replace(epoch, ood_accuracy=_probed(epoch, ood_gap))
            append_record(self.folder.epochs_file, epoch.as_record())
        return self

    def beat(
        self,
        *,
        step: int = 12,
        idle_seconds: float = 0.2,
        stage: str = "training",
        usage: Usage = USAGE,
        waits_for: str = "",
    ) -> RunWriter:
        """Say where the epoch in progress stands."""
        progress = Progress(
            stage=stage, epoch=self.epochs + 1, step=step, steps=19, images_per_second=712.4
        )
        Heartbeat(
            beat=step,
            attempt=self.attempt,
            owner=self.owner,
            core=None,
            progress=progress,
            idle_seconds=idle_seconds,
            step_seconds=0.4,
            usage=usage,
            waits_for=waits_for,
        ).write(self.folder.heartbeat_file)
        return self

    def end(self, exit_code: int, cause: str = "") -> RunFolder:
        """The attempt ends."""
        ended = AttemptEnded(
            attempt=self.attempt, exit_code=exit_code, cause=cause, peak_memory_bytes=640_000_000
        )
        append_event(self.folder.events_file, ended)
        return self.folder

    def evaluate(self, accuracy: float) -> RunWriter:
        """Write the accuracy on the test images."""
        self.folder.results.mkdir(exist_ok=True)
        content = json.dumps({"loss": 0.1, "accuracy": accuracy}).encode()
        write_once(self.folder.clean_results_file, content)
        evaluated = Evaluated(
            attempt=self.attempt,
            split="test",
            checkpoint="epoch-0011.pt",
            loss=0.1,
            accuracy=accuracy,
            file="clean.json",
            sha256="0" * 64,
        )
        append_event(self.folder.events_file, evaluated)
        return self

    def evaluate_ood(self, accuracy: float, gap: float) -> RunWriter:
        """Write the accuracy out of distribution."""
        self.folder.results.mkdir(exist_ok=True)
        content = json.dumps({"accuracy": accuracy, "gap": gap}).encode()
        write_once(self.folder.ood_results_file, content)
        evaluated = Evaluated(
            attempt=self.attempt,
            split="ood",
            checkpoint="epoch-0011.pt",
            loss=None,
            accuracy=accuracy,
            file="results/ood.json",
            sha256="0" * 64,
        )
        append_event(self.folder.events_file, evaluated)
        return self

    def _checkpoint(self) -> CheckpointSaved:
        return CheckpointSaved(
            attempt=self.attempt,
            epoch=self.epochs,
            step=19 * self.epochs,
            checkpoint=f"epoch-{self.epochs:04d}.pt",
            sha256="0" * 64,
            weights_sha256="0" * 64,
        )

    def _epoch(self, rate: float) -> Epoch:
        number = self.epochs
        fall, wobble = math.exp(-rate * number), math.sin(number * 2.3) * 0.012
        return Epoch(
            epoch=number,
            attempt=self.attempt,
            step=19 * number,
            train_loss=0.05 + 2.2 * fall,
            train_accuracy=0.995 - 0.85 * fall,
            validation_loss=0.14 + 2.0 * fall + wobble,
            validation_accuracy=0.972 - 0.82 * fall - wobble,
            ood_accuracy=None,
            lr=0.05,
            grad_norm=0.4 + fall,
            seconds=6.5,
            images_per_second=712.4,
            time=1_700_000_000.0 + number,
        )


def _probed(epoch: Epoch, gap: float) -> float:
    """Less than clean by what grows to `gap`, and restless."""
    clean = epoch.validation_accuracy or 0.0
    return clean * (1 - gap) - math.sin(epoch.epoch * 1.7) * 0.02


def write_study(project: Path) -> Path:
    """A project with a run in every state that a person meets on an ordinary day."""
    write_project(project)
    RunWriter(project, "cnn2").start().train(14, rate=0.3).evaluate(0.9617).end(0)
    killed = "killed by SIGKILL: by a person, the scheduler, or for lack of memory"
    RunWriter(project, "cnn4").start().train(6).end(-9, killed)
    stopped = RunWriter(project, "cnn4").start().train(9)
    stopped.folder.attempt(1).ask_to_stop(at_once=False)
    stopped.end(75, "stopped after a checkpoint")
    resumed = RunWriter(project, "cnn4").start().train(3)
    resumed.end(75, "stopped after a checkpoint")
    resumed.start().train(4).beat(step=12)
    stalled = RunWriter(project, "cnn8").start().train(2)
    stalled.beat(step=3, idle_seconds=95)
    RunWriter(project, "cnn8")
    return project


def write_robust_study(project: Path) -> Path:
    """Runs that are measured out of distribution, beside one that is not."""
    write_project(project)
    plain = RunWriter(project, "cnn2").start().train(14, rate=0.3, ood_gap=0.42)
    plain.evaluate(0.9617).evaluate_ood(0.5132, 0.4486).end(0)
    killed = "killed by SIGKILL: by a person, the scheduler, or for lack of memory"
    RunWriter(project, "cnn4").start().train(6, ood_gap=0.24).end(-9, killed)
    stopped = RunWriter(project, "cnn4").start().train(9, ood_gap=0.24)
    stopped.folder.attempt(1).ask_to_stop(at_once=False)
    stopped.end(75, "stopped after a checkpoint")
    resumed = RunWriter(project, "cnn4").start().train(3, ood_gap=0.24)
    resumed.end(75, "stopped after a checkpoint")
    resumed.start().train(7, ood_gap=0.24).beat(step=12)
    RunWriter(project, "cnn8").start().train(14, rate=0.2).evaluate(0.9402).end(0)
    return project


def write_torn(project: Path) -> RunFolder:
    """A run with half a line, garbage and a hostile warning in its files."""
    writer = RunWriter(project, "cnn2").start().train(3)
    folder = writer.end(1, "ValueError: \x1b[2J\x1b]0;owned\x07[/bold] shapes differ")
    with folder.epochs_file.open("ab") as file:
        file.write(b'not json\n\x00\xff\n{"epoch": 4, "atte')
    return folder


def foreign_owner() -> Owner:
    """A process of another host, which only its heartbeat can speak for."""
    return replace(Owner.of_process(os.getpid()), host="node07", boot_id="another", job_id="4711")
