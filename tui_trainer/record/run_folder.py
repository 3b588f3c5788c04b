"""Every name in a run folder, and the two claims that only one process can win.

A run is claimed by an exclusive mkdir of its number. An attempt is claimed by renaming a prepared
folder, with the owner's name already in it, to `attempts/N`: a rename onto a folder that is not
empty fails, so of several claims exactly one wins and no claim is ever seen without its owner.
The attempt's number is the fencing token: who sees a higher one has lost the run.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.errors import OwnedByAnotherError, UsageError
from tui_trainer.record.durable import (
    give_name,
    sync_folder,
    temporary_beside,
    write_durably,
    write_once,
)
from tui_trainer.record.owner import Owner
from tui_trainer.record.tail import parse_record, read_json, read_small

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CORRUPT_SUFFIX = ".corrupt"
"""What the name of a checkpoint ends with that cannot be trusted and was set aside."""
TRASH = ".trash"
"""Folder in `runs` that keeps runs which were thrown away, by experiment and number."""
VERIFICATIONS = ".verify-resume"
"""The family of runs that `verify-resume` trains; no experiment can be called so."""
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_LASTING = re.compile(
    r"experiment\.toml|(epochs|events|remarks)\.jsonl"
    r"|checkpoints/epoch-[0-9]{4,9}(-step-[0-9]{6,12})?\.pt(\.sha256)?"
    rf"|assessments/{_NAME}"
    rf"|results(-until-epoch-[0-9]{{4,9}})?/({_NAME}/)?{_NAME}"
    r"|attempts/[1-9][0-9]{0,5}/(owner|stop|core_ended|preflight)\.json"
    r"|attempts/[1-9][0-9]{0,5}/(log\.txt|stop_at_once|epochs_taken_back\.jsonl)"
)
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_CHECKPOINT = re.compile(r"epoch-(\d{4,})(?:-step-(\d{6,}))?\.pt")


class CheckpointName(NamedTuple):
    """How far a checkpoint has come: whole epochs, and steps into the epoch after them."""

    epochs: int
    steps: int

    @classmethod
    def parse(cls, name: str) -> CheckpointName | None:
        """What `epoch-0007.pt` or `epoch-0008-step-000120.pt` says, or None for another name."""
        match = _CHECKPOINT.fullmatch(name)
        if match is None:
            return None
        epoch, step = int(match[1]), match[2]
        return cls(epoch, 0) if step is None else cls(epoch - 1, int(step))

    def __str__(self) -> str:
        if self.steps:
            return f"epoch-{self.epochs + 1:04d}-step-{self.steps:06d}.pt"
        return f"epoch-{self.epochs:04d}.pt"


@dataclass(frozen=True)
class AttemptFolder:
    """`attempts/N`: one life of the run, from a start to an end."""

    path: Path
    number: int

    @property
    def log_file(self) -> Path:
        """What the supervisor and the core printed."""
        return self.path / "log.txt"

    @property
    def owner_file(self) -> Path:
        """Who claimed this attempt."""
        return self.path / "owner.json"

    @property
    def stop_file(self) -> Path:
        """Stands here once somebody asked this attempt to stop."""
        return self.path / "stop.json"

    @property
    def stop_at_once_file(self) -> Path:
        """Stands here, empty, where that is to be at once and the disk had no room to say so."""
        return self.path / "stop_at_once"

    @property
    def core_ended_file(self) -> Path:
        """What the core said of its own end, should nobody be left to record it."""
        return self.path / "core_ended.json"

    @property
    def preflight_file(self) -> Path:
        """What was found before this attempt trained."""
        return self.path / "preflight.json"

    @property
    def epochs_taken_back_file(self) -> Path:
        """Lines of epochs.jsonl that this attempt trains again: their checkpoints are gone."""
        return self.path / "epochs_taken_back.jsonl"

    def owner(self) -> Owner | None:
        """The process that claimed the attempt; None where the claim is unreadable."""
        record = read_json(self.owner_file)
        return None if record is None else Owner.from_record(record)

    def ask_to_stop(self, *, at_once: bool) -> None:
        """Ask the supervisor, on whatever host, to stop; `at_once` also without a checkpoint."""
        content = json.dumps({"at_once": at_once}).encode()
        # In one step: at no moment, and after no error, has nobody asked.
        write = write_durably if at_once else write_once
        try:
            with contextlib.suppress(FileExistsError):
                write(self.stop_file, content)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            # An empty file takes a name, and no room.
            (self.stop_at_once_file if at_once else self.stop_file).touch()

    def stop_request(self) -> bool | None:
        """None: nobody asked. Otherwise whether it is to stop at once, without a checkpoint."""
        if read_small(self.stop_at_once_file) is not None:
            return True
        content = read_small(self.stop_file)
        if not content:
            return None if content is None else False
        record = parse_record(content)
        return None if record is None else bool(record.get("at_once"))


@dataclass(frozen=True)
class JobFolder:
    """`jobs/N`: what a scheduler was asked to run."""

    path: Path
    number: int

    @property
    def script(self) -> Path:
        """What the job does, and what it needs for that."""
        return self.path / "job.sh"

    @property
    def log_file(self) -> Path:
        """What the job printed while no attempt was there to print into its own log."""
        return self.path / "log.txt"


@dataclass(frozen=True)
class RunFolder:
    """`runs/<experiment>/<number>/`, spoken of as `<experiment>/<number>`."""

    path: Path

    @property
    def experiment_name(self) -> str:
        """The experiment's name in experiments.toml when the run was launched."""
        return self.path.parent.name

    @property
    def number(self) -> int:
        """The run's number within its experiment, from 1."""
        return int(self.path.name)

    @property
    def run(self) -> str:
        """The name that people and commands use: `cnn4/3`."""
        return f"{self.experiment_name}/{self.path.name}"

    @property
    def runs(self) -> Path:
        """The folder of all runs."""
        return self.path.parents[1]

    @property
    def project(self) -> Path:
        """The project's folder, which relative paths in the experiment start from."""
        return self.path.parents[2]

    @property
    def experiment_file(self) -> Path:
        """The resolved experiment and where it was launched; written once."""
        return self.path / "experiment.toml"

    @property
    def epochs_file(self) -> Path:
        """One JSON line per finished epoch."""
        return self.path / "epochs.jsonl"

    @property
    def events_file(self) -> Path:
        """One JSON line per thing that happened."""
        return self.path / "events.jsonl"

    @property
    def remarks_file(self) -> Path:
        """One JSON line per thing that people said of the run."""
        return self.path / "remarks.jsonl"

    @property
    def imported_file(self) -> Path:
        """Stands in a run that was taken out of a bundle: where it came from."""
        return self.path / "imported.json"

    @property
    def assessments(self) -> Path:
        """Folder of what evaluations and predictions printed that nobody waited for."""
        return self.path / "assessments"

    @property
    def heartbeat_file(self) -> Path:
        """The newest beat of the owner."""
        return self.path / "heartbeat.json"

    @property
    def queue_file(self) -> Path:
        """Where the run stands among those that wait."""
        return self.path / "queue.json"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints and their digests."""
        return self.path / "checkpoints"

    @property
    def results(self) -> Path:
        """Folder of what evaluation found."""
        return self.path / "results"

    @property
    def clean_results_file(self) -> Path:
        """Loss and accuracy on the clean test images."""
        return self.results / "clean.json"

    @property
    def ood_results_file(self) -> Path:
        """Accuracy out of distribution, by corruption and severity."""
        return self.results / "ood.json"

    def results_until(self, epoch: int) -> Path:
        """Where the results of a run that went on after this epoch are kept aside."""
        return self.path / f"results-until-epoch-{epoch:04d}"

    @property
    def jobs(self) -> Path:
        """Folder of what schedulers were asked to run, by submission."""
        return self.path / "jobs"

    def job(self, number: int) -> JobFolder:
        """The folder of submission `number`, which may not exist."""
        return JobFolder(self.jobs / str(number), number)

    def claim_job(self) -> JobFolder:
        """Make the folder of the run's next submission, which no other process gets.

        Raises:
            OwnedByAnotherError: Another process submits the run at this moment.
        """
        # Not the run folder itself: one that was removed must not come into being again.
        self.jobs.mkdir(exist_ok=True)
        job = self.job(max(_numbers_in(self.jobs), default=0) + 1)
        try:
            job.path.mkdir()
        except FileExistsError as error:
            raise OwnedByAnotherError(
                f"{self.run} is submitted by another process at this moment",
                hint=f"see what became of it: tui-trainer show {self.run}",
            ) from error
        return job

    @property
    def attempts(self) -> Path:
        """Folder of the attempts."""
        return self.path / "attempts"

    def attempt(self, number: int) -> AttemptFolder:
        """The folder of attempt `number`, which may not exist."""
        return AttemptFolder(self.attempts / str(number), number)

    def newest_attempt(self) -> AttemptFolder | None:
        """The attempt that owns the run, or owned it last."""
        number = self.attempts_claimed
        return self.attempt(number) if number else None

    @property
    def attempts_claimed(self) -> int:
        """The newest attempt's number, which tells whether anybody took the run over since.

        0 before the first.
        """
        return max(_numbers_in(self.attempts), default=0)

    def claim_attempt(self, owner: Owner, *, after: int) -> AttemptFolder:
        """Become the owner of the attempt that follows attempt `after`, which is over.

        Raises:
            OwnedByAnotherError: another process claimed it first.
        """
        attempt = self.attempt(after + 1)
        prepared = temporary_beside(attempt.path)
        # Not the run folder itself: one that was removed must not come into being again.
        self.attempts.mkdir(exist_ok=True)
        prepared.mkdir()
        try:
            write_once(prepared / attempt.owner_file.name, json.dumps(owner.as_record()).encode())
            prepared.rename(attempt.path)
        except OSError as error:
            shutil.rmtree(prepared, ignore_errors=True)
            # Over NFS a rename can succeed and its answer be lost: who stands there decides.
            if attempt.owner() != owner:
                raise self._lost_claim(attempt, error) from error
        sync_folder(self.attempts)
        return attempt

    def _lost_claim(self, attempt: AttemptFolder, error: OSError) -> Exception:
        if not attempt.path.exists():
            return error
        return OwnedByAnotherError(
            f"{self.run} was started by another process at this moment: {attempt.owner()}",
            hint=f"watch it: tui-trainer logs -f {self.run}",
        )


def claim_run(runs: Path, experiment_name: str) -> RunFolder:
    """Create the experiment's next run folder, which no other process has or gets."""
    family = runs / experiment_name
    while True:
        family.mkdir(parents=True, exist_ok=True)
        claimed = next_run(runs, experiment_name)
        try:
            claimed.path.mkdir()
        except (FileExistsError, FileNotFoundError):
            continue  # somebody took it, or gave back the only claim in the family
        except OSError:
            _remove_if_empty(family)
            raise
        try:
            sync_folder(family)
        except OSError:
            give_back(claimed)
            raise
        return claimed


