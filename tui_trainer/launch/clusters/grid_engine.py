"""Grid Engine: its words, its programs, and what their answers mean."""

from __future__ import annotations

import os
import pwd
import re
from typing import TYPE_CHECKING, ClassVar
from xml.etree import ElementTree as ET

from tui_trainer.launch.clusters.scheduler import (
    Explanation,
    RefusedError,
    UnreachableError,
    ask,
)
from tui_trainer.record.plain_text import plain_line
from tui_trainer.record.sighting import Seen, Word

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tui_trainer.launch.clusters.scheduler import Answer, Order

# What a job's script exits with to be put into the queue again; from sge_conf(5).
BEGIN_ANEW = 99
_UNREACHABLE = re.compile(
    r"unable to (send message to|contact) qmaster|commlib error|can't (connect|resolve)|"
    r"got (select|send|read) error|SGE_ROOT directory|cell directory|SGE_ROOT is not set",
    re.IGNORECASE,
)
_UNKNOWN_JOB = "does not exist"
# Of qacct's `failed`: what became of the job, by Grid Engine's own numbers.
_FAILURES = {
    "37": "killed at a limit: wall-time, processor time or memory",
    "100": "killed by a signal",
    "25": "put back into the queue",
}
_BYTES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class GridEngine:
    """Grid Engine as qsub, qstat, qdel and qacct know it."""

    kind: ClassVar[str] = "grid_engine"
    prefix: ClassVar[str] = "#$"
    # 8.1.9 counts what a job's earlier starts took: seen with h_rt=40, killed 21 s into the second.
    renews_wall_time: ClassVar[bool] = False

    @property
    def place(self) -> str:
        """The cell that its programs talk to."""
        return ":".join(os.environ.get(name, "") for name in ("SGE_ROOT", "SGE_CELL"))

    def directives(self, order: Order) -> list[str]:
        """As lines that begin with #$ say them."""
        return [
            "-S /bin/bash",
            f"-N {order.name}",
            "-cwd",
            f"-o {order.log}",
            "-j y",
            "-notify",
            "-r y",
            *_wanted(order),
            *order.cluster.extra,
        ]

    def command(self, script: str) -> list[str]:
        """`qsub`."""
        return ["qsub", "-terse", script]

    def submit(self, script: str, folder: Path) -> str:
        """The id that qsub prints, without an array's tasks."""
        answer = _checked(ask(self.command(script), folder), "qsub")
        for line in reversed(answer.output.splitlines()):
            if match := re.fullmatch(r"(\d+)(\.\S+)?", line.strip()):
                return match[1]
        raise UnreachableError(f"qsub said no job's id: {plain_line(answer.output)[:200]}")

    def poll(self) -> list[Seen]:
        """All that qstat lists; a job leaves it the moment it is over."""
        return list(_listed())

    def cancel(self, job_id: str) -> None:
        """By qdel, which denies what does not exist."""
        answer = ask(["qdel", job_id])
        if _UNKNOWN_JOB not in answer.output + answer.complaints:
            _checked(answer, "qdel")

    def explain(self, job_id: str) -> Explanation:
        """What qstat -j says of a job that is listed, or else the accounting of one that is not."""
        answer = ask(["qstat", "-j", job_id])
        if not answer.exit_code:
            return Explanation(was_cancelled=False, words=error_reason(answer.output))
        if _UNREACHABLE.search(answer.output + answer.complaints):
            raise UnreachableError(f"qstat: {answer.complaint}")
        answer = ask(["qacct", "-j", job_id])
        words = "" if answer.exit_code else ended_words(answer.output)
        return Explanation(was_cancelled=False, words=words)

    def go_on(self, job_id: str) -> int:  # noqa: ARG002  it is its own exit code that asks
        """By the exit code that puts a job into the queue again."""
        return BEGIN_ANEW

    def is_begun_anew(self, job_id: str) -> bool:
        """Whether it stands in the queue again, or still."""
        # The kill comes soon: the queue's notify time is a minute, on some sites less.
        listed = _listed(seconds=3.0)
        return any(seen.job_id == job_id and seen.word is Word.WAITS for seen in listed)


