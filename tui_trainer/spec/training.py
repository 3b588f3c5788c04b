"""How steps are taken: precision, accumulation, clipping, warm-up, averaged weights."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from tui_trainer.spec.table import Fraction, Positive, Table


class Training(Table, frozen=True):
    """How a step is computed, and what happens when it goes wrong."""

    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Of the training's forward pass, by torch.autocast; evaluation always is in fp32."""
    accumulate: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    """Batches per optimizer step; their gradients are averaged, each image counting the same."""
    gradient_clip_norm: Positive | None = None
    """Largest 2-norm over all gradients; larger ones are scaled down to it."""
    gradient_clip_value: Positive | None = None
    """Largest absolute value of each gradient."""
    layout: Literal["channels_last", "contiguous"] = "channels_last"
    """How images and weights lie in memory."""
    compile: bool = False
    """Whether torch.compile compiles the network."""
    on_nan: Literal["stop", "reload"] = "stop"
    """When loss or weights are no longer finite: stop, or begin the epoch again from the last
    good checkpoint with half the learning rate, at most three times in a run."""


class Warmup(Table, frozen=True):
    """The learning rate grows linearly at the start, whatever the scheduler is.

    The scheduler goes its way as if there were no warm-up; meanwhile its rate is multiplied by a
    factor that grows from `start` to 1.
    """

    epochs: Annotated[int, Meta(ge=0)] = 0
    steps: Annotated[int, Meta(ge=0)] = 0
    """Optimizer steps, in place of epochs."""
    start: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """What the factor grows from; the first step already is one part of the way."""


class Ema(Table, frozen=True):
    """An exponential moving average of the weights, which is what gets evaluated."""

    decay: Fraction = 0.0
    """Share of the old average kept in each optimizer step; 0 for no averaging."""
