"""Finds what a project can do without, and removes it: nothing of a run that is worked on."""

from __future__ import annotations

import contextlib
import shutil
import stat
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tui_trainer.record.digest import digest_file
from tui_trainer.record.durable import TEMPORARY_SUFFIX, temporary_beside
from tui_trainer.record.index import RunReader, look_until_sure
from tui_trainer.record.run_folder import (
    CORRUPT_SUFFIX,
    VERIFICATIONS,
    CheckpointName,
    RunFolder,
    all_runs,
    runs_of,
)
from tui_trainer.record.state import State
from tui_trainer.record.trash import trashed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tui_trainer.record.index import Run

SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Prunable:
    """Something that takes space and that nothing needs."""

    folder: RunFolder
    attempt: int | None
    """The newest when it was judged; None in the trash, where nobody claims one."""
    paths: tuple[Path, ...]
    """What goes, in this order."""
    bytes: int
    why: str

    def as_record(self) -> dict[str, Any]:
        """What JSON can hold of it."""
        return {
            "run": self.folder.run,
            "path": str(self.paths[0]),
            "bytes": self.bytes,
            "why": self.why,
        }

    def remove(self) -> bool:
        """Remove it, unless the run was taken up since; whether it is gone.

        Raises:
            OSError: Something of it cannot be removed.
        """
        if self.attempt is not None and self.attempt != self.folder.attempts_claimed:
            return False
        for path in self.paths:
            _remove(path)
        return True


def prunable(runs: Path, trash_days: float) -> Iterator[Prunable]:
    """What can go: remains of kills and damage, spare checkpoints, old trash, forgotten tests.

    Args:
        runs: The project's folder of runs.
        trash_days: What lies in the trash for longer goes.
    """
    # Listed before the runs are judged: what a process wrote that came later is not in the list.
    remains = {folder.path: list(_remains(folder)) for folder in all_runs(runs)}
    for run in _idle(all_runs(runs)):
        for paths, why in [*remains.get(run.folder.path, ()), *_spare_checkpoints(run)]:
            yield _prunable(run, paths, why)
    for path in sorted(runs.glob(f".*{TEMPORARY_SUFFIX}")):
        # An import may be writing there at this moment.
        if _days_since_change(path) >= 1:
            why = "left half written by an import that was killed"
            yield Prunable(
                folder=RunFolder(path), attempt=None, paths=(path,), bytes=_size(path), why=why
            )
    for folder in trashed(runs):
        days = _days_since_change(folder.path)
        if days >= trash_days:
            yield Prunable(
                folder=folder,
                attempt=None,
                paths=(folder.path,),
                bytes=_size(folder.path),
                why=f"in the trash for {days:.0f} days",
            )
    for run in _idle(runs_of(runs / VERIFICATIONS)):
        # Between a kill and the resume after it a run is idle, too.
        if _days_since_change(run.folder.events_file) >= 1:
            yield _prunable(run, (run.folder.path,), "left behind by verify-resume")


def _idle(folders: Iterable[RunFolder]) -> list[Run]:
    """The runs that nobody works on, or is about to."""
    looked = look_until_sure([RunReader(folder) for folder in folders])
    return [run for run in looked if not run.state.is_live]


def _remains(folder: RunFolder) -> Iterator[tuple[tuple[Path, ...], str]]:
    for path in sorted(folder.path.rglob(f".*{TEMPORARY_SUFFIX}")):
        if any(parent.name.endswith(TEMPORARY_SUFFIX) for parent in path.parents):
            continue
        # Into the results of a run that is over, evaluate and predict may write at this moment.
        if folder.results not in path.parents or _days_since_change(path) >= 1:
            yield (path,), "left half written by a process that was killed"
    for path in sorted(folder.checkpoints.glob(f"*{CORRUPT_SUFFIX}")):
        yield (path,), "damaged, and set aside"


def _spare_checkpoints(run: Run) -> Iterator[tuple[tuple[Path, ...], str]]:
    """Those of a finished run that are neither its best epoch's nor its last."""
    if run.state is not State.FINISHED:
        return
    paths = {CheckpointName.parse(path.name): path for path in run.folder.checkpoints.glob("*.pt")}
    names = sorted(name for name in paths if name is not None)
    best = run.best and CheckpointName(run.best.epoch, 0)
    if best not in names:
        return
    for name in names[:-1]:
        if name != best:
            path = paths[name]
            yield (path, digest_file(path)), "of a finished run, neither the best nor the last"


def _prunable(run: Run, paths: tuple[Path, ...], why: str) -> Prunable:
    return Prunable(
        folder=run.folder,
        attempt=run.newest_attempt,
        paths=paths,
        bytes=sum(map(_size, paths)),
        why=why,
    )


def _size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder; 0 for what is gone."""
    files = path.rglob("*") if path.is_dir() else [path]
    size = 0
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            about = file.lstat()
            size += about.st_size if stat.S_ISREG(about.st_mode) else 0
    return size


def _days_since_change(path: Path) -> float:
    try:
        return max(0.0, time.time() - path.stat().st_mtime) / SECONDS_PER_DAY
    except FileNotFoundError:
        return 0.0


def _remove(path: Path) -> None:
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    # Out of sight at once: what a kill leaves of it is no run that could be restored.
    going = path if path.name.endswith(TEMPORARY_SUFFIX) else path.rename(temporary_beside(path))
    shutil.rmtree(going)
