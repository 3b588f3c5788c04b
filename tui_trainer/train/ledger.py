"""Everything the core writes to its run folder, refused once another attempt owns the run."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tui_trainer.record.claim import check_ownership
from tui_trainer.record.durable import append_record
from tui_trainer.record.epochs import read_epochs, write_epochs
from tui_trainer.record.events import Alarmed, Event, Warned, append_event, read_events

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tui_trainer.record.epochs import Epoch
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.train.reporter import Reporter


class Ledger:
    """The run folder as one attempt may write to it."""

    def __init__(self, folder: RunFolder, attempt: int, reporter: Reporter) -> None:
        self.folder = folder
        self.attempt = attempt
        self._owner = folder.attempt(attempt).owner()
        self._reporter = reporter

    def check_ownership(self) -> None:
        """Make sure that this attempt is still the newest one.

        Raises:
            OwnedByAnotherError: It is not, and must write nothing more.
            RunCrashedError: The run folder is gone.
        """
        check_ownership(self.folder, self.attempt, self._owner)

    def event(self, event: Event) -> None:
        """Record what happened."""
        self.check_ownership()
        append_event(self.folder.events_file, event)

    def events(self) -> Iterator[Event]:
        """What happened so far."""
        return read_events(self.folder.events_file)

    def epoch(self, epoch: Epoch) -> None:
        """Add a finished epoch, whose checkpoint is durable."""
        self.check_ownership()
        file = self.folder.epochs_file
        try:
            append_record(file, epoch.as_record())
        except OSError as error:
            self.warn(f"{error}; {file.name} is written anew")
            # After an fsync that failed nobody knows what of the file is on the disk.
            before = (known for known in read_epochs(file) if known.epoch < epoch.epoch)
            write_epochs(file, [*before, epoch])

    def rewrite_epochs(self, epochs: Sequence[Epoch]) -> None:
        """Let exactly these epochs stand: those that the weights in use have behind them."""
        self.check_ownership()
        standing = {epoch.epoch for epoch in epochs}
        shown = read_epochs(self.folder.epochs_file)
        self._keep_aside([epoch for epoch in shown if epoch.epoch not in standing])
        if epochs or self.folder.epochs_file.exists():
            write_epochs(self.folder.epochs_file, epochs)

    def _keep_aside(self, taken_back: Sequence[Epoch]) -> None:
        """An epoch that was shown does not vanish, not even where its checkpoint was deleted."""
        if not taken_back:
            return
        file = self.folder.attempt(self.attempt).epochs_taken_back_file
        write_epochs(file, taken_back)
        first, last = taken_back[0].epoch, taken_back[-1].epoch
        which, they = f"epochs {first} to {last} are", "they"
        if first == last:
            which, they = f"epoch {first} is", "it"
        self.warn(
            f"{which} trained again, for want of a checkpoint; what {they} measured is kept in "
            f"{file.relative_to(self.folder.path)}"
        )

    def warn(self, message: str) -> None:
        """Say what a person should know; a disk too full for it does not end the run."""
        self._reporter.say(f"warning: {message}")
        with contextlib.suppress(OSError):
            self.event(Warned(attempt=self.attempt, message=message))

    def alarm(self, alarm: Alarmed) -> None:
        """Say that the training goes wrong; a disk too full for it does not end the run."""
        self._reporter.say(f"alarm: {alarm.message}")
        with contextlib.suppress(OSError):
            self.event(alarm)
