"""Checkpoints: written so that none is ever seen half, loaded only if every byte is as written.

`torch.load` notices hardly any damage: of 400 flipped bits 397 loaded as wrong weights. Beside each
checkpoint therefore stands its SHA-256, in the form that `sha256sum --check` reads.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import pickle
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

import torch

from tui_trainer.errors import RunCrashedError
from tui_trainer.record.digest import digest_fault, digest_file, digest_line, file_digest
from tui_trainer.record.durable import sweep, sync_folder, temporary_beside, write_durably
from tui_trainer.record.epochs import best_epoch, read_epochs
from tui_trainer.record.events import CheckpointRejected, CheckpointSaved
from tui_trainer.record.run_folder import CORRUPT_SUFFIX, CheckpointName

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

    from tui_trainer.record.epochs import Epoch
    from tui_trainer.train.ledger import Ledger

_KEYS = {
    "model",
    "trained",
    "gradients",
    "scaler",
    "optimizer",
    "scheduler",
    "epoch",
    "step",
    "sums",
    "train_seconds",
    "seconds",
    "data_seconds",
    "lr",
    "epochs",
    "fingerprint",
    "pipeline",
    "circumstances",
    "versions",
}
# Whole epochs kept besides the best: should the newest be damaged, one epoch is lost.
_KEPT = 2
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


def standing_at_most(epochs: int) -> int:
    """How many stand at once in a run of so many epochs, the one that is being written included."""
    return min(epochs, _KEPT + 1) + 1 if epochs else 0


class DamagedCheckpointError(Exception):
    """A checkpoint that must not be used, and why."""


@dataclass(frozen=True)
class Loaded:
    """A checkpoint that was verified and read."""

    name: CheckpointName
    content: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run.

    Args:
        ledger: The run folder.
        fingerprint: The experiment's; checkpoints of another one are set aside.
    """

    def __init__(self, ledger: Ledger, fingerprint: str) -> None:
        self._ledger = ledger
        self._folder = ledger.folder.checkpoints
        self._fingerprint = fingerprint

    def tidy(self) -> None:
        """Make the folder and remove what killed attempts left half done."""
        self._ledger.check_ownership()
        self._folder.mkdir(exist_ok=True)
        sweep(self._folder)
        for digest in self._folder.glob("*.pt.sha256"):
            if not digest.with_suffix("").exists():
                digest.unlink(missing_ok=True)

    def names(self) -> list[CheckpointName]:
        """All that stand, the least advanced first."""
        parsed = (CheckpointName.parse(path.name) for path in self._folder.iterdir())
        return sorted(name for name in parsed if name is not None)

    def save(self, name: CheckpointName, content: Mapping[str, Any]) -> None:
        """Write a checkpoint; when this returns it is durable.

        Where the disk does not take it, it is written anew, once; on a full one room is made.

        Raises:
            OwnedByAnotherError: Another attempt owns the run.
            OSError: The disk is full or failing; the last checkpoints are as they were.
        """
        try:
            self._write(name, content)
        except OSError as error:
            self._ledger.warn(f"{name} could not be saved, and is written anew: {error}")
            if error.errno in _DISK_FULL:
                self._make_room(name)
            self._write(name, content)

    def announce(self, loaded: Loaded) -> None:
        """Record that a checkpoint stands, unless a kill came after that was done."""
        weights = weights_digest(loaded.content["model"])
        digest = file_digest(self._folder / str(loaded.name))
        saved = (event for event in self._ledger.events() if isinstance(event, CheckpointSaved))
        newest = {event.checkpoint: (event.sha256, event.weights_sha256) for event in saved}
        if newest.get(str(loaded.name)) != (digest, weights):
            self._tell_saved(loaded.name, digest, weights)

    def _write(self, name: CheckpointName, content: Mapping[str, Any]) -> None:
        self._ledger.check_ownership()
        path = self._folder / str(name)
        with _written_aside(path, content) as temporary:
            digest = file_digest(temporary)
            # Writing took a while, and a stopped process can have slept through a takeover.
            self._ledger.check_ownership()
            # The digest goes first: a kill in between leaves a digest without a file, not a file
            # that cannot be verified.
            self._remove(name)
            write_durably(digest_file(path), digest_line(path, digest).encode())
            self._ledger.check_ownership()
            temporary.replace(path)
        sync_folder(self._folder)
        self._tell_saved(name, digest, weights_digest(content["model"]))

    def _tell_saved(self, name: CheckpointName, digest: str, weights: str) -> None:
        self._ledger.event(
            CheckpointSaved(
                attempt=self._ledger.attempt,
                epoch=name.epochs,
                step=name.steps,
                checkpoint=str(name),
                sha256=digest,
                weights_sha256=weights,
            )
        )

    def newest(self) -> Loaded | None:
        """The most advanced one that can be trusted; those that cannot are set aside, loudly."""
        rejected: list[CheckpointName] = []
        for name in reversed(self.names()):
            loaded = self.load(name)
            if loaded is not None:
                self._tell_loss(rejected, name)
                return loaded
            rejected.append(name)
        self._tell_loss(rejected, CheckpointName(0, 0))
        return None

    def load(self, name: CheckpointName) -> Loaded | None:
        """One checkpoint, or None after setting it aside because it cannot be trusted."""
        path = self._folder / str(name)
        try:
            return read_checkpoint(self._folder, name, self._fingerprint)
        except DamagedCheckpointError as error:
            self._set_aside(path, str(error))
            return None

    def best(self, epochs: Iterable[Epoch]) -> Loaded:
        """That of the best epoch among those that stand and can be trusted.

        Raises:
            RunCrashedError: None is left.
        """
        standing = {name.epochs for name in self.names() if not name.steps}
        candidates = [epoch for epoch in epochs if epoch.epoch in standing]
        while best := best_epoch(candidates):
            loaded = self.load(CheckpointName(best.epoch, 0))
            if loaded is not None:
                return loaded
            candidates.remove(best)
            self._ledger.warn(f"the best epoch, {best.epoch}, is damaged; the next best is used")
        raise RunCrashedError("no checkpoint is left", hint="start a new run of the experiment")

    def retain(self, best: int | None) -> None:
        """Keep the newest two whole epochs, the best one, and what was saved since; no more."""
        names = self.names()
        whole = [name for name in names if not name.steps]
        within = [name for name in names if name.steps and (not whole or name > whole[-1])]
        kept = {*whole[-_KEPT:], *within[-_KEPT:], *(n for n in whole if n.epochs == best)}
        for name in names:
            if name not in kept:
                self._remove(name)

    def _make_room(self, name: CheckpointName) -> None:
        """Keep the newest, the newest whole epoch and the best, besides the one to be written."""
        best = best_epoch(read_epochs(self._ledger.folder.epochs_file))
        standing = [standing for standing in self.names() if standing != name]
        whole = [standing for standing in standing if not standing.steps]
        kept = {*standing[-1:], *whole[-1:], *(n for n in whole if best and n.epochs == best.epoch)}
        for spare in standing:
            if spare not in kept:
                self._remove(spare)

    def forget_within(self) -> None:
        """Remove those within an epoch: what they lead to is known to be bad."""
        self._ledger.check_ownership()
        for name in self.names():
            if name.steps:
                self._remove(name)

    def _set_aside(self, path: Path, cause: str) -> None:
        self._ledger.check_ownership()
        for damaged in (path, digest_file(path)):
            with contextlib.suppress(FileNotFoundError):
                damaged.replace(damaged.with_name(f"{damaged.name}{CORRUPT_SUFFIX}"))
        self._ledger.event(
            CheckpointRejected(attempt=self._ledger.attempt, checkpoint=path.name, cause=cause)
        )

    def _tell_loss(self, rejected: Collection[CheckpointName], used: CheckpointName) -> None:
        if not rejected:
            return
        names = ", ".join(map(str, rejected))
        start = f"{used}" if any(used) else "the start"
        last = max(rejected)
        lost = range(used.epochs + 1, last.epochs + (2 if last.steps else 1))
        epochs = f"epoch {lost[0]}" if len(lost) == 1 else f"epochs {lost[0]} to {lost[-1]}"
        self._ledger.warn(
            f"{names} cannot be trusted and was set aside: training goes on from {start}, "
            f"{epochs} are trained again"
        )

    def _remove(self, name: CheckpointName) -> None:
        path = self._folder / str(name)
        path.unlink(missing_ok=True)
        digest_file(path).unlink(missing_ok=True)


