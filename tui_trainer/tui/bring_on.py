"""Brings a point of a study on: starts it, resumes what died of it, or leaves it alone."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple

from tui_trainer.errors import TuiTrainerError, told
from tui_trainer.launch.launcher import launch_as, resume
from tui_trainer.launch.planning import planning
from tui_trainer.record.place import Place
from tui_trainer.study.points import by_fingerprint, standing, standings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tui_trainer.record.index import Index
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.spec.project import Project
    from tui_trainer.spec.study import Point, Study
    from tui_trainer.study.points import Standing


# A run that waits is a process of some twenty megabytes; a queue needs no longer line.
MOST_LAUNCHED = 100


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


def in_order(standing: Iterable[Standing]) -> list[Standing]:
    """What is resumed in the order that the queue had, then all others in that of their study."""
    return sorted(standing, key=_turn)


def _turn(each: Standing) -> tuple[bool, tuple[int, int]]:
    if each.run is None or each.status != "resumable":
        return True, (0, 0)
    return False, Place.read(each.run.folder.queue_file).key


class AllBroughtOn(NamedTuple):
    """What became of all points of a study that were not done."""

    brought: tuple[BroughtOn, ...]
    errors: tuple[tuple[str, TuiTrainerError], ...]
    """Why points could not be started or resumed, by their names."""
    left: int
    """Points for which no more are to wait at a time."""

    @property
    def words(self) -> str:
        """The same for people."""
        count = Counter(each.how for each in self.brought)
        did = [f"{count[how]} {how}" for how in ("started", "resumed") if count[how]]
        did += [f"{self.left} more once these are done"] if self.left else []
        lines = [", ".join(did) or "nothing was to be started"] if did or not self.errors else []
        lines += [f"{name}: {error.message}" for name, error in self.errors]
        return "\n".join(lines)

    @property
    def hint(self) -> str:
        """What helps against the last error."""
        return next((error.hint for _, error in reversed(self.errors) if error.hint), "")


def bring_all_on(project: Project, study: Study, index: Index) -> AllBroughtOn:
    """Bring on every point that is not done, as many as may wait at a time, whatever of each."""
    standing = standings(study, index.look_until_sure())
    live = sum(each.status == "live" for each in standing)
    undone = [each.point for each in in_order(standing) if each.status in {"missing", "resumable"}]
    now = undone[: max(0, MOST_LAUNCHED - live)]
    became = [(point.name, _brought_or_error(project, point, index)) for point in now]
    return AllBroughtOn(
        tuple(each for _, each in became if isinstance(each, BroughtOn)),
        tuple((name, each) for name, each in became if isinstance(each, TuiTrainerError)),
        len(undone) - len(now),
    )


def _brought_or_error(project: Project, point: Point, index: Index) -> BroughtOn | TuiTrainerError:
    try:
        return bring_on(project, point, index)
    except (TuiTrainerError, OSError) as error:
        return told(error)
