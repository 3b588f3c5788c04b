"""Pairs of processes that claim a run in the same moment: how often not exactly one of them won."""

from __future__ import annotations

import multiprocessing
import os
from typing import TYPE_CHECKING

from tui_trainer.errors import OwnedByAnotherError
from tui_trainer.record.claim import claim
from tui_trainer.record.run_folder import RunFolder, claim_run

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue
    from multiprocessing.synchronize import Barrier
    from pathlib import Path

SECONDS = 600.0


def failures_of_pairs(folder: Path, pairs: int, claimants: int = 2) -> list[str]:
    """Let processes claim `pairs` runs, each at one moment; what went wrong, a line for each.

    Args:
        folder: An empty one; the runs are made in it.
        pairs: Runs to claim.
        claimants: Processes that try at once.
    """
    context = multiprocessing.get_context("fork")
    runs = [claim_run(folder, "pair").path for _ in range(pairs)]
    barrier, answers = context.Barrier(claimants), context.SimpleQueue()
    processes = [
        context.Process(target=_claim_all, args=(runs, barrier, answers)) for _ in range(claimants)
    ]
    for process in processes:
        process.start()
    heard = [answers.get() for _ in range(pairs * claimants)]
    for process in processes:
        process.join(SECONDS)
    return [failure for run in runs if (failure := _failure(run, heard, claimants))]


def _claim_all(
    runs: list[Path], barrier: Barrier, answers: SimpleQueue[tuple[str, int, str]]
) -> None:
    for run in runs:
        barrier.wait(SECONDS)
        try:
            claim(RunFolder(run))
        except OwnedByAnotherError as error:
            answers.put((str(run), os.getpid(), error.message))
        else:
            answers.put((str(run), os.getpid(), ""))


def _failure(run: Path, heard: list[tuple[str, int, str]], claimants: int) -> str:
    """What is wrong with the answers about one run; empty where exactly one won."""
    mine = [(pid, message) for name, pid, message in heard if name == str(run)]
    winners = [pid for pid, message in mine if not message]
    owner = RunFolder(run).attempt(1).owner()
    if len(mine) != claimants or len(winners) != 1:
        return f"{run}: {len(winners)} of {len(mine)} won"
    if owner is None or owner.pid != winners[0]:
        return f"{run}: pid {winners[0]} won, {owner} is its owner"
    unnamed = [message for _, message in mine if message and f"pid {winners[0]}" not in message]
    left = [path.name for path in RunFolder(run).attempts.iterdir()]
    if unnamed or left != ["1"]:
        return f"{run}: {unnamed} {left}"
    return ""
