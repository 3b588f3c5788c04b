"""CPU seconds of a preflight at one thread, above the imports, for the study's networks.

python benchmarks/preflight.py [--rounds 3]

The data set has CIFAR-100's form and 2,000 training images, so that reading it counts for little.
Batches of 64, Adam, one cycle, the study's augmentation, two corruptions. CPU seconds, because a
busy machine spoils wall seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.train.cifar_files import write_cifar
from tui_trainer.launch.core_process import MALLOC_SETTINGS, THREAD_VARIABLES
from tui_trainer.spec.check import check_experiment
from tui_trainer.spec.snapshot import experiment_to_toml

NETWORKS = (
    {"name": "simple_cnn"},
    {"name": "cnn4"},
    {"name": "resnet18"},
    {"name": "resnet18", "stem": "cifar"},
    {"name": "resnet50"},
)
PROBE = """
import json, resource, sys, time
import torchvision.models
from tui_trainer.train import preflight

def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime

before, began = used(), time.monotonic()
table = preflight._asked()
wrong = [finding for finding in table["findings"] if finding["level"] == "error"]
assert not wrong, wrong
print(json.dumps([used() - before, time.monotonic() - began]))
"""


def experiment(network: dict[str, str]) -> str:
    """The experiment with a network, as a run folder holds it."""
    checked = check_experiment(
        {
            "model": network,
            "data": {"name": "cifar100", "verify": "shape"},
            "batch_size": 64,
            "epochs": 50,
            "optimizer": {"name": "adam", "lr": 1e-3},
            "scheduler": {"name": "one_cycle_lr"},
            "augment": [
                {"name": "random_crop", "padding": 4},
                {"name": "horizontal_flip"},
                {"name": "rotation", "degrees": 15},
                {"name": "gaussian_blur"},
            ],
            "ood": {},
        }
    )
    if checked.table is None:
        raise SystemExit(checked.problems)
    return experiment_to_toml(checked.table, {})


def main() -> None:
    """Print one line for each network."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    environment = {**os.environ, **MALLOC_SETTINGS, **dict.fromkeys(THREAD_VARIABLES, "1")}
    with tempfile.TemporaryDirectory() as folder:
        write_cifar(Path(folder, "data"), "cifar100", train=2000, test=500)
        print(f"| network | CPU s, median of {rounds} | least | wall s, median |")
        print("|---|---|---|---|")
        for network in NETWORKS:
            figures = [measured(network, folder, environment) for _ in range(rounds)]
            processor, wall = zip(*figures, strict=True)
            middle, least = statistics.median(processor), min(processor)
            name = " ".join(network.values())
            line = f"| `{name}` | {middle:.1f} | {least:.1f} | {statistics.median(wall):.1f} |"
            print(line, flush=True)


def measured(network: dict[str, str], folder: str, environment: dict[str, str]) -> list[float]:
    """CPU and wall seconds of one preflight in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, folder],
        input=experiment(network),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds: list[float] = json.loads(done.stdout)
    return seconds


if __name__ == "__main__":
    main()
