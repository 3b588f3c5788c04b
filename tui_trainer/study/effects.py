"""What each factor of a study does, with its interval, and whether that is more than seed noise.

**Spread.** Runs that differ only in their seed are a cell; of each cell the mean, the sample
standard deviation (n - 1) and n.

**Effect.** What a factor does when it goes from its reference level to another with all else equal:
the difference of two cells that differ in nothing else, averaged over every setting of the others
at which both were measured. In an ablation that is the difference from the base; in a full
factorial it is the main effect, the difference of marginal means (Box, Hunter and Hunter,
Statistics for Experimenters, chapter 5).

**Interval.** Of this contrast of independent cell means, by Student's t with the degrees of freedom
of Satterthwaite (1946); for two cells it is Welch's interval (1947). Each cell brings its own
variance: a learning rate at the edge of what is stable has more seed noise than its neighbours.

**Beyond seed noise.** The p-values of all effects of a study are corrected by Holm (1979): with no
effect at all, the probability that any is claimed is at most `LEVEL`. The interval is that of its
effect alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.study.student import quantile, two_sided_p

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

LEVEL = 0.05
"""How often, at most, something is claimed of a study in which nothing has an effect."""


class Sample(NamedTuple):
    """What one run measured, and at which level of each factor."""

    levels: Mapping[str, str]
    """By factor; a factor that is not named is none of this point's."""
    seed: int
    value: float


class Spread(NamedTuple):
    """Values of runs that differ only in their seed."""

    mean: float
    std: float | None
    """The sample standard deviation, n - 1 below; None for a single value."""
    n: int

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread | None:
        """Of what was measured; None where nothing was."""
        known = [value for value in values if value is not None]
        if not known:
            return None
        return cls(fmean(known), stdev(known) if len(known) > 1 else None, len(known))


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What it does to change one factor from a level to another, all else equal."""

    factor: str
    reference: str
    level: str
    difference: float
    settings: int
    """Of the other factors: over so many the difference is averaged."""
    n: int
    """Runs that it rests on."""
    low: float | None = None
    high: float | None = None
    """The interval, which has the true effect in it with a probability of 1 - `LEVEL`. None where
    seeds show no spread."""
    p: float | None = None
    """How probable a difference at least as large is where there is no effect."""
    corrected_p: float | None = None
    """The same, corrected for all effects that are looked at together."""

    @property
    def is_beyond_noise(self) -> bool | None:
        """Whether it is more than what seeds do; None where that cannot be told."""
        return None if self.corrected_p is None else self.corrected_p <= LEVEL


@dataclass(frozen=True, kw_only=True)
class Effects:
    """All effects of a study on one figure."""

    effects: tuple[Effect, ...]
    noise: float | None
    """Seed noise: the standard deviation within cells, pooled over them; None without seeds."""
    unpaired: tuple[Mapping[str, str], ...]
    """Cells that differ in two factors or more from every other that they could be measured by:
    what did what cannot be told."""


Levels = frozenset[tuple[str, str]]
_Pair = tuple[Spread, Spread]


def effects_of(samples: Iterable[Sample], reference: Mapping[str, str] | None = None) -> Effects:
    """What each factor does.

    Args:
        samples: One of each seed of a cell; several of one seed are not several seeds' worth.
        reference: The level of each factor that the others are measured by. Default, also where
            that level was not measured: the factor's first.
    """
    samples = list(samples)
    cells = _cells(samples)
    effects, paired = list[Effect](), set[Levels]()
    for factor, levels in _factors(samples).items():
        wanted = (reference or {}).get(factor)
        measure = wanted if wanted in levels else levels[0]
        for level in (each for each in levels if each != measure):
            pairs = dict(_pairs(cells, (factor, measure), (factor, level)))
            paired.update(cell for pair in pairs for cell in pair)
            if pairs:
                effects.append(_effect(factor, measure, level, list(pairs.values())))
    unpaired = [dict(cell) for cell in cells if cell not in paired]
    return Effects(
        effects=tuple(_corrected(effects)),
        noise=_pooled(cells.values()),
        unpaired=tuple(unpaired if len(cells) > 1 else ()),
    )


def _cells(samples: Iterable[Sample]) -> dict[Levels, Spread]:
    """What runs measured that differ only in their seed."""
    values = dict[Levels, dict[int, float]]()
    for sample in samples:
        values.setdefault(frozenset(sample.levels.items()), {})[sample.seed] = sample.value
    spreads = {cell: Spread.of(each.values()) for cell, each in values.items()}
    return {cell: spread for cell, spread in spreads.items() if spread is not None}


def _factors(samples: Iterable[Sample]) -> dict[str, list[str]]:
    """The levels of each factor that has more than one, as they come."""
    levels = dict[str, dict[str, None]]()
    for sample in samples:
        for factor, level in sample.levels.items():
            levels.setdefault(factor, {})[level] = None
    return {factor: list(each) for factor, each in levels.items() if len(each) > 1}


def _pairs(
    cells: Mapping[Levels, Spread], measure: tuple[str, str], level: tuple[str, str]
) -> Iterator[tuple[tuple[Levels, Levels], _Pair]]:
    """Cells at the one level and at the other that differ in nothing else."""
    for cell, spread in cells.items():
        if measure in cell:
            other = cell - {measure} | {level}
            if other in cells:
                yield (cell, other), (spread, cells[other])


def _effect(factor: str, reference: str, level: str, pairs: Sequence[_Pair]) -> Effect:
    # A single seed tells nothing of noise: it does not speak where others can.
    pairs = [pair for pair in pairs if min(spread.n for spread in pair) > 1] or pairs
    spreads = [spread for pair in pairs for spread in pair]
    effect = Effect(
        factor=factor,
        reference=reference,
        level=level,
        difference=fmean(at_level.mean - at_measure.mean for at_measure, at_level in pairs),
        settings=len(pairs),
        n=sum(spread.n for spread in spreads),
    )
    parts = [(spread.std or 0.0) ** 2 / spread.n / len(pairs) ** 2 for spread in spreads]
    variance = sum(parts)
    if any(spread.std is None for spread in spreads) or not variance:
        return effect
    degrees = zip(parts, spreads, strict=True)
    df = variance**2 / sum(part**2 / (spread.n - 1) for part, spread in degrees)
    error = math.sqrt(variance)
    reach = quantile(1 - LEVEL, df) * error
    return replace(
        effect,
        low=effect.difference - reach,
        high=effect.difference + reach,
        p=two_sided_p(effect.difference / error, df),
    )


def _corrected(effects: Sequence[Effect]) -> Iterator[Effect]:
    """With p-values that are corrected for each other."""
    known = sorted((p, index) for index, each in enumerate(effects) if (p := each.p) is not None)
    corrected, largest = dict[int, float](), 0.0
    for rank, (p, index) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        corrected[index] = largest
    for index, effect in enumerate(effects):
        yield replace(effect, corrected_p=corrected.get(index))


def _pooled(cells: Iterable[Spread]) -> float | None:
    several = [(spread.std, spread.n - 1) for spread in cells if spread.std is not None]
    if not several:
        return None
    squares = sum(std**2 * degrees for std, degrees in several)
    return math.sqrt(squares / sum(degrees for _, degrees in several))
