"""Compares the files of a run with the digests that were recorded when they were written."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tui_trainer.record.digest import CHANGED, digest_fault, file_digest
from tui_trainer.record.events import CheckpointSaved, read_events
from tui_trainer.record.fields import text
from tui_trainer.record.run_folder import CheckpointName
from tui_trainer.record.tail import identity, read_json
from tui_trainer.record.told import told_results

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tui_trainer.record.index import Run

_ANOTHER = "it is not the file that was saved under this name"


@dataclass(frozen=True, kw_only=True)
class Verified:
    """One file of a run, or what ought to be one."""

    run: str
    file: str
    """Its path in the run folder."""
    bytes: int
    fault: str
    """Why it is not as it was written; empty if it is."""
    cure: str = ""
    """What to do about it."""

    def as_record(self) -> dict[str, Any]:
        """One object of `verify --json`."""
        return asdict(self)


def verify(run: Run) -> Iterator[Verified]:
    """Every checkpoint and every result of a run; also while it trains, nothing is changed."""
    checkpoints = list(_checkpoints(run, _recorded(run)))
    yield from checkpoints
    if run.epochs and not any(not checked.fault for checked in checkpoints):
        yield Verified(
            run=run.name,
            file=run.folder.checkpoints.name,
            bytes=0,
            fault="no checkpoint is left that can be trusted",
            cure=f"copy one back, or train anew: tui-trainer run {run.folder.experiment_name}",
        )
    yield from _results(run)


def _recorded(run: Run) -> dict[str, str]:
    """The digest of each checkpoint, by its path in the run folder, as the events tell it."""
    saved = (e for e in read_events(run.folder.events_file) if isinstance(e, CheckpointSaved))
    return {f"{run.folder.checkpoints.name}/{e.checkpoint}": e.sha256 for e in saved}


def _checkpoints(run: Run, recorded: Mapping[str, str]) -> Iterator[Verified]:
    for path in sorted(run.folder.checkpoints.glob("*.pt")):
        if CheckpointName.parse(path.name) is None:
            continue
        file = str(path.relative_to(run.folder.path))
        # One that trains removes old checkpoints, and may write one of a name once more.
        while (before := identity(path)) is not None:
            try:
                checked = _checkpoint(run, path, recorded.get(file, ""))
            except FileNotFoundError:
                continue
            if identity(path) == before:
                yield checked
                break


def _checkpoint(run: Run, path: Path, recorded: str) -> Verified:
    digest = file_digest(path)
    fault = digest_fault(path, digest) or (_ANOTHER if recorded not in {"", digest} else "")
    return Verified(
        run=run.name,
        file=str(path.relative_to(run.folder.path)),
        bytes=path.stat().st_size,
        fault=fault,
        cure=_cure_of_checkpoint(run) if fault else "",
    )


def _cure_of_checkpoint(run: Run) -> str:
    if run.state.is_live:
        return "nothing: the run goes on and saves others; a resume would not use this one"
    if run.state.is_resumable:
        return f"tui-trainer resume {run.name} sets it aside and goes on from the one before it"
    return "the results stand; copy it back, or use another: evaluate --checkpoint last|N"


def _results(run: Run) -> Iterator[Verified]:
    folder, told = run.folder, told_results(run.folder)
    for file, first in told.results.items():
        path = folder.path / file
        if told.is_to_go_on and not path.exists():
            path = _set_aside(run, path)
        file_now = str(path.relative_to(folder.path))
        yield _result(run, path, first.sha256, file_now)
        if path.name == folder.clean_results_file.name:
            wanted = text(read_json(path) or {}, "predictions_sha256")
            if wanted:
                yield _result(run, path.with_name("predictions.npz"), wanted, file_now)


def _set_aside(run: Run, path: Path) -> Path:
    """Where a result stands that an attempt moved, and was killed before it could tell."""
    folder = run.folder
    if not path.is_relative_to(folder.results):
        return path
    aside = folder.results_until(len(run.epochs)) / path.relative_to(folder.results)
    return aside if aside.exists() else path


def _result(run: Run, path: Path, digest: str, origin: str) -> Verified:
    """A result; `origin` is the file to be made anew if it is damaged."""
    size, fault = 0, "it is gone"
    if path.is_file():
        size = path.stat().st_size
        fault = "" if file_digest(path) == digest else CHANGED
    command = "predict" if path.suffix == ".csv" else "evaluate"
    return Verified(
        run=run.name,
        file=str(path.relative_to(run.folder.path)),
        bytes=size,
        fault=fault,
        cure=f"move {origin} away, then: tui-trainer {command} {run.name}" if fault else "",
    )
