"""The preflight: what would fail after a hundred epochs fails before the first.

python -m tui_trainer.train.preflight PROJECT EXPERIMENT < EXPERIMENT_TOML
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from tui_trainer.errors import PreflightError
from tui_trainer.record.durable import TEMPORARY_SUFFIX, sync_folder, temporary_beside
from tui_trainer.record.epochs import read_epochs
from tui_trainer.record.events import AttemptEnded, TrainingBegan
from tui_trainer.record.failure import Hope
from tui_trainer.record.finding import Finding
from tui_trainer.record.heartbeat import Progress
from tui_trainer.record.preflight import Preflight
from tui_trainer.record.run_folder import CheckpointName, RunFolder
from tui_trainer.record.told import told_results
from tui_trainer.spec.model import Classifier, ResNet
from tui_trainer.spec.snapshot import experiment_from_toml
from tui_trainer.train import forecast, hardware, randomness
from tui_trainer.train.answer import answer
from tui_trainer.train.checks import Check, Interrupted, tabulate
from tui_trainer.train.corruptions import SIDE
from tui_trainer.train.equipment import Equipment
from tui_trainer.train.rehearsal import Rehearsal
from tui_trainer.train.reporter import Reporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tui_trainer.record.experiment_file import LaunchedExperiment
    from tui_trainer.spec.experiment import Experiment
    from tui_trainer.train.dataset import Dataset
    from tui_trainer.train.ledger import Ledger
    from tui_trainer.train.signals import Requests

# With the host, whose processes alone can be known to be gone.
_SCRATCH = f"preflight-{socket.gethostname()}"


def before(
    launched: LaunchedExperiment,
    equipment: Equipment,
    ledger: Ledger,
    requests: Requests,
    reporter: Reporter,
) -> None:
    """Rehearse a run that has not begun; of one that has, look at what may have changed.

    The table is kept in the attempt's folder, printed into the log, and its warnings told.

    Raises:
        PreflightError: Something would fail later.
        OSError: There is no room any more for a run that was let through; there may be again.
        OwnedByAnotherError: Another attempt owns the run.
    """
    if launched.provenance.get("preflight") is False:
        return

    def go_on() -> None:
        reporter.progress(Progress(stage="rehearsing"))
        if requests.stop:
            raise Interrupted

    folder, began, has_begun = ledger.folder, time.monotonic(), _has_begun(ledger.folder)
    try:
        if has_begun:
            checks = Recheck(folder, launched.experiment, launched.plan.epochs).checks()
            findings = tabulate(checks, go_on, reporter)
        else:
            place = Place(folder.path, launched.fingerprint, _within(folder), folder)
            findings = Inspection(equipment, place, go_on, reporter).findings()
    except Interrupted:
        return  # the loop saves what there is, and stops
    table = Preflight(tuple(findings), not has_begun, time.monotonic() - began)
    ledger.check_ownership()
    for finding in table.findings:
        reporter.say(_line(finding))
    if not table.errors:
        for finding in table.warnings:
            ledger.warn(f"preflight: {finding.found}")
    # A disk that takes no table was told in it.
    try:
        table.write(folder.attempt(ledger.attempt).preflight_file)
    except OSError as error:
        reporter.complain(f"the preflight's table could not be kept: {error}")
    _give_up_for_now(table, ledger)
    _refuse(table.errors)


class Place(NamedTuple):
    """Where a run is, or would be."""

    folder: Path
    """An existing one on the run's file system; a scratch folder comes and goes in it."""
    fingerprint: str
    """The experiment's."""
    within: tuple[Path, ...]
    """Folders that are written into as well, whether they are there or not."""
    run: RunFolder | None = None
    """The run, where there is one."""


