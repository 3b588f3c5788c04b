"""One thing that was looked at: how it stands, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from tui_trainer.record.fields import text

if TYPE_CHECKING:
    from collections.abc import Mapping

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """A line of a table such as `preflight` and `doctor` print."""

    subject: str
    level: Level
    found: str
    cure: str = ""

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Finding:
        """The finding that `as_record` wrote; a level of another version is a warning."""
        levels: dict[str, Level] = {"ok": "ok", "error": "error"}
        return cls(
            subject=text(record, "subject"),
            level=levels.get(text(record, "level"), "warning"),
            found=text(record, "found"),
            cure=text(record, "cure"),
        )

    def as_record(self) -> dict[str, str]:
        """One object of what `--json` prints."""
        return asdict(self)
