"""The slots of this machine: files that the kernel locks for as long as anything of a run lives."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import stat
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.errors import UsageError
from tui_trainer.launch.gpu_choice import VISIBLE_VARIABLE, Driver, GpuChoice, choices
from tui_trainer.launch.resources import CORE_COUNT, allotted_cores
from tui_trainer.record.fields import text
from tui_trainer.record.run_folder import RunFolder
from tui_trainer.record.tail import read_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tui_trainer.spec.experiment import Resources

FOLDER_VARIABLE = "TUI_TRAINER_SLOTS_FOLDER"
CPU_SLOTS_VARIABLE = "TUI_TRAINER_CPU_SLOTS"
# Not XDG_RUNTIME_DIR: it goes with the last login of its user, and runs do not. Not TMPDIR: two
# shells of one user may disagree on it.
_NODE_LOCAL = Path("/tmp")  # noqa: S108  the folder in it is checked for its owner and mode
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9.-]+")
# More names than that tell nobody anything.
_MOST_NAMED = 3


class Want(NamedTuple):
    """The slots that a run takes: all of them or none."""

    cpus: int
    gpus: int

    @property
    def kinds(self) -> str:
        """`c`, `g` or both: who wants nothing of the same kind is not in the way."""
        return ("c" if self.cpus else "") + ("g" if self.gpus else "")

    def __str__(self) -> str:
        words = [
            f"{count} {kind} slot{'s' if count > 1 else ''}"
            for count, kind in ((self.cpus, "CPU"), (self.gpus, "GPU"))
            if count
        ]
        return " and ".join(words)


@dataclass(frozen=True)
class Slots:
    """What a run has taken; the core inherits the descriptors, so none is free before it ended."""

    cpus: int
    gpus: tuple[GpuChoice, ...]
    descriptors: tuple[int, ...]

    @property
    def environment(self) -> Mapping[str, str]:
        """What the core is to be told of them."""
        visible = ",".join(gpu.visible_as for gpu in self.gpus)
        return {VISIBLE_VARIABLE: visible} if visible else {}

    def keep(self) -> None:
        """Look used, for what clears /tmp of files that nobody touched for days."""
        touch(self.descriptors)

    def release(self) -> None:
        """Let go of them, as far as it is for this process to say."""
        _close(self.descriptors)


class Slot(NamedTuple):
    """A slot as it looks from outside."""

    name: str
    """`CPU slot 0`, `GPU 1`."""
    size: Want
    """What a run has of it that holds it."""
    holder: RunFolder | None
    """The run that has it; None for a free one."""


@dataclass(frozen=True)
class Pool:
    """The slots that the runs of this user share on this machine, or within a scheduler's job."""

    folder: Path
    cpus: int
    gpus: tuple[GpuChoice, ...]
    driver: Driver
    is_of_job: bool = False
    """Then nobody else is to be on its GPUs, whatever it looks like: the scheduler gave them."""

    @classmethod
    def here(cls, driver: Driver | None = None) -> Pool:
        """The one of this process.

        Args:
            driver: One that is awake, where the answer of a sleeping one is not to be missed.

        Raises:
            UsageError: Its folder belongs to somebody else.
            OSError: It cannot be made.
        """
        job = job_name(os.environ)
        folder = own_folder()
        if job:
            folder = _owned(folder / f"job-{_NOT_IN_NAMES.sub('_', job)}")
        cpus = _cpu_slots()
        driver = driver or Driver()
        return cls(folder, cpus, choices(driver), driver, is_of_job=bool(job))

    def stand(self) -> None:
        """Make its folder again where somebody cleared it away, as what cleans /tmp may.

        Raises:
            UsageError: By now it belongs to somebody else.
            OSError: It cannot be made.
        """
        own_folder()
        _owned(self.folder)

    def want(self, resources: Resources) -> Want:
        """What a run takes of it; of more than there is, all there is."""
        if self.gpus and would_use_gpu(resources):
            return Want(min(resources.slots or 0, self.cpus), 1)
        return Want(min(resources.slots or self.cpus, self.cpus), 0)

    def take(self, want: Want, holder: RunFolder) -> Slots | str:
        """Take the slots, all of them or none; or, in words, what is in the way.

        Raises:
            OSError: A file cannot be made.
        """
        cpus = [path for path in self._cpus() if not is_locked(path)][: want.cpus]
        gpus, causes = self._free_gpus(want.gpus) if len(cpus) == want.cpus else ([], [])
        # Only what is enough is locked: who looks on sees nobody reach for what he does not get.
        if (len(cpus), len(gpus)) == want:
            descriptors = _lock_all([*cpus, *map(self._gpu, gpus)], holder)
            if descriptors:
                return Slots(want.cpus, tuple(gpus), descriptors)
        return "; ".join(filter(None, [*causes, self._held_by(want, holder.project)]))

    def slots(self) -> list[Slot]:
        """All of them, and who has each."""
        cpus = [(f"CPU slot {index}", path) for index, path in enumerate(self._cpus())]
        gpus = [(str(gpu), self._gpu(gpu)) for gpu in self.gpus]
        return [
            *(Slot(name, Want(1, 0), _holder(path)) for name, path in cpus),
            *(Slot(name, Want(0, 1), _holder(path)) for name, path in gpus),
        ]

    def _held_by(self, want: Want, here: Path) -> str:
        """Who has the slots that are wanted, in words; empty where nobody has any."""
        paths = self._cpus() if want.cpus else []
        paths += [self._gpu(gpu) for gpu in self.gpus] if want.gpus else []
        holders = {folder.path: folder for folder in filter(None, map(_holder, paths))}
        names = [_named(folder, here) for folder in holders.values()]
        if not names:
            return ""
        more = len(names) - _MOST_NAMED
        shown = names[:_MOST_NAMED] + ([f"{more} more"] if more > 0 else [])
        *firsts, last = shown
        listed = f"{', '.join(firsts)} and {last}" if firsts else last
        return f"{listed} {'have' if firsts else 'has'} the slots"

    def _cpus(self) -> list[Path]:
        return [self.folder / f"cpu-{index}" for index in range(self.cpus)]

    def _gpu(self, gpu: GpuChoice) -> Path:
        return self.folder / f"gpu-{_NOT_IN_NAMES.sub('_', gpu.id)}"

    def _free_gpus(self, most: int) -> tuple[list[GpuChoice], list[str]]:
        """Those that nobody has or computes on; of the others that nobody has, why not."""
        free, causes = list[GpuChoice](), list[str]()
        for gpu in self.gpus:
            if len(free) == most:
                break
            if is_locked(self._gpu(gpu)):
                continue
            others = "" if self.is_of_job else self.driver.others_on(gpu)
            if others:
                causes.append(f"waits for {others}")
            else:
                free.append(gpu)
        return free, causes


