"""The lines of epochs.jsonl: what each finished epoch measured."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, overload

from tui_trainer.record.durable import encode_record, write_durably
from tui_trainer.record.fields import integer, number, table
from tui_trainer.record.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_CIRCUMSTANCES = {
    "attempt",
    "seconds",
    "images_per_second",
    "time",
    "data_seconds",
    "compute_seconds",
    "peak_memory_bytes",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Epoch:
    """One finished epoch. Accuracies are fractions of 1; what was not finite is None."""

    epoch: int
    """From 1."""
    attempt: int
    step: int
    """Optimizer steps since the run began."""
    train_loss: float | None
    train_accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    ood_accuracy: float | None
    lr: float | None
    """Learning rate of the epoch's last step."""
    grad_norm: float | None
    """Mean over the epoch's steps of the 2-norm over all gradients."""
    seconds: float | None
    images_per_second: float | None
    time: float | None
    """When it ended, in seconds since 1970 by the writer's clock."""
    data_seconds: float | None = None
    """Of the training steps: to choose, change and normalise images. On an accelerator, which works
    on while the processor goes ahead, the time to ask for it."""
    compute_seconds: float | None = None
    """Of the training steps: all the rest."""
    peak_memory_bytes: int | None = None
    """Since the attempt began: the accelerator's, or else the process's largest resident set."""

    @property
    def ood_gap(self) -> float | None:
        """How much lower the probe's accuracy is than that on clean validation images."""
        if self.ood_accuracy is None or self.validation_accuracy is None:
            return None
        return self.validation_accuracy - self.ood_accuracy

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Epoch | None:
        """The epoch that a line tells of, or None where it names no epoch."""
        told = _values_told(record)
        return None if told is None else cls(**_named(told))

    def as_record(self) -> dict[str, Any]:
        """The line of epochs.jsonl."""
        return {
            "epoch": self.epoch,
            "attempt": self.attempt,
            "step": self.step,
            "train": {"loss": self.train_loss, "accuracy": self.train_accuracy},
            "validation": {"loss": self.validation_loss, "accuracy": self.validation_accuracy},
            "ood": None if self.ood_accuracy is None else {"accuracy": self.ood_accuracy},
            "lr": self.lr,
            "grad_norm": self.grad_norm,
            "seconds": self.seconds,
            "images_per_second": self.images_per_second,
            "time": self.time,
            "data_seconds": self.data_seconds,
            "compute_seconds": self.compute_seconds,
            "peak_memory_bytes": self.peak_memory_bytes,
        }

    def result(self) -> dict[str, Any]:
        """What does not depend on clocks, attempts and other processes."""
        return {key: value for key, value in self.as_record().items() if key not in _CIRCUMSTANCES}


_INTEGERS = ("epoch", "attempt", "step", "peak_memory_bytes")
_NUMBERS = tuple(field.name for field in fields(Epoch) if field.name not in _INTEGERS)
_NAMES = (*_INTEGERS, *_NUMBERS)
# Those that stand by their own name in a line, after the five that stand in tables.
_PLAIN_NUMBERS = _NUMBERS[5:]
_PACKING = struct.Struct(f"<{len(_INTEGERS)}q{len(_NUMBERS)}d")
# The runs whose curves are on a screen are gone through again and again.
_RUNS_UNPACKED = 16


class Epochs(Sequence[Epoch]):
    """Epochs by number, in a quarter of the memory that they take as objects; never changed."""

    __slots__ = ("_packed",)

    def __init__(self, packed: bytes = b"") -> None:
        self._packed = packed

    def with_newer(self, records: Iterable[Mapping[str, Any]]) -> Epochs:
        """These and those that lines tell of, which take the place of those of the same number."""
        newer = {told[0]: _pack(told) for told in map(_values_told, records) if told is not None}
        if newer and min(newer) > (self[-1].epoch if self else 0):
            return Epochs(self._packed + _in_order(newer))  # as a run writes them
        return Epochs(_in_order({_number(each): each for each in self._pieces()} | newer))

    @overload
    def __getitem__(self, index: int) -> Epoch: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Epoch, ...]: ...
    def __getitem__(self, index: int | slice) -> Epoch | tuple[Epoch, ...]:
        """One epoch, or those of a slice."""
        if isinstance(index, slice):
            return tuple(self[at] for at in range(len(self))[index])
        at = range(0, len(self._packed), _PACKING.size)[index]
        return _epoch_of(_PACKING.unpack_from(self._packed, at))

    def __iter__(self) -> Iterator[Epoch]:
        return iter(_unpack_all(self._packed))

    def __len__(self) -> int:
        return len(self._packed) // _PACKING.size

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Epochs):
            return self._packed == other._packed
        return tuple(self) == other

    def __hash__(self) -> int:
        return hash(self._packed)

    def __repr__(self) -> str:
        return f"Epochs{tuple(self)}"

    def _pieces(self) -> Iterator[bytes]:
        size = _PACKING.size
        return (self._packed[at : at + size] for at in range(0, len(self._packed), size))


