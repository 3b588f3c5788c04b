"""What an attempt's preflight found, as it stands in its folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tui_trainer.record.durable import write_durably
from tui_trainer.record.fields import number
from tui_trainer.record.finding import Finding
from tui_trainer.record.tail import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Preflight:
    """A table of findings."""

    findings: tuple[Finding, ...]
    rehearsed: bool
    """Whether every stage was rehearsed, as before a run's first epoch; or only looked at what may
    have changed, as before a resume."""
    seconds: float

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What the run must not begin with."""
        return tuple(finding for finding in self.findings if finding.level == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What a person should know."""
        return tuple(finding for finding in self.findings if finding.level == "warning")

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Preflight:
        """The table that `as_record` wrote."""
        listed = record.get("findings")
        findings = listed if isinstance(listed, list) else []
        return cls(
            tuple(Finding.from_record(entry) for entry in findings if isinstance(entry, dict)),
            rehearsed=bool(record.get("rehearsed")),
            seconds=number(record, "seconds") or 0.0,
        )

    @classmethod
    def read(cls, path: Path) -> Preflight | None:
        """The table that stands in `path`, or None where there is none that can be read."""
        record = read_json(path)
        return None if record is None else cls.from_record(record)

    def as_record(self) -> dict[str, Any]:
        """What JSON can hold of it."""
        return {
            "rehearsed": self.rehearsed,
            "seconds": round(self.seconds, 3),
            "findings": [finding.as_record() for finding in self.findings],
        }

    def write(self, path: Path) -> None:
        """Put it into an attempt's folder.

        Raises:
            OSError: The disk is full, read-only or failing.
        """
        write_durably(path, json.dumps(self.as_record(), indent=1).encode())
