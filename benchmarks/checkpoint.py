"""What saving checkpoints costs a training: the time that it stands still, each epoch.

    python benchmarks/checkpoint.py [--rounds N] [--steps N] [--images N] [--device NAME] [MODEL]...

Trains each model of the study, with Adam and full augmentation, on images of 32 x 32 that are made
here. Each round times a few steps and then one checkpoint of the real kind, with digest, fsync and
rename. An epoch is that many images at the median speed; validation, which would make the share
smaller, is left out. On a GPU the training stands still only for the copy in memory.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from tui_trainer.record.experiment_file import read_experiment
from tui_trainer.record.owner import Owner
from tui_trainer.record.run_folder import claim_run
from tui_trainer.spec.check import check_experiment
from tui_trainer.spec.snapshot import experiment_to_toml
from tui_trainer.train import randomness
from tui_trainer.train.ledger import Ledger
from tui_trainer.train.loop import Training
from tui_trainer.train.reporter import Reporter
from tui_trainer.train.signals import Requests

MODELS: dict[str, dict[str, Any]] = {
    "simple_cnn": {"name": "simple_cnn"},
    "cnn4": {"name": "cnn4"},
    "resnet18": {"name": "resnet18"},
    "resnet50": {"name": "resnet50"},
}
AUGMENT = [{"name": name} for name in ("random_crop", "horizontal_flip", "rotation")]
BATCH = 64
BAR = 0.003


class Silent(Reporter):
    """Says nothing, so that the table is all that is printed."""

    def say(self, line: str) -> None:
        """Nothing."""


class Cost(NamedTuple):
    """Of one model."""

    bytes: int
    images_per_second: float
    stall: float
    """Seconds that the training stood still for one checkpoint; median."""
    written: float
    """Seconds until it was on the disk; median."""


def training(project: Path, model: dict[str, Any], device: str, steps: int) -> Training:
    """A run that is ready for its first step."""
    images = np.random.default_rng(0).integers(0, 256, (steps * BATCH, 32, 32, 3), np.uint8)
    labels = np.arange(len(images)) % 100
    np.savez(project / "images.npz", images=images, labels=labels)
    checked = check_experiment(
        {
            "model": model,
            "data": {"name": "npz", "path": "images.npz"},
            "batch_size": BATCH,
            "optimizer": {"name": "adam", "lr": 1e-3},
            "augment": AUGMENT,
            "resources": {"device": device},
        }
    )
    assert checked.table is not None, checked.problems  # noqa: S101
    folder = claim_run(project / "runs", "benchmark")
    folder.experiment_file.write_text(experiment_to_toml(checked.table, {}))
    folder.claim_attempt(Owner.of_process(os.getpid()), after=0)
    reporter = Silent()
    ready = Training(read_experiment(folder), Ledger(folder, 1, reporter), Requests(), reporter)
    ready._prepare()  # noqa: SLF001  the loop's own parts are what is timed
    ready.checkpoints.tidy()
    return ready


def cost(model: dict[str, Any], device: str, rounds: int, steps: int) -> Cost:
    """Steps and saves in turn; the first round, which allocates, is not counted."""
    speeds, stalls, written = [], [], []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as place:
        # Half of the images are more than validation and test are given.
        ready = training(Path(place), model, device, 2 * (rounds + 1) * steps)
        ready.saved = None
        state = ready.state
        state.network.train()
        order = randomness.permutation(0, 1, len(ready.data.train)).to(ready.device)
        for _ in range(rounds + 1):
            began = time.perf_counter()
            for _ in range(steps):
                first, last = ready.spans[state.steps]
                ready._train_step(order[first:last])  # noqa: SLF001
                state.steps += 1
            wait(ready.device)
            trained = time.perf_counter()
            ready._save()  # noqa: SLF001
            saved = time.perf_counter()
            ready.writer.finish()
            speeds.append(steps * BATCH / (trained - began))
            stalls.append(saved - trained)
            written.append(time.perf_counter() - trained)
            ready.checkpoints.retain(None)
        newest = ready.checkpoints.names()[-1]
        size = (ready.ledger.folder.checkpoints / str(newest)).stat().st_size
        ready.writer.close()
    return Cost(size, *(statistics.median(each[1:]) for each in (speeds, stalls, written)))


def wait(device: torch.device) -> None:
    """A GPU works on while the processor goes ahead."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    """Print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="*", default=list(MODELS), metavar="MODEL")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4, help="of 64 images, between two saves")
    parser.add_argument("--images", type=int, default=50_000, help="of an epoch")
    parser.add_argument("--device", default="cpu")
    wanted = parser.parse_args()
    print(
        "| model | checkpoint | images/s | epoch | stall | on the disk after | share of an epoch |"
    )
    print("|---|---|---|---|---|---|---|")
    for name in wanted.models:
        found = cost(MODELS[name], wanted.device, wanted.rounds, wanted.steps)
        epoch = wanted.images / found.images_per_second
        share = found.stall / epoch
        verdict = "" if share <= BAR else f" (above {100 * BAR} %)"
        print(
            f"| {name} | {found.bytes / 1e6:.1f} MB | {found.images_per_second:,.0f} "
            f"| {epoch:,.0f} s | {1000 * found.stall:.0f} ms | {1000 * found.written:.0f} ms "
            f"| {100 * share:.3f} %{verdict} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
