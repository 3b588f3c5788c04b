"""The curves of a run: its loss and its accuracy over the epochs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.tui import figures
from tui_trainer.tui.widgets.plot import Chart, Series, round_epochs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tui_trainer.record.epochs import Epoch
    from tui_trainer.tui.store import RunView


def loss_chart(run: RunView, *, log: bool, hint: str = "") -> Chart:
    """Training and validation loss."""
    return Chart(
        title="loss",
        series=(
            _series("train", "train", run, lambda epoch: epoch.train_loss),
            _series("val", "validation", run, lambda epoch: epoch.validation_loss),
        ),
        last_x=_last_epoch(run),
        show_value=figures.loss,
        log=log,
        hint=hint,
        empty=_empty(run),
    )


def accuracy_chart(run: RunView, *, hint: str = "") -> Chart:
    """Training and validation accuracy, and the probe out of distribution, in percent."""
    ood = _series("ood", "ood", run, lambda epoch: _in_percent(epoch.ood_accuracy))
    return Chart(
        title="accuracy %",
        series=(
            _series("train", "train", run, lambda epoch: _in_percent(epoch.train_accuracy)),
            _series("val", "validation", run, lambda epoch: _in_percent(epoch.validation_accuracy)),
            *([] if ood.last is None else [ood]),
        ),
        last_x=_last_epoch(run),
        show_value=lambda value: f"{value:.1f}",
        hint=hint,
        empty=_empty(run),
    )


class Figure(NamedTuple):
    """Something that is measured in every epoch."""

    title: str
    value_of: Callable[[Epoch], float | None]
    is_loss: bool = False


COMPARED = (
    Figure("validation accuracy %", lambda epoch: _in_percent(epoch.validation_accuracy)),
    Figure("validation loss", lambda epoch: epoch.validation_loss, is_loss=True),
    Figure("ood accuracy %", lambda epoch: _in_percent(epoch.ood_accuracy)),
    Figure("training accuracy %", lambda epoch: _in_percent(epoch.train_accuracy)),
    Figure("training loss", lambda epoch: epoch.train_loss, is_loss=True),
)
"""What runs are compared by, in the order in which a key goes through it."""


def compare_chart(runs: Sequence[RunView], figure: Figure, *, log: bool, hint: str = "") -> Chart:
    """One figure of several runs; their curves bear numbers from 1."""
    return Chart(
        title=figure.title,
        series=tuple(
            replace(_series(str(number), f"curve{number}", run, figure.value_of), sign=str(number))
            for number, run in enumerate(runs, 1)
        ),
        last_x=max(map(_last_epoch, runs), default=2),
        show_value=figures.loss if figure.is_loss else lambda value: f"{value:.1f}",
        log=log and figure.is_loss,
        hint=hint,
        empty="none of the runs has measured that",
    )


def no_chart(title: str, words: str) -> Chart:
    """Where there is no run to show."""
    return Chart(title=title, series=(), last_x=1, show_value=str, empty=words)


def _series(name: str, ink: str, run: RunView, value_of: Callable[[Epoch], float | None]) -> Series:
    return Series(name, ink, tuple((epoch.epoch, value_of(epoch)) for epoch in run.epochs))


def _in_percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction


def _last_epoch(run: RunView) -> int:
    newest = run.epochs[-1].epoch if run.epochs else 1
    return round_epochs(newest, run.planned_epochs) if run.state.is_live else max(2, newest)


def _empty(run: RunView) -> str:
    return "the first epoch is under way" if run.state.is_live else "no epoch was finished"
