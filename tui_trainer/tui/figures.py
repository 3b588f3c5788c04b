"""Numbers as people read them: fixed decimals, few characters, the same everywhere."""

from __future__ import annotations


def percent(fraction: float | None, absent: str = "") -> str:
    """A fraction of 1 in percent with one decimal: `97.2`."""
    return absent if fraction is None else f"{100 * fraction:.1f}"


def loss(value: float | None, absent: str = "") -> str:
    """A loss, a gradient norm: `0.082`, `12.30`, `1.2e+05`."""
    if value is None:
        return absent
    size = abs(value)
    if size < 10:
        return f"{value:.3f}"
    return f"{value:.2f}" if size < 1000 else f"{value:.1e}"


def learning_rate(value: float) -> str:
    """Two digits are what a schedule is told apart by: `0.1`, `0.025`, `8.1e-04`."""
    return f"{value:.2g}" if 0.001 <= value < 1000 or not value else f"{value:.1e}"


def duration(seconds: float) -> str:
    """The two largest units at the most: `45s`, `12m`, `3h05`, `2d04h`."""
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}" if hours < 24 else f"{hours // 24}d{hours % 24:02}h"


def size(count: int) -> str:
    """Bytes in the unit that leaves few digits: `640 MB`, `7.8 GB`."""
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"


def plural(count: int, word: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
