"""What a run will need, told beforehand: learning rates to its end, room on the disk, time."""

from __future__ import annotations

import ctypes
import errno
import math
import os
import shutil
import time
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from tui_trainer.errors import PreflightError
from tui_trainer.record.durable import temporary_beside
from tui_trainer.record.finding import Finding
from tui_trainer.record.words import about, byte_size
from tui_trainer.spec.learning import CosineAnnealingLR, NoScheduler, ReduceLROnPlateau
from tui_trainer.train import optim
from tui_trainer.train.checkpoint import standing_at_most

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tui_trainer.spec.experiment import Experiment
    from tui_trainer.train.equipment import Equipment

# Steps of a scheduler cost ten microseconds each.
_MOST_SCHEDULED = 20_000
# Of the peak; nothing visible is learnt below.
_DEAD_RATE = 1e-5
_DEAD_SHARE = 0.1
# By epoch: a line in epochs.jsonl, one in every later checkpoint, three events.
_BYTES_PER_EPOCH = 4096
_BYTES_PER_ROW = 24
_UNSUPPORTED = {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
# Seconds since 1970; Slurm sets it in a job.
_JOB_END_VARIABLE = "SLURM_JOB_END_TIME"
_TIMES = {1: "once", 2: "twice"}


def schedule(equipment: Equipment) -> Finding:
    """Lead the learning rate along the run, as far as that takes no time.

    Raises:
        PreflightError: The optimizer or the scheduler cannot be built, or the schedule is shorter
            than the run.
    """
    experiment, steps = equipment.experiment, equipment.windows.count
    optimizer = optim.optimizer_for(experiment.optimizer, [nn.Parameter(torch.zeros(1))])
    schedule = optim.Schedule(experiment, optimizer, steps)
    name, planned = experiment.scheduler.name, experiment.epochs * steps
    if schedule.length is not None and schedule.length < planned:
        raise PreflightError(
            f"{name} is laid out for {schedule.length:,} steps, but the run takes {planned:,}: for "
            f"{1 - schedule.length / planned:.0%} of it the learning rate would be the last one",
            hint=f'scheduler.total_steps = {planned}; or scheduler = {{ name = "one_cycle_lr" }}',
        )
    if isinstance(experiment.scheduler, (NoScheduler, ReduceLROnPlateau)):
        return Finding("schedule", "ok", f"{name}: begins at {schedule.scheduled:.3g}")
    rates = [schedule.scheduled, *_rates(schedule, experiment.epochs, steps)]
    wrong = [rate for rate in rates if not math.isfinite(rate) or rate < 0]
    if wrong:
        raise PreflightError(f"{name} comes to a learning rate of {wrong[0]}")
    found = f"{name}: {rates[0]:.3g} at first, {rates[-1]:.3g} after epoch {len(rates) - 1}"
    for doubt, cure in _doubts(experiment, schedule.length, planned, rates):
        return Finding("schedule", "warning", doubt, cure)
    return Finding("schedule", "ok", found)


def _rates(schedule: optim.Schedule, epochs: int, steps: int) -> Iterator[float]:
    """The learning rate after each epoch; of a long run those of its beginning."""
    calls = steps if schedule.is_by_batch else 1
    for epoch in range(1, epochs + 1):
        if epoch > 1 and epoch * calls > _MOST_SCHEDULED:
            return
        for _ in range(min(calls, _MOST_SCHEDULED)):
            schedule.after_step()
        schedule.after_epoch(1.0 / epoch, 0.0)
        yield schedule.scheduled


def _doubts(
    experiment: Experiment, length: int | None, planned: int, rates: Sequence[float]
) -> Iterator[tuple[str, str]]:
    """What is probably not meant, and what to do about it."""
    settings, epochs = experiment.scheduler, experiment.epochs
    if length is not None and length > planned:
        found = f"{settings.name} is laid out for {length:,} steps, but the run takes {planned:,}"
        yield found, f"scheduler.total_steps = {planned}"
    if isinstance(settings, CosineAnnealingLR) and settings.T_max and settings.T_max < epochs:
        yield (
            f"after epoch {settings.T_max} of {epochs} the learning rate rises again",
            "leave scheduler.T_max out: it is then the experiment's epochs",
        )
    used = rates[:-1]
    if len(used) != epochs:
        return
    if epochs > 1 and len(set(used)) == 1:
        cure = "shorten it, or train for longer"
        yield f"{settings.name} changes nothing within {epochs} epochs", cure
    learning = [at for at, rate in enumerate(used, start=1) if rate >= _DEAD_RATE * max(used)]
    if epochs - max(learning) > _DEAD_SHARE * epochs:
        found = f"after epoch {max(learning)} of {epochs} the learning rate is under "
        found += f"{_DEAD_RATE:.0e} of its peak: nothing is learnt"
        yield found, "let it fall more slowly, or train for fewer epochs"


class Need(NamedTuple):
    """What a run writes."""

    checkpoint_bytes: int
    epochs: int
    """That are left to be trained."""
    results_bytes: int
    standing_bytes: int = 0
    """Of checkpoints that stand already."""
    saves_within: int = 0
    """How often an epoch is saved before its end."""

    @property
    def total(self) -> int:
        """Bytes besides what stands, at the moment when they are the most."""
        one = self.checkpoint_bytes if self.epochs else 0
        checkpoints = one * standing_at_most(self.epochs, self.saves_within) - self.standing_bytes
        return max(checkpoints, one) + self.results_bytes + self.epochs * _BYTES_PER_EPOCH


def saves_within(experiment: Experiment, epoch_seconds: float) -> int:
    """How often an epoch that takes so long is saved before its end."""
    return int(epoch_seconds / (60 * experiment.checkpoint_minutes))


def results_bytes(equipment: Equipment) -> int:
    """What the results will take: logits, confusion, a row for each image without a label."""
    data, ood = equipment.data, equipment.ood
    logits = len(data.test) * (data.classes + 4) * 4
    rows = ood.folder.images if ood and ood.folder and not ood.is_labelled else 0
    return logits + 4 * data.classes**2 + rows * _BYTES_PER_ROW


def room(place: Path, need: Need) -> Finding:
    """Compare the disk, and the quota by a file that takes the space for a moment.

    Raises:
        PreflightError: There is not enough.
    """
    free, wanted = shutil.disk_usage(place).free, need.total
    what = f"{byte_size(wanted)} will be needed at {place}"
    cure = "make room, or keep runs/ on another disk: a link in its place is followed"
    if free < wanted:
        raise PreflightError(f"{what}, and {byte_size(free)} are free", hint=cure)
    try:
        _reserve(place, wanted)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise
        raise PreflightError(
            f"{what}, and that much is refused: {error.strerror}", hint=cure
        ) from error
    found = f"{what}, {byte_size(free)} are free"
    if free < 2 * wanted:
        return Finding("disk", "warning", found, "another run beside it may fill the disk")
    return Finding("disk", "ok", found)


def _reserve(place: Path, count: int) -> None:
    """Take space for a moment: only that asks a quota too. Not every file system can."""
    file = temporary_beside(place / "room")
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        with file.open("xb") as opened:
            size = ctypes.c_longlong(count)
            failed = libc.fallocate(opened.fileno(), 0, ctypes.c_longlong(0), size)
            code = ctypes.get_errno()
        if failed and code not in _UNSUPPORTED:
            raise OSError(code, os.strerror(code), str(file))
    finally:
        file.unlink(missing_ok=True)


def time_needed(experiment: Experiment, epoch_seconds: float, epochs: int) -> Finding:
    """Compare the epochs that are left with the wall-time, where there is one."""
    needed = epoch_seconds * epochs
    if not needed:
        return Finding("time", "ok", "not known before an epoch was measured, or none is left")
    some = "1 epoch needs" if epochs == 1 else f"{epochs} epochs need"
    found = f"{some} about {about(needed)}" if needed >= 1 else f"{some} {about(needed)}"
    wall = _wall_seconds(experiment)
    if wall is None:
        return Finding("time", "ok", f"{found}, {about(epoch_seconds)} each")
    found += f"; the wall-time is {about(wall)}"
    more = math.ceil(needed / wall) - 1
    if not more:
        return Finding("time", "ok", found)
    if experiment.launcher != "local":
        jobs = f"{more + 1} jobs, each of which begins by itself when the one before ends"
        return Finding("time", "ok", f"{found}: it will take {jobs}")
    times = _TIMES.get(more, f"{more} times")
    return Finding(
        "time",
        "warning",
        f"{found}: it will be resumed {times}",
        "nothing is lost: tui-trainer resume goes on where it ends; or ask for more time",
    )


def _wall_seconds(experiment: Experiment) -> float | None:
    end = os.environ.get(_JOB_END_VARIABLE, "")
    if end.isdecimal() and int(end) > time.time():
        return int(end) - time.time()
    return experiment.resources.wall_seconds