class Inspection:
    """All stages of a run that has not begun.

    Args:
        equipment: What the run is trained with.
        place: Where the run is.
        go_on: Called between stages and batches; what it raises ends the inspection.
        reporter: Hears tracebacks of what nobody expected.
    """

    def __init__(
        self, equipment: Equipment, place: Place, go_on: Callable[[], None], reporter: Reporter
    ) -> None:
        self._equipment = equipment
        self._place = place.folder
        self._within = place.within
        self._run = place.run
        self._go_on = go_on
        self._reporter = reporter
        self._scratch = temporary_beside(place.folder / _SCRATCH)
        scratch = RunFolder(self._scratch)
        self._rehearsal = Rehearsal(equipment, scratch, place.fingerprint, go_on)

    def findings(self) -> list[Finding]:
        """Look at everything; random draws that come later are as if nobody had."""
        try:
            with randomness.undisturbed():
                return tabulate(self._checks(), self._go_on, self._reporter)
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def _checks(self) -> Sequence[Check]:
        rehearsal = self._rehearsal
        return (
            Check("device", self._look_at_device),
            *self._compiler(),
            Check("folder", self._look_at_folder),
            Check("results", self._look_at_results),
            Check("weights", self._look_at_weights),
            Check("data", self._look_at_data, ("device",)),
            Check("ood files", self._look_at_ood_files, ("data",)),
            Check("schedule", self._look_at_schedule, ("data",)),
            Check("pipeline", rehearsal.pipeline, ("data",)),
            Check("augmentation", rehearsal.augmentation, ("pipeline",)),
            Check("network", rehearsal.network, ("data", "weights")),
            Check("step", rehearsal.step, ("network",)),
            Check("validation", rehearsal.validation, ("step",)),
            Check("disk", self._look_at_room, ("step", "folder", "ood files")),
            Check("checkpoint", rehearsal.checkpoint, ("validation", "disk")),
            Check("test", rehearsal.test, ("checkpoint",)),
            Check("ood", self._rehearse_ood, ("test",)),
            Check("time", self._look_at_time, ("validation",)),
        )

    def _look_at_device(self) -> Finding:
        circumstances = self._equipment.circumstances
        threads = circumstances.threads
        counted = "1 thread" if threads == 1 else f"{threads} threads"
        return Finding("device", "ok", f"{circumstances.device}, {counted}")

    def _compiler(self) -> Sequence[Check]:
        """Looked for only where it is needed: it takes seconds."""
        wanted = self._equipment.experiment.training.compile
        return (Check("compiler", self._look_at_compiler, ("device",)),) if wanted else ()

    def _look_at_compiler(self) -> Finding:
        hardware.check_compiler(self._equipment.device)
        return Finding("compiler", "ok", "torch.compile works here")

    def _look_at_folder(self) -> Finding:
        return _look_at_folders(self._place, self._within)

    def _look_at_results(self) -> Finding:
        if self._run is None:
            return Finding("results", "ok", "a run has a folder of its own: nothing is overwritten")
        standing = sorted(path.name for path in self._run.results.glob("*"))
        if standing:
            raise PreflightError(
                f"{self._run.results} holds {', '.join(standing)} before the run has begun; "
                "nothing is overwritten, so its own would not be written",
                hint=f"move it away: mv '{self._run.results}' elsewhere",
            )
        return Finding("results", "ok", "none yet: nothing will be overwritten")

    def _look_at_weights(self) -> Finding:
        settings = self._equipment.experiment.model
        if not isinstance(settings, (ResNet, Classifier)):
            return Finding("weights", "ok", "the network begins with random ones")
        from tui_trainer.train import weights

        source = weights.source_of(settings, self._equipment.project)
        if source is None:
            return Finding("weights", "ok", "the network begins with random ones")
        weights.check_readable(source, settings.name)
        return Finding("weights", "ok", str(source.path))

    def _look_at_data(self) -> Finding:
        data = self._equipment.data
        _check_labels(data)
        return Finding("data", "ok", f"{data}; labels from 0 to {data.classes - 1}")

    def _look_at_ood_files(self) -> Finding:
        ood = self._equipment.ood
        if ood is not None and ood.corrupts_at_another_size:
            side = self._equipment.data.test.side
            found = f"corruptions are computed of images brought from {side} to {SIDE} pixels"
            cure = f"their published strengths are for photographs of {SIDE} pixels: compare runs "
            return Finding(
                "ood files", "warning", found, cure + "of these data with each other only"
            )
        if ood is None or ood.folder is None:
            found = "none are named" if ood is None else "none: corruptions are computed"
            return Finding("ood files", "ok", found)
        labels = "labelled" if ood.is_labelled else "without labels"
        files = len(ood.folder.files)
        return Finding("ood files", "ok", f"{files} with {ood.folder.images:,} images, {labels}")

    def _look_at_schedule(self) -> Finding:
        return forecast.schedule(self._equipment)

    def _look_at_room(self) -> Finding:
        epochs, results = self._equipment.experiment.epochs, forecast.results_bytes(self._equipment)
        within = forecast.saves_within(self._equipment.experiment, self._epoch_seconds())
        size = self._rehearsal.checkpoint_bytes
        need = forecast.Need(size, epochs, results, saves_within=within)
        return forecast.room(self._place, need)

    def _rehearse_ood(self) -> Finding:
        if self._equipment.ood is None:
            return Finding("ood", "ok", "the experiment measures none")
        return self._rehearsal.out_of_distribution()

    def _look_at_time(self) -> Finding:
        experiment = self._equipment.experiment
        return forecast.time_needed(experiment, self._epoch_seconds(), experiment.epochs)

    def _epoch_seconds(self) -> float:
        """What an epoch will take, as far as the rehearsal has come."""
        equipment, pace = self._equipment, self._rehearsal.pace
        probe = equipment.experiment.ood.probe if equipment.experiment.ood else 0
        measured = len(equipment.data.validation) + probe
        return pace.training * len(equipment.data.train) + pace.evaluation * measured


