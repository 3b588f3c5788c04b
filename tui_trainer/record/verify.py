"""Compares the files of a run with the digests that were recorded when they were written."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui_trainer.record.digest import CHANGED, digest_fault, file_digest
from tui_trainer.record.events import CheckpointSaved, read_events
from tui_trainer.record.fields import text
from tui_trainer.record.imported import Imported
from tui_trainer.record.index import RunReader
from tui_trainer.record.run_folder import CheckpointName, families, runs_of
from tui_trainer.record.state import State
from tui_trainer.record.tail import identity, read_json
from tui_trainer.record.told import told_results
from tui_trainer.record.verify_records import Recorded, shown_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tui_trainer.record.index import Run
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.record.told import Told
    from tui_trainer.record.verify_records import Compared

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
    is_unreadable: bool = False
    """Whether the disk does not give it, so that nobody knows what it holds."""
    is_recorded: bool = True
    """Whether a digest of it was recorded; in runs of older versions of some files none was."""

    def as_record(self) -> dict[str, Any]:
        """One object of `verify --json`."""
        return asdict(self)


def verify_all(runs: Path) -> Iterator[tuple[str, list[Verified]]]:
    """Each run of a project with its files; what cannot be read is told and ends nothing."""
    try:
        known = families(runs)
    except FileNotFoundError:
        return
    except OSError as error:
        yield runs.name, [_unreadable(runs.name, ".", error)]
        return
    for family in known:
        try:
            folders = runs_of(family)
        except OSError as error:
            yield family.name, [_unreadable(family.name, ".", error)]
            continue
        yield from ((folder.run, verify(folder)) for folder in folders)


def verify(folder: RunFolder) -> list[Verified]:
    """Every checkpoint and every result of a run; also while it trains, nothing is changed."""
    try:
        run = RunReader(folder).look()
        recorded, told = _recorded(run), told_results(folder)
        records = list(_records(run))
    except OSError as error:
        place = Path(error.filename or folder.path)
        inside = place.relative_to(folder.path) if place.is_relative_to(folder.path) else place
        return [_unreadable(folder.run, str(inside), error)]
    return [*_gone(run), *records, *_all_checkpoints(run, recorded), *_results(run, told)]


def _records(run: Run) -> Iterator[Verified]:
    """What it was launched with and what it measured; what is gone is told elsewhere."""
    folder = run.folder
    # A run that trains goes on meanwhile: of what its events promise the lines stand already when
    # they are read, and no line stands there before its own events do.
    promised = Recorded.of(read_events(folder.events_file)).promised(
        is_finished=run.state is State.FINISHED
    )
    shown = shown_in(folder.epochs_file)
    recorded = Recorded.of(read_events(folder.events_file))
    if folder.experiment_file.is_file():
        compared = recorded.compare_experiment(folder.experiment_file)
        cure = (
            "copy it back, if there is a copy: where what decides the result was changed, the run "
            "is not resumed"
        )
        yield _record(run, folder.experiment_file, compared, cure)
    if folder.epochs_file.is_file():
        compared = recorded.compare_epochs(shown, promised)
        yield _record(run, folder.epochs_file, compared, _cure_of_epochs(run))


def _record(run: Run, path: Path, compared: Compared, cure: str) -> Verified:
    return Verified(
        run=run.name,
        file=path.name,
        bytes=path.stat().st_size,
        fault=compared.fault,
        cure=cure if compared.fault else "",
        is_recorded=compared.is_recorded,
    )


def _cure_of_epochs(run: Run) -> str:
    if run.state.is_resumable:
        return f"tui-trainer resume {run.name} writes it anew, as its checkpoint has it"
    return "copy it back, if there is a copy; the newest checkpoint holds what was measured"


def _gone(run: Run) -> Iterator[Verified]:
    """What a run that rests must have: its records, its newest checkpoint and its best."""
    if run.state.is_live or not run.newest_attempt:
        return
    folder, saved = run.folder, run.history.checkpoint
    wanted = [folder.experiment_file, folder.events_file]
    if saved is not None:
        name = CheckpointName.parse(saved.checkpoint)
        # A kill after the first epoch's checkpoint leaves no line, and so no file of lines.
        shown = 0 if name is None else name.epochs - (run.state is not State.FINISHED)
        wanted += [folder.epochs_file] if shown > 0 else []
        wanted.append(folder.checkpoints / saved.checkpoint)
    if run.best is not None:
        wanted.append(folder.checkpoints / str(CheckpointName(run.best.epoch, 0)))
    # Those that were set aside as damaged were told of then.
    elsewhere = {rejected.checkpoint for rejected in run.history.rejected} | _left_out(run)
    for path in dict.fromkeys(wanted):
        if path.name not in elsewhere and not _is_there(path):
            yield Verified(
                run=run.name,
                file=str(path.relative_to(folder.path)),
                bytes=0,
                fault="it is gone",
                cure="copy it back, if there is a copy; a resume goes on from what stands",
            )


def _left_out(run: Run) -> set[str]:
    """The checkpoints that a run which was imported has where it came from, and not here."""
    imported = Imported.of(run.folder)
    return set() if imported is None else {Path(file).name for file in imported.left_out}


def _is_there(path: Path) -> bool:
    """Whether a file stands there, or nobody can tell."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def _all_checkpoints(run: Run, recorded: Mapping[str, str]) -> Iterator[Verified]:
    try:
        checkpoints = list(_checkpoints(run, recorded))
    except OSError as error:
        yield _unreadable(run.name, run.folder.checkpoints.name, error)
        return
    yield from checkpoints
    if not checkpoints and _left_out(run):
        return
    if run.epochs and all(file.fault and not file.is_unreadable for file in checkpoints):
        yield Verified(
            run=run.name,
            file=run.folder.checkpoints.name,
            bytes=0,
            fault="no checkpoint is left that can be trusted",
            cure=f"copy one back, or train anew: tui-trainer run {run.folder.experiment_name}",
        )


