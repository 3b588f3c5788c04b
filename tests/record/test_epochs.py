"""Epochs of many runs are kept packed, and come out as they went in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from tui_trainer.record.epochs import Epoch, Epochs

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

EPOCH = Epoch(
    epoch=1,
    attempt=2,
    step=300,
    train_loss=0.5,
    train_accuracy=None,
    validation_loss=0.25,
    validation_accuracy=0.75,
    ood_accuracy=None,
    lr=0.1,
    grad_norm=1.5,
    seconds=6.5,
    images_per_second=700.0,
    time=1_700_000_000.5,
)
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)


def lines(epochs: Iterable[Epoch]) -> list[dict[str, Any]]:
    return [epoch.as_record() for epoch in epochs]


@given(st.lists(st.tuples(numbers, numbers, st.integers(0, 2**62)), max_size=5), st.integers(1, 9))
def test_epochs_are_what_they_were_before_they_were_packed(
    measured: list[tuple[float | None, float | None, int]], first: int
) -> None:
    told = [
        replace(EPOCH, epoch=first + at, lr=lr, time=time, peak_memory_bytes=peak or None)
        for at, (lr, time, peak) in enumerate(measured)
    ]
    epochs = Epochs().with_newer(lines(reversed(told)))
    assert epochs == tuple(told)
    assert [*epochs] == told
    assert epochs[1:] == tuple(told[1:])
    assert all(epochs[at] == epochs[at - len(told)] == told[at] for at in range(len(told)))
    again = replace(EPOCH, epoch=first, lr=0.5)
    assert epochs.with_newer(lines([again]))[0] == again
    assert epochs.with_newer(lines(told)) == epochs
    assert hash(epochs.with_newer(lines(told))) == hash(epochs)


def test_one_more_epoch_costs_no_walk_through_those_before(monkeypatch: pytest.MonkeyPatch) -> None:
    epochs = Epochs().with_newer(lines(replace(EPOCH, epoch=number) for number in range(1, 6)))
    monkeypatch.setattr(Epochs, "_pieces", None)
    more = epochs.with_newer(lines([replace(EPOCH, epoch=8), replace(EPOCH, epoch=6)]))
    assert [epoch.epoch for epoch in more] == [1, 2, 3, 4, 5, 6, 8]