class Recheck:
    """What can change between two attempts of a run."""

    def __init__(self, run: RunFolder, experiment: Experiment, epochs: int) -> None:
        self._run = run
        self._experiment = experiment
        self._epochs = read_epochs(run.epochs_file)
        self._left = max(0, epochs - len(self._epochs))
        self._is_extended = epochs > experiment.epochs

    def checks(self) -> Sequence[Check]:
        """Each without torch's help, in no time."""
        return (
            Check("folder", self._look_at_folder),
            Check("results", self._look_at_results, ("folder",)),
            Check("disk", self._look_at_room, ("folder",)),
            Check("time", self._look_at_time),
        )

    def _look_at_folder(self) -> Finding:
        return _look_at_folders(self._run.path, _within(self._run))

    def _look_at_results(self) -> Finding:
        """Those that a run has at its end, while it is still to train."""
        folder = self._run.results
        foreign = sorted(self._untold()) if self._left and not self._is_extended else []
        if not foreign:
            return Finding("results", "ok", "nothing stands in the way of its own")
        return Finding(
            "results",
            "warning",
            f"{folder} holds {', '.join(foreign)}, which is not this run's; nothing is "
            "overwritten, so its own would not be written",
            f"move it away before the run ends: mv '{folder / foreign[0]}' elsewhere",
        )

    def _untold(self) -> Iterator[str]:
        told = {Path(file).name for file in told_results(self._run).results}
        told |= {"predictions.npz"} if self._run.clean_results_file.name in told else set()
        for path in self._run.results.glob("[!.]*"):
            if path.is_file() and path.name not in told:
                yield path.name

    def _look_at_room(self) -> Finding:
        sizes = [path.stat().st_size for path in self._run.checkpoints.glob("*.pt")]
        within = forecast.saves_within(self._experiment, self._epoch_seconds)
        need = forecast.Need(max(sizes, default=0), self._left, 0, sum(sizes), within)
        return forecast.room(self._run.path, need)

    def _look_at_time(self) -> Finding:
        return forecast.time_needed(self._experiment, self._epoch_seconds, self._left)

    @property
    def _epoch_seconds(self) -> float:
        seconds = [epoch.seconds or 0.0 for epoch in self._epochs]
        return median(seconds) if seconds else 0.0


def _has_begun(folder: RunFolder) -> bool:
    """Whether an earlier attempt got beyond its preflight."""
    names = (CheckpointName.parse(path.name) for path in folder.checkpoints.glob("*.pt"))
    return any(name and any(name) for name in names)


def _within(run: RunFolder) -> tuple[Path, ...]:
    return run.checkpoints, run.results