def _recorded(run: Run) -> dict[str, str]:
    """The digest of each checkpoint, by its path in the run folder, as the events tell it."""
    saved = (e for e in read_events(run.folder.events_file) if isinstance(e, CheckpointSaved))
    return {f"{run.folder.checkpoints.name}/{e.checkpoint}": e.sha256 for e in saved}


def _checkpoints(run: Run, recorded: Mapping[str, str]) -> Iterator[Verified]:
    for path in sorted(_standing_in(run.folder.checkpoints)):
        if CheckpointName.parse(path.name) is None:
            continue
        file = str(path.relative_to(run.folder.path))
        try:
            checked = _standing(run, path, recorded.get(file, ""))
        except OSError as error:
            checked = _unreadable(run.name, file, error)
        if checked is not None:
            yield checked


def _standing_in(folder: Path) -> list[Path]:
    # A glob is silent about a folder that it cannot read.
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _standing(run: Run, path: Path, recorded: str) -> Verified | None:
    """What stands there: one that trains removes old checkpoints, and may write one anew."""
    while True:
        before = identity(path)
        try:
            checked = _checkpoint(run, path, recorded)
        except FileNotFoundError:
            if identity(path) is None:
                return None
            continue
        if identity(path) == before:
            return checked


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


def _results(run: Run, told: Told) -> Iterator[Verified]:
    folder = run.folder
    for file, first in told.results.items():
        path = folder.path / file
        if told.is_to_go_on and not path.exists():
            path = _set_aside(run, path)
        file_now = str(path.relative_to(folder.path))
        try:
            yield _result(run, path, first.sha256, file_now)
            if path.name == folder.clean_results_file.name:
                wanted = text(read_json(path) or {}, "predictions_sha256")
                if wanted:
                    yield _result(run, path.with_name("predictions.npz"), wanted, file_now)
        except OSError as error:
            yield _unreadable(run.name, file_now, error)


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


def _unreadable(run: str, file: str, error: OSError) -> Verified:
    return Verified(
        run=run,
        file=file,
        bytes=0,
        fault=f"it cannot be read: {error.strerror or error}",
        cure="look at the disk or the file server, and then verify again; nothing was changed",
        is_unreadable=True,
    )
