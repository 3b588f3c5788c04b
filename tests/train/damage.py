"""Spoils a real checkpoint in 800 ways and counts who notices.

    python -m tests.train.damage

prints the table of docs/reliability.md: a checkpoint of about a megabyte (a network of three
convolutions, with Adam) is trained in a temporary folder, then damaged by draws of a fixed seed.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tests.train.cifar_files import write_cifar
from tests.train.conftest import new_run, train
from tui_trainer.record.experiment_file import read_experiment
from tui_trainer.record.run_folder import CheckpointName
from tui_trainer.train.checkpoint import DamagedCheckpointError, read_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tui_trainer.record.run_folder import RunFolder

NAME = CheckpointName(1, 0)
PAGE = 4096
COUNTS = {"bit flip": 400, "zeroed page": 200, "truncation": 200}


def damaged(content: bytes, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """800 contents that differ from this one, each with the kind of its damage."""
    draw = random.Random(seed)
    for _ in range(COUNTS["bit flip"]):
        position = draw.randrange(len(content))
        flipped = bytes([content[position] ^ 1 << draw.randrange(8)])
        yield "bit flip", content[:position] + flipped + content[position + 1 :]
    pages = [n for n in range(0, len(content), PAGE) if any(content[n : n + PAGE])]
    for _ in range(COUNTS["zeroed page"]):
        start = draw.choice(pages)
        zeros = bytes(len(content[start : start + PAGE]))
        yield "zeroed page", content[:start] + zeros + content[start + PAGE :]
    for _ in range(COUNTS["truncation"]):
        yield "truncation", content[: draw.randrange(len(content))]


def small_run(project: Path) -> RunFolder:
    """A run of one epoch whose checkpoint has about a megabyte."""
    write_cifar(project / "data", "cifar10", train=40, test=10)
    folder = new_run(project, epochs=1, model={"name": "cnn", "depth": 3, "width": 32})
    train(folder)
    return folder


def noticed_by_us(folder: RunFolder, fingerprint: str) -> bool:
    """Whether a resume would set the checkpoint aside."""
    try:
        read_checkpoint(folder.checkpoints, NAME, fingerprint)
    except DamagedCheckpointError:
        return True
    return False


def noticed_by_torch(path: Path) -> bool:
    """Whether torch.load raises, whatever it is."""
    try:
        torch.load(path, weights_only=True)
    except Exception:  # noqa: BLE001  anything counts as noticed
        return True
    return False


def count(folder: RunFolder, seed: int = 0) -> dict[str, Counter[str]]:
    """For each kind of damage: how often it was tried, and noticed by whom."""
    path, fingerprint = folder.checkpoints / str(NAME), read_experiment(folder).fingerprint
    content, found = path.read_bytes(), {kind: Counter[str]() for kind in COUNTS}
    for kind, spoiled in damaged(content, seed):
        assert spoiled != content
        path.write_bytes(spoiled)
        ours, theirs = noticed_by_us(folder, fingerprint), noticed_by_torch(path)
        found[kind] += Counter(tried=1, tui_trainer=ours, torch=theirs)
    path.write_bytes(content)
    assert not noticed_by_us(folder, fingerprint), "the one that is whole is trusted"
    return found


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as place:
        folder = small_run(Path(place))
        size = (folder.checkpoints / str(NAME)).stat().st_size
        found = count(folder)
    print(f"torch {torch.__version__}, a checkpoint of {size:,} bytes\n")
    print("| damage | tried | found by tui-trainer | found by `torch.load` alone |")
    print("|---|---|---|---|")
    total = sum(found.values(), Counter())
    for kind, row in [*found.items(), ("all", total)]:
        print(f"| {kind} | {row['tried']} | {row['tui_trainer']} | {row['torch']} |")


if __name__ == "__main__":
    main()
