"""Early signs that a training goes wrong, told once each, in the events and in the log."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from tui_trainer.record.epochs import best_epoch
from tui_trainer.record.events import Alarmed
from tui_trainer.record.words import percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from tui_trainer.record.epochs import Epoch
    from tui_trainer.train.ledger import Ledger

# Measured on one core: a pass that counts what fires takes 1.3 times as long for two convolutions
# of width 16, 1.07 times for four of width 64.
EPOCHS_BETWEEN_COUNTS = 5
_DEAD_SHARE: Final = 0.25
# A tenth of the highest learning rate: a schedule that went below has brought training to its end.
_ANNEALED: Final = 0.1
# Fewer epochs show no trend.
_LEAST_EPOCHS = 5


class Alarms:
    """Tells the alarms of one run; what was told before, also by earlier attempts, is not again."""

    def __init__(self, ledger: Ledger, epochs: int, classes: int) -> None:
        self._ledger = ledger
        self._epochs = epochs
        self._classes = classes

    def judge(self, epochs: Sequence[Epoch]) -> None:
        """Tell what the newest of the finished epochs shows."""
        if epochs:
            for kind, message in signs(epochs, self._epochs, self._classes):
                over = over_above(kind, epochs, self._classes)
                self._tell(kind, epochs[-1].epoch, message, over_above=over)

    def nan(self, epoch: int, message: str) -> None:
        """Tell that numbers were no longer finite; that epoch's end shows that they are again."""
        self._tell("nan", epoch, message, over_after=epoch)

    def told(self, kind: str, epoch: int) -> int:
        """How many different alarms of a kind there were up to an epoch."""
        return len({e.message for e in self._all() if e.kind == kind and e.epoch <= epoch})

    def _all(self) -> Iterator[Alarmed]:
        return (event for event in self._ledger.events() if isinstance(event, Alarmed))

    def dead_units(self, epoch: int, firing: Firing) -> None:
        """Tell of units that nothing excites."""
        dead, units = firing.dead, firing.units
        if units and dead / units >= _DEAD_SHARE:
            self._tell(
                "dead_units",
                epoch,
                f"{dead} of {units} ReLU units fired for no validation image: "
                "a lower learning rate or leaky_relu may revive them",
                over_after=epoch + EPOCHS_BETWEEN_COUNTS,
            )

    def _tell(self, kind: str, epoch: int, message: str, **over: Any) -> None:
        """Record an alarm unless it is recorded."""
        told = ((each.kind, each.epoch, each.message) for each in self._all())
        if (kind, epoch, message) not in told:
            attempt = self._ledger.attempt
            alarm = Alarmed(attempt=attempt, epoch=epoch, kind=kind, message=message, **over)
            self._ledger.alarm(alarm)


def signs(epochs: Sequence[Epoch], planned: int, classes: int) -> Iterator[tuple[str, str]]:
    """The kind and the words of each alarm that the newest epoch gives reason for."""
    if message := _chance_level(epochs, classes):
        yield "chance_level", message
    if message := _plateau(epochs, planned):
        yield "plateau", message
    if message := _still_improving(epochs, planned):
        yield "still_improving", message


def over_above(kind: str, epochs: Sequence[Epoch], classes: int) -> float | None:
    """The accuracy above which a later epoch shows that an alarm is over; None where none does."""
    best = best_epoch(epochs)
    ends = {
        "chance_level": chance_threshold(classes),
        "plateau": best.validation_accuracy if best else None,
        "still_improving": 0.0,  # it was about the last epoch, which another one ends
    }
    return ends.get(kind)


def chance_threshold(classes: int) -> float:
    """Accuracy below which a network may as well guess: twice chance, at most halfway to all."""
    return min(2 / classes, (1 + 1 / classes) / 2)


def _chance_level(epochs: Sequence[Epoch], classes: int) -> str:
    accuracy = epochs[-1].validation_accuracy
    if len(epochs) > 1 or accuracy is None or accuracy >= chance_threshold(classes):
        return ""
    return (
        f"validation accuracy {percent(accuracy)} after the first epoch is hardly better than "
        f"chance ({percent(1 / classes)}): look at the learning rate and at the data"
    )


def _plateau(epochs: Sequence[Epoch], planned: int) -> str:
    """Exactly so many epochs after the best one, so that each plateau is told once."""
    patience, best = max(_LEAST_EPOCHS, planned // 5), best_epoch(epochs)
    if best is None or epochs[-1].epoch - best.epoch != patience:
        return ""
    return (
        f"no better validation accuracy for {patience} epochs, since {best.epoch}: "
        "a lower learning rate may help, or the run may end here"
    )


def _still_improving(epochs: Sequence[Epoch], planned: int) -> str:
    newest, losses = epochs[-1], [epoch.validation_loss for epoch in epochs]
    rates = [epoch.lr for epoch in epochs if epoch.lr is not None]
    if newest.epoch != planned or planned < _LEAST_EPOCHS or newest.validation_loss is None:
        return ""
    if best_epoch(epochs) is not newest or any(
        x is None or x < newest.validation_loss for x in losses
    ):
        return ""
    if not rates or rates[-1] < _ANNEALED * max(rates):
        return ""
    return "the last epoch is the best in accuracy and loss: more epochs may bring more"


class Firing:
    """Counts the units behind ReLUs, one per channel and layer, that fire for any image."""

    def __init__(self) -> None:
        self._fired: dict[tuple[int, int], Tensor] = {}
        self._calls: dict[int, int] = {}

    @property
    def units(self) -> int:
        """All that were looked at."""
        return sum(fired.numel() for fired in self._fired.values())

    @property
    def dead(self) -> int:
        """Those that never fired."""
        return sum(int((~fired).sum()) for fired in self._fired.values())

    @contextmanager
    def watch(self, network: nn.Module) -> Iterator[None]:
        """Count while the body runs the network."""
        handles = [network.register_forward_pre_hook(self._begin)]
        for index, module in enumerate(network.modules()):
            if isinstance(module, nn.ReLU | nn.ReLU6):
                handles.append(module.register_forward_hook(self._hook(index)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _begin(self, _network: nn.Module, _inputs: Any) -> None:
        self._calls.clear()

    def _hook(self, index: int) -> Any:
        def note(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            # Networks of torchvision use one ReLU module at several places.
            place = index, self._calls.get(index, 0)
            self._calls[index] = place[1] + 1
            fires = output.amax([d for d in range(output.ndim) if d != 1]) > 0
            self._fired[place] = fires | self._fired.get(place, torch.zeros_like(fires))

        return note
