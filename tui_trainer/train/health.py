"""Whether a training still computes numbers, and how it ends when it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import nn

    from tui_trainer.train.state import TrainingState

# Looking makes the processor wait for an accelerator, so not at every step.
STEPS_BETWEEN_LOOKS = 16
MOST_RELOADS = 3
ADVICE = "a new run with a lower optimizer.lr or with training.gradient_clip_norm"


class Diverged(Exception):  # noqa: N818  caught by the loop, which knows what the experiment wants
    """Loss or weights are no longer finite; the message says which."""


def check_loss(state: TrainingState) -> None:
    """Look at the losses of the epoch so far.

    Raises:
        Diverged: One was NaN or infinite.
    """
    if not state.sums.values[0].isfinite():
        raise Diverged("the training loss is no longer a finite number")


def check(state: TrainingState) -> None:
    """Look at losses and weights, before anything is kept.

    Raises:
        Diverged: One of them is NaN or infinite.
    """
    check_loss(state)
    for network in (state.network, state.averaged):
        if network is not None and not is_finite(network):
            raise Diverged("the weights are no longer finite numbers")


def is_finite(network: nn.Module) -> bool:
    """Whether every weight and every running statistic is a finite number."""
    tensors = [t for t in network.state_dict().values() if t.is_floating_point()]
    return bool(torch.stack([tensor.isfinite().all() for tensor in tensors]).all())
