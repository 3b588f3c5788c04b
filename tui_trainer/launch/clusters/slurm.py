"""Slurm: its words, its programs, and what their answers mean."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, ClassVar

from tui_trainer.launch.clusters.scheduler import (
    Explanation,
    RefusedError,
    UnreachableError,
    ask,
)
from tui_trainer.record.plain_text import plain_line
from tui_trainer.record.sighting import Seen, Word

if TYPE_CHECKING:
    from pathlib import Path

    from tui_trainer.launch.clusters.scheduler import Answer, Order

_UNREACHABLE = re.compile(
    r"contact slurm controller|timed out|connect failure|Connection refused|Zero Bytes|"
    r"Protocol authentication|munge|configuration source|configuration file|backup controller",
    re.IGNORECASE,
)
_UNKNOWN_JOB = "Invalid job id"
_WORDS = {
    **dict.fromkeys(("PENDING", "REQUEUED", "REQUEUE_FED", "RESV_DEL_HOLD"), Word.WAITS),
    **dict.fromkeys(("REQUEUE_HOLD", "SPECIAL_EXIT"), Word.HELD),
    **dict.fromkeys(
        ("RUNNING", "CONFIGURING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING"), Word.BEGUN
    ),
    **dict.fromkeys(("COMPLETING", "STAGE_OUT"), Word.ENDS),
    **dict.fromkeys(
        (
            *("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED"),
            *("BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY", "REVOKED"),
        ),
        Word.OVER,
    ),
}
# What a user can make of squeue's reasons; others are shown as they are.
_REASONS = {
    "None": "",
    "Priority": "others come first",
    "Resources": "what it needs is in use",
    "BeginTime": "it may not begin yet",
    "Dependency": "another job has to end first",
    "DependencyNeverSatisfied": "the job it depends on can never end well; stop it",
    "PartitionConfig": "the partition can never give what it asks for; stop it and ask for less",
    "PartitionTimeLimit": "its wall-time is longer than the partition allows; stop it and ask for "
    "less",
    "QOSMaxJobsPerUserLimit": "as many of your jobs run as you may have",
    "QOSMaxCpuPerUserLimit": "your jobs use as many cores as you may have",
    "AssocGrpCpuLimit": "your account uses as many cores as it may have",
    "JobHeldUser": "held by its user; scontrol release lets it go",
    "JobHeldAdmin": "held by an administrator",
    "launch failed requeued held": "its start failed on a node; scontrol release tries again",
    "ReqNodeNotAvail": "a node that it asks for is not available",
}
_OVER = {
    "TIMEOUT": "its wall-time ended",
    "OUT_OF_MEMORY": "out of memory",
    "NODE_FAIL": "its node failed",
    "PREEMPTED": "another job took its place",
    "CANCELLED": "it was cancelled",
    "BOOT_FAIL": "its node did not start",
    "DEADLINE": "it could not end before its deadline",
    "COMPLETED": "it ended with exit code 0",
}


class Slurm:
    """Slurm as sbatch, squeue, scancel, scontrol and sacct know it."""

    kind: ClassVar[str] = "slurm"
    prefix: ClassVar[str] = "#SBATCH"
    renews_wall_time: ClassVar[bool] = True

    @property
    def place(self) -> str:
        """The configuration that its programs read."""
        return os.environ.get("SLURM_CONF", "")

    def directives(self, order: Order) -> list[str]:
        """As #SBATCH lines say them."""
        resources, cluster = order.resources, order.cluster
        wanted = [
            ("partition", cluster.queue or cluster.partition),
            ("account", cluster.account or cluster.project),
            # Said always: a job that is not told how many it has would take all of its node's.
            ("cpus-per-task", resources.slots or 1),
            ("gres", resources.gpus and f"gpu:{resources.gpus}"),
            ("mem", resources.memory),
            ("time", resources.walltime),
            ("dependency", order.after and f"afterany:{order.after}"),
        ]
        return [
            f"--job-name={order.name}",
            *(f"--{name}={value}" for name, value in wanted if value),
            f"--output={order.log}",
            "--open-mode=append",
            f"--signal=B:USR1@{cluster.notice_seconds(resources.wall_seconds)}",
            "--requeue",
            *cluster.extra,
        ]

    def command(self, script: str) -> list[str]:
        """`sbatch`."""
        return ["sbatch", "--parsable", script]

    def submit(self, script: str, folder: Path) -> str:
        """The id that sbatch prints, without the cluster's name."""
        answer = _checked(ask(self.command(script), folder), "sbatch")
        job_id = answer.output.strip().partition(";")[0]
        if not job_id.isdecimal():
            raise UnreachableError(f"sbatch said no job's id: {plain_line(answer.output)[:200]}")
        return job_id

    def poll(self) -> list[Seen]:
        """All that squeue lists; it forgets jobs that are over after minutes or seconds."""
        # --json exits with 0 and no jobs where the controller is away.
        command = ["squeue", "--noheader", f"--user={os.getuid()}", "--states=all"]
        answer = ask([*command, "--format=%A|%T|%r|%j"])
        if answer.exit_code:
            raise UnreachableError(f"squeue: {answer.complaint}")
        return list(filter(None, map(seen_in_line, answer.output.splitlines())))

    def cancel(self, job_id: str) -> None:
        """By scancel, which says nothing of a job that is over."""
        answer = ask(["scancel", job_id])
        if _UNKNOWN_JOB not in answer.complaints:
            _checked(answer, "scancel")

    def explain(self, job_id: str) -> Explanation:
        """What scontrol still knows, or else the accounting, where there is one."""
        answer = ask(["scontrol", "--oneliner", "show", "job", job_id])
        if not answer.exit_code:
            return explained(*_state_and_exit(answer.output))
        if _UNREACHABLE.search(answer.complaints):
            raise UnreachableError(f"scontrol: {answer.complaint}")
        for accounting in ("--allocations", "--completion"):
            command = ["sacct", accounting, "--noheader", "--parsable2", f"--jobs={job_id}"]
            answer = ask([*command, "--format=State,ExitCode"])
            lines = [] if answer.exit_code else answer.output.split("\n")
            fields = [line.split("|") for line in lines if line.count("|") == 1]
            if fields:
                return explained(fields[-1][0], fields[-1][1])
        return Explanation(was_cancelled=False, words="")

    def go_on(self, job_id: str) -> int:
        """By a requeue: the same job again, with the same id."""
        _checked(ask(["scontrol", "requeue", job_id]), "scontrol requeue")
        return 0

    def is_begun_anew(self, job_id: str) -> bool:
        """Whether it has been restarted more often than when this process began."""
        # Slurm kills what takes longer: KillWait is 30 s, on some sites less.
        answer = ask(["scontrol", "--oneliner", "show", "job", job_id], seconds=3.0)
        restarts = re.search(r"\bRestarts=(\d+)", answer.output)
        before = os.environ.get("SLURM_RESTART_COUNT", "")
        known = int(before) if before.isdecimal() else 0
        return restarts is not None and int(restarts[1]) > known


