"""The curves of a run: its loss and its accuracy over the epochs, or over the time trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tui_trainer.tui import figures
from tui_trainer.tui.widgets.braille import SOLID, Dash
from tui_trainer.tui.widgets.plot import Chart, Series, round_epochs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tui_trainer.record.epochs import Epoch
    from tui_trainer.tui.views import RunView

    Measure = Callable[[Epoch], float | None]

# So few are compared over the whole width: beside more of them that are to come they say little.
FEW_EPOCHS = 5
# The first of so many epochs, or one, may be cut off at the top of a loss, where all later ones had
# less than one part in `FLAT` of the height beside them.
EPOCHS_PER_CUT, FEWEST_TO_CUT, FLAT = 20, 4, 4
# Weight tells three curves apart where there are no colours, dashes the next three, and so on.
DASHES: tuple[Dash, ...] = ((1, 0), (5, 3), (1, 2))
CURVES_PER_DASH = 3

_T = TypeVar("_T")

SMOOTHINGS = (0.0, 0.6, 0.9)
ZOOMS = (1.0, 0.5, 0.25)
SERIES = ("", "train", "val", "ood")
# The unit that leaves numbers of two digits or so: seconds up to the first number, and so on.
TIME_UNITS = ((180.0, 1.0, "s"), (3 * 3600.0, 60.0, "m"), (float("inf"), 3600.0, "h"))


@dataclass(frozen=True, kw_only=True)
class Look:
    """How curves are looked at."""

    log: bool = False
    """Loss on a logarithmic scale."""
    smoothing: float = 0.0
    """Weight of what was before in an exponential mean; 0: none."""
    by_time: bool = False
    """Over the time trained, pauses between attempts left out."""
    zoom: float = 1.0
    """The last part of the epochs that is shown."""
    only: str = ""
    """The one series to show; empty: all."""
    marks: bool = False
    """Whether the best epoch and the beginnings of attempts are marked."""
    dashed: bool = False
    """Curves are told apart by dashes and the first letters of their names, for want of colours."""

    def change_smoothing(self) -> Look:
        """The next one."""
        return replace(self, smoothing=_next(SMOOTHINGS, self.smoothing))

    def change_zoom(self) -> Look:
        """The next one."""
        return replace(self, zoom=_next(ZOOMS, self.zoom))

    def change_series(self, *, has_ood: bool) -> Look:
        """The next one alone, or all again."""
        return replace(self, only=_next(SERIES if has_ood else SERIES[:-1], self.only))

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not as usual, in words."""
        return tuple(
            words
            for words, is_so in (
                (f"{self.only} only", self.only),
                (f"smoothed {self.smoothing:g}", self.smoothing),
                ("by time", self.by_time),
                (f"last {100 * self.zoom:.0f} %", self.zoom < 1),
            )
            if is_so
        )


def loss_chart(run: RunView, look: Look, *, hint: str = "") -> Chart:
    """Training and validation loss."""
    measures: dict[str, Measure] = {
        "train": lambda epoch: epoch.train_loss,
        "val": lambda epoch: epoch.validation_loss,
    }
    chart = _chart("loss", measures, run, look, figures.loss)
    top = None if look.log else _top(chart.series)
    return replace(chart, log=look.log, top=top, hint=hint)


def accuracy_chart(run: RunView, look: Look, *, hint: str = "") -> Chart:
    """Training and validation accuracy, and the probe out of distribution, in percent."""
    measures: dict[str, Measure] = {
        "train": lambda epoch: _in_percent(epoch.train_accuracy),
        "val": lambda epoch: _in_percent(epoch.validation_accuracy),
    }
    if any(epoch.ood_accuracy is not None for epoch in run.epochs):
        measures["ood"] = lambda epoch: _in_percent(epoch.ood_accuracy)
    chart = _chart("accuracy %", measures, run, look, lambda value: f"{value:.1f}")
    return replace(chart, hint=hint)


class Figure(NamedTuple):
    """Something that is measured in every epoch."""

    title: str
    value_of: Measure
    is_loss: bool = False


