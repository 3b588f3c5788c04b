"""Builds the optimizer, the learning-rate schedule and the loss, by PyTorch's names."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional
from torch.optim import lr_scheduler

from tui_trainer.errors import PreflightError
from tui_trainer.spec import learning as spec
from tui_trainer.spec.table import plain
from tui_trainer.train.classes import make_optimizer, make_scheduler
from tui_trainer.train.consistency import with_consistency

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from torch import Tensor, nn
    from torch.optim.lr_scheduler import LRScheduler

    from tui_trainer.spec.experiment import Experiment

# What of a scheduler changes as it goes; all the rest follows from the experiment.
_POSITION = (
    *("last_epoch", "_step_count", "_last_lr"),
    *("best", "num_bad_epochs", "cooldown_counter"),  # of ReduceLROnPlateau
    *("T_cur", "T_i"),  # of CosineAnnealingWarmRestarts
    *("T_max", "total_steps", "_schedule_phases"),  # the length that a schedule was laid out for
)
_BY_BATCH = ("torch.optim.lr_scheduler.CyclicLR", "torch.optim.lr_scheduler.OneCycleLR")


def optimizer_for(
    settings: spec.Optimizer, parameters: Iterable[nn.Parameter]
) -> torch.optim.Optimizer:
    """The optimizer, in PyTorch's fused form, which is the fastest on CPU and GPU alike."""
    options = plain(settings)
    name = options.pop("name")
    if isinstance(settings, spec.TorchOptimizer):
        return make_optimizer(name, parameters, options)
    if isinstance(settings, spec.RmsProp):
        return torch.optim.RMSprop(parameters, **options)  # has no fused form
    kinds: dict[str, Callable[..., torch.optim.Optimizer]] = {
        "sgd": torch.optim.SGD,
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
    }
    return kinds[name](parameters, fused=True, **options)


