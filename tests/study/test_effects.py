"""Effects that were planted are found, with intervals that hold; where none was, none is claimed.

The studies are simulated: a known function of the levels, and normal noise of each seed. How often
an interval holds and how often something is claimed is counted over many of them, and compared with
what is stated by the bounds within which such a count lies 999,999 times of a million.
"""

from __future__ import annotations

import itertools
import random
from statistics import NormalDist
from typing import TYPE_CHECKING

import pytest

from tui_trainer.study.effects import LEVEL, Effect, Sample, Spread, effects_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

STUDIES = 1000
FACTORS = {"depth": ("2", "4"), "width": ("16", "32"), "augment": ("no", "yes")}
BASE = {factor: levels[0] for factor, levels in FACTORS.items()}
PLANTED = {("depth", "4"): 0.03, ("width", "32"): -0.01}
NOISE = 0.01


def steady(_levels: Mapping[str, str]) -> float:
    return NOISE


def restless(levels: Mapping[str, str]) -> float:
    """Deep networks vary more, as they do."""
    return 5 * NOISE if levels["depth"] == "4" else NOISE


def factorial() -> list[dict[str, str]]:
    combinations = itertools.product(*FACTORS.values())
    return [dict(zip(FACTORS, levels, strict=True)) for levels in combinations]


def ablation() -> list[dict[str, str]]:
    return [BASE, *({**BASE, factor: levels[1]} for factor, levels in FACTORS.items())]


def measured(
    points: Iterable[Mapping[str, str]],
    draws: random.Random,
    *,
    planted: Mapping[tuple[str, str], float],
    noise: Callable[[Mapping[str, str]], float] = steady,
    seeds: int = 3,
) -> list[Sample]:
    """What runs of these points would measure."""
    return [
        Sample(levels, seed, 0.9 + sum(planted.get(each, 0) for each in levels.items()) + drawn)
        for levels in points
        for seed in range(seeds)
        for drawn in [draws.gauss(0, noise(levels))]
    ]


def by_level(effects: Iterable[Effect]) -> dict[tuple[str, str], Effect]:
    return {(effect.factor, effect.level): effect for effect in effects}


def most_likely(probability: float, trials: int) -> tuple[float, float]:
    """Within which share of trials something of that probability happens, but once in a million."""
    reach = NormalDist().inv_cdf(1 - 0.5e-6) * (probability * (1 - probability) / trials) ** 0.5
    return probability - reach, probability + reach


def test_a_planted_effect_is_recovered_without_noise() -> None:
    samples = measured(
        factorial(), random.Random(0), planted=PLANTED, noise=lambda _levels: 0.0, seeds=2
    )
    effects = by_level(effects_of(samples, BASE).effects)
    found = {key: round(effect.difference, 12) for key, effect in effects.items()}
    assert found == {("augment", "yes"): 0, **PLANTED}
    assert {effect.settings for effect in effects.values()} == {4}
    # Seeds that all say the same tell nothing of noise.
    assert {effect.is_beyond_noise for effect in effects.values()} == {None}


@pytest.mark.parametrize(
    ("design", "noise", "seeds"),
    [
        (factorial, steady, 2),
        (factorial, restless, 3),
        (ablation, steady, 5),
        (ablation, restless, 3),
    ],
)
def test_intervals_hold_and_nothing_is_claimed_where_nothing_is(
    design: Callable[[], list[dict[str, str]]],
    noise: Callable[[Mapping[str, str]], float],
    seeds: int,
) -> None:
    draws, held, intervals, claimed = random.Random(seeds), 0, 0, 0
    for _ in range(STUDIES):
        samples = measured(design(), draws, planted=PLANTED, noise=noise, seeds=seeds)
        for effect in effects_of(samples, BASE).effects:
            truth = PLANTED.get((effect.factor, effect.level), 0.0)
            assert effect.low is not None
            assert effect.high is not None
            intervals += 1
            held += effect.low <= truth <= effect.high
        nothing = measured(design(), draws, planted={}, noise=noise, seeds=seeds)
        claimed += any(effect.is_beyond_noise for effect in effects_of(nothing, BASE).effects)
    shares = f"{held / intervals:.1%} of intervals held, {claimed / STUDIES:.1%} of studies claimed"
    print(f"{design.__name__}, {noise.__name__} noise, {seeds} seeds: {shares}")
    # The effects of one study share cells: as if each study were a single trial.
    lowest, _ = most_likely(1 - LEVEL, STUDIES)
    _, highest = most_likely(LEVEL, STUDIES)
    assert held / intervals >= lowest
    assert claimed / STUDIES <= highest


