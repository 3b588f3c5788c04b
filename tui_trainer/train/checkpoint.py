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
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from types import NoneType
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

import torch

import tui_trainer
from tui_trainer.errors import RunCrashedError
from tui_trainer.record.digest import digest_fault, digest_file, digest_line, file_digest
from tui_trainer.record.durable import sweep, sync_folder, temporary_beside, write_durably
from tui_trainer.record.epochs import Epoch, EpochsDigest, best_epoch, read_epochs
from tui_trainer.record.events import CheckpointRejected, CheckpointSaved
from tui_trainer.record.plain_text import plain_line
from tui_trainer.record.run_folder import CORRUPT_SUFFIX, CheckpointName
from tui_trainer.train.state import SUMS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from tui_trainer.train.ledger import Ledger

# A table of tensors is a kind of dict, and a whole number is one that may be asked to be a float.
_FORM: dict[str, type | tuple[type, ...]] = {
    "model": dict,
    "trained": (dict, NoneType),
    "gradients": dict,
    "scaler": dict,
    "optimizer": dict,
    "scheduler": dict,
    "epoch": int,
    "step": int,
    "sums": torch.Tensor,
    "train_seconds": (float, int),
    "seconds": (float, int),
    "data_seconds": (float, int),
    "lr": (float, int),
    "epochs": list,
    "fingerprint": str,
    "pipeline": dict,
    "circumstances": dict,
    "versions": dict,
}
# Whole epochs kept besides the best: should the newest be damaged, one epoch is lost.
_KEPT = 2
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


def standing_at_most(epochs: int, saves_within: int) -> int:
    """How many stand at once, the one that is being written included.

    Args:
        epochs: Of the run.
        saves_within: How often an epoch is saved before its end.
    """
    return min(epochs, _KEPT + 1) + min(saves_within, _KEPT) + 1 if epochs else 0


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
        self._unreadable: dict[CheckpointName, OSError] = {}
        self._epochs_digest = EpochsDigest()

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
        epochs = filter(None, map(Epoch.from_record, loaded.content["epochs"]))
        event = self._saved(
            loaded.name,
            file_digest(self._folder / str(loaded.name)),
            weights_digest(loaded.content["model"]),
            [epoch.as_record() for epoch in epochs],
        )
        events = (event for event in self._ledger.events() if isinstance(event, CheckpointSaved))
        told = {event.checkpoint: _digests(event) for event in events}
        # Another version may have spelled the epochs otherwise, or kept no digest of them.
        if told.get(event.checkpoint) != _digests(event):
            self._ledger.event(event)

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
        self._unreadable.pop(name, None)
        weights = weights_digest(content["model"])
        self._ledger.event(self._saved(name, digest, weights, content["epochs"]))

    def _saved(
        self, name: CheckpointName, digest: str, weights: str, epochs: Sequence[Mapping[str, Any]]
    ) -> CheckpointSaved:
        return CheckpointSaved(
            attempt=self._ledger.attempt,
            epoch=name.epochs,
            step=name.steps,
            checkpoint=str(name),
            sha256=digest,
            weights_sha256=weights,
            epochs_sha256=self._epochs_digest.of(epochs),
        )

    def newest(self) -> Loaded | None:
        """The most advanced one that can be trusted; those that cannot are set aside, loudly.

        Raises:
            RunCrashedError: It was saved by another version of tui-trainer.
            OSError: There are some, and the disk gives none of them.
        """
        passed_over: list[CheckpointName] = []
        for name in reversed(self.names()):
            loaded = self.load(name)
            if loaded is not None:
                self._tell_loss(passed_over, name)
                return loaded
            passed_over.append(name)
        for name in passed_over:
            # What may be readable in a minute is no reason to begin anew.
            if name in self._unreadable:
                raise self._unreadable[name]
        self._tell_loss(passed_over, CheckpointName(0, 0))
        return None

    def load(self, name: CheckpointName) -> Loaded | None:
        """One checkpoint, or None: set aside where it is damaged, left where it is unreadable.

        Raises:
            RunCrashedError: It was saved by another version of tui-trainer.
        """
        path = self._folder / str(name)
        try:
            loaded = read_checkpoint(self._folder, name, self._fingerprint)
        except DamagedCheckpointError as error:
            self._set_aside(path, str(error))
            return None
        except OSError as error:
            self._unreadable[name] = error
            self._ledger.warn(f"{name} cannot be read and is left as it is: {error.strerror}")
            return None
        self._unreadable.pop(name, None)
        return loaded

    def best(self, epochs: Iterable[Epoch]) -> Loaded:
        """That of the best epoch among those that stand and can be trusted.

        Raises:
            RunCrashedError: None is left, or it was saved by another version of tui-trainer.
            OSError: The disk gives none of them.
        """
        standing = {name.epochs for name in self.names() if not name.steps}
        candidates = [epoch for epoch in epochs if epoch.epoch in standing]
        while best := best_epoch(candidates):
            loaded = self.load(CheckpointName(best.epoch, 0))
            if loaded is not None:
                return loaded
            candidates.remove(best)
            self._ledger.warn(f"the best epoch, {best.epoch}, is no use; the next best is used")
        for unreadable in self._unreadable.values():
            raise unreadable
        raise RunCrashedError("no checkpoint is left", hint="start a new run of the experiment")

    def retain(self, best: int | None) -> None:
        """Keep the newest two whole epochs, the best one, and what was saved since; no more.

        What could not be read stays beside them and counts for none.
        """
        names = self._readable()
        whole = [name for name in names if not name.steps]
        within = [name for name in names if name.steps and (not whole or name > whole[-1])]
        kept = {*whole[-_KEPT:], *within[-_KEPT:], *(n for n in whole if n.epochs == best)}
        for name in names:
            if name not in kept:
                self._remove(name)

    def _make_room(self, name: CheckpointName) -> None:
        """Keep the newest, the newest whole epoch and the best, besides the one to be written."""
        best = best_epoch(read_epochs(self._ledger.folder.epochs_file))
        standing = [standing for standing in self._readable() if standing != name]
        whole = [standing for standing in standing if not standing.steps]
        kept = {*standing[-1:], *whole[-1:], *(n for n in whole if best and n.epochs == best.epoch)}
        for spare in standing:
            if spare not in kept:
                self._remove(spare)

    def _readable(self) -> list[CheckpointName]:
        return [name for name in self.names() if name not in self._unreadable]

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

    def _tell_loss(self, passed_over: Collection[CheckpointName], used: CheckpointName) -> None:
        if not passed_over:
            return
        names = ", ".join(map(str, passed_over))
        left = self._unreadable.keys() & set(passed_over)
        were = "was" if len(passed_over) == 1 else "were"
        why = "cannot be read" if left else f"cannot be trusted and {were} set aside"
        start = f"{used}" if any(used) else "the start"
        last = max(passed_over)
        lost = range(used.epochs + 1, last.epochs + (2 if last.steps else 1))
        again = f"epoch {lost[0]} is" if len(lost) == 1 else f"epochs {lost[0]} to {lost[-1]} are"
        self._ledger.warn(f"{names} {why}: training goes on from {start}, {again} trained again")

    def _remove(self, name: CheckpointName) -> None:
        path = self._folder / str(name)
        path.unlink(missing_ok=True)
        digest_file(path).unlink(missing_ok=True)