ACCURACY = Figure("validation accuracy %", lambda epoch: _in_percent(epoch.validation_accuracy))
LOSS = Figure("validation loss", lambda epoch: epoch.validation_loss, is_loss=True)
COMPARED = (
    *(ACCURACY, LOSS),
    Figure("ood accuracy %", lambda epoch: _in_percent(epoch.ood_accuracy)),
    Figure("training accuracy %", lambda epoch: _in_percent(epoch.train_accuracy)),
    Figure("training loss", lambda epoch: epoch.train_loss, is_loss=True),
)
"""What runs are compared by, in the order in which a key goes through it."""


def compare_chart(
    runs: Sequence[RunView], figure: Figure, *, log: bool, dashed: bool = False, hint: str = ""
) -> Chart:
    """One figure of several runs; their curves bear numbers from 1.

    Args:
        runs: The runs.
        figure: What they are compared by.
        log: Whether a loss is drawn on a logarithmic scale.
        dashed: Whether curves are told apart by dashes, for want of colours.
        hint: At the end of the title line.
    """
    series = tuple(
        replace(_numbered(number, run, figure), dash=_dash(number) if dashed else SOLID)
        for number, run in enumerate(runs, 1)
    )
    return Chart(
        title=figure.title,
        series=series,
        last_x=max((_compared_end(run) for run in runs), default=2),
        show_value=figures.loss if figure.is_loss else lambda value: f"{value:.1f}",
        log=log and figure.is_loss,
        top=_top(series) if figure.is_loss and not log else None,
        hint=hint,
        empty="none of the runs has measured that",
    )


def study_chart(
    runs: Mapping[str, RunView], figure: Figure, *, dashed: bool = False, hint: str = ""
) -> Chart:
    """One figure of the points of a study, by what their curves are called."""
    chart = compare_chart(list(runs.values()), figure, log=False, dashed=dashed, hint=hint)
    named = zip(chart.series, runs, strict=True)
    return replace(
        chart,
        series=tuple(replace(series, name=name, sign="") for series, name in named),
        empty="none of its points has finished an epoch",
    )


