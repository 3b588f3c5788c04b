"""Brings a point of a study on: starts it, resumes what died of it, or leaves it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from tui_trainer.launch.launcher import launch, resume
from tui_trainer.launch.planning import planning
from tui_trainer.study.points import by_fingerprint, standing

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    changes: Sequence[str] = (),
    preflight: bool = True,
) -> BroughtOn:
    """Bring one point on, whoever else does so at the same moment.

    Args:
        project: Whose study it is of.
        point: With the changes.
        index: The project's runs, looked at before until that was sure.
        changes: The `--set` that made the point what it is.
        preflight: Whether a new run begins with one.

    Raises:
        TuiTrainerError: It could not be started or resumed.
        OSError: As above.
    """
    with planning(index.runs):
        now = standing(point, by_fingerprint(index.look()))
        run = now.run
        if run is None:
            return BroughtOn(launch(project, point.name, changes, preflight=preflight), "started")
        if now.status == "resumable":
            resume(run.folder)
            return BroughtOn(run.folder, "resumed")
        return BroughtOn(run.folder, "live" if now.status == "live" else "done")