def _digests(saved: CheckpointSaved) -> tuple[str, str, str]:
    return saved.sha256, saved.weights_sha256, saved.epochs_sha256


def read_checkpoint(folder: Path, name: CheckpointName, fingerprint: str) -> Loaded:
    """One checkpoint as it stands; nothing is changed, whoever owns the run.

    Args:
        folder: Of the run's checkpoints.
        name: Which one.
        fingerprint: The experiment's.

    Raises:
        DamagedCheckpointError: It is gone, damaged or another experiment's.
        RunCrashedError: It is whole, but was saved by another version of tui-trainer.
        OSError: The disk does not give it.
    """
    path = folder / str(name)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DamagedCheckpointError("it is no file")
        _check_digest(path)
        content = _read(path)
    except FileNotFoundError:
        raise DamagedCheckpointError("it is not there") from None
    except OSError as error:
        if error.errno == errno.ELOOP:  # no disk will ever give it
            raise DamagedCheckpointError("it is a link that leads to itself") from None
        raise
    _check_form(path, content)
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
    if not isinstance(content, dict):
        raise DamagedCheckpointError("it holds no table")
    return content


def _check_form(path: Path, content: Mapping[str, Any]) -> None:
    """Refuse what this version could not go on from; whoever saved it can.

    Raises:
        RunCrashedError: It has not the form of this version's checkpoints.
    """
    faults = [*_faults(content)]
    if not faults:
        return
    versions = content.get("versions")
    told = versions.get("tui-trainer") if isinstance(versions, dict) else None
    version = plain_line(str(told or "that is not named"))
    raise RunCrashedError(
        f"{path.name} was saved by another version of tui-trainer, {version} "
        f"(this is {tui_trainer.__version__}): {', '.join(faults)}",
        hint="nothing was changed: resume the run with the version that saved it, or start a new "
        f"one: tui-trainer run {path.parents[2].name}",
    )


def _faults(content: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{key} is missing" for key in _FORM if key not in content)
    yield from (f"{plain_line(str(key))} has no place" for key in content if key not in _FORM)
    for key, kind in _FORM.items():
        if key in content and not isinstance(content[key], kind):
            kinds = kind if isinstance(kind, tuple) else (kind,)
            wanted = " or ".join(each.__name__ for each in kinds)
            yield f"{key} is {type(content[key]).__name__}, not {wanted}"
    sums = content.get("sums")
    if isinstance(sums, torch.Tensor) and sums.shape != SUMS:
        yield f"sums has shape {tuple(sums.shape)}, not {tuple(SUMS)}"
