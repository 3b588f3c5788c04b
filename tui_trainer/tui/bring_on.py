"""Brings a point of a study on: starts it, resumes what died of it, or leaves it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from tui_trainer.launch.launcher import launch_as, resume
from tui_trainer.launch.planning import planning
from tui_trainer.study.points import by_fingerprint, standing

if TYPE_CHECKING:
    from tui_trainer.record.index import Index
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.spec.project import Project
    from tui_trainer.spec.study import Point


class BroughtOn(NamedTuple):
    """What became of a point."""

    folder: RunFolder
    """The run that stands for it."""
    how: Literal["started", "resumed", "live", "done"]


def bring_on(
    project: Project,
    point: Point,
    index: Index,
    *,
    preflight: bool = True,
) -> BroughtOn:
    """Bring one point on, whoever else does so at the same moment.

    Args:
        project: Whose study it is of.
        point: With all that was changed of it.
        index: The project's runs, looked at before until that was sure.
        preflight: Whether a new run begins with one.

    Raises:
        TuiTrainerError: It could not be started or resumed.
        OSError: As above.
    """
    with planning(index.runs):
        now = standing(point, by_fingerprint(index.look()))
        run = now.run
        if run is None:
            folder = launch_as(project, point.name, point.experiment, preflight=preflight)
            return BroughtOn(folder, "started")
        if now.status == "resumable":
            resume(run.folder)
            return BroughtOn(run.folder, "resumed")
        return BroughtOn(run.folder, "live" if now.status == "live" else "done")
