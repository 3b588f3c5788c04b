"""What forms begin with, and what they are left with: what screens ask of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tui_trainer.spec.experiment import Experiment


class WantedLaunch(NamedTuple):
    """What the form was left with to be launched."""

    names: tuple[str, ...]
    changes: tuple[str, ...]


class Source(NamedTuple):
    """What a new experiment is to be like."""

    base: str
    """The experiment, of a run the one that it was launched from."""
    label: str
    launched: Experiment | None = None
    """What the run was launched with."""