def read_checkpoint(folder: Path, name: CheckpointName, fingerprint: str) -> Loaded:
    """One checkpoint as it stands; nothing is changed, whoever owns the run.

    Args:
        folder: Of the run's checkpoints.
        name: Which one.
        fingerprint: The experiment's.

    Raises:
        DamagedCheckpointError: It is gone, damaged or another experiment's.
    """
    path = folder / str(name)
    if not path.is_file():
        raise DamagedCheckpointError("it is no file" if path.exists() else "it is not there")
    try:
        _check_digest(path)
        content = _read(path)
    except FileNotFoundError:
        raise DamagedCheckpointError("it was removed just now") from None
    if content["fingerprint"] != fingerprint:
        raise DamagedCheckpointError("it belongs to another experiment")
    if CheckpointName(content["epoch"], content["step"]) != name:
        raise DamagedCheckpointError("it was saved under another name")
    return Loaded(name, content)


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 over the entries in name order: name, shape, dtype and raw bytes of each."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


@contextmanager
def _written_aside(path: Path, content: Mapping[str, Any]) -> Iterator[Path]:
    temporary = temporary_beside(path)
    try:
        with temporary.open("xb") as file:
            _save(content, file)
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


class _Watched:
    """A file that remembers why a write failed; torch.save tells only that one did."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, piece: bytes) -> int:
        """Write a piece."""
        return self._watch(lambda: self._file.write(piece))

    def flush(self) -> None:
        """Give what was written to the system."""
        self._watch(lambda: self._file.flush() or 0)

    def _watch(self, do: Callable[[], int]) -> int:
        try:
            return do()
        except OSError as error:
            self.error = self.error or error
            raise


def _save(content: Mapping[str, Any], file: BinaryIO) -> None:
    watched = _Watched(file)
    try:
        torch.save(dict(content), cast("IO[bytes]", watched))
        watched.flush()
    except RuntimeError as error:
        if watched.error is None:
            raise
        raise watched.error from error


def _check_digest(path: Path) -> None:
    fault = digest_fault(path, file_digest(path))
    if fault:
        raise DamagedCheckpointError(fault)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, LookupError, EOFError) as error:
        raise DamagedCheckpointError(f"it cannot be read: {error}") from error
    if not isinstance(content, dict) or content.keys() != _KEYS:
        raise DamagedCheckpointError("it is no checkpoint of this version of tui-trainer")
    return content
