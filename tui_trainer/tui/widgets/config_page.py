"""What a run was launched with as a page: every setting, and how it differs from what is usual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_trainer.tui.widgets.line import Line, Span, chop, fit, width_of, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tui_trainer.tui.detail import Config, ConfigLine
    from tui_trainer.tui.glyphs import Glyphs


@dataclass(frozen=True)
class ConfigPage:
    """A resolved experiment and where it was launched."""

    config: Config

    @property
    def begins_at_end(self) -> bool:
        """Read from its beginning."""
        return False

    def title(self, width: int, glyphs: Glyphs) -> Line:
        """What the marks mean."""
        del width
        if self.config.fault:
            return (Span(" experiment.toml", "muted"),)
        line = [Span(f" {glyphs.dot}", "key"), Span(" unlike the default", "muted")]
        if self.config.base:
            line += [Span(f"   {glyphs.unlike}", "key")]
            line += [Span(f" unlike {self.config.base}, its base, as it is now", "muted")]
        return (*line, Span(f"   fingerprint {self.config.fingerprint}", "muted"))

    def rows(self, width: int, glyphs: Glyphs) -> Sequence[Line]:
        """The settings in the order of the schema, then the facts of the launch."""
        if self.config.fault:
            return [(Span(f"   {text}", "bad"),) for text in wrap(self.config.fault, width - 4)]
        lines, facts = self.config.lines, self.config.provenance
        keys = [*(line.key for line in lines), *(key for key, _ in facts)]
        key_width = min(width // 2, max(map(len, keys), default=0) + 2)
        rows = [row for line in lines for row in self._setting(line, key_width, width, glyphs)]
        rows += [(), (Span(" launched", "strong"),)]
        for key, value in facts:
            rows += _rows_of(Span("   "), Span(key, "muted"), Span(value), (key_width, width))
        return rows

    def _setting(
        self, line: ConfigLine, key_width: int, width: int, glyphs: Glyphs
    ) -> Iterator[Line]:
        own = "" if line.is_default else glyphs.dot
        unlike = "" if line.in_base is None else glyphs.unlike
        mark = Span(f" {unlike or own or ' '} ", "key")
        ink = "muted" if line.is_default and not unlike else "strong"
        key, value = Span(line.key, "" if ink == "strong" else ink), Span(line.value, ink)
        base = "" if line.in_base is None else f"{self.config.base}: {line.in_base}"
        first, *more = _rows_of(mark, key, value, (key_width, width))
        if more or width_of(first) + len(base) + 3 > width:
            yield from (first, *more)
            if base:
                base_rows = _rows_of(Span("   "), Span(""), Span(base, "muted"), (key_width, width))
                yield from base_rows
        else:
            yield (*first, Span(f"   {base}", "muted")) if base else first


def _rows_of(mark: Span, key: Span, value: Span, widths: tuple[int, int]) -> list[Line]:
    """A key and its value, which goes on below itself."""
    key_width, width = widths
    pieces = chop(value.text, width - key_width - 3) or [""]
    first = (mark, Span(fit(key.text, key_width), key.ink), Span(pieces[0], value.ink))
    indent = Span(" " * (key_width + 3))
    return [first, *((indent, Span(piece, value.ink)) for piece in pieces[1:])]
