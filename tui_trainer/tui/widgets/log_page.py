"""A part of an attempt's log as a page, with the words that are looked for told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_trainer.tui import figures, keys
from tui_trainer.tui.widgets.line import Line, Span, chop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tui_trainer.tui.detail import Log
    from tui_trainer.tui.glyphs import Glyphs

TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True)
class LogPage:
    """A log, what is looked for in it, and the line where that was found."""

    log: Log
    wanted: str = ""
    at: int = -1

    @property
    def begins_at_end(self) -> bool:
        """What was printed last is what one looks for first."""
        return self.log.end is None

    def title(self, width: int, glyphs: Glyphs) -> Line:
        """Whose log, what of it, and what is looked for."""
        del width
        log = self.log
        if not log.attempt:
            return (Span(" no attempt has begun", "muted"),)
        words = [f"attempt {log.attempt} of {max(log.attempts, log.attempt)}"]
        if log.bytes_before:
            words.append(f"{_size(log.bytes_before)} before this: tui-trainer logs")
        if log.end is not None:
            words.append(f"{keys.shown(keys.BOTTOM)} goes to its end")
        line = [Span(f" {f' {glyphs.dot} '.join(words)}", "muted")]
        if self.wanted:
            count = figures.plural(len(self.found), "line")
            line += [Span("   /", "key"), Span(self.wanted), Span(f" in {count}", "muted")]
        return tuple(line)

    def rows(self, width: int, glyphs: Glyphs) -> Sequence[Line]:
        """Every line in as many rows as it needs."""
        del glyphs
        if not self.log.lines:
            return [(Span("   nothing was printed, or it cannot be read", "muted"),)]
        return [
            self._row(text, index == self.at)
            for index, line in enumerate(self.log.lines)
            for text in _pieces(line, width)
        ]

    def row_of(self, index: int, width: int) -> int:
        """The first row of a line."""
        return sum(len(_pieces(line, width)) for line in self.log.lines[:index])

    def line_at(self, row: int, width: int) -> int:
        """The line that a row is of."""
        for index, line in enumerate(self.log.lines):
            row -= len(_pieces(line, width))
            if row < 0:
                return index
        return max(0, len(self.log.lines) - 1)

    @property
    def found(self) -> list[int]:
        """The lines with what is looked for, in either case."""
        wanted = self.wanted.casefold()
        return [i for i, line in enumerate(self.log.lines) if wanted in line.casefold()]

    @property
    def last_traceback(self) -> int | None:
        """The line that the last traceback begins in."""
        lines = self.log.lines
        return next((i for i in reversed(range(len(lines))) if TRACEBACK in lines[i]), None)

    def _row(self, text: str, is_at: bool) -> Line:  # noqa: FBT001
        ink = "cursor" if is_at else ""
        return (Span(" ", ink), *self._marked(text, ink))

    def _marked(self, text: str, ink: str) -> Iterator[Span]:
        wanted, lower = self.wanted.lower(), text.lower()
        # Some letters grow when they are made small; their places would be wrong.
        begin = lower.find(wanted) if wanted and len(lower) == len(text) else -1
        if begin < 0:
            yield Span(text, ink)
            return
        end = begin + len(wanted)
        yield Span(text[:begin], ink)
        yield Span(text[begin:end], f"{ink} key".strip())
        yield from self._marked(text[end:], ink)


def _pieces(line: str, width: int) -> list[str]:
    if len(line) < width and line.isascii():
        return [line]
    return chop(line, width - 1) or [""]


def _size(count: int) -> str:
    return figures.size(count) if count >= 10**6 else f"{count / 1e3:.0f} kB"