def next_run(runs: Path, experiment_name: str) -> RunFolder:
    """The folder that the experiment's next run would get if nobody claims one before."""
    family = runs / experiment_name
    taken = _numbers_in(family) | _numbers_in(runs / TRASH / experiment_name)
    return RunFolder(family / str(max(taken, default=0) + 1))


def settle_run(runs: Path, experiment_name: str, prepared: Path) -> RunFolder:
    """Give a run that was prepared whole, below `runs`, the experiment's next number."""
    family = runs / experiment_name
    while True:
        family.mkdir(parents=True, exist_ok=True)
        settled = next_run(runs, experiment_name)
        try:
            give_name(prepared, settled.path)
        except FileExistsError:
            continue
        return settled


def give_back(claimed: RunFolder) -> None:
    """Remove a run folder of one's own in which nothing began, and its family if it is empty."""
    shutil.rmtree(claimed.path, ignore_errors=True)
    _remove_if_empty(claimed.path.parent)


def _remove_if_empty(family: Path) -> None:
    with contextlib.suppress(OSError):
        family.rmdir()


def all_runs(runs: Path) -> Iterator[RunFolder]:
    """Every run folder below `runs`, by experiment name and number; hidden families are no runs."""
    try:
        known = families(runs)
    except OSError:
        return
    for family in known:
        with contextlib.suppress(PermissionError):
            yield from runs_of(family)


