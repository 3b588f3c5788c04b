"""Looks at a run folder as a stranger would, and names every promise that it breaks.

Nothing of the product is used, so that what writes and what checks cannot be wrong together.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.faults.runs import CLASSES, SUBMITTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What a clock, an attempt or the memory of a process decides.
NOT_COMPARED = {
    "attempt",
    "seconds",
    "data_seconds",
    "compute_seconds",
    "images_per_second",
    "peak_memory_bytes",
    "time",
}
SECONDS_BETWEEN_LOOKS = 0.002
Shown = dict[int, str]
"""What was measured in each epoch that a reader saw."""


def breaches(run: Path, shown: Shown) -> list[str]:
    """Every promise that the files of a run without a living process break.

    Args:
        run: The run folder.
        shown: What readers saw in epochs.jsonl while it was alive.
    """
    return [*_of_epochs(run, shown), *_of_events(run), *_of_checkpoints(run), *_of_results(run)]


def leftovers(run: Path) -> list[str]:
    """Files that were written aside and stand there still."""
    return sorted(str(path.relative_to(run)) for path in run.rglob(".*"))


def shown_in(run: Path) -> Shown:
    """The epochs that a reader sees now, as far as they must be equal."""
    lines, _ = _lines(run / "epochs.jsonl")
    records = filter(None, map(_record, lines))
    return {record["epoch"]: measured(record) for record in records}


def measured(record: dict[str, Any]) -> str:
    """One epoch without what may differ, in a form that can be compared."""
    return json.dumps({k: v for k, v in record.items() if k not in NOT_COMPARED}, sort_keys=True)


def result(run: Path) -> dict[str, Any]:
    """All of a finished run that must be equal to the last bit."""
    saved = {
        record["checkpoint"]: record["weights_sha256"]
        for record in map(_record, _lines(run / "events.jsonl")[0])
        if record and record.get("event") == "checkpoint_saved" and not record["step"]
    }
    files = {path.name: _sha256(path) for path in (run / "results").iterdir()}
    return {"epochs": shown_in(run), "weights": saved, "results": files}


def digests(folder: Path) -> dict[str, str]:
    """Every file below a folder with its SHA-256."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): _sha256(path) for path in files}


def is_finished(run: Path) -> bool:
    """Whether its last event tells of an end without an error."""
    lines, _ = _lines(run / "events.jsonl")
    last = (_record(lines[-1]) if lines else None) or {}
    return (last.get("event"), last.get("exit_code")) == ("attempt_ended", 0)


@dataclass
class Watcher:
    """Reads epochs.jsonl again and again while a run is alive."""

    run: Path
    shown: Shown = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def __enter__(self) -> Watcher:  # noqa: PYI034  Python 3.10 has no Self
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._is_over.wait(SECONDS_BETWEEN_LOOKS):
            self._look()

    def _look(self) -> None:
        now = shown_in(self.run)
        for epoch in self.shown.keys() - now.keys():
            self.faults.append(f"epoch {epoch} was shown and vanished")
        for epoch in self.shown.keys() & now.keys():
            if now[epoch] != self.shown[epoch]:
                self.faults.append(f"epoch {epoch} was shown and changed")
        if sorted(now) != list(range(1, len(now) + 1)):
            self.faults.append(f"epochs were seen out of order: {sorted(now)}")
        self.shown |= now


def _of_epochs(run: Path, shown: Shown) -> Iterator[str]:
    lines, rest = _lines(run / "epochs.jsonl")
    records = [_record(line) for line in lines]
    if None in records:
        yield "epochs.jsonl: a torn line can be seen"
    numbers = [record["epoch"] for record in records if record]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"epochs.jsonl: its epochs are {numbers}"
    now = shown_in(run)
    for epoch, was in shown.items():
        if now.get(epoch) != was:
            yield f"epochs.jsonl: epoch {epoch} was shown, and is gone or another one"
    if len(rest) > 4096:
        yield "epochs.jsonl: its unfinished line is longer than any line"


def _of_events(run: Path) -> Iterator[str]:
    lines, _ = _lines(run / "events.jsonl")
    if None in map(_record, lines):
        yield "events.jsonl: a torn line can be seen"


def _of_checkpoints(run: Path) -> Iterator[str]:
    whole = []
    for path in sorted((run / "checkpoints").glob("*.pt")):
        fault = _checkpoint_fault(path)
        if fault:
            yield f"{path.name}: {fault}"
        else:
            whole.append(_epochs_in(path.name))
    epochs = len(_lines(run / "epochs.jsonl")[0])
    if epochs and max(whole, default=0) < epochs:
        yield f"no whole checkpoint is of epoch {epochs}, which is shown, or later: {whole}"
    if list((run / "checkpoints").glob("*.corrupt")):
        yield "a checkpoint was taken for damaged"


def _checkpoint_fault(path: Path) -> str:
    digest = path.with_name(f"{path.name}.sha256")
    if not digest.exists():
        return "it has no digest"
    if digest.read_text() != f"{_sha256(path)}  {path.name}\n":
        return "its digest is another one's"
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    return f"{damaged} in it is damaged" if damaged else ""


def _epochs_in(name: str) -> int:
    """How many whole epochs a checkpoint has behind it."""
    match = re.fullmatch(r"epoch-(\d+)(-step-\d+)?\.pt", name)
    assert match, name
    return int(match[1]) - bool(match[2])


def _of_results(run: Path) -> Iterator[str]:
    """What bears its final name is whole."""
    results = run / "results"
    for table in results.glob("*.json"):
        if _record(table.read_bytes()) is None:
            yield f"{table.name} is torn"
    for archive in results.glob("*.npz"):
        if not zipfile.is_zipfile(archive) or zipfile.ZipFile(archive).testzip():
            yield f"{archive.name} is torn"
    for submission in results.glob("*.csv"):
        header, *rows = submission.read_text().splitlines()
        labels = {row.partition(",")[2] for row in rows}
        if header != "id,label" or len(rows) != SUBMITTED or labels - set(map(str, range(CLASSES))):
            yield f"{submission.name} is torn"


def _lines(path: Path) -> tuple[list[bytes], bytes]:
    """Its finished lines, and what stands behind them."""
    try:
        *lines, rest = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return [], b""
    return lines, rest


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
