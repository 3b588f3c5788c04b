"""The figure of what each factor of a study does, with its interval, beside the noise of seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_trainer.errors import UsageError
from tui_trainer.record.plain_text import plain_line
from tui_trainer.spec.point_names import short_keys
from tui_trainer.study.effects import LEVEL
from tui_trainer.study.picture import LONGEST_LABEL, Bar, Bars

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui_trainer.study.effects import Effect
    from tui_trainer.study.outcome import Outcome

MOST_BARS = 30


def effects_figure(outcome: Outcome) -> Bars:
    """What each change does to the metric; the largest first.

    Raises:
        UsageError: No effect can be told.
    """
    effects = sorted(outcome.effects.effects, key=lambda each: -abs(each.difference))
    if not effects:
        raise UsageError(
            f"the study {outcome.study} tells no effect on {outcome.metric.value} yet",
            hint=f"tui-trainer study {outcome.study} says what is missing",
        )
    scale = 100.0 if outcome.metric.is_fraction else 1.0
    noise = outcome.effects.noise
    unit = outcome.metric.unit.replace("pt", "points")
    name, _, _ = outcome.metric.heading.partition(" (")
    names = short_keys(tuple(dict.fromkeys(effect.factor for effect in effects)))
    bars = tuple(_bar(effect, names[effect.factor], scale) for effect in effects[:MOST_BARS])
    return Bars(
        x_label=f"effect on {name}{f' ({unit})' if unit else ''}",
        bars=bars,
        noise=None if noise is None else scale * noise,
        note=_note(bars, len(effects) - len(bars)),
    )


def _note(bars: Sequence[Bar], left_out: int) -> str:
    has_intervals = any(bar.interval for bar in bars)
    words = f"{1 - LEVEL:.0%} intervals" if has_intervals else "no interval is known"
    return f"{words}; {left_out} smaller ones are left out" if left_out else words


def _bar(effect: Effect, name: str, scale: float) -> Bar:
    low, high = effect.low, effect.high
    change = f"{name}: {effect.reference} → {effect.level}"
    return Bar(
        label=plain_line(change, LONGEST_LABEL),
        value=scale * effect.difference,
        interval=None if low is None or high is None else (scale * low, scale * high),
        is_clear=effect.is_beyond_noise is True,
    )
