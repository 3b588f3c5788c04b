"""Which experiments name data that are not there, as far as a look at the disk can tell."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tui_trainer.record.plain_text import plain_line
from tui_trainer.spec.data import Cifar, place_of

if TYPE_CHECKING:
    from pathlib import Path

    from tui_trainer.spec.data import Data
    from tui_trainer.spec.project import Project


def missing_data(project: Project) -> dict[str, str]:
    """By experiment or point what is not there, and what brings it."""
    is_there = cache(_is_there)  # most experiments are of the same data
    missing = {}
    of_points = {name: point.experiment for name, point in project.points.items()}
    for name, experiment in {**project.experiments, **of_points}.items():
        place = place_of(experiment.data, project.folder)
        if place is not None and not is_there(place):
            missing[name] = plain_line(_missed(experiment.data, place, project.folder))
    return missing


def _is_there(place: Path) -> bool:
    """Also where it cannot be told: the preflight will say."""
    try:
        place.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def _missed(data: Data, place: Path, folder: Path) -> str:
    shown = place.relative_to(folder) if place.is_relative_to(folder) else place
    cure = f": tui-trainer data fetch {data.name}" if isinstance(data, Cifar) else ""
    return f"{shown} is not there{cure}"