def families(runs: Path) -> list[Path]:
    """The folders of all experiments that have runs; hidden ones are none.

    Raises:
        OSError: `runs` cannot be read.
    """
    return sorted(
        entry for entry in runs.iterdir() if not entry.name.startswith(".") and _is_folder(entry)
    )


def runs_of(family: Path) -> list[RunFolder]:
    """The run folders of one experiment, by number."""
    return [RunFolder(family / str(number)) for number in sorted(_numbers_in(family))]


def find_run(runs: Path, name: str) -> RunFolder:
    """The run that `cnn4/3` names, or the newest one of `cnn4`.

    Raises:
        UsageError: there is no such run.
    """
    experiment_name, slash, number = name.strip("/").partition("/")
    if experiment_name in {"", ".", ".."} or (slash and not _NUMBER.fullmatch(number)):
        raise UsageError(
            f"`{name}` is not a run's name",
            hint="a run is named like cnn4/3, or cnn4 for its newest: tui-trainer runs",
        )
    known = _numbers_in(runs / experiment_name)
    wanted = int(number) if slash else max(known, default=0)
    if wanted not in known:
        raise UsageError(f"there is no run `{name}` in {runs}", hint="the runs: tui-trainer runs")
    return RunFolder(runs / experiment_name / str(wanted))


def is_file_of_run(path: str) -> bool:
    """Whether a run that is over has such a file, by its path in the run folder.

    What tells only of a process that works on it, or how it came here, is no part of the run.
    """
    return bool(_LASTING.fullmatch(path))


def _is_folder(entry: Path) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return True  # as far as anybody knows: whoever looks into it meets the error


def _numbers_in(folder: Path) -> set[int]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - a path for each costs more than the reading
    except (FileNotFoundError, NotADirectoryError):
        return set()
    return {int(name) for name in names if _NUMBER.fullmatch(name)}
