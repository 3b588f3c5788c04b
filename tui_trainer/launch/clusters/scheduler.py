"""What every scheduler can do for a run, and how its programs are asked: never without an end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from tui_trainer.errors import PreflightError, TuiTrainerError
from tui_trainer.record.plain_text import plain_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tui_trainer.record.sighting import Seen
    from tui_trainer.spec.cluster import Cluster
    from tui_trainer.spec.experiment import Resources

# Slurm's programs give up after 10 s, with a controller that is away after 9. Grid Engine's and
# munge's clients wait for ever.
ANSWER_SECONDS = 20.0
# Where the scheduler is; all its other variables belong to a job or change what it prints.
_KEPT = {"SLURM_CONF", "SGE_ROOT", "SGE_CELL", "SGE_QMASTER_PORT", "SGE_EXECD_PORT", "SGE_ARCH"}
_STRIPPED_BEGINNINGS = (
    *("SLURM", "SBATCH_", "SQUEUE_", "SACCT_", "SCANCEL_", "SINFO_", "SRUN_", "SALLOC_", "SGE_"),
)
# What a job, or the node it is on, was given: it says nothing of the next one's.
_OF_A_JOB = {
    *("JOB_ID", "JOB_NAME", "JOB_SCRIPT", "NSLOTS", "NHOSTS", "NQUEUES", "PE", "PE_HOSTFILE"),
    *("QUEUE", "REQUEST", "REQNAME", "RESTARTED", "ARC", "ENVIRONMENT", "TASK_ID"),
    *("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL"),
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TMPDIR"),
    *("TUI_TRAINER_ATTEMPT", "TUI_TRAINER_PROGRESS_FD"),
}


class UnreachableError(TuiTrainerError):
    """The scheduler gave no answer, which says nothing of any job."""


class NotHereError(UnreachableError):
    """The scheduler's programs are not on this machine."""


class RefusedError(PreflightError):
    """The scheduler answered, and would not do it."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked of a scheduler: a job for a run."""

    name: str
    """Ends in the submission's token, by which the job is found again."""
    log: str
    """Where the job prints until a supervisor lives, relative to the run's folder."""
    resources: Resources
    cluster: Cluster
    after: str = ""
    """The job that has to end before this one begins; empty for none."""


class Explanation(NamedTuple):
    """What a scheduler knows of a job that it does not list any more."""

    was_cancelled: bool
    words: str
    """Empty where it knows nothing."""


class Scheduler(Protocol):
    """The same verbs for each; every one of them ends within seconds."""

    kind: ClassVar[str]
    prefix: ClassVar[str]
    """What a directive begins with in a job's script."""
    renews_wall_time: ClassVar[bool]
    """Whether a job that begins anew has its whole wall-time again."""

    @property
    def place(self) -> str:
        """Where it is, as the environment says: another place is another cluster."""

    def directives(self, order: Order) -> list[str]:
        """What the job needs, as its script says it."""

    def command(self, script: str) -> list[str]:
        """What submits the script."""

    def submit(self, script: str, folder: Path) -> str:
        """Submit a script from within a folder; returns the job's id.

        Raises:
            RefusedError: It will not run this.
            UnreachableError: It gave no answer, and may have taken the job all the same.
        """

    def poll(self) -> list[Seen]:
        """Every job of this user, with one question.

        Raises:
            UnreachableError: It gave no answer, which is not to say that there are no jobs.
        """

    def cancel(self, job_id: str) -> None:
        """Take a job out of the queue or end it; one that is over stays as it was.

        Raises:
            RefusedError: It may not be cancelled.
            UnreachableError: It gave no answer.
        """

    def explain(self, job_id: str) -> Explanation:
        """What became of a job, or why it cannot begin.

        Raises:
            UnreachableError: It gave no answer.
        """

    def go_on(self, job_id: str) -> int:
        """Have the job that this process lives in begin anew; what the process is to exit with.

        Raises:
            RefusedError: This cluster starts no job anew.
            UnreachableError: It gave no answer.
        """

    def is_begun_anew(self, job_id: str) -> bool:
        """Whether the job that this process lives in is ended now to begin anew later.

        Raises:
            UnreachableError: It gave no answer.
        """


class Answer(NamedTuple):
    """What a scheduler's program said."""

    exit_code: int
    output: str
    complaint: str
    """The last line that it said on standard error, or else on standard output."""
    complaints: str
    """All of standard error."""


def ask(command: Sequence[str], folder: Path | None = None, seconds: float | None = None) -> Answer:
    """Run a program of the scheduler's.

    Args:
        command: The program and its arguments.
        folder: Where; this process's own where left out.
        seconds: What it may take; `ANSWER_SECONDS` where left out.

    Raises:
        NotHereError: It is not there.
        UnreachableError: It did not end in time.
    """
    seconds = ANSWER_SECONDS if seconds is None else seconds
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment_of_questions(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Debian wraps Grid Engine's programs in a shell: what waits is its child.
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise NotHereError(
            f"{command[0]} is not on this machine's PATH",
            hint="submit where the scheduler's programs are: on a login node, after module load",
        ) from error
    try:
        output, complaints = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise UnreachableError(f"{command[0]} gave no answer within {seconds:.0f} s") from error
    finally:
        _end(process)
    said, complained = output.decode(errors="replace"), complaints.decode(errors="replace")
    lines = [plain_line(line) for line in (complained or said).splitlines() if line.strip()]
    return Answer(process.returncode, said, lines[-1] if lines else "", complained)


def environment_of_submission(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what belongs to a job, or changes what a scheduler's programs do."""
    return {
        name: value
        for name, value in environment.items()
        if name in _KEPT or not (name in _OF_A_JOB or name.startswith(_STRIPPED_BEGINNINGS))
    }


def environment_of_questions(environment: Mapping[str, str]) -> dict[str, str]:
    """The same, with answers in English and without local formats."""
    return {**environment_of_submission(environment), "LC_ALL": "C"}


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave nothing of it behind, and no pipe that somebody still holds open."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
