"""The attempts of a run as a page: where each one ran, for how long, and how it ended."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_trainer.tui import figures
from tui_trainer.tui.widgets.line import Line, Span, fit, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tui_trainer.tui.detail import AttemptLine, Attempts
    from tui_trainer.tui.glyphs import Glyphs

NUMBER, HOST, PID, TIME, TOOK, EPOCHS = 4, 14, 8, 12, 7, 10
FEWEST_CELLS_FOR_CAUSE = 24


@dataclass(frozen=True)
class AttemptsPage:
    """Every attempt, the newest first."""

    attempts: Attempts

    @property
    def begins_at_end(self) -> bool:
        """The newest stands first."""
        return False

    def title(self, width: int, glyphs: Glyphs) -> Line:
        """The columns."""
        names = (("no", NUMBER), ("host", HOST), ("pid", PID))
        times = (("began", TIME), ("ended", TIME), ("took", TOOK), ("epochs", EPOCHS))
        words = "".join(fit(name, size, glyphs.ellipsis) for name, size in (*names, *times))
        return (Span(f"   {words}{'how it ended' if _has_room(width) else ''}", "muted"),)

    def rows(self, width: int, glyphs: Glyphs) -> Sequence[Line]:
        """One for each, and more where the cause has no room beside it."""
        if not self.attempts.lines:
            return [(Span("   no attempt has begun", "muted"),)]
        return [row for line in self.attempts.lines for row in _rows(line, width, glyphs)]


def _rows(line: AttemptLine, width: int, glyphs: Glyphs) -> Iterator[Line]:
    took = "" if not line.began or not line.ended else figures.duration(line.ended - line.began)
    cells = (
        (str(line.number), NUMBER),
        (line.host, HOST - 1),
        ("", 1),
        (str(line.pid or ""), PID),
        (_time(line.began), TIME),
        (_time(line.ended), TIME),
        (took, TOOK),
        (_epochs(line, glyphs), EPOCHS),
    )
    mark, ink = _mark(line, glyphs)
    row = (
        Span(f" {mark} ", ink),
        *(Span(fit(text, size, glyphs.ellipsis)) for text, size in cells),
    )
    indent = 3 + sum(size for _, size in cells)
    cause = line.cause or ("" if not line.has_ended else "done" if line.ended_well else "no cause")
    if _has_room(width):
        first, *rest = wrap(cause, width - indent) or [""]
        yield (*row, Span(first))
        yield from ((Span(" " * indent), Span(text)) for text in rest)
    else:
        yield row
        yield from (
            (Span(" " * (3 + NUMBER)), Span(text, "muted")) for text in wrap(cause, width - 8)
        )


def _has_room(width: int) -> bool:
    return width >= 3 + NUMBER + HOST + PID + 2 * TIME + TOOK + EPOCHS + FEWEST_CELLS_FOR_CAUSE


def _mark(line: AttemptLine, glyphs: Glyphs) -> tuple[str, str]:
    if not line.has_ended:
        return glyphs.dot, "accent"
    return (glyphs.good, "good") if line.ended_well else (glyphs.invalid, "warn")


def _epochs(line: AttemptLine, glyphs: Glyphs) -> str:
    if line.epochs is None:
        return glyphs.dash
    first, last = line.epochs
    return str(first) if first == last else f"{first}{glyphs.dash}{last}"


def _time(seconds: float | None) -> str:
    if not seconds:
        return ""
    try:
        return time.strftime("%m-%d %H:%M", time.localtime(seconds))
    except (OverflowError, OSError, ValueError):  # a clock that was never set, or a damaged line
        return "?"
