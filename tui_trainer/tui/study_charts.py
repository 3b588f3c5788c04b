"""What a study found as pictures: its accuracy against what networks cost, and its effects."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.record.words import amount
from tui_trainer.study.metrics import Metric
from tui_trainer.tui import keys
from tui_trainer.tui.charts import DASHES
from tui_trainer.tui.widgets.braille import SOLID
from tui_trainer.tui.widgets.effects_page import EffectBar, EffectsPage
from tui_trainer.tui.widgets.plot import Chart, Series, Spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tui_trainer.study.effects import Effect
    from tui_trainer.study.effects import Spread as Seeds
    from tui_trainer.tui.study_view import PointRow, StudyView

AXES = {"depth": "depth", "parameters": "parameters", "flops": "FLOPs", "epochs": "epochs"}
"""The words of what accuracies are drawn over, in the order in which a key goes through it."""


class Curve(NamedTuple):
    """An accuracy of points."""

    name: str
    ink: str
    of: Callable[[PointRow], Seeds | None]


TRAIN = Curve("train", "train", lambda point: point.size.train)
TEST = Curve("test", "validation", lambda point: point.spreads[Metric.TEST])
BEST = Curve("val", "validation", lambda point: point.spreads[Metric.BEST])
OOD = Curve("ood", "ood", lambda point: point.spreads[Metric.OOD])


def cost_chart(
    view: StudyView, axis: str, *, log: bool, dashed: bool = False, hint: str = ""
) -> Chart:
    """Accuracy over one of `AXES`: clean, out of distribution, and of the training images.

    Args:
        view: The study.
        axis: What points are drawn over.
        log: Whether that is on a logarithmic scale.
        dashed: Whether curves are told apart by dashes, for want of colours.
        hint: At the end of the title line.
    """
    points = [point for point in view.points if (point.size.at(axis) or 0) > 0]
    clean = TEST if any(point.spreads[Metric.TEST] for point in points) else BEST
    curves = [each for each in (TRAIN, clean, OOD) if any(map(each.of, points))]
    places = sorted({_place(point, axis) for point in points})
    first, last = (places[0], places[-1]) if places else (1.0, 2.0)
    if first == last:  # one place stands in the middle
        first, last = first / 2, last * 2
    return Chart(
        title=f"accuracy % over {AXES[axis]}",
        series=tuple(
            replace(_series(each, points, axis), dash=DASHES[number] if dashed else SOLID)
            for number, each in enumerate(curves)
        ),
        first_x=first,
        last_x=last,
        x_ticks=tuple(places),
        show_x=amount,
        log_x=log,
        show_value="{:.1f}".format,
        notes=("log axis",) if log else (),
        hint=hint,
        empty=_empty(view, axis),
    )


def _series(curve: Curve, points: Sequence[PointRow], axis: str) -> Series:
    measured = [(_place(each, axis), seeds) for each in points if (seeds := curve.of(each))]
    measured.sort(key=lambda each: (each[0], each[1].mean))
    places = [place for place, _ in measured]
    return Series(
        curve.name,
        curve.ink,
        tuple(_line(measured, is_one_each=len(set(places)) == len(places))),
        spreads=tuple(_spread(place, seeds) for place, seeds in measured),
    )


def _line(
    measured: Sequence[tuple[float, Seeds]], *, is_one_each: bool
) -> Iterator[tuple[float, float | None]]:
    """Joined, unless several points stand at one place: then no line leads through them."""
    for place, seeds in measured:
        yield place, 100 * seeds.mean
        if not is_one_each:
            yield place, None


def _spread(place: float, seeds: Seeds) -> Spread:
    mean, std = 100 * seeds.mean, 100 * (seeds.std or 0.0)
    return Spread(place, mean - std, mean, mean + std)


def _place(point: PointRow, axis: str) -> float:
    return float(point.size.at(axis) or 0)


def _empty(view: StudyView, axis: str) -> str:
    if not view.done:
        return "no point is done yet"
    return f"{AXES[axis]} of no point that is done; {keys.shown(keys.NEXT_AXIS)}: another axis"


def effects_page(view: StudyView, warnings: Sequence[str] = ()) -> EffectsPage:
    """What each factor does, beside the noise of seeds; warnings stand below."""
    metric = view.metric
    scale = 100.0 if metric.is_fraction else 1.0
    name, _, _ = metric.heading.partition(" (")
    return EffectsPage(
        metric=name,
        unit=metric.unit,
        bars=tuple(_bar(each, metric, scale) for each in view.effects),
        noise=None if view.noise is None else scale * view.noise,
        noise_said="" if view.noise is None else metric.spell_difference(view.noise).lstrip("+"),
        warnings=tuple(warnings),
    )


def _bar(effect: Effect, metric: Metric, scale: float) -> EffectBar:
    said, interval = metric.spell_difference, _interval(effect)
    return EffectBar(
        factor=effect.factor,
        change=(effect.reference, effect.level),
        value=scale * effect.difference,
        interval=interval and (scale * interval[0], scale * interval[1]),
        said=said(effect.difference),
        interval_said="" if interval is None else f"[{', '.join(map(said, interval))}]",
        exceeds_noise=effect.is_beyond_noise,
    )


def _interval(effect: Effect) -> tuple[float, float] | None:
    low, high = effect.low, effect.high
    return None if low is None or high is None else (low, high)