def test_an_effect_beyond_noise_is_claimed() -> None:
    draws, claimed = random.Random(7), 0
    for _ in range(200):
        samples = measured(factorial(), draws, planted=PLANTED)
        effects = by_level(effects_of(samples, BASE).effects)
        claimed += effects["depth", "4"].is_beyond_noise is True
    assert claimed >= 195  # three times the noise, in 24 runs


def test_an_ablation_is_measured_by_its_base_with_welchs_interval() -> None:
    base, other = (0.80, 0.82, 0.84), (0.90, 0.91, 0.95)
    samples = [
        Sample({"augment": level}, seed, value)
        for level, values in (("no", base), ("yes", other))
        for seed, value in enumerate(values)
    ]
    (effect,) = effects_of(samples, {"augment": "no"}).effects
    assert (effect.reference, effect.level, effect.n, effect.settings) == ("no", "yes", 6, 1)
    assert effect.difference == pytest.approx(0.1)
    stats = pytest.importorskip("scipy.stats", exc_type=ImportError)
    expected = stats.ttest_ind(other, base, equal_var=False)
    assert effect.p == pytest.approx(expected.pvalue)
    assert (effect.low, effect.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_p_values_are_corrected_for_each_other() -> None:
    draws = random.Random(3)
    effects = effects_of(measured(ablation(), draws, planted=PLANTED), BASE).effects
    ordered = sorted(effects, key=lambda effect: effect.p or 0.0)
    raw = [effect.p or 0.0 for effect in ordered]
    first, second = min(1, 3 * raw[0]), 2 * raw[1]
    expected = [first, max(first, second), max(first, second, raw[2])]
    assert [effect.corrected_p for effect in ordered] == pytest.approx(
        [min(1, each) for each in expected]
    )


def test_what_changed_together_is_not_told_apart() -> None:
    both = {**BASE, "depth": "4", "width": "32"}
    samples = measured([BASE, both], random.Random(1), planted=PLANTED)
    found = effects_of(samples, BASE)
    assert found.effects == ()
    assert found.unpaired == (BASE, both)


def test_a_single_seed_has_no_interval_and_does_not_speak_where_others_can() -> None:
    alone = [Sample({"depth": level}, 0, value) for level, value in (("2", 0.8), ("4", 0.9))]
    (effect,) = effects_of(alone).effects
    assert (effect.n, effect.low, effect.is_beyond_noise) == (2, None, None)
    assert effect.difference == pytest.approx(0.1)
    assert effects_of(alone).noise is None

    samples = measured(factorial(), random.Random(1), planted=PLANTED)
    bad = {**BASE, "depth": "4"}
    fewer = [sample for sample in samples if sample.levels != bad or sample.seed == 0]
    depth = by_level(effects_of(fewer, BASE).effects)["depth", "4"]
    assert (depth.settings, depth.n) == (3, 18)
    assert depth.low is not None


def test_a_run_that_is_trained_twice_is_no_second_seed() -> None:
    twice = [Sample({"depth": "2"}, 0, 0.8), Sample({"depth": "2"}, 0, 0.8)]
    other = [Sample({"depth": "4"}, seed, 0.8 + seed / 100) for seed in range(2)]
    (effect,) = effects_of([*twice, *other]).effects
    assert (effect.n, effect.low) == (3, None)


def test_seed_noise_is_pooled_within_cells() -> None:
    values = {"2": (0.8, 0.82), "4": (0.9, 0.93, 0.96)}
    samples = [
        Sample({"depth": level}, seed, value)
        for level, each in values.items()
        for seed, value in enumerate(each)
    ]
    assert effects_of(samples).noise == pytest.approx(((0.0002 + 2 * 0.0009) / 3) ** 0.5)


def test_the_first_level_is_the_measure_where_the_base_was_not_measured() -> None:
    samples = [Sample({"depth": level}, 0, 0.5) for level in ("4", "8")]
    (effect,) = effects_of(samples, {"depth": "2"}).effects
    assert (effect.reference, effect.level) == ("4", "8")


def test_the_spread_is_the_samples() -> None:
    assert Spread.of([0.8, None, 0.9]) == pytest.approx((0.85, 0.0707107, 2), abs=1e-6)
    assert Spread.of([0.8]) == (0.8, None, 1)
    assert Spread.of([None]) is None
