"""A contender that trains nothing: how fast this machine convolves, forwards and backwards."""

from __future__ import annotations

import time

import torch
from contest.job import Job
from contest.turns import Turns
from torch import nn

# Channels and side of the map: the shapes that networks for 32 pixels spend their time on.
SHAPES = ((64, 32), (128, 16), (256, 8))
SECONDS = 0.5


def main() -> None:
    """Measure as often as there are epochs."""
    turns, job = Turns(), Job.read()
    torch.backends.cudnn.benchmark = True
    precisions = {"fp32": torch.float32}
    if job.device == "cuda":
        precisions["bf16"] = torch.bfloat16
    for _ in range(job.epochs):
        turns.wait_for("peak")
        peaks = {
            name: max(flops(job, precision, *shape) for shape in SHAPES)
            for name, precision in precisions.items()
        }
        turns.done(1, peaks=peaks)


def flops(job: Job, precision: torch.dtype, channels: int, side: int) -> float:
    """Operations per second of a 3x3 convolution: its result and both its gradients."""
    layout = {"memory_format": torch.channels_last}
    network = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
    network.to(job.device, precision, **layout)
    images = torch.randn(job.batch, channels, side, side).to(job.device, precision, **layout)
    images.requires_grad_()
    gradient = torch.randn_like(images)
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS or steps < 2:
        if steps == 1:  # the first one prepares
            _synchronise(job)
            began = time.perf_counter()
        for _ in range(20 if job.device == "cuda" and steps else 1):
            network(images).backward(gradient)
            steps += 1
        _synchronise(job)
    elapsed = time.perf_counter() - began
    operations = 3 * 2 * 9 * channels * channels * side * side * job.batch
    return operations * (steps - 1) / elapsed


def _synchronise(job: Job) -> None:
    if job.device == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
