"""A run in one file: a zip without compression, and in it what it holds, with sizes and digests."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import zipfile
from typing import TYPE_CHECKING, Any, Literal

from tui_trainer import __version__
from tui_trainer.errors import OwnedByAnotherError, UsageError
from tui_trainer.record.digest import digest_fault
from tui_trainer.record.run_folder import CheckpointName, is_file_of_run
from tui_trainer.record.state import State
from tui_trainer.record.tail import read_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tui_trainer.record.index import Run

Checkpoints = Literal["needed", "all", "none"]
"""Which go along: of a finished run the best, of another one also the newest, to go on from."""
FORMAT = 1
CONTENTS = "bundle.json"
"""The last file in a bundle: what is in it."""
BLOCK = 1 << 20
# The first day that a zip knows: the same run makes the same bytes, whenever.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def write_bundle(
    runs: Iterable[Run], place: Path, _destination: Path, *, checkpoints: Checkpoints
) -> None:
    """One run, whole.

    Raises:
        UsageError: It is not one run, it has not begun, or a checkpoint of it is damaged.
        OwnedByAnotherError: Somebody works on it.
    """
    run, *others = runs
    if others:
        raise UsageError(
            "a bundle holds one run", hint="a bundle for each: for run in …; do …; done"
        )
    _check_is_over(run)
    wanted = _wanted(run, checkpoints)
    left_out = sorted(_standing(run) - wanted, key=str)
    with place.open("xb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as bundle:
        files = [
            _add(bundle, path, path.relative_to(run.folder.path).as_posix())
            for path in _files(run)
            if not _is_of(path, left_out)
        ]
        contents = _contents(run, files, [f"checkpoints/{name}" for name in left_out])
        bundle.writestr(_entry(CONTENTS, 0), json.dumps(contents, indent=1))
        bundle.close()
        os.fsync(file.fileno())


def _check_is_over(run: Run) -> None:
    if run.state.is_live or run.state is State.QUEUED:
        raise OwnedByAnotherError(
            f"{run.name} is {run.state.value}; a bundle is made of a run that is over",
            hint=f"stop it first: tui-trainer stop {run.name}; its figures go out at any time: "
            "tui-trainer export csv",
        )
    if not run.newest_attempt:
        raise UsageError(f"{run.name} has not begun; there is nothing to take along")


def _standing(run: Run) -> set[CheckpointName]:
    names = (CheckpointName.parse(path.name) for path in run.folder.checkpoints.glob("*.pt"))
    return {name for name in names if name is not None}


def _wanted(run: Run, checkpoints: Checkpoints) -> set[CheckpointName]:
    standing = _standing(run)
    if checkpoints != "needed":
        return standing if checkpoints == "all" else set()
    wanted = {CheckpointName(run.best.epoch, 0)} if run.best else set()
    if run.state is not State.FINISHED or not wanted & standing:
        wanted |= {max(standing)} if standing else set()
    return wanted & standing


def _is_of(path: Path, names: Iterable[CheckpointName]) -> bool:
    """Whether it is one of these checkpoints, or the digest beside it."""
    return path.parent.name == "checkpoints" and any(
        path.name in {str(name), f"{name}.sha256"} for name in names
    )


def _files(run: Run) -> Iterator[Path]:
    """What of the run folder goes along; a link, a pipe or somebody else's file does not."""
    top = run.folder.path
    for path in sorted(top.rglob("*"), key=lambda path: path.relative_to(top).as_posix()):
        if is_file_of_run(path.relative_to(top).as_posix()) and stat.S_ISREG(path.lstat().st_mode):
            yield path


def _add(bundle: zipfile.ZipFile, path: Path, name: str) -> dict[str, Any]:
    digest, size = hashlib.sha256(), path.stat().st_size
    with path.open("rb") as source, bundle.open(_entry(name, size), "w") as entry:
        left = size  # of a file that grows meanwhile what stood there at first
        while block := source.read(min(BLOCK, left)):
            left -= len(block)
            digest.update(block)
            entry.write(block)
    sha256 = digest.hexdigest()
    if path.suffix == ".pt" and (fault := digest_fault(path, sha256)):
        raise UsageError(
            f"{path} is damaged: {fault}",
            hint="what is sound goes along with --checkpoints none; tui-trainer verify tells more",
        )
    return {"path": name, "bytes": size - left, "sha256": sha256}


def _entry(name: str, size: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _NO_TIME)
    entry.create_system, entry.external_attr = 3, (stat.S_IFREG | 0o644) << 16
    entry.file_size = size
    return entry


def _contents(run: Run, files: list[dict[str, Any]], left_out: list[str]) -> dict[str, Any]:
    attempt = max(run.attempts, key=lambda attempt: attempt.number, default=None)
    return {
        "format": FORMAT,
        "version": __version__,
        "run": run.name,
        "host": attempt.owner.host if attempt and attempt.owner else "",
        "state": run.state.value,
        "cause": run.cause,
        "left_out": left_out,
        "imported": read_json(run.folder.imported_file),
        "files": files,
    }
