"""Compares what a run was launched with and what it measured with the digests in its events."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.record.digest import CHANGED, file_digest
from tui_trainer.record.events import CheckpointRejected, CheckpointSaved, Launched, TrainingBegan
from tui_trainer.record.run_folder import CheckpointName
from tui_trainer.record.tail import identity, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tui_trainer.record.events import Event


class Compared(NamedTuple):
    """A file, and whether it is what was recorded."""

    fault: str
    """Empty where there is none."""
    is_recorded: bool
    """Whether there was a digest to compare it with; older versions recorded none."""


@dataclass
class Recorded:
    """The digests that a run's events tell of its records."""

    experiment: str = ""
    epochs: dict[int, str] = field(default_factory=dict)
    """Of the first so many lines of epochs.jsonl; empty where a checkpoint came without one."""
    newest: int = 0
    """How many epochs the newest checkpoint has behind it."""
    may_go_back: bool = False
    """Whether a checkpoint was set aside, and training has not told yet where it goes on."""

    @classmethod
    def of(cls, events: Iterable[Event]) -> Recorded:
        """What these events tell."""
        recorded = cls()
        for event in events:
            if isinstance(event, Launched):
                recorded.experiment = event.experiment_sha256
            elif isinstance(event, CheckpointSaved):
                recorded._take(event)
            elif isinstance(event, TrainingBegan):
                # It may go back behind checkpoints that were removed, or that no disk gives.
                recorded.newest, recorded.may_go_back = event.epoch - 1, False
            elif isinstance(event, CheckpointRejected):
                recorded.may_go_back = True
        return recorded

    def _take(self, saved: CheckpointSaved) -> None:
        name = CheckpointName.parse(saved.checkpoint)
        if name is not None:
            self.epochs[name.epochs] = saved.epochs_sha256
            self.newest, self.may_go_back = name.epochs, False

    def promised(self, *, is_finished: bool) -> int:
        """How many lines of epochs.jsonl there must be."""
        if is_finished:
            return self.newest
        # A kill after the checkpoint of an epoch leaves no line of it.
        return 0 if self.may_go_back else max(0, self.newest - 1)

    def compare_experiment(self, path: Path) -> Compared:
        """Whether experiment.toml is what was launched."""
        changed = bool(self.experiment) and file_digest(path) != self.experiment
        return Compared(CHANGED if changed else "", bool(self.experiment))

    def compare_epochs(self, shown: Shown, promised: int) -> Compared:
        """Whether epochs.jsonl is what was measured.

        Args:
            shown: Its lines, read before these events.
            promised: How many of them must be there, told by events that were read before them.
        """
        recorded = self.epochs.get(shown.lines, "")
        is_recorded = bool(recorded or self.epochs.get(self.newest))
        if is_recorded and shown.lines < promised:
            missing = self.newest - shown.lines
            return Compared(f"of {self.newest} lines {missing} are missing", is_recorded=True)
        is_changed = is_recorded and shown.lines > 0 and recorded != shown.sha256
        return Compared(CHANGED if is_changed else "", is_recorded)


class Shown(NamedTuple):
    """The whole lines of epochs.jsonl."""

    lines: int
    sha256: str


def shown_in(path: Path) -> Shown:
    """What stands there, also while a resume puts another file in its place.

    Raises:
        OSError: It cannot be read.
    """
    while True:
        before, count, digest = identity(path), 0, hashlib.sha256()
        for line in read_lines(path):
            count += 1
            digest.update(line)
        now = identity(path)
        if now is None or before is None or now[:2] == before[:2]:
            return Shown(count, digest.hexdigest())