def _listed(seconds: float | None = None) -> Iterator[Seen]:
    user = pwd.getpwuid(os.getuid()).pw_name
    answer = ask(["qstat", "-xml", "-u", user], seconds=seconds)
    if answer.exit_code:
        raise UnreachableError(f"qstat: {answer.complaint}")
    return seen_in_xml(answer.output)


def seen_in_xml(text: str) -> Iterator[Seen]:
    """The jobs of `qstat -xml`; of an array one for each task that runs, one for those that wait.

    Raises:
        UnreachableError: It is none.
    """
    try:
        tree = ET.fromstring(text)  # noqa: S314  the scheduler's own answer
    except ET.ParseError as error:
        raise UnreachableError(f"qstat said what is no XML: {error}") from error
    for job in tree.iter("job_list"):
        letters = job.findtext("state") or ""
        yield Seen(
            job.findtext("JB_job_number") or "",
            job.findtext("JB_name") or "",
            _word(letters),
            _reason(letters),
        )


def error_reason(text: str) -> str:
    """Why `qstat -j` says that a job cannot be started."""
    reasons = re.findall(r"^error reason\s+\d+:\s*(.+)$", text, re.MULTILINE)
    # Date, time and the numbers of user and process say nothing of it.
    bare = [re.sub(r"^\S+ \S+ \[\d+:\d+\]: (error: )?", "", reason) for reason in reasons]
    return plain_line(bare[-1]) if bare else ""


def ended_words(text: str) -> str:
    """How the last start of a job ended, by what `qacct -j` says of each."""
    last = text.rpartition("=" * 30)[2]
    failed = re.search(r"^failed\s+(\d+)\s*(?::\s*(.*))?$", last, re.MULTILINE)
    status = re.search(r"^exit_status\s+(\d+)", last, re.MULTILINE)
    if failed is None or status is None:
        return ""
    if failed[1] == "0":
        return f"exit code {status[1]}"
    known = _FAILURES.get(failed[1])
    told = plain_line(failed[2] or "").strip()
    why = f"{known} ({told})" if known and told else known or told or f"failure {failed[1]}"
    return f"{why}; exit status {status[1]}"


def _word(letters: str) -> Word:
    """Letters of a state, such as qw, hqw, t, r, s, dr, Rq, Rr, Eqw; one of them says most."""
    if "E" in letters:
        return Word.CANNOT
    if "d" in letters:
        return Word.ENDS
    if "h" in letters:
        return Word.HELD
    return Word.WAITS if "q" in letters else Word.BEGUN


def _reason(letters: str) -> str:
    if "h" in letters:
        return "it is held, or waits for another job; qrls lets it go"
    if set(letters) & set("sST"):
        return "suspended"
    return "put back into the queue" if letters == "Rq" else ""


def _wanted(order: Order) -> Iterator[str]:
    resources, cluster = order.resources, order.cluster
    if queue := cluster.queue or cluster.partition:
        yield f"-q {queue}"
    if project := cluster.project or cluster.account:
        yield f"-P {project}"
    if resources.slots and resources.slots > 1:
        yield f"-pe {cluster.pe} {resources.slots}"
    if resources.gpus:
        yield f"-l {cluster.gpu_resource}={resources.gpus}"
    if resources.memory:
        # Grid Engine counts it for each slot.
        mebibytes = _mebibytes(resources.memory) // (resources.slots or 1)
        yield f"-l {cluster.memory_resource}={mebibytes}M"
    if wall := resources.wall_seconds:
        yield f"-l h_rt={wall}"
        yield f"-l s_rt={wall - cluster.notice_seconds(wall)}"
    if order.after:
        yield f"-hold_jid {order.after}"


def _mebibytes(memory: str) -> int:
    return int(memory[:-1]) * _BYTES[memory[-1]] >> 20


def _checked(answer: Answer, program: str) -> Answer:
    if not answer.exit_code:
        return answer
    said = answer.output + answer.complaints
    lines = [line for line in said.splitlines() if line.strip() and line.strip() != "Exiting."]
    told = plain_line(lines[-1]) if lines else f"exit code {answer.exit_code}"
    message = f"{program}: {told.removeprefix('Unable to run job: ')}"
    raise UnreachableError(message) if _UNREACHABLE.search(said) else RefusedError(message)
