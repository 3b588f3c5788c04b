"""Where a run stands in the queue: its priority, its rank, whether it is held; `queue.json`."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tui_trainer.record.durable import write_durably
from tui_trainer.record.fields import integer
from tui_trainer.record.tail import read_json

if TYPE_CHECKING:
    from pathlib import Path

MOST_PRIORITY = 1000


@dataclass(frozen=True, kw_only=True)
class Place:
    """What commands and app write, and what the supervisor of a run that waits reads."""

    priority: int = 0
    """Who has more goes first."""
    rank: int = 0
    """Among equals who has less: nanoseconds since 1970 at the launch, until somebody moves it."""
    held: bool = False
    """Whether it lets others go by until somebody releases it."""

    @classmethod
    def at_the_end(cls) -> Place:
        """The place of a run that is launched now."""
        return cls(rank=time.time_ns())

    @classmethod
    def read(cls, path: Path) -> Place:
        """What stands in the file; what is missing or damaged becomes a default."""
        record = read_json(path) or {}
        return cls(
            priority=integer(record, "priority"),
            rank=integer(record, "rank"),
            held=record.get("held") is True,
        )

    def write(self, path: Path) -> None:
        """Put it in place of what stood there.

        Raises:
            OSError: As `write_durably`.
        """
        write_durably(path, json.dumps(asdict(self)).encode() + b"\n")

    @property
    def key(self) -> tuple[int, int]:
        """What sorts places, the first of them first."""
        return (-self.priority, self.rank)