def _look_at_folders(place: Path, within: Sequence[Path]) -> Finding:
    """Write into every folder that a run writes into."""
    _sweep(place)
    _try_to_write(place)
    for folder in filter(os.path.lexists, within):
        if not folder.is_dir():
            raise PreflightError(f"{folder} is no folder", hint="move away what stands there")
        _try_to_write(folder)
    return Finding("folder", "ok", f"{place} can be written to")


def _check_labels(data: Dataset) -> None:
    for name, split in (
        ("train", data.train),
        ("validation", data.validation),
        ("test", data.test),
    ):
        if not len(split):
            raise PreflightError(
                f"there are no images in {name}", hint="add some, or set aside more of the others"
            )
        lowest, highest = int(split.labels.min()), int(split.labels.max())
        if lowest < 0 or highest >= data.classes:
            raise PreflightError(
                f"the labels of {name} are from {lowest} to {highest}, but the network has "
                f"{data.classes} classes: 0 to {data.classes - 1}",
                hint="number the classes from 0 without gaps, alike in every part",
            )
    only = int(data.train.labels[0])
    if bool((data.train.labels == only).all()):
        raise PreflightError(
            f"all images to train on are of a single class: every label is {only}",
            hint="nothing can be told apart: give images of two classes at least",
        )


def _sweep(place: Path) -> None:
    """Remove scratch folders that killed processes of this host left."""
    for leftover in place.glob(f".{_SCRATCH}.*{TEMPORARY_SUFFIX}"):
        pid = leftover.name.split(".")[-3]
        if not Path("/proc", pid).exists():
            shutil.rmtree(leftover, ignore_errors=True)


def _try_to_write(folder: Path) -> None:
    file = temporary_beside(folder / _SCRATCH)
    try:
        file.write_bytes(b"\n")
        sync_folder(folder)
    finally:
        file.unlink(missing_ok=True)


def _was_let_through(ledger: Ledger) -> bool:
    """Whether an earlier attempt trained, or was stopped by a full disk alone."""
    return any(
        isinstance(event, TrainingBegan)
        or (isinstance(event, AttemptEnded) and Hope.of(event.hope) is Hope.ROOM)
        for event in ledger.events()
    )


def _give_up_for_now(table: Preflight, ledger: Ledger) -> None:
    """Who was let through and finds no room any more is as one whose disk fills up later."""
    lacks_room = bool(table.errors) and all(map(_is_want_of_room, table.errors))
    if lacks_room and _was_let_through(ledger):
        raise OSError(errno.ENOSPC, "; ".join(error.found for error in table.errors))


def _is_want_of_room(error: Finding) -> bool:
    full = os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT)
    return error.subject == "disk" or any(words in error.found for words in full)


def _refuse(errors: Sequence[Finding]) -> None:
    if errors:
        cures = dict.fromkeys(finding.cure for finding in errors if finding.cure)
        raise PreflightError("; ".join(e.found for e in errors), hint="\n".join(cures))


def _line(finding: Finding) -> str:
    cure = f"  -> {finding.cure}" if finding.cure else ""
    return f"preflight {finding.level:<7}  {finding.subject:<10}  {finding.found}{cure}"


class _Discreet(Reporter):
    """Keeps tracebacks from the terminal of who asked: the table has the error and its line."""

    def complain(self, text: str) -> None:
        """Not at all; without a run there is no log."""


def _asked() -> dict[str, Any]:
    experiment, _ = experiment_from_toml(sys.stdin.read())
    slots = experiment.resources.slots
    if slots:
        # As its supervisor would; more than there are is no help.
        threads = min(slots, len(os.sched_getaffinity(0)))
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    project = Path(sys.argv[1])
    runs = project / "runs"
    within = (runs, runs / sys.argv[2])
    place = Place(runs if runs.is_dir() else project, experiment.fingerprint, within)
    began = time.monotonic()
    inspection = Inspection(Equipment(experiment, project), place, lambda: None, _Discreet())
    findings = tuple(inspection.findings())
    return Preflight(findings, rehearsed=True, seconds=time.monotonic() - began).as_record()


if __name__ == "__main__":
    # cuBLAS is deterministic only with this, and reads it when it is loaded.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    sys.exit(answer(_asked))
