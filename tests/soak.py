"""The long proof, and one line of figures: `python -m tests.soak --kills 1000`.

Kills: real cores on small runs are killed at moments drawn at random, half of them at a call on a
file of the run, half by the clock; each run is checked after every kill, resumed until it ends, and
compared with one that nothing happened to. Every third resume is killed again. Launches: see
tests/record/pairs.py. Damages: see tests/train/damage.py. Files: see tests/faults/fuzz.py.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults import checker, shim
from tests.faults.fuzz import fuzz
from tests.faults.runs import make_project
from tests.faults.shim import KILL_AFTER, KILL_BEFORE, KILL_HALFWAY, Fault
from tests.faults.trial import Bench
from tests.faults.zygote import Zygote
from tests.record.pairs import failures_of_pairs

if TYPE_CHECKING:
    from tests.faults.trial import Trial

# A run of three epochs makes about 190 calls; from beyond the last one nobody is killed.
CALLS = 200


@dataclass
class Figures:
    """What came of it."""

    kills: int = 0
    unreadable: int = 0
    """Checkpoints with a final name that are not whole, or missing."""
    lost: int = 0
    """Epochs that were shown and are gone or changed."""
    other: int = 0
    """All other promises that were broken."""
    finished: int = 0
    equal: int = 0

    def __add__(self, other: Figures) -> Figures:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Figures(*(mine + theirs for mine, theirs in pairs))

    def __str__(self) -> str:
        share = 100 * self.equal / self.finished if self.finished else 0.0
        return (
            f"kills {self.kills:,}  unreadable checkpoints {self.unreadable}  "
            f"shown epochs lost {self.lost}  other broken promises {self.other}  "
            f"bit-equal {self.equal:,} of {self.finished:,} finished pairs ({share:.1f} %)"
        )


def main() -> None:
    """Do what the command line asks for and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=0, help="kills that hit a living core")
    parser.add_argument("--launches", type=int, default=0, help="pairs of simultaneous claims")
    parser.add_argument(
        "--damages", type=int, default=0, help="damaged checkpoints, in sets of 800"
    )
    parser.add_argument("--files", type=int, default=0, help="files that are spoiled and read")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    asked, began = parser.parse_args(), time.monotonic()
    said: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        if asked.kills:
            if shim.WHY_NOT:
                sys.exit(shim.WHY_NOT)
            said.append(str(soak(Path(place), asked.kills, asked.seed, asked.processes)))
        if asked.launches:
            wrong = failures_of_pairs(Path(place), asked.launches)
            print(*wrong, sep="\n", end="", file=sys.stderr)
            said.append(
                f"launches {asked.launches:,} pairs  without exactly one winner {len(wrong)}"
            )
        if asked.damages:
            tried, found = damages(Path(place), asked.damages)
            said.append(f"damages {tried:,}  found {found:,}")
        if asked.files:
            figures = fuzz(Path(place), asked.files, asked.seed)
            said.append(f"files {figures.files:,}  slowest look {figures.slowest:.2f} s")
    if said:
        print("  ".join([*said, f"seconds {time.monotonic() - began:,.0f}"]))


def damages(place: Path, wanted: int) -> tuple[int, int]:
    """How many checkpoints were damaged, at least so many, and how many of them were noticed."""
    from tests.train.damage import COUNTS, count, small_run

    with contextlib.redirect_stdout(sys.stderr):
        folder = small_run(place)
    tried = found = 0
    for seed in range(-(-wanted // sum(COUNTS.values()))):
        for row in count(folder, seed).values():
            tried, found = tried + row["tried"], found + row["tui_trainer"]
    return tried, found


def soak(place: Path, kills: int, seed: int, processes: int) -> Figures:
    """So many kills, shared among some warm processes."""
    shares = [kills // processes + (n < kills % processes) for n in range(processes)]
    with ThreadPoolExecutor(processes) as pool:
        done = pool.map(
            lambda n: soak_alone(place / str(n), shares[n], seed * 1000 + n), range(processes)
        )
        return sum(done, Figures())


def soak_alone(place: Path, kills: int, seed: int) -> Figures:
    """So many kills, one after the other."""
    draw, figures, told = random.Random(seed), Figures(), 0
    with Zygote() as zygote:
        bench = Bench(zygote, make_project(place))
        while figures.kills < kills:
            trial = bench.trial()
            figures += Figures(kills=suffered(trial, draw))
            trial.finish()
            figures += judged(trial)
            if figures.kills // 100 > told:
                told = figures.kills // 100
                print(f"one of the processes: {figures}", file=sys.stderr, flush=True)
            if not trial.faults:
                trial.remove()
    return figures


def suffered(trial: Trial, draw: random.Random) -> int:
    """Kill a run once, or more often while it resumes; how many kills there were."""
    kills = 0
    while True:
        fault, signals = None, []
        if draw.random() < 0.5:
            what = draw.choice((KILL_BEFORE, KILL_HALFWAY, KILL_AFTER))
            at = draw.randrange(1, CALLS)
            fault = Fault(match=f"{trial.folder.path}/*", at=at, do=what)
        else:
            moment = draw.uniform(0, trial.bench.seconds)
            signals = [(draw.uniform(0, moment), signal.SIGUSR1), (moment, signal.SIGKILL)]
        ended = trial.suffer(fault, signals)
        kills += ended.was_killed
        if not ended.was_killed or draw.random() > 1 / 3:
            return kills


def judged(trial: Trial) -> Figures:
    """What a finished trial adds to the figures; what was broken is told at once."""
    for fault in trial.faults:
        print(f"{trial.folder.path}: {fault}", file=sys.stderr, flush=True)
    unreadable = sum(fault.startswith(("epoch-", "no whole checkpoint")) for fault in trial.faults)
    lost = sum("was shown" in fault for fault in trial.faults)
    finished = checker.is_finished(trial.folder.path)
    return Figures(
        unreadable=unreadable,
        lost=lost,
        other=max(0, len(trial.faults) - unreadable - lost),
        finished=int(finished),
        equal=int(finished and trial.is_equal),
    )


if __name__ == "__main__":
    main()
