"""Spoils the files of a run in every way that a disk, an editor or another program could."""

from __future__ import annotations

import json
import os
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.faults.runs import new_run
from tui_trainer.record.epochs import read_epochs
from tui_trainer.record.events import AttemptStarted, Launched, Warned, append_event, read_events
from tui_trainer.record.index import RunReader
from tui_trainer.record.owner import Owner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tui_trainer.record.run_folder import RunFolder

    Spoil = Callable[[random.Random, list[bytes]], list[bytes]]

EPOCH = {"epoch": 1, "attempt": 1, "step": 3, "train": {"loss": 1.0, "accuracy": 0.5}, "lr": 0.1}
STRANGE = (
    "NaN",
    "-Infinity",
    "1e999",
    "9" * 5000,
    "-1",
    "0",
    "null",
    "true",
    "[]",
    "{}",
    '"\\u001b]52;c;eA==\\u0007"',
    '"\\ud800"',
    "[" * 5000,
    "1" + "0" * 400 + ".5",
)


@dataclass
class Figures:
    """What came of it."""

    files: int = 0
    skipped: int = 0
    slowest: float = 0.0


def prepared(project: Path) -> tuple[RunFolder, dict[str, list[bytes]]]:
    """A run that was killed, and the lines of its files."""
    folder = new_run(project)
    owner = Owner.of_process(os.getpid())
    folder.claim_attempt(owner, after=0)
    append_event(folder.events_file, Launched(launcher="local", owner=owner))
    append_event(folder.events_file, AttemptStarted(attempt=1, owner=owner, threads=1))
    append_event(folder.events_file, Warned(attempt=1, message="a disk is full"))
    events = folder.events_file.read_bytes().splitlines()
    epochs = [json.dumps({**EPOCH, "epoch": n}).encode() for n in range(1, 6)]
    heartbeat = [json.dumps({"beat": 7, "attempt": 1, "stage": "training"}).encode()]
    return folder, {"epochs.jsonl": epochs, "events.jsonl": events, "heartbeat.json": heartbeat}


def spoil_and_read(
    folder: RunFolder, files: dict[str, list[bytes]], draw: random.Random, figures: Figures
) -> None:
    """Spoil every file once, and read them as the app, the commands and the core do."""
    for name, lines in files.items():
        spoiled = list(lines)
        for _ in range(draw.randrange(1, 4)):
            spoiled = draw.choice(SPOILS)(draw, spoiled)
        content = b"\n".join(spoiled) + draw.choice((b"\n", b"", b"\r\n", b"\0"))
        (folder.path / name).write_bytes(content)
        figures.files += 1
    began = time.monotonic()
    run = RunReader(folder).look()
    numbers = [epoch.epoch for epoch in run.epochs]
    assert numbers == sorted(set(numbers)), "each epoch counts once"
    assert [epoch.epoch for epoch in read_epochs(folder.epochs_file)] == numbers
    list(read_events(folder.events_file))
    json.dumps(run.summary(), allow_nan=False).encode("ascii")
    figures.skipped += run.skipped_lines
    figures.slowest = max(figures.slowest, time.monotonic() - began)


def _flip(draw: random.Random, lines: list[bytes]) -> list[bytes]:
    line = bytearray(_some(draw, lines))
    if line:
        line[draw.randrange(len(line))] ^= 1 << draw.randrange(8)
    return _replaced(draw, lines, bytes(line))


def _cut(draw: random.Random, lines: list[bytes]) -> list[bytes]:
    line = _some(draw, lines)
    return _replaced(draw, lines, line[: draw.randrange(len(line) + 1)])


def _double(draw: random.Random, lines: list[bytes]) -> list[bytes]:
    return [*lines, _some(draw, lines)]


def _shuffle(draw: random.Random, lines: list[bytes]) -> list[bytes]:
    return draw.sample(lines, len(lines))


def _garbage(draw: random.Random, lines: list[bytes]) -> list[bytes]:
    return [*lines, draw.randbytes(draw.randrange(300)), *lines[:1]]


def _zero(draw: random.Random, lines: list[bytes]) -> list[bytes]:
    """What a file system shows of a page that a power cut lost."""
    return _replaced(draw, lines, bytes(draw.randrange(1, 5000)))


def _strange(draw: random.Random, lines: list[bytes]) -> list[bytes]:
    """A value that no writer of ours writes."""
    record: Any = _parsed(_some(draw, lines))
    if not isinstance(record, dict) or not record:
        return [*lines, draw.choice(STRANGE).encode(errors="replace")]
    key = draw.choice(sorted(record))
    text = json.dumps({**record, key: "HERE"}).replace('"HERE"', draw.choice(STRANGE))
    return _replaced(draw, lines, text.encode())


def _some(draw: random.Random, lines: list[bytes]) -> bytes:
    return draw.choice(lines) if lines else b""


def _replaced(draw: random.Random, lines: list[bytes], line: bytes) -> list[bytes]:
    where = draw.randrange(len(lines)) if lines else 0
    return [*lines[:where], line, *lines[where + 1 :]]


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


SPOILS: tuple[Spoil, ...] = (_flip, _cut, _double, _shuffle, _garbage, _zero, _strange)


def fuzz(project: Path, files: int, seed: int) -> Figures:
    """Spoil and read so many files.

    Raises:
        Exception: What a reader raised, which none should.
    """
    folder, lines = prepared(project)
    draw, figures = random.Random(seed), Figures()
    while figures.files < files:
        spoil_and_read(folder, lines, draw, figures)
    return figures
