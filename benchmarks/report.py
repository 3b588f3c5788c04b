"""Time and memory of a report over many runs: python benchmarks/report.py [--runs N] [--epochs N].

Makes run folders as supervisor and core write them, on this disk, then writes the HTML and the
Markdown report of all of them, each by the command and in a process of its own. Memory is the
largest resident set of that process; a report of two runs beside it says what any report costs.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from tui_trainer.record.epochs import Epoch
from tui_trainer.record.events import (
    AttemptEnded,
    AttemptStarted,
    CheckpointSaved,
    Evaluated,
    Launched,
    TrainingBegan,
    event_record,
)
from tui_trainer.record.owner import Owner
from tui_trainer.record.run_folder import RunFolder
from tui_trainer.spec.project import load_project
from tui_trainer.spec.snapshot import experiment_to_toml

ROOT = Path(__file__).parents[1]
SEEDS, SEVERITIES = 5, range(1, 6)
CORRUPTIONS = ("fog", "snow", "contrast", "motion_blur", "gaussian_noise", "pixelate")
PROJECT = """\
[project]
name = "many"
[defaults]
data = { name = "digits" }
model = { name = "cnn", depth = 2 }
"""
PROVENANCE = {
    "tui_trainer": "0.1.0",
    "git_commit": "0" * 40,
    "host": "node",
    "packages": {"torch": "2.10.0", "numpy": "2.4.0"},
}
MEASURE = (
    "import resource, subprocess, sys, time\n"
    "begin = time.monotonic()\n"
    "done = subprocess.run([sys.executable, '-m', 'tui_trainer', *sys.argv[1:]])\n"
    "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
    "seconds = time.monotonic() - begin, used.ru_utime + used.ru_stime\n"
    "print(*seconds, used.ru_maxrss, file=sys.stderr)\n"
    "sys.exit(done.returncode)\n"
)


class Cost(NamedTuple):
    """What one command took."""

    seconds: float
    processor: float
    """Seconds of it, which others on the machine trouble less."""
    peak: float
    """Megabytes."""


def main() -> None:
    """Print a row of the table for each form of the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=300)
    options = parser.parse_args()
    print("| report | runs | epochs of each | seconds | processor, s | peak, MB | size, MB |")
    print("|---|---|---|---|---|---|---|")
    for count in (2, options.runs):
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder)
            make_runs(project, count, options.epochs)
            for name in ("report.html", "report.md"):
                cost = measure(project, "report", "-o", name)
                size = (project / name).stat().st_size / 1e6
                figures = (f"{cost.seconds:.1f}", f"{cost.processor:.1f}", f"{cost.peak:.0f}")
                cells = (name, count, options.epochs, *figures, f"{size:.2f}")
                print(f"| {' | '.join(map(str, cells))} |", flush=True)


def make_runs(project: Path, count: int, epochs: int) -> None:
    """So many runs, each setup with a few seeds; one in ten was killed and resumed."""
    setups = -(-count // SEEDS)
    tables = [
        f"[experiments.s{at}]\nepochs = {epochs}\noptimizer.lr = {0.001 + 0.0001 * at:.4f}\n"
        f"model.depth = {1 + at % 10}\n"
        for at in range(setups)
    ]
    (project / "experiments.toml").write_text(PROJECT + "".join(tables))
    known = load_project(project / "experiments.toml")
    for number in range(count):
        name, seed = f"s{number // SEEDS}", number % SEEDS
        experiment = known.experiment(name, [f"seed={seed}"])
        folder = RunFolder(project / "runs" / name / str(seed + 1))
        folder.path.mkdir(parents=True)
        folder.experiment_file.write_text(experiment_to_toml(experiment, PROVENANCE))
        write_run(folder, number, epochs)


def write_run(folder: RunFolder, number: int, epochs: int) -> None:
    """Its events, epochs and results."""
    attempts = 2 if number % 10 == 0 else 1
    owner = Owner.of_process(os.getpid())
    events: list[Any] = [Launched(launcher="local", owner=owner)]
    for attempt in range(1, attempts + 1):
        begin = 1 if attempt == 1 else epochs // 2 + 1
        end = epochs if attempt == attempts else epochs // 2
        folder.attempt(attempt).path.mkdir(parents=True)
        record = json.dumps(owner.as_record())
        folder.attempt(attempt).owner_file.write_text(record)
        events += [
            AttemptStarted(attempt=attempt, owner=owner, threads=2),
            TrainingBegan(attempt=attempt, epoch=begin, step=0, checkpoint=""),
            *(saved(attempt, epoch) for epoch in range(begin, end + 1)),
        ]
        if attempt < attempts:
            events.append(ended(attempt, -9))
    best = 0.9 + 0.05 * math.sin(number)
    folder.results.mkdir()
    for split, file, result in (
        ("test", folder.clean_results_file, clean(best)),
        ("ood", folder.ood_results_file, ood(best)),
    ):
        file.write_text(json.dumps(result))
        events.append(evaluated(attempts, split, file, result))
    events.append(ended(attempts, 0))
    lines(folder.events_file, map(event_record, events))
    lines(folder.epochs_file, (measured(n, best).as_record() for n in range(1, epochs + 1)))


def lines(path: Path, records: Any) -> None:
    """One JSON line each."""
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))


