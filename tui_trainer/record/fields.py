"""Fields of records that may be old, foreign or damaged: the right type, or a plain default."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def text(record: Mapping[str, Any], key: str) -> str:
    """The string at `key`, or an empty one."""
    value = record.get(key)
    return value if isinstance(value, str) else ""


def integer(record: Mapping[str, Any], key: str) -> int:
    """The integer at `key` if 64 bits hold it, or 0."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return value if abs(value) < 2**63 else 0


def number(record: Mapping[str, Any], key: str) -> float | None:
    """The finite number at `key`, or None."""
    value = record.get(key)
    if type(value) is float:  # as nearly all are, of hundreds of thousands
        return value if math.isfinite(value) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def table(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object at `key`, or an empty one."""
    value = record.get(key)
    return value if isinstance(value, dict) else {}