def _number(packed: bytes) -> int:
    return int.from_bytes(packed[:8], "little")


def _in_order(packed: Mapping[int, bytes]) -> bytes:
    return b"".join(packed[number] for number in sorted(packed))


def _values_told(record: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """What a line tells in the order of `_NAMES`, or None where it names no epoch."""
    epoch = integer(record, "epoch")
    if epoch < 1:
        return None
    train, validation = table(record, "train"), table(record, "validation")
    return (
        epoch,
        integer(record, "attempt"),
        integer(record, "step"),
        integer(record, "peak_memory_bytes") or None,
        number(train, "loss"),
        number(train, "accuracy"),
        number(validation, "loss"),
        number(validation, "accuracy"),
        number(table(record, "ood"), "accuracy"),
        *(number(record, name) for name in _PLAIN_NUMBERS),
    )


def _named(values: Iterable[Any]) -> dict[str, Any]:
    return dict(zip(_NAMES, values, strict=True))


def _pack(values: tuple[Any, ...]) -> bytes:
    count = len(_INTEGERS)
    numbers = [math.nan if number is None else number for number in values[count:]]
    return _PACKING.pack(*[integer or 0 for integer in values[:count]], *numbers)


def _epoch_of(values: tuple[Any, ...]) -> Epoch:
    named = _named(None if value != value else value for value in values)  # noqa: PLR0124  NaN
    named["peak_memory_bytes"] = named["peak_memory_bytes"] or None
    return Epoch(**named)


@lru_cache(maxsize=_RUNS_UNPACKED)
def _unpack_all(packed: bytes) -> tuple[Epoch, ...]:
    return tuple(map(_epoch_of, _PACKING.iter_unpack(packed)))


def best_epoch(epochs: Iterable[Epoch]) -> Epoch | None:
    """The epoch of highest validation accuracy; of equals that of lowest loss, then the first."""
    measured = [epoch for epoch in epochs if epoch.validation_accuracy is not None]
    return min(measured, key=_rank, default=None)


def read_epochs(path: Path) -> list[Epoch]:
    """Every epoch in the file, in order, the last line of each epoch counting."""
    epochs = dict[int, Epoch]()
    for records, _ in Tail(path).batches():
        for record in records:
            epoch = Epoch.from_record(record)
            if epoch is not None:
                epochs[epoch.epoch] = epoch
    return [epochs[number] for number in sorted(epochs)]


class EpochsDigest:
    """SHA-256 of epochs.jsonl with the lines of these records, each taken in once."""

    def __init__(self) -> None:
        self._taken: list[tuple[Mapping[str, Any], hashlib._Hash]] = []

    def of(self, records: Sequence[Mapping[str, Any]]) -> str:
        """The digest; where training went back, what was taken in since is forgotten."""
        while self._taken and not self._leads_to(records):
            self._taken.pop()
        for record in records[len(self._taken) :]:
            digest = self._newest.copy()
            digest.update(encode_record(record))
            self._taken.append((record, digest))
        return self._newest.hexdigest()

    @property
    def _newest(self) -> hashlib._Hash:
        return self._taken[-1][1] if self._taken else hashlib.sha256()

    def _leads_to(self, records: Sequence[Mapping[str, Any]]) -> bool:
        # Whether the last epoch is the same, with its time and attempt, tells it of all before.
        count = len(self._taken)
        return count <= len(records) and self._taken[-1][0] == records[count - 1]


def write_epochs(path: Path, epochs: Iterable[Epoch]) -> None:
    """Replace the file: at a resume, by the epochs that the checkpoint in use has behind it."""
    write_durably(path, b"".join(encode_record(epoch.as_record()) for epoch in epochs))


def _rank(epoch: Epoch) -> tuple[float, float, int]:
    loss = float("inf") if epoch.validation_loss is None else epoch.validation_loss
    return -(epoch.validation_accuracy or 0.0), loss, epoch.epoch
