"""What a preflight found as a page: each thing that was looked at, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_trainer.tui import figures
from tui_trainer.tui.widgets.line import Line, Span, fit, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tui_trainer.record.finding import Finding
    from tui_trainer.tui.detail import PreflightTable
    from tui_trainer.tui.glyphs import Glyphs

SUBJECT = 16


@dataclass(frozen=True)
class PreflightPage:
    """The findings before an attempt trained."""

    table: PreflightTable

    @property
    def begins_at_end(self) -> bool:
        """Read from its beginning."""
        return False

    def title(self, width: int, glyphs: Glyphs) -> Line:
        """Whose preflight, and what was found in short."""
        del width
        table, found = self.table, self.table.found
        if not table.attempt:
            return (Span(" no attempt has begun", "muted"),)
        words = [f"attempt {table.attempt} of {max(table.attempts, table.attempt)}"]
        if found is not None:
            how = "every stage rehearsed" if found.rehearsed else "what may have changed"
            words += [f"{how} in {figures.duration(found.seconds)}"]
            words += [figures.plural(len(found.errors), "error")] * bool(found.errors)
            words += [figures.plural(len(found.warnings), "warning")] * bool(found.warnings)
        return (Span(f" {f' {glyphs.dot} '.join(words)}", "muted"),)

    def rows(self, width: int, glyphs: Glyphs) -> Sequence[Line]:
        """What needs a person first."""
        found = self.table.found
        if found is None:
            return [(Span("   nothing was found yet, or it cannot be read", "muted"),)]
        findings = in_order(found.findings)
        return [row for finding in findings for row in finding_rows(finding, width, glyphs)]


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """What needs a person first."""
    order = {"error": 0, "warning": 1}
    return sorted(findings, key=lambda finding: order.get(finding.level, 2))


def finding_rows(finding: Finding, width: int, glyphs: Glyphs) -> Iterator[Line]:
    """How it stands, what was found, and below it what to do about it."""
    mark, ink = {
        "ok": (glyphs.good, "good"),
        "warning": (glyphs.warning, "warn"),
        "error": (glyphs.invalid, "bad"),
    }[finding.level]
    indent, room = Span(" " * (SUBJECT + 3)), width - SUBJECT - 4
    first, *rest = wrap(finding.found, room) or [""]
    subject = Span(fit(finding.subject, SUBJECT, glyphs.ellipsis), "muted")
    yield Span(f" {mark} ", ink), subject, Span(first)
    yield from ((indent, Span(text)) for text in rest)
    yield from ((indent, Span(text, "accent")) for text in wrap(finding.cure, room))
