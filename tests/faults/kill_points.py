"""Every moment at which a killed process can leave something half done, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.shim import KILL_AFTER, KILL_BEFORE, KILL_HALFWAY, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

Named = tuple[str, Fault]


def kill_points() -> dict[str, Fault]:
    """Those of a run of three epochs, the second of which stands for all."""
    points = {
        **_named("checkpoint", _written_aside("epoch-0002.pt", "checkpoints", 4)),
        **_named("digest", _written_aside("epoch-0002.pt.sha256", "checkpoints", 3)),
        **_named("predictions", _written_aside("predictions.npz", "results", 1, "link")),
        **_named("clean.json", _written_aside("clean.json", "results", 2, "link")),
        **_named("submission", _written_aside("submission_ood.csv", "results", 3, "link")),
        **_named("owner", _written_aside("owner.json", "attempts/.1.*.tmp", 1, "link")),
        **_named("epochs.jsonl", _appended("epochs.jsonl", 2)),
    }
    for number, event in enumerate(EVENTS, start=1):
        points |= _named(f"event {event}", _appended("events.jsonl", number))
    return points


# Of an uninterrupted run, in their order.
EVENTS = (
    "attempt_started",
    "training_began",
    "checkpoint_saved 1",
    "checkpoint_saved 2",
    "checkpoint_saved 3",
    "evaluated test",
    "evaluated submission",
    "attempt_ended",
)


def _written_aside(name: str, folder: str, nth: int, publish: str = "rename") -> Iterator[Named]:
    """A file that is written aside and then gets its name.

    Args:
        name: Its own.
        folder: The pattern of the folder that it is in.
        nth: Which fsync of that folder is for it.
        publish: The call that gives it its name.
    """
    aside, final, place = f"*/.{name}.[0-9]*.tmp", f"*/{name}", f"*/{folder}"
    yield "before it is made", Fault(match=aside, call="create", do=KILL_BEFORE)
    yield "when it is made", Fault(match=aside, call="create", do=KILL_AFTER)
    yield "before its bytes", Fault(match=aside, call="write", do=KILL_BEFORE)
    yield "halfway through its bytes", Fault(match=aside, call="write", do=KILL_HALFWAY)
    yield "before its fsync", Fault(match=aside, call="fsync", do=KILL_BEFORE)
    yield "after its fsync", Fault(match=aside, call="fsync", do=KILL_AFTER)
    yield "after its close", Fault(match=aside, call="close", do=KILL_AFTER)
    yield "before its name", Fault(match=final, call=publish, do=KILL_BEFORE)
    yield "after its name", Fault(match=final, call=publish, do=KILL_AFTER)
    yield "before it is tidied up", Fault(match=aside, call="unlink", do=KILL_BEFORE)
    yield "before the folder's fsync", Fault(match=place, call="fsync", at=nth, do=KILL_BEFORE)
    yield "after the folder's fsync", Fault(match=place, call="fsync", at=nth, do=KILL_AFTER)


def _appended(name: str, nth: int) -> Iterator[Named]:
    """The n-th line of a file that lines are added to."""
    match = f"*/{name}"
    yield "before it is opened", Fault(match=match, call="create", at=nth, do=KILL_BEFORE)
    yield "halfway through the line", Fault(match=match, call="write", at=nth, do=KILL_HALFWAY)
    yield "before its fsync", Fault(match=match, call="fsync", at=nth, do=KILL_BEFORE)
    yield "after its fsync", Fault(match=match, call="fsync", at=nth, do=KILL_AFTER)


def _named(what: str, points: Iterator[Named]) -> dict[str, Fault]:
    return {f"{what}: {step}": fault for step, fault in points}
