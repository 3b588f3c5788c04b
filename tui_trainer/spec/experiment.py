"""What one experiment may say: every key of experiments.toml, its type, range and default.

Optimizers, schedulers and losses bear PyTorch's names and take PyTorch's parameters. A table that
has a `name` is one of several kinds; the annotation of `name` lists what that kind is called.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tui_trainer.spec.augmentation import Augmentation
from tui_trainer.spec.data import Data, Digits, Pipeline
from tui_trainer.spec.evaluation import Evaluation
from tui_trainer.spec.learning import CrossEntropy, NoScheduler, Optimizer, Scheduler, Sgd
from tui_trainer.spec.model import Cnn, Model
from tui_trainer.spec.ood import Ood
from tui_trainer.spec.table import BESIDE_THE_RESULT, Positive, Seed, Table, plain
from tui_trainer.spec.training import Ema, Training, Warmup


class Resources(Table, frozen=True):
    """What the run may use; none of it decides the result."""

    slots: Annotated[int, Meta(ge=1, le=4096)] | None = None
    """CPU slots, a core and a thread each; a run waits until so many are free. Default, and upper
    bound: all that this process is allotted. A run on a GPU takes that alone by default."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    max_restarts: Annotated[int, Meta(ge=0, le=1000)] = 3
    """Restarts in a row after a crash that may bring no progress; 0: no restarts at all."""
    walltime: str | None = None
    """Hours, minutes and seconds that one attempt may take, such as "12:00:00"; before training the
    time that is needed is compared with it."""
    memory: str | None = None
    """What a cluster's job may use of its node's memory, such as "16G"."""
    gpus: Annotated[int, Meta(ge=1, le=64)] | None = None
    """GPUs that a cluster's job asks for."""
    cluster: str | None = None
    """Which table of `[clusters]` is meant, where several are of the launcher's kind."""

    @property
    def wall_seconds(self) -> int | None:
        """The wall-time in seconds."""
        if self.walltime is None:
            return None
        hours, minutes, seconds = map(int, self.walltime.split(":"))
        return 3600 * hours + 60 * minutes + seconds


class Experiment(Table, frozen=True, kw_only=True):
    """One experiment, resolved: defaults, base and command-line changes applied."""

    description: str = ""
    """One line for lists."""
    model: Model = Cnn()
    data: Data = Digits()
    pipeline: Pipeline
    epochs: Annotated[int, Meta(ge=1, le=1_000_000)] = 20
    batch_size: Annotated[int, Meta(ge=1, le=1_000_000)] = 64
    seed: Seed = 0
    """Decides initial weights, order, augmentation and dropout."""
    optimizer: Optimizer = Sgd()
    scheduler: Scheduler = NoScheduler()
    loss: CrossEntropy = CrossEntropy()
    warmup: Warmup = Warmup()
    ema: Ema = Ema()
    training: Training = Training()
    augment: tuple[Augmentation, ...] = ()
    """Applied to training images only, in this order."""
    evaluation: Evaluation = Evaluation()
    ood: Ood | None = None
    """Measured besides the clean test images, once training is done."""
    checkpoint_minutes: Positive = 5.0
    """Within an epoch a checkpoint is saved this often: what a kill costs at the most. The end of
    an epoch always saves one."""
    launcher: Literal["local", "slurm", "grid_engine"] = "local"
    """Where its runs are started: on this machine, or as jobs of a cluster's scheduler."""
    resources: Resources = Resources()

    @property
    def views(self) -> int:
        """How many versions of each image of a batch a training step shows to the network."""
        return 3 if self.loss.jsd else 1

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over everything that decides the result, and nothing else."""
        deciding = plain(self)
        for key in BESIDE_THE_RESULT:
            table, _, last = key.rpartition(".")
            (deciding[table] if table else deciding).pop(last, None)
        return hashlib.sha256(msgspec.json.encode(deciding, order="sorted")).hexdigest()[:16]
