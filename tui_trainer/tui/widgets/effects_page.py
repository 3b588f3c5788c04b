"""What each factor of a study does as a page: bars with intervals over the noise of seeds."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.tui.widgets.line import Line, Span, fit, width_of, wrap
from tui_trainer.tui.widgets.plot import Scale, scale_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tui_trainer.tui.glyphs import Glyphs

LONGEST_LABEL, SHORTEST_LABEL, SHORTEST_TRACK = 44, 12, 10
WIDTH_FOR_INTERVALS = 76
COLUMNS_PER_TICK = 9
VERDICTS = {True: "beyond noise", False: "within noise", None: "cannot tell"}
INKS = {True: "good", False: "muted", None: "warn"}


class EffectBar(NamedTuple):
    """What a change does, in the unit of the axis and in words."""

    factor: str
    change: tuple[str, str]
    value: float
    interval: tuple[float, float] | None
    said: str
    interval_said: str
    exceeds_noise: bool | None
    """None where that cannot be told."""


@dataclass(frozen=True)
class EffectsPage:
    """The effects, and below them what to beware of."""

    metric: str
    unit: str
    bars: tuple[EffectBar, ...]
    noise: float | None
    noise_said: str
    warnings: tuple[str, ...]
    begins_at_end: bool = False

    def title(self, width: int, glyphs: Glyphs) -> Line:
        """What the bars are, and what the band behind them is."""
        del width
        unit = f" ({self.unit})" if self.unit else ""
        line = [Span(f" effects on {self.metric}{unit}", "strong")]
        if self.noise is not None:
            line += [Span(f"   {glyphs.band * 2}", "muted"), Span(f" seed noise {self.noise_said}")]
        return (*line, Span("   95 % intervals", "muted")) if self.bars else tuple(line)

    def rows(self, width: int, glyphs: Glyphs) -> Sequence[Line]:
        """A row for each effect, the axis, and every warning in full."""
        rows: list[Line] = []
        if self.bars:
            layout = _Layout.of(self.bars, self.noise or 0.0, width, glyphs)
            rows += [_row(bar, self.noise, layout, glyphs) for bar in self.bars]
            rows.append(_axis(layout))
        else:
            words = "no effect can be told yet: it takes two levels of a factor, all else equal"
            rows += [(Span(f" {each}", "muted"),) for each in wrap(words, width - 2)]
        for warning in self.warnings:
            rows += [(), *warning_lines(warning, width, glyphs)]
        return rows


def warning_lines(warning: str, width: int, glyphs: Glyphs) -> Iterator[Line]:
    """A warning in as many lines as it takes."""
    for number, words in enumerate(wrap(warning, width - 4)):
        mark = f" {glyphs.warning} " if not number else "   "
        yield (Span(mark, "warn"), Span(words))


class _Layout(NamedTuple):
    label: int
    track: int
    said: int
    interval: int
    scale: Scale

    @classmethod
    def of(cls, bars: Sequence[EffectBar], noise: float, width: int, glyphs: Glyphs) -> _Layout:
        said = max(len(bar.said) for bar in bars)
        interval = max(len(bar.interval_said) for bar in bars) + 2
        if width < WIDTH_FOR_INTERVALS:
            interval = 0
        longest = max(width_of([Span(_label(bar, glyphs))]) for bar in bars)
        rest = width - said - interval - len(VERDICTS[True]) - 7
        label = max(SHORTEST_LABEL, min(longest, LONGEST_LABEL, rest // 2))
        ends = [end for bar in bars for end in (bar.value, *(bar.interval or ()))]
        track = max(SHORTEST_TRACK, rest - label)
        ticks = max(2, track // COLUMNS_PER_TICK)
        scale = scale_for(min(0, -noise, *ends), max(0, noise, *ends), ticks, log=False)
        return cls(label, track, said, interval, scale)

    def column(self, value: float) -> int:
        return round(self.scale.share(value) * (self.track - 1))


def _label(bar: EffectBar, glyphs: Glyphs) -> str:
    arrow = "->" if glyphs.is_ascii else "→"
    return f"{bar.factor} {bar.change[0]} {arrow} {bar.change[1]}"


def _row(bar: EffectBar, noise: float | None, layout: _Layout, glyphs: Glyphs) -> Line:
    return (
        Span(f" {fit(_label(bar, glyphs), layout.label, glyphs.ellipsis)}  "),
        *_track(bar, noise, layout, glyphs),
        Span(f"  {bar.said:>{layout.said}}", "strong"),
        Span(f"{bar.interval_said:>{layout.interval}}" if layout.interval else "", "muted"),
        Span(f"  {VERDICTS[bar.exceeds_noise]}", INKS[bar.exceeds_noise]),
    )


def _track(bar: EffectBar, noise: float | None, layout: _Layout, glyphs: Glyphs) -> Iterator[Span]:
    """The band of noise, the interval over it, and over that the bar from nothing to the effect."""
    cells = [(" ", "")] * layout.track
    column, zero, end = layout.column, layout.column(0.0), layout.column(bar.value)
    if noise is not None:
        _fill(cells, column(-noise), column(noise), (glyphs.band, "faint"))
    cells[zero] = (glyphs.axis_y, "muted")
    low, high = (end, end) if bar.interval is None else map(column, bar.interval)
    _fill(cells, low, high, (glyphs.axis_x, "muted"))
    ink = "accent" if bar.exceeds_noise else "muted"
    _fill(cells, min(zero, end), max(zero, end), (glyphs.bar_done, ink))
    cells[low], cells[high] = (glyphs.low_end, ink), (glyphs.high_end, ink)
    cells[end] = (glyphs.point, f"{ink} strong")
    for each, group in groupby(cells, lambda cell: cell[1]):
        yield Span("".join(sign for sign, _ in group), each)


def _fill(cells: list[tuple[str, str]], first: int, last: int, cell: tuple[str, str]) -> None:
    cells[first : last + 1] = [cell] * (last + 1 - first)


def _axis(layout: _Layout) -> Line:
    """Numbers below the tracks."""
    words, taken = [" "] * (layout.track + 8), 0
    for tick in layout.scale.ticks:
        said = f"{tick:+g}" if abs(tick) > 1e-9 else "0"
        begin = max(0, layout.column(tick) - len(said) // 2)
        if begin >= taken and begin + len(said) <= len(words):
            words[begin : begin + len(said)] = said
            taken = begin + len(said) + 1
    return (Span(" " * (layout.label + 3) + "".join(words).rstrip(), "muted"),)
