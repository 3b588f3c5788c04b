"""From the gradients of batches to a step: accumulation, scaling, clipping, averaged weights."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn.utils import clip_grad_value_, clip_grads_with_norm_, get_total_norm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from tui_trainer.spec.training import Training
    from tui_trainer.train.state import TrainingState

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Windows:
    """The batches of an epoch, grouped by the optimizer step that they make together."""

    spans: Sequence[tuple[int, int]]
    accumulate: int

    @property
    def count(self) -> int:
        """Optimizer steps in an epoch; the last one may have fewer batches."""
        return -(-len(self.spans) // self.accumulate)

    def number(self, batch: int) -> int:
        """The optimizer step of an epoch, from 0, that a batch belongs to."""
        return batch // self.accumulate

    def is_complete(self, batch: int) -> bool:
        """Whether this batch is the last of its step."""
        return (batch + 1) % self.accumulate == 0 or batch + 1 == len(self.spans)

    def share(self, batch: int) -> float:
        """How much of its step's images this batch has, so that each image counts the same."""
        first = self.number(batch) * self.accumulate
        last = min(first + self.accumulate, len(self.spans)) - 1
        start, stop = self.spans[batch]
        return (stop - start) / (self.spans[last][1] - self.spans[first][0])


class Stepping:
    """Takes the steps of one run.

    Args:
        settings: What the experiment says of it.
        decay: Of the averaged weights; 0 for none.
        device: Where the network is.
    """

    def __init__(self, settings: Training, decay: float, device: torch.device) -> None:
        self._settings = settings
        self._decay = decay
        self._device = device

    def autocast(self) -> torch.autocast:
        """Around the forward pass and the loss."""
        precision = self._settings.precision
        return torch.autocast(self._device.type, PRECISIONS[precision], enabled=precision != "fp32")

    def backward(self, state: TrainingState, loss: Tensor, share: float) -> None:
        """Add the gradients of a batch to those that wait for their step."""
        torch.autograd.backward(state.scaler.scale(loss * share if share < 1 else loss))

    def step(self, state: TrainingState, number: int) -> Tensor:
        """Take the step with the gradients that wait, and return their 2-norm before clipping.

        Args:
            state: What is stepped.
            number: Steps since the run began, this one included.
        """
        parameters = [p for p in state.network.parameters() if p.grad is not None]
        state.scaler.unscale_(state.optimizer)
        norm = get_total_norm([p.grad for p in parameters if p.grad is not None])
        self._clip(parameters, norm)
        with state.schedule.at(number):
            state.scaler.step(state.optimizer)
        state.scaler.update()
        state.optimizer.zero_grad(set_to_none=True)
        if state.averaged is not None:
            average(state.averaged, state.network, decay_at(self._decay, number))
        if state.scaler.is_enabled():
            return torch.where(norm.isfinite(), norm, 0.0)  # the scaler leaves such a step out
        return norm

    def _clip(self, parameters: list[nn.Parameter], norm: Tensor) -> None:
        if self._settings.gradient_clip_norm is not None:
            clip_grads_with_norm_(parameters, self._settings.gradient_clip_norm, norm)
        if self._settings.gradient_clip_value is not None:
            clip_grad_value_(parameters, self._settings.gradient_clip_value)


def scaler_for(precision: str, device: torch.device) -> torch.amp.GradScaler:
    """What keeps gradients of half precision from vanishing; idle for the other precisions."""
    return torch.amp.GradScaler(device.type, enabled=precision == "fp16")


def averaged_copy(network: nn.Module) -> nn.Module:
    """A copy that takes no gradients."""
    return copy.deepcopy(network).requires_grad_(requires_grad=False)


def decay_at(decay: float, number: int) -> float:
    """The share of the old average that the n-th step keeps.

    (1 + n) / (10 + n) at first, as TensorFlow's ExponentialMovingAverage has it, or a short run's
    average would stay near the initial weights.
    """
    return min(decay, (1 + number) / (10 + number))


@torch.no_grad()
def average(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the average a step towards the network; what is no real number is copied."""
    ours, theirs = averaged.state_dict(), network.state_dict()
    moving = [name for name, tensor in ours.items() if tensor.is_floating_point()]
    torch._foreach_lerp_(
        [ours[name] for name in moving], [theirs[name] for name in moving], 1 - decay
    )
    for name in ours.keys() - set(moving):
        ours[name].copy_(theirs[name])
