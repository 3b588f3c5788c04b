"""Student's t distribution in plain Python: what the intervals of a few runs need of it."""

from __future__ import annotations

import math
from statistics import NormalDist

# Terms of a continued fraction that has converged long before, and what it may be off by.
_MOST_TERMS, _PRECISION = 10_000, 1e-15
_TINY = 1e-300


def two_sided_p(t: float, df: float) -> float:
    """How probable a value at least as far from 0 is, with that many degrees of freedom."""
    square = t * t
    return _incomplete_beta(df / (df + square), square / (df + square), df / 2, 0.5)


def quantile(confidence: float, df: float) -> float:
    """The t that values stay below, whatever their sign, with this probability.

    Newton's method from the normal quantile, which is below every t's; as the density only falls
    from there on, it comes nearer from below and never too far.
    """
    t, before = NormalDist().inv_cdf((1 + confidence) / 2), 0.0
    while t > before:
        before = t
        t += (two_sided_p(t, df) - (1 - confidence)) / (2 * _density(t, df))
    return before


def _density(t: float, df: float) -> float:
    log = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - math.log(math.pi * df) / 2
    return math.exp(log - (df + 1) / 2 * math.log1p(t * t / df))


def _incomplete_beta(x: float, rest: float, a: float, b: float) -> float:
    """The regularised incomplete beta function of x (DLMF 8.17); `rest` is 1 - x, unrounded."""
    if x > (a + 1) / (a + b + 2):  # below this the fraction converges fast (DLMF 8.17.22)
        return 1 - _incomplete_beta(rest, x, b, a)
    if x <= 0:
        return 0.0
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    return math.exp(a * math.log(x) + b * math.log(rest) - log_beta) / (a * _fraction(x, a, b))


def _fraction(x: float, a: float, b: float) -> float:
    """One over the continued fraction of DLMF 8.17.22, by Lentz's method."""
    value, c, d = 1.0, 1.0, 0.0
    for term in range(1, _MOST_TERMS):
        m = term // 2
        if term % 2:
            numerator = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            numerator = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / ((1 + numerator * d) or _TINY)
        c = (1 + numerator / c) or _TINY
        value *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return value