def seen_in_line(line: str) -> Seen | None:
    """A line of squeue, `id|state|reason|name`; a job's name may hold anything."""
    fields = line.split("|", 3)
    if len(fields) < 4:
        return None
    job_id, state, reason, name = fields
    word = _WORDS.get(state, Word.BEGUN)
    if word is Word.WAITS and ("Held" in reason or reason.endswith("held")):
        word = Word.HELD
    known = _REASONS.get(reason, reason)
    if word is Word.OVER:
        known = over_words(state, reason)
    elif word is not Word.WAITS and word is not Word.HELD:
        known = "suspended" if state in {"SUSPENDED", "STOPPED"} else ""
    return Seen(job_id, name, word, plain_line(known))


def over_words(state: str, reason: str = "None") -> str:
    """A state of a job that is over, in words: `TIMEOUT: its wall-time ended`."""
    why = _OVER.get(state) or ("" if reason == "None" else reason)
    return f"{state}: {why}" if why else state


def explained(state: str, exit_code: str) -> Explanation:
    """What a state with Slurm's kind of exit code, `code:signal`, says."""
    first = state.partition(" ")[0]  # CANCELLED by 1000
    code, _, number = exit_code.partition(":")
    words = over_words(first)
    if first == "FAILED" and exit_code == "0:53":
        words = "FAILED: it could not be launched: is its folder there on the node?"
    elif first == "FAILED":
        words = f"FAILED: exit code {code}" if code != "0" else f"FAILED: killed by signal {number}"
    return Explanation(first == "CANCELLED", plain_line(words))


def _state_and_exit(shown: str) -> tuple[str, str]:
    state = re.search(r"\bJobState=(\S+)", shown)
    code = re.search(r"\bExitCode=(\S+)", shown)
    return state[1] if state else "", code[1] if code else ""


def _checked(answer: Answer, program: str) -> Answer:
    if not answer.exit_code:
        return answer
    told = answer.complaint.removeprefix(f"{program.partition(' ')[0]}: ").removeprefix("error: ")
    message = f"{program}: {told or f'exit code {answer.exit_code}'}"
    if _UNREACHABLE.search(answer.complaints):
        raise UnreachableError(message)
    raise RefusedError(message)