def job_name(environment: Mapping[str, str]) -> str:
    """The scheduler's job, or task of one with cores of its own; empty outside of any."""
    if job := environment.get("SLURM_JOB_ID"):
        step, task = environment.get("SLURM_STEP_ID"), environment.get("SLURM_PROCID", "0")
        return f"{job}.{step}.{task}" if step else job  # a batch script is no step
    if environment.get("NSLOTS") and (job := environment.get("JOB_ID")):
        task = environment.get("SGE_TASK_ID", "")
        return f"{job}.{task}" if task.isdigit() else job
    return environment.get("PBS_JOBID") or environment.get("LSB_JOBID") or ""


def warning_of_cpu_slots() -> str:
    """What is wrong with the number of CPU slots that this process was told; empty if nothing."""
    said = os.environ.get(CPU_SLOTS_VARIABLE, "")
    if not said or CORE_COUNT.fullmatch(said):
        return ""
    return f"{CPU_SLOTS_VARIABLE}={said!r} is no number of slots and is ignored"


def _cpu_slots() -> int:
    said = os.environ.get(CPU_SLOTS_VARIABLE, "")
    # Runs that cannot be told their number begin one after the other, and never all at once.
    return int(said) if CORE_COUNT.fullmatch(said) else allotted_cores().cores


def own_folder() -> Path:
    """A folder of this user's alone, on a disk of this machine.

    Raises:
        UsageError: It belongs to somebody else, or others may enter it.
        OSError: It cannot be made.
    """
    said = os.environ.get(FOLDER_VARIABLE)
    return _owned(Path(said) if said else _NODE_LOCAL / f"tui-trainer-{os.getuid()}")


def _owned(folder: Path) -> Path:
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
    about = folder.lstat()
    is_own = stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid()
    if is_own and not about.st_mode & 0o077:
        return folder
    raise UsageError(
        f"the slots of this machine are kept in {folder}, which is no folder of yours alone",
        hint=f"move it away, make it yours (chmod 700), or let {FOLDER_VARIABLE} name another",
    )


def locked(path: Path, content: Mapping[str, object]) -> int | None:
    """A descriptor that holds the file locked; None where another process does.

    Raises:
        OSError: The file cannot be made.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    is_ours = False
    try:
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = path.stat().st_ino == os.fstat(descriptor).st_ino
    finally:
        if not is_ours:
            os.close(descriptor)
    if not is_ours:
        return None
    # Who it is only matters to people; a full disk does not make the slot another's.
    with contextlib.suppress(OSError):
        line = json.dumps(content).encode()
        os.pwrite(descriptor, line, 0)
        os.ftruncate(descriptor, len(line))
    return descriptor


def is_locked(path: Path) -> bool:
    """Whether some process holds the file: it lives, or what it started does.

    Raises:
        OSError: That cannot be seen.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared: who only looks is in nobody's way who only looks.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def touch(descriptors: Sequence[int]) -> None:
    """Give files that are held the time of now."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.utime(descriptor)


def would_use_gpu(resources: Resources) -> bool:
    """Whether a run computes on a GPU where there is one."""
    if resources.device != "auto":
        return resources.device == "cuda"
    with contextlib.suppress(PackageNotFoundError):
        return not version("torch").endswith("+cpu")
    return False


def _lock_all(paths: Sequence[Path], holder: RunFolder) -> tuple[int, ...]:
    """Descriptors of all of them; none where somebody was faster with one."""
    taken = list[int]()
    try:
        for path in paths:
            descriptor = locked(path, {"folder": str(holder.path)})
            if descriptor is None:
                break
            taken.append(descriptor)
    except OSError:
        _close(taken)
        raise
    if len(taken) == len(paths):
        return tuple(taken)
    _close(taken)
    return ()


def _holder(path: Path) -> RunFolder | None:
    if not is_locked(path):
        return None
    return RunFolder(Path(text(read_json(path) or {}, "folder") or "/?/?/?"))


def _named(holder: RunFolder, here: Path) -> str:
    """Its name, of another project with that project's folder."""
    theirs = holder.project
    return holder.run if theirs == here else f"{holder.run} ({theirs.name or '?'})"


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
