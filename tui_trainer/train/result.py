"""The results of a run: written once, never again, and told in the events with their digests."""

from __future__ import annotations

import contextlib
import io
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tui_trainer.record.digest import file_digest
from tui_trainer.record.durable import encode_record, sync_folder, write_once
from tui_trainer.record.epochs import read_epochs
from tui_trainer.record.events import Evaluated, append_event
from tui_trainer.record.fields import number, text
from tui_trainer.record.run_folder import CheckpointName
from tui_trainer.record.tail import read_json
from tui_trainer.record.told import told_results

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.train.metrics import Predictions


def _anybody() -> None:
    """What is written once may be written by anybody."""


@dataclass(frozen=True)
class Results:
    """What one checkpoint's weights were found to do.

    `results/` holds the results of the run, which are those of its best epoch once all are trained;
    other checkpoints, looked at in between, have folders of their own below it.
    """

    folder: RunFolder
    attempt: int
    checkpoint: CheckpointName
    fingerprint: str
    is_final: bool = True
    check_ownership: Callable[[], None] = _anybody
    """Raises where whoever measured may write no more: a run can be lost while it is evaluated."""

    @property
    def place(self) -> Path:
        """The folder that the files are in."""
        results = self.folder.results
        return results if self.is_final else results / str(self.checkpoint).removesuffix(".pt")

    @property
    def clean_file(self) -> Path:
        """On the clean test images."""
        return self.place / self.folder.clean_results_file.name

    @property
    def predictions_file(self) -> Path:
        """Logits and labels of every clean test image."""
        return self.place / "predictions.npz"

    def ood_file(self, name: str = "ood") -> Path:
        """Out of distribution."""
        return self.place / f"{name}.json"

    def make_place(self) -> None:
        """Make the folders below the run's, which must not come into being again itself."""
        self.check_ownership()
        self.folder.results.mkdir(exist_ok=True)
        self.place.mkdir(exist_ok=True)

    def write_clean(
        self,
        predictions: Predictions,
        beside: Mapping[str, Predictions] | None = None,
        names: Sequence[str] = (),
    ) -> None:
        """Write what the test found, unless that stands already.

        Args:
            predictions: The network's own.
            beside: What other ways to look said of the same images, by name.
            names: Of the classes, where the data set gives them.
        """
        if self.clean_file.exists():
            return
        self.make_place()
        # The numbers refer to the predictions, which therefore go first; those that somebody else
        # wrote meanwhile may be referred to already.
        with contextlib.suppress(FileExistsError):
            write_once(self.predictions_file, _archive(predictions))
        self._write(
            self.clean_file,
            {
                "split": "test",
                **predictions.as_record(),
                **({"class_names": list(names)} if names else {}),
                **{name: other.figures() for name, other in (beside or {}).items()},
                "predictions_sha256": file_digest(self.predictions_file),
            },
        )

    def write_ood(self, measured: Mapping[str, Any], name: str = "ood") -> None:
        """Write what was found out of distribution, unless that stands already."""
        self.make_place()
        self._write(self.ood_file(name), measured)

    def announce(self, file: Path) -> dict[str, Any]:
        """The result that stands, put into the events unless a killed process did so already."""
        name = str(file.relative_to(self.folder.path))
        is_table = file.suffix == ".json"
        result = (read_json(file) if is_table else None) or {}
        if name not in told_results(self.folder).results:
            event = Evaluated(
                attempt=self.attempt,
                split=self._split(file),
                checkpoint=text(result, "checkpoint") or str(self.checkpoint),
                loss=number(result, "loss"),
                accuracy=number(result, "accuracy"),
                file=name,
                sha256=file_digest(file),
            )
            self.check_ownership()
            append_event(self.folder.events_file, event)
        return result

    def tell_move(self, first: Evaluated, file: Path) -> None:
        """Put into the events where a result stands by now, with what was first told of it."""
        name = str(file.relative_to(self.folder.path))
        if name not in told_results(self.folder).results:
            event = replace(
                first, time=time.time(), attempt=self.attempt, split=self._split(file), file=name
            )
            self.check_ownership()
            append_event(self.folder.events_file, event)

    def _split(self, file: Path) -> str:
        """`test` and `ood` for the run's own results, the file's path for others."""
        if file == self.folder.clean_results_file:
            return "test"
        is_of_this_end = file.is_relative_to(self.folder.results)
        base = self.folder.results if is_of_this_end else self.folder.path
        return str(file.relative_to(base).with_suffix(""))

    def _write(self, file: Path, record: Mapping[str, Any]) -> None:
        whole = {
            "checkpoint": str(self.checkpoint),
            "epoch": self.checkpoint.epochs,
            **record,
            "fingerprint": self.fingerprint,
        }
        with contextlib.suppress(FileExistsError):
            write_once(file, encode_record(whole))


def keep_former_results(
    folder: RunFolder, attempt: int, check_ownership: Callable[[], None] = _anybody
) -> None:
    """Set results of an earlier end of an extended run aside, and tell where they stand by now.

    What was told of them when they were written is told again, and not what is found now: so
    `verify` tells of one that was damaged or edited, and of one that is gone.

    Args:
        folder: The run.
        attempt: The one that owns it.
        check_ownership: Raises where that attempt owns it no more.
    """
    told = told_results(folder)
    if not told.is_to_go_on:
        return
    aside = folder.results_until(len(read_epochs(folder.epochs_file)))
    check_ownership()
    # What stands there already was set aside by an attempt that was killed before it trained.
    if folder.results.is_dir() and not aside.exists():
        # One rename, so that a kill leaves them here or there, whole.
        folder.results.rename(aside)
        sync_folder(folder.path)
    former = Results(
        folder, attempt, CheckpointName(0, 0), fingerprint="", check_ownership=check_ownership
    )
    for first in told.results.values():
        before = folder.path / first.file
        if not before.is_relative_to(folder.results):
            continue
        after = aside / before.relative_to(folder.results)
        if after.exists() or not before.exists():
            former.tell_move(first, after)
    for file in sorted(aside.glob("**/*")):
        if file.suffix in {".json", ".csv"}:
            former.announce(file)


def _archive(predictions: Predictions) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(
        file,
        logits=predictions.logits.float().numpy(),
        labels=predictions.labels.numpy(),
        predicted=predictions.logits.argmax(1).numpy(),
    )
    return file.getvalue()
