"""What `doctor` finds on this machine, each with a level and, where it can be mended, the cure."""

from __future__ import annotations

import json
import locale
import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from typing import TYPE_CHECKING

import psutil

from tui_trainer.errors import TuiTrainerError
from tui_trainer.launch.resources import allotted_cores
from tui_trainer.launch.slots import warning_of_cpu_slots
from tui_trainer.record.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tui_trainer.spec.choices import DataName

# The first import of torch from a cold network file system takes a minute; three are a fault.
IMPORT_SECONDS = 180
# A ResNet-50 with Adam keeps three checkpoints of 0.3 GB; ten such runs should fit.
LITTLE_DISK_BYTES = 10 * 10**9
# torch's own operators answer from both packages only if the two were built for each other.
PROBE = """
import json, torch, torchvision
torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
print(json.dumps([torch.__version__, torchvision.__version__, torch.cuda.is_available()]))
"""
PAIR_CURE = "install a pair that fits: pip install --upgrade --force-reinstall torch torchvision"


def examine(folder: Path) -> list[Finding]:
    """Look at everything that a run or the app needs."""
    return [
        _python(),
        _torch(),
        _cores(),
        _memory(),
        _disk(folder),
        _terminal(),
        *_data(folder),
        _schedulers(),
    ]


def _python() -> Finding:
    return Finding("python", "ok", f"{platform.python_version()} at {sys.executable}")


def _torch() -> Finding:
    """Load torch and torchvision as a run would: in a process of its own."""
    installed = ", ".join(f"{name} {_version(name)}" for name in ("torch", "torchvision"))
    try:
        probe = subprocess.run(
            [sys.executable, "-c", PROBE],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=IMPORT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        cure = "is the file system of this environment slow or hanging?"
        return Finding("torch", "error", f"{installed}: no import within {IMPORT_SECONDS} s", cure)
    if probe.returncode:
        why = (probe.stderr.strip().splitlines() or [f"exit code {probe.returncode}"])[-1]
        return Finding("torch", "error", f"{installed} do not load together: {why}", PAIR_CURE)
    torch, torchvision, has_cuda = json.loads(probe.stdout.strip().splitlines()[-1])
    device = "CUDA device found" if has_cuda else "no CUDA device: runs use the CPU"
    return Finding("torch", "ok", f"torch {torch}, torchvision {torchvision}; {device}")


def _cores() -> Finding:
    allotment = allotted_cores()
    found = f"{allotment.cores} allotted ({allotment.source}), {os.cpu_count()} on this machine"
    if warnings := [*allotment.warnings, *filter(None, [warning_of_cpu_slots()])]:
        return Finding("cores", "warning", f"{found}; {'; '.join(warnings)}")
    return Finding("cores", "ok", found)


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    return Finding("memory", "ok", f"{_gb(memory.available)} free of {_gb(memory.total)}")


def _disk(folder: Path) -> Finding:
    if not folder.is_dir():
        return Finding("disk", "error", f"{folder} is no folder", "choose another folder")
    usage = shutil.disk_usage(folder)
    found = f"{_gb(usage.free)} free of {_gb(usage.total)} at {folder}"
    if not os.access(folder, os.W_OK):
        return Finding("disk", "error", f"{folder} cannot be written to", "choose another folder")
    if usage.free < LITTLE_DISK_BYTES:
        return Finding("disk", "warning", found, "checkpoints of large networks may not fit")
    return Finding("disk", "ok", found)


def _terminal() -> Finding:
    term = os.environ.get("TERM", "")
    encoding = locale.getpreferredencoding(do_setlocale=False)
    kind = "a" if sys.stdout.isatty() else "no"
    found = f"TERM={term or 'unset'}, {encoding}, standard output is {kind} terminal"
    if term in {"", "dumb"}:
        return Finding("terminal", "warning", found, "the app needs a TERM such as xterm-256color")
    if encoding.lower().replace("-", "") != "utf8":
        return Finding("terminal", "warning", found, "for finer plots: export LC_ALL=C.UTF-8")
    return Finding("terminal", "ok", found)


def _data(folder: Path) -> Iterator[Finding]:
    """The data set of every experiment, as far as it can be told without reading it."""
    yield Finding("data digits", "ok", f"in scikit-learn {_version('scikit-learn')}")
    from tui_trainer.spec.data import Cifar
    from tui_trainer.spec.find import find_project
    from tui_trainer.spec.project import load_project

    try:
        project = load_project(find_project(folder))
    except TuiTrainerError as error:
        yield Finding("project", "warning", error.message, error.hint)
        return
    yield _project(project.path, len(project.experiments), len(project.problems))
    sets = {
        (item.data.name, item.data.root)
        for item in project.experiments.values()
        if isinstance(item.data, Cifar)
    }
    for name, root in sorted(sets):
        yield _cifar(name, project.folder / root)


def _project(path: Path, experiments: int, problems: int) -> Finding:
    found = f"{path}: {experiments} experiments, {problems} problems"
    if problems:
        return Finding("project", "error", found, "tui-trainer list names them")
    return Finding("project", "ok", found)


def _cifar(name: DataName, root: Path) -> Finding:
    """Whether files that may be the data set's stand there; a run checks their content."""
    from tui_trainer.spec.choices import CIFAR_FILES, CIFAR_FOLDER

    subject, folder = f"data {name}", root / CIFAR_FOLDER[name]
    cure = f"tui-trainer data fetch {name}"
    if not folder.is_dir():
        return Finding(subject, "warning", f"{folder} is not there", cure)
    for file in (folder / file for file in CIFAR_FILES[name]):
        if not _is_pickle(file):
            return Finding(subject, "error", f"{file} is not the data set's", cure)
    return Finding(subject, "ok", f"{folder}; tui-trainer data verify checks every byte")


def _is_pickle(file: Path) -> bool:
    """Whether a regular file begins as the published ones do, and not as a web page does."""
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(1) == b"\x80"


def _schedulers() -> Finding:
    commands = {"Slurm": "sbatch", "Grid Engine": "qsub"}
    seen = [f"{name} ({path})" for name, tool in commands.items() if (path := shutil.which(tool))]
    return Finding("schedulers", "ok", ", ".join(seen) or "none seen: runs start on this machine")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _gb(count: int) -> str:
    return f"{count / 10**9:.1f} GB"
