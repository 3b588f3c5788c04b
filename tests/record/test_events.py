"""Every event is read back as it was written."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_args

import pytest

from tui_trainer.record.events import (
    CheckpointSaved,
    Event,
    append_event,
    event_from_record,
    telling_events,
)
from tui_trainer.record.owner import Owner
from tui_trainer.record.tail import Tail

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES: dict[str, Any] = {
    "str": "text",
    "int": 3,
    "float": 2.5,
    "float | None": None,
    "Owner": Owner.of_process(os.getpid()),
}


def example(kind: type[Any]) -> Any:
    return kind(**{field.name: EXAMPLES[str(field.type)] for field in fields(kind)})


@pytest.mark.parametrize("kind", get_args(Event))
def test_an_event_is_read_back_as_it_was_written(tmp_path: Path, kind: type[Any]) -> None:
    path, event = tmp_path / "events.jsonl", example(kind)
    append_event(path, event)
    records, _ = Tail(path).read()
    assert [event_from_record(record) for record in records] == [event]


@pytest.mark.parametrize("kind", get_args(Event))
def test_an_event_with_damaged_fields_is_still_an_event(kind: type[Any]) -> None:
    word = "".join(f"_{c.lower()}" if c.isupper() else c for c in kind.__name__).lstrip("_")
    damaged = event_from_record({"event": word, "attempt": "x", "time": [], "owner": 7})
    assert isinstance(damaged, kind)


def test_a_word_of_a_later_version_is_no_event() -> None:
    assert event_from_record({"event": "teleported"}) is None
    assert event_from_record({}) is None


def test_checkpoints_that_the_next_line_goes_beyond_are_passed_over() -> None:
    def saved(epoch: int, attempt: int = 1) -> dict[str, Any]:
        return {"event": "checkpoint_saved", "attempt": attempt, "epoch": epoch, "step": epoch}

    records = [saved(1), saved(2), saved(2, attempt=2), saved(1, attempt=2), {"event": "launched"}]
    told = [
        (event.attempt, event.epoch)
        for event in telling_events(records)
        if isinstance(event, CheckpointSaved)
    ]
    assert told == [(1, 2), (2, 2), (2, 1)]