def saved(attempt: int, epoch: int) -> CheckpointSaved:
    """What stands before the line of each epoch."""
    return CheckpointSaved(
        attempt=attempt,
        epoch=epoch,
        step=19 * epoch,
        checkpoint=f"epoch-{epoch:04d}.pt",
        sha256="0" * 64,
        weights_sha256="0" * 64,
        epochs_sha256="0" * 64,
    )


def ended(attempt: int, code: int) -> AttemptEnded:
    """By a signal, or well."""
    cause = "killed by SIGKILL" if code else ""
    return AttemptEnded(
        attempt=attempt, exit_code=code, cause=cause, peak_memory_bytes=640_000_000, seconds=900.0
    )


def evaluated(attempt: int, split: str, file: Path, result: dict[str, Any]) -> Evaluated:
    """That a result was written."""
    return Evaluated(
        attempt=attempt,
        split=split,
        checkpoint="epoch-0001.pt",
        loss=None,
        accuracy=result["accuracy"],
        file=f"results/{file.name}",
        sha256="0" * 64,
    )


def clean(accuracy: float) -> dict[str, Any]:
    """Of 100 classes, as CIFAR-100 has them."""
    classes = range(100)
    confusion = [
        [90 if row == column else row == column + 1 for column in classes] for row in classes
    ]
    return {"accuracy": accuracy, "loss": 0.3, "confusion": [[*map(int, row)] for row in confusion]}


def ood(accuracy: float) -> dict[str, Any]:
    """By corruption and severity."""
    by_severity = {str(severity): accuracy - 0.1 * severity for severity in SEVERITIES}
    row = {**by_severity, "mean": accuracy - 0.3}
    corruptions = dict.fromkeys(CORRUPTIONS, row)
    return {"accuracy": accuracy - 0.3, "gap": 0.3, "corruptions": corruptions}


def measured(number: int, best: float) -> Epoch:
    """An epoch of a curve like a real one."""
    fall = math.exp(-number / 40)
    return Epoch(
        epoch=number,
        attempt=1,
        step=19 * number,
        train_loss=0.05 + 2.2 * fall,
        train_accuracy=0.99 - 0.85 * fall,
        validation_loss=0.2 + 2.0 * fall,
        validation_accuracy=best - 0.8 * fall + 0.01 * math.sin(number * 2.3),
        ood_accuracy=best - 0.3 - 0.5 * fall,
        lr=0.05,
        grad_norm=0.4 + fall,
        seconds=3.0,
        images_per_second=712.4,
        time=1_700_000_000.0 + number,
    )


def measure(project: Path, *arguments: str) -> Cost:
    """Run one command."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    seconds, processor, kilobytes = map(float, done.stderr.split()[-3:])
    return Cost(seconds, processor, kilobytes / 1e3)


if __name__ == "__main__":
    begin = time.monotonic()
    main()
    print(f"all of it took {time.monotonic() - begin:.0f} s", file=sys.stderr)
