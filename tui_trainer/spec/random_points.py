"""Draws the random points of a study, each by its own number: more of them move no other one."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

from tui_trainer.spec.study import Range

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Where every value of a small space was met this often again, there is none left to find.
_MOST_DRAWS = 200
_BITS = 53
_DIGITS = 6  # more than any setting needs, and few enough to be read


def random_points(
    space: Mapping[str, Sequence[Any] | Range], n: int, seed: int
) -> list[dict[str, Any]]:
    """Up to `n` points, no two alike; fewer where the space has no more.

    Args:
        space: For each key its values, or the range they come from.
        n: How many.
        seed: Another one draws other points.
    """
    points: list[dict[str, Any]] = []
    known: set[str] = set()
    for index in range(n):
        for again in range(_MOST_DRAWS):
            point = {
                key: _drawn(within, _uniform(seed, index, key, again))
                for key, within in space.items()
            }
            if repr(point) not in known:
                known.add(repr(point))
                points.append(point)
                break
        else:
            return points
    return points


def _uniform(seed: int, index: int, key: str, again: int) -> float:
    """A number in [0, 1) that depends on nothing else."""
    digest = hashlib.sha256(f"{seed}:{index}:{again}:{key}".encode()).digest()
    return float(int.from_bytes(digest[:8], "big") >> (64 - _BITS)) / (1 << _BITS)


def _drawn(within: Sequence[Any] | Range, at: float) -> Any:
    if not isinstance(within, Range):
        return within[int(at * len(within))]
    low, high = within.low, within.high
    if isinstance(low, int) and isinstance(high, int):
        return _integer(low, high, at, log=within.log)
    value = math.exp(_between(math.log(low), math.log(high), at)) if within.log else None
    value = _between(low, high, at) if value is None else value
    return min(max(float(f"{value:.{_DIGITS}g}"), low), high)


def _integer(low: int, high: int, at: float, *, log: bool) -> int:
    """Every integer is as likely as another, or on a logarithmic scale as its share of it."""
    if not log:
        return min(low + int(at * (high - low + 1)), high)
    value = math.exp(_between(math.log(low - 0.5), math.log(high + 0.5), at))
    return min(max(round(value), low), high)


def _between(low: float, high: float, at: float) -> float:
    return low + at * (high - low)
