"""What a run's events tell of its results: the first word on each, and where it stands by now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_trainer.record.events import Evaluated, Extended, TrainingBegan, read_events
from tui_trainer.record.state import History

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tui_trainer.record.run_folder import RunFolder


@dataclass(frozen=True)
class Told:
    """The results that are told of."""

    results: Mapping[str, Evaluated]
    """What was first told of each, by its path in the run folder.

    What was told of a file that somebody changed since is no truth.
    """
    is_to_go_on: bool
    """Whether more epochs were asked for and training has not begun since: what stands in
    `results/` is of the former end."""


def told_results(folder: RunFolder) -> Told:
    """The fold of a run's events.

    A result that was set aside is told of there, and only from then on no more in `results/`.
    """
    results, is_to_go_on = dict[str, Evaluated](), False
    history = History()
    for event in read_events(folder.events_file):
        history.apply(event)
        if isinstance(event, Evaluated) and event.file not in results:
            place, _, name = event.file.partition("/")
            if place != folder.results.name:
                results.pop(f"{folder.results.name}/{name}", None)
            results[event.file] = event
        elif isinstance(event, Extended):
            # One that came too late for an attempt counts nowhere.
            is_to_go_on |= history.extended is event
        elif isinstance(event, TrainingBegan) and history.extended is not None:
            is_to_go_on &= event.attempt <= history.extended.after
    return Told(results, is_to_go_on)
