"""What every contender of benchmarks/training.py is asked to train, and on what."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

JOB_VARIABLE = "TUI_TRAINER_CONTEST_JOB"
CLASSES = 100
SIDE = 32
MEAN, STD = (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)
LEARNING_RATE, MOMENTUM = 0.02, 0.9
SEED = 0
_SHADES = 4


@dataclass(frozen=True)
class Job:
    """One training: the same network, images and settings for all."""

    folder: Path
    """Holds `data/`, the initial weights and the lists of images."""
    model: str
    batch: int
    epochs: int
    device: str
    augment: bool
    in_order: bool
    """Whether images come in the order that is written down, or in one of the contender's own."""
    precision: str = "fp32"
    compile: bool = False

    def write(self, path: Path) -> None:
        """For a contender to read."""
        path.write_text(json.dumps({**asdict(self), "folder": str(self.folder)}))

    @classmethod
    def read(cls) -> Job:
        """The one that this process was started with."""
        fields = json.loads(Path(os.environ[JOB_VARIABLE]).read_text())
        return cls(**{**fields, "folder": Path(fields["folder"])})

    @property
    def weights_file(self) -> Path:
        """Initial weights: a list of tensors in the network's own order."""
        return self.folder / "initial.pt"

    def images(self, part: str) -> tuple[NDArray[np.uint8], list[int]]:
        """Those to train on, in their order, or those to validate on: (count, 32, 32, 3)."""
        with (self.folder / "data" / "cifar-100-python" / "train").open("rb") as file:
            tree = pickle.load(file, encoding="latin1")  # noqa: S301  the benchmark wrote it
        chosen = np.load(self.folder / f"{part}.npy")
        images = tree["data"][chosen].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
        return np.ascontiguousarray(images), np.array(tree["fine_labels"])[chosen].tolist()


def write_cifar100(root: Path, *, train: int, test: int) -> NDArray[np.int64]:
    """Images in the form of CIFAR-100 that can be learnt; returns the labels to train on.

    Each class has a pattern of a few shades, which every image shows in another light, under noise.
    """
    folder = root / "cifar-100-python"
    folder.mkdir(parents=True)
    draws = np.random.default_rng(SEED)
    patterns = draws.uniform(-60, 60, (CLASSES, 3, _SHADES, _SHADES))
    labels = np.arange(train) % CLASSES
    for name, wanted in (("train", labels), ("test", np.arange(test) % CLASSES)):
        light = draws.uniform(90, 160, (len(wanted), 1, 1, 1))
        grown = np.kron(patterns, np.ones((SIDE // _SHADES, SIDE // _SHADES)))
        images = grown[wanted] + light + draws.normal(0, 25, (len(wanted), 3, SIDE, SIDE))
        content = {
            "data": images.clip(0, 255).astype(np.uint8).reshape(len(wanted), -1),
            "fine_labels": wanted.tolist(),
        }
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    return labels