def loss_for(
    settings: spec.CrossEntropy, weights: Tensor | None = None
) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss that training minimises: logits and labels to their mean loss.

    With a weight for consistency it takes logits of three views, those of the images first.

    Args:
        settings: Of the experiment.
        weights: One per class, (classes,), by which a loss is multiplied before the mean is taken.
    """
    loss = _cross_entropy(settings.label_smoothing, weights)
    return with_consistency(loss, settings.jsd) if settings.jsd else loss


def _cross_entropy(smoothing: float, weights: Tensor | None) -> Callable[[Tensor, Tensor], Tensor]:
    if weights is None:
        return partial(functional.cross_entropy, label_smoothing=smoothing)

    def weighted(logits: Tensor, labels: Tensor) -> Tensor:
        total = functional.cross_entropy(
            logits, labels, weight=weights, label_smoothing=smoothing, reduction="sum"
        )
        return total / len(labels)

    return weighted


def class_weights(settings: spec.CrossEntropy, labels: Tensor, classes: int) -> Tensor | None:
    """What each class counts, (classes,), or None where all count the same.

    Raises:
        PreflightError: The experiment has another number of weights than there are classes.
    """
    wanted = settings.class_weights
    if wanted == "none":
        return None
    if wanted == "balanced":
        images = labels.bincount(minlength=classes).clamp(min=1)
        return (len(labels) / (classes * images)).float()
    if len(wanted) != classes:
        raise PreflightError(
            f"loss.class_weights has {len(wanted)} weights, but the data set has {classes} classes",
            hint='give one for each class, or write "balanced"',
        )
    return torch.tensor(wanted, device=labels.device)


class Schedule:
    """The learning rate's way, stepped after batches or after epochs, whichever its kind wants.

    A schedule that is laid out for the epochs of a run keeps its length if the run gets more of
    them, and its last learning rate stays. Warm-up and reloads multiply what the scheduler says.
    """

    def __init__(
        self, experiment: Experiment, optimizer: torch.optim.Optimizer, steps_per_epoch: int
    ) -> None:
        self._optimizer = optimizer
        self._settings = experiment.scheduler
        self._by_batch = is_stepped_by_batch(experiment.scheduler)
        self._warmup = experiment.warmup
        self._warmup_steps = experiment.warmup.steps or experiment.warmup.epochs * steps_per_epoch
        self._scheduler = _scheduler(experiment, optimizer, steps_per_epoch)
        self.lr = self.scheduled
        """What the newest step used."""
        self.reloads = 0
        """How often training began an epoch again; each time halves the learning rate."""

    @property
    def scheduled(self) -> float:
        """The scheduler's learning rate for the next step, before warm-up and reloads."""
        return float(self._optimizer.param_groups[0]["lr"])

    @contextmanager
    def at(self, step: int) -> Iterator[None]:
        """Let the optimizer have the learning rate of a step, counted from 1 over the whole run."""
        groups = self._optimizer.param_groups
        scheduled, factor = [group["lr"] for group in groups], self._factor(step)
        for group in groups:
            group["lr"] = group["lr"] * factor
        self.lr = self.scheduled
        try:
            yield
        finally:
            for group, lr in zip(groups, scheduled, strict=True):
                group["lr"] = lr

    @property
    def is_by_batch(self) -> bool:
        """Whether it is stepped after each optimizer step, in place of each epoch."""
        return self._by_batch

    @property
    def depends_on_metric(self) -> bool:
        """Whether what is validated decides its way, which nobody can know beforehand."""
        return isinstance(self._scheduler, lr_scheduler.ReduceLROnPlateau)

    @property
    def length(self) -> int | None:
        """The optimizer steps that it is laid out for, where it is for a number of them."""
        one_cycle = isinstance(self._scheduler, lr_scheduler.OneCycleLR)
        return int(vars(self._scheduler)["total_steps"]) if one_cycle else None

    def _factor(self, step: int) -> float:
        start, length = self._warmup.start, self._warmup_steps
        warm = 1.0 if step >= length else start + (1 - start) * step / length
        return float(warm * 0.5**self.reloads)

    def after_step(self) -> None:
        """Note that the optimizer took a step."""
        if self._by_batch:
            self._advance()

    def after_epoch(self, loss: float, accuracy: float) -> None:
        """Note that an epoch was trained, and what the validation images said."""
        if isinstance(self._scheduler, lr_scheduler.ReduceLROnPlateau):
            monitored = getattr(self._settings, "monitor", "loss")
            self._scheduler.step(loss if monitored == "loss" else accuracy)
        elif not self._by_batch:
            self._advance()

    def _advance(self) -> None:
        if self._scheduler and not self.has_ended():
            # PyTorch would warn of steps that a scaler left out or another process took.
            self._optimizer._opt_called = True  # type: ignore[attr-defined]  # noqa: SLF001
            self._scheduler.step()

    def has_ended(self) -> bool:
        """Whether it was laid out for fewer epochs than are trained, and keeps its last rate."""
        scheduler = self._scheduler
        if isinstance(scheduler, lr_scheduler.OneCycleLR):
            return bool(scheduler.last_epoch >= scheduler.total_steps - 1)
        whole_run = isinstance(self._settings, spec.CosineAnnealingLR) and not self._settings.T_max
        return whole_run and vars(scheduler)["last_epoch"] >= vars(scheduler)["T_max"]

    def state(self) -> dict[str, Any]:
        """Plain numbers that `restore` goes on from, given the optimizer's own state."""
        state = vars(self._scheduler) if self._scheduler else {}
        position = {name: state[name] for name in _POSITION if name in state}
        return {**position, "reloads": self.reloads}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken."""
        position = dict(state)
        self.reloads = position.pop("reloads")
        if self._scheduler:
            vars(self._scheduler).update(position)


def is_stepped_by_batch(settings: spec.Scheduler) -> bool:
    """Whether such a scheduler is stepped after each optimizer step, in place of each epoch."""
    if isinstance(settings, spec.TorchScheduler):
        by_default = "batch" if settings.name in _BY_BATCH else "epoch"
        return (settings.step_each or by_default) == "batch"
    return isinstance(settings, spec.OneCycleLR)


def _scheduler(
    experiment: Experiment, optimizer: torch.optim.Optimizer, steps_per_epoch: int
) -> LRScheduler | None:
    settings = experiment.scheduler
    options = plain(settings)
    name = options.pop("name")
    if isinstance(settings, spec.OneCycleLR):
        options.setdefault("max_lr", optimizer.param_groups[0]["lr"])
        return lr_scheduler.OneCycleLR(
            optimizer,
            epochs=experiment.epochs,
            steps_per_epoch=steps_per_epoch,
            cycle_momentum=_has_momentum(optimizer),
            **options,
        )
    if isinstance(settings, spec.TorchScheduler):
        options.pop("step_each", None)
        return make_scheduler(name, optimizer, options)
    if isinstance(settings, spec.CosineAnnealingLR):
        options.setdefault("T_max", experiment.epochs)
    if isinstance(settings, spec.ReduceLROnPlateau):
        options["mode"] = "min" if options.pop("monitor") == "loss" else "max"
    kind = _SCHEDULERS.get(name)
    return kind(optimizer, **options) if kind else None


_SCHEDULERS: dict[str, Callable[..., LRScheduler]] = {
    "step_lr": lr_scheduler.StepLR,
    "multi_step_lr": lr_scheduler.MultiStepLR,
    "cosine_annealing_lr": lr_scheduler.CosineAnnealingLR,
    "reduce_lr_on_plateau": lr_scheduler.ReduceLROnPlateau,
}


def _has_momentum(optimizer: torch.optim.Optimizer) -> bool:
    # PyTorch would otherwise cycle momentum between 0.85 and 0.95 where the experiment says 0.
    return "betas" in optimizer.defaults or optimizer.defaults.get("momentum", 0) > 0
