"""What augmentation is worth out of distribution: the worked recipes on digits, over several seeds.

    python benchmarks/robustness.py [--seeds N] [--folder FOLDER]

Trains digits-plain, digits-study and digits-augmix of the worked experiments.toml by the command
line, each with seeds 0 to N - 1, seed by seed. Prints accuracy on the clean test images and on
their corruptions, and what each recipe gains over the first with the same seed. Runs that stand
finished in FOLDER are not trained again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

RECIPES = {
    "digits-plain": "none",
    "digits-study": "crop, rotation, blur (the study's)",
    "digits-augmix": "AugMix",
}
PLAIN, *_ = RECIPES
# Sums in another order give other last bits, so more cores would give other figures.
ON_ONE_CORE = ("--set", "resources.slots=1")

Results = dict[str, dict[int, dict[str, Any]]]


def command_line(folder: Path, *words: str) -> str:
    """What `tui-trainer` prints for programs; it may fail as loudly as it likes."""
    command = [sys.executable, "-m", "tui_trainer", "-C", str(folder), *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def results_in(folder: Path) -> Results:
    """results/ood.json of every finished run, by recipe and seed."""
    found: Results = {name: {} for name in RECIPES}
    for run in json.loads(command_line(folder, "runs", "--json")):
        if run["experiment"] in found and run["state"] == "finished":
            shown = json.loads(command_line(folder, "show", run["run"], "--json"))
            seed = shown["experiment_resolved"]["seed"]
            result = Path(run["path"], "results", "ood.json").read_text()
            found[run["experiment"]][seed] = json.loads(result)
    return found


def train(folder: Path, seeds: range) -> Results:
    """Train what is missing."""
    done = results_in(folder)
    for seed in seeds:
        for name in RECIPES:
            if seed not in done[name]:
                command_line(folder, "run", name, *ON_ONE_CORE, "--set", f"seed={seed}")
    return results_in(folder)


def of_all(values: Iterable[float], sign: str = "") -> str:
    """Percentages as their mean and their range."""
    points = [100 * value for value in values]
    least, most = (f"{value:{sign}.1f}" for value in (min(points), max(points)))
    return f"{statistics.mean(points):{sign}.1f} ({least} to {most})"


def print_summary(results: Results, seeds: range) -> None:
    """A row for each recipe."""
    print("| augmentation | clean, % | OOD, % | gap, points | OOD above none, points |")
    print("|---|---|---|---|---|")
    for name, title in RECIPES.items():
        runs, plain = results[name], results[PLAIN]
        cells = [
            of_all(runs[seed]["clean_accuracy"] for seed in seeds),
            of_all(runs[seed]["accuracy"] for seed in seeds),
            of_all(runs[seed]["gap"] for seed in seeds),
            of_all((runs[seed]["accuracy"] - plain[seed]["accuracy"] for seed in seeds), "+"),
        ]
        cells[-1] = "" if name == PLAIN else cells[-1]
        print(f"| {title} | {' | '.join(cells)} |")


def print_corruptions(results: Results, seeds: range) -> None:
    """A row for each corruption: the mean over severities and seeds."""
    print(f"\n| corruption, OOD in % | {' | '.join(RECIPES.values())} |")
    print("|---" * (1 + len(RECIPES)) + "|")
    for corruption in results[PLAIN][seeds[0]]["corruptions"]:
        means = [
            statistics.mean(
                100 * results[name][seed]["corruptions"][corruption]["mean"] for seed in seeds
            )
            for name in RECIPES
        ]
        print(f"| {corruption} | {' | '.join(f'{mean:.1f}' for mean in means)} |")


def main() -> None:
    """Train, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the runs are kept; default: nowhere")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder: Path = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "experiments.toml").exists():
            command_line(folder, "init")
        seeds = range(options.seeds)
        results = train(folder, seeds)
        print_summary(results, seeds)
        print_corruptions(results, seeds)


if __name__ == "__main__":
    main()
