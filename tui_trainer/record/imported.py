"""Where a run came from that was taken out of a bundle of another machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tui_trainer.record.fields import number, table, text
from tui_trainer.record.plain_text import plain_line
from tui_trainer.record.run_folder import all_runs
from tui_trainer.record.tail import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tui_trainer.record.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class Imported:
    """The content of imported.json."""

    run: str
    """What it was called where it ran."""
    host: str
    """Where its last attempt ran."""
    version: str
    """The tui-trainer that made the bundle."""
    bundle_sha256: str
    time: float
    """When it was imported, in seconds since 1970."""
    left_out: tuple[str, ...]
    """Checkpoints that the run had and the bundle has not, by their path in the run folder."""
    before: Mapping[str, Any]
    """The same of the import before, where it was itself imported where it came from."""

    @classmethod
    def of(cls, folder: RunFolder) -> Imported | None:
        """What stands in the run's folder; None for a run that was trained here."""
        record = read_json(folder.imported_file)
        return None if record is None else cls.from_record(record)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Imported:
        """What `as_record` wrote; what is missing or damaged becomes empty."""
        left_out = record.get("left_out")
        known = left_out if isinstance(left_out, list) else []
        return cls(
            run=text(record, "run"),
            host=text(record, "host"),
            version=text(record, "version"),
            bundle_sha256=text(record, "bundle_sha256"),
            time=number(record, "time") or 0.0,
            left_out=tuple(path for path in known if isinstance(path, str)),
            before=table(record, "before"),
        )

    def as_record(self) -> dict[str, Any]:
        """The content of imported.json."""
        return asdict(self)

    @property
    def words(self) -> str:
        """`cnn4/3 of node7`."""
        return plain_line(f"{self.run} of {self.host}" if self.host else self.run)


def same_imports(folder: RunFolder, runs: Path) -> Iterator[RunFolder]:
    """The other runs of a project that were taken out of the same bundle."""
    origin = Imported.of(folder)
    for other in all_runs(runs) if origin else ():
        known = None if other.path == folder.path else Imported.of(other)
        if known is not None and origin and known.bundle_sha256 == origin.bundle_sha256:
            yield other