def _top(series: Sequence[Series]) -> float | None:
    """Where a loss is cut off, so that its first epochs do not press the others flat; None: not."""
    points = [(x, y) for each in series for x, y in each.points if y is not None]
    ends = [each.last for each in series if each.last is not None]
    xs = sorted({x for x, _ in points})
    if len(xs) < FEWEST_TO_CUT:
        return None
    lowest, highest = min(y for _, y in points), max(y for _, y in points)
    for first_kept in xs[1 : 1 + max(1, len(xs) // EPOCHS_PER_CUT)]:
        top = max(*ends, *(y for x, y in points if x >= first_kept))
        if FLAT * (top - lowest) <= highest - lowest:
            return top
    return None


def _numbered(number: int, run: RunView, figure: Figure) -> Series:
    points = tuple((epoch.epoch, figure.value_of(epoch)) for epoch in run.epochs)
    return Series(str(number), f"curve{number}", points, sign=str(number))


def _dash(number: int) -> Dash:
    return DASHES[(number - 1) // CURVES_PER_DASH]


def _compared_end(run: RunView) -> float:
    """Where its curve ends; of a live one beyond that, once there are epochs enough to fill it."""
    newest = run.epochs[-1].epoch if run.epochs else 1
    return max(2, newest) if newest < FEW_EPOCHS else _last_x(run, Look(), newest)


def no_chart(title: str, words: str) -> Chart:
    """Where there is no run to show."""
    return Chart(title=title, series=(), last_x=1, show_value=str, empty=words)


def smooth(values: list[float | None], weight: float) -> list[float | None]:
    """The exponential mean of what came so far; the first values weigh no more than the others."""
    smoothed: list[float | None] = []
    mean, seen = 0.0, 0
    for value in values:
        if value is None:
            smoothed.append(None)
            continue
        seen += 1
        mean = weight * mean + (1 - weight) * value
        smoothed.append(mean / (1 - weight**seen))
    return smoothed


_INKS = {"train": "train", "val": "validation", "ood": "ood"}
_DASHES = dict(zip(_INKS, DASHES, strict=True))


def _chart(
    title: str,
    measures: dict[str, Measure],
    run: RunView,
    look: Look,
    show_value: Callable[[float], str],
) -> Chart:
    shown = {name: of for name, of in measures.items() if look.only in {"", name}}
    xs, unit = _xs(run, look)
    newest = xs[-1] if xs else 1.0
    begin = newest - look.zoom * (newest - xs[0]) if xs and look.zoom < 1 else 0.0
    first = begin or (0.0 if look.by_time else 1.0)
    lines = [_lines(name, of, run, look, xs) for name, of in shown.items()]
    return Chart(
        title=title,
        # What is drawn later covers what is below it.
        series=tuple(
            replace(line, points=tuple(point for point in line.points if point[0] >= begin))
            for line in (*(pair[0] for pair in lines if len(pair) > 1), *(p[-1] for p in lines))
        ),
        first_x=first,
        last_x=_last_x(run, look, newest),
        x_unit=unit,
        show_value=show_value,
        begins=_begins(run, xs, first) if look.marks else (),
        best=_best(run, shown.get("val"), xs, first) if look.marks else None,
        notes=look.notes,
        empty=_empty(run) if shown else f"{look.only} has none",
    )


def _xs(run: RunView, look: Look) -> tuple[list[float], str]:
    """Where each epoch stands on the x axis, and the unit there."""
    if not look.by_time:
        return [epoch.epoch for epoch in run.epochs], ""
    ends = list(accumulate(epoch.seconds or 0.0 for epoch in run.epochs))
    total = ends[-1] if ends else 0.0
    size, unit = next((size, unit) for most, size, unit in TIME_UNITS if total < most)
    return [end / size for end in ends], unit


def _lines(name: str, of: Measure, run: RunView, look: Look, xs: list[float]) -> list[Series]:
    values = [of(epoch) for epoch in run.epochs]
    line = Series(name, _INKS[name], tuple(zip(xs, values, strict=True)))
    if look.dashed:
        line = replace(line, dash=_DASHES[name], sign=name[0])
    if not look.smoothing:
        return [line]
    smoothed = tuple(zip(xs, smooth(values, look.smoothing), strict=True))
    behind = Series("", "faint", line.points)
    return [behind, replace(line, points=smoothed, true_last=line.last)]


def _last_x(run: RunView, look: Look, newest: float) -> float:
    if look.by_time or look.zoom < 1:
        return newest
    epochs = round(newest)
    return round_epochs(epochs, run.planned_epochs) if run.state.is_live else max(2, epochs)


def _begins(run: RunView, xs: list[float], first: float) -> tuple[float, ...]:
    """Between the last epoch of one attempt and the first of the next."""
    attempts = [epoch.attempt for epoch in run.epochs]
    return tuple(
        (xs[index - 1] + xs[index]) / 2
        for index in range(1, len(xs))
        if attempts[index] != attempts[index - 1] and xs[index - 1] >= first
    )


def _best(
    run: RunView, of: Measure | None, xs: list[float], first: float
) -> tuple[float, float] | None:
    if run.best is None or of is None:
        return None
    x, y = xs[run.epochs.index(run.best)], of(run.best)
    return None if y is None or x < first else (x, y)


def _next(cycle: tuple[_T, ...], now: _T) -> _T:
    return cycle[(cycle.index(now) + 1) % len(cycle)]


def _in_percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction


def _empty(run: RunView) -> str:
    if not run.state.is_live:
        return "no epoch was finished"
    stage = run.progress.stage if run.progress else "starting"
    return _BEFORE_TRAINING.get(stage, "the first epoch is under way")


_BEFORE_TRAINING = {
    "queued": "the run waits in the queue",
    "waiting": "the training is being started",
    "starting": "the training is being started",
    "rehearsing": "the preflight is under way, before the first epoch",
    "preparing": "the data are being prepared",
}
