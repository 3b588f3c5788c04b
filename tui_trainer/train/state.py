"""All that changes while a run trains, and so all that a checkpoint has to hold."""

from __future__ import annotations

import platform
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

import tui_trainer
from tui_trainer.errors import RunCrashedError
from tui_trainer.record.epochs import Epoch
from tui_trainer.record.run_folder import CheckpointName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor, nn

    from tui_trainer.train.hardware import Circumstances
    from tui_trainer.train.optim import Schedule


SUMS = torch.Size([4])
"""Loss times images, right answers, images, gradient norm."""


@dataclass
class Sums:
    """What an epoch adds up over its steps; the tensors stay on the device until it ends."""

    values: Tensor
    """As `SUMS` lists them."""
    train_seconds: float = 0.0
    seconds: float = 0.0
    """Of training and validation."""
    data_seconds: float = 0.0
    """Those of `train_seconds` in which images were prepared."""
    lr: float = 0.0
    """Of the newest step."""

    @classmethod
    def zero(cls, device: torch.device) -> Sums:
        """Of an epoch that begins."""
        return cls(torch.zeros(SUMS, dtype=torch.float64, device=device))

    def add(self, loss: Tensor, correct: Tensor, images: int, norm: Tensor | None) -> None:
        """One batch more, and the norm of its step where it completes one."""
        self.values[0] += loss.detach() * images
        self.values[1] += correct
        self.values[2] += images
        if norm is not None:
            self.values[3] += norm

    @contextmanager
    def clock(self, *, training: bool) -> Iterator[None]:
        """Count the time that the body takes."""
        began = time.monotonic()
        try:
            yield
        finally:
            elapsed = time.monotonic() - began
            self.seconds += elapsed
            self.train_seconds += elapsed if training else 0.0

    @contextmanager
    def data_clock(self) -> Iterator[None]:
        """Count the time that the body takes to prepare images."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.data_seconds += time.monotonic() - began


class TrainingState:
    """Weights, optimizer, schedule, finished epochs, and the epoch in progress.

    Args:
        network: What is trained.
        optimizer: Of its parameters.
        schedule: Of the optimizer.
        scaler: Of the gradients.
        averaged: The moving average of the network, where there is one.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        scaler: torch.amp.GradScaler,
        averaged: nn.Module | None,
    ) -> None:
        self.network = network
        self.optimizer = optimizer
        self.schedule = schedule
        self.scaler = scaler
        self.averaged = averaged
        self.epochs: list[Epoch] = []
        self.steps = 0
        """Of the epoch in progress."""
        self.sums = self._zero()

    @property
    def name(self) -> CheckpointName:
        """What a checkpoint of this moment is called."""
        return CheckpointName(len(self.epochs), self.steps)

    @property
    def epoch(self) -> int:
        """The epoch in progress, from 1."""
        return len(self.epochs) + 1

    @property
    def evaluated(self) -> nn.Module:
        """The network whose weights are measured and kept as the run's."""
        return self.network if self.averaged is None else self.averaged

    def end_epoch(self, epoch: Epoch) -> None:
        """The epoch in progress is over; the next one begins."""
        self.epochs.append(epoch)
        self.steps = 0
        self.sums = self._zero()

    def content(self, circumstances: Circumstances) -> dict[str, Any]:
        """A checkpoint: tensors, tables and numbers, nothing that loading would have to trust."""
        return {
            "model": self.evaluated.state_dict(),
            "trained": None if self.averaged is None else self.network.state_dict(),
            "gradients": self._gradients(),
            "scaler": self.scaler.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.schedule.state(),
            "epoch": len(self.epochs),
            "step": self.steps,
            "sums": self.sums.values,
            "train_seconds": self.sums.train_seconds,
            "seconds": self.sums.seconds,
            "data_seconds": self.sums.data_seconds,
            "lr": self.sums.lr,
            "epochs": [epoch.as_record() for epoch in self.epochs],
            "circumstances": circumstances.as_record(),
            "versions": {
                "python": platform.python_version(),
                "torch": str(torch.__version__),
                "tui-trainer": tui_trainer.__version__,
            },
        }

    def restore(self, content: Mapping[str, Any]) -> None:
        """Go on from where a checkpoint was taken.

        Raises:
            RunCrashedError: The checkpoint holds another network.
        """
        load_weights(self.evaluated, content["model"])
        if self.averaged is not None:
            load_weights(self.network, content["trained"])
        self._restore_gradients(content["gradients"])
        self.scaler.load_state_dict(content["scaler"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.schedule.restore(content["scheduler"])
        self.epochs = [*filter(None, map(Epoch.from_record, content["epochs"]))]
        self.steps = content["step"]
        self.sums = Sums(
            content["sums"].to(self.sums.values.device),
            train_seconds=content["train_seconds"],
            seconds=content["seconds"],
            data_seconds=content["data_seconds"],
            lr=content["lr"],
        )

    def _gradients(self) -> dict[str, Tensor]:
        """What waits for the optimizer's next step."""
        parameters = self.network.named_parameters()
        return {name: p.grad for name, p in parameters if p.grad is not None}

    def _restore_gradients(self, gradients: Mapping[str, Tensor]) -> None:
        for name, parameter in self.network.named_parameters():
            gradient = gradients.get(name)
            parameter.grad = None if gradient is None else gradient.to(parameter.device)

    def _zero(self) -> Sums:
        return Sums.zero(next(self.network.parameters()).device)


def load_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put a checkpoint's weights into the network.

    Raises:
        RunCrashedError: Their names or shapes are those of another network.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise RunCrashedError(
            f"the checkpoint does not fit the network: {error}",
            hint="it was saved by another version of tui-trainer; start a new run",
        ) from error
