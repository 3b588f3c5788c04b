"""How long light commands take to start, side by side with what they cannot do without.

    python benchmarks/cold_start.py [--rounds N]

Each round runs every command once, in turn, so that a busy moment of the machine hits all alike;
the medians of the rounds are printed, and their ratios to `import typer, rich`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FLOOR = "import typer, rich"
PROJECT = "[experiments.one]\nepochs = 1\n"


def commands() -> dict[str, list[str]]:
    """What is timed, by the label that is printed."""
    python = [sys.executable]
    product = [str(Path(sys.executable).with_name("tui-trainer"))]
    return {
        "bare python": [*python, "-c", ""],
        FLOOR: [*python, "-c", FLOOR],
        "tui-trainer --help": [*product, "--help"],
        "tui-trainer runs --json": [*product, "runs", "--json"],
        "tui-trainer list --json": [*product, "list", "--json"],
        "import textual.app": [*python, "-c", "import textual.app"],
    }


def seconds(command: list[str], folder: Path) -> float:
    """Wall time of one whole process."""
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=os.environ)
    return time.perf_counter() - begun


def prepare(folder: Path, runs: int) -> None:
    """A project with finished runs, as the run folder's own code writes them."""
    (folder / "experiments.toml").write_text(PROJECT)
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "TUI_TRAINER_CORE_MODULE": "tests.fakes.core",
    }
    product = str(Path(sys.executable).with_name("tui-trainer"))
    for _ in range(runs):
        subprocess.run(
            [product, "run", "one"],
            cwd=folder,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def main() -> None:
    """Time, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, options.runs)
        measured: dict[str, list[float]] = {label: [] for label in commands()}
        for _ in range(options.rounds + 1):
            for label, command in commands().items():
                measured[label].append(seconds(command, folder))
    # The first round warms the caches and does not count.
    medians = {label: statistics.median(times[1:]) for label, times in measured.items()}
    print(f"{options.rounds} rounds, {options.runs} runs, medians")
    for label, median in medians.items():
        print(f"{label:<26}{1000 * median:7.0f} ms   {median / medians[FLOOR]:5.2f} x `{FLOOR}`")


if __name__ == "__main__":
    main()
