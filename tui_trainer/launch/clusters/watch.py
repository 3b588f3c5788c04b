"""Asks schedulers what became of jobs: once for all runs, and for all programs of one user."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from tui_trainer.errors import TuiTrainerError
from tui_trainer.launch.clusters.scheduler import UnreachableError
from tui_trainer.launch.clusters.submission import SCHEDULERS, name_of_answers, scheduler_of
from tui_trainer.launch.last_words import LONGEST, last_words
from tui_trainer.record.events import JobEnded, JobSubmitted, append_event
from tui_trainer.record.index import RunReader
from tui_trainer.record.owner import Presence
from tui_trainer.record.plain_text import plain_line
from tui_trainer.record.sighting import Answer, Answers, Word, answers_file
from tui_trainer.record.state import State
from tui_trainer.record.tail import read_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tui_trainer.launch.clusters.scheduler import Explanation, Scheduler
    from tui_trainer.record.index import Run
    from tui_trainer.record.job import Job
    from tui_trainer.record.sighting import Seen

# A look at the queue costs a site's controller something; many forbid loops under 30 s.
SECONDS_BETWEEN_POLLS = 15.0
SECONDS_VARIABLE = "TUI_TRAINER_SECONDS_BETWEEN_POLLS"
LONGEST_BACK_OFF = 16
# Somebody's submission is under way for so long at the most.
SECONDS_TO_SUBMIT = 60.0
# Each costs a scheduler's program; what is left is explained by the next look.
MOST_EXPLANATIONS = 8


def ask_about(runs: Iterable[Run]) -> bool:
    """Ask about those runs whose state depends on a scheduler; whether there is anything new.

    Takes up to some twenty seconds where a scheduler hangs, and no time at all where it was asked
    only just, by anybody.
    """
    in_question = [run for run in runs if _depends_on_scheduler(run)]
    is_new = False
    for kind in sorted({_kind_of(run) for run in in_question} & SCHEDULERS.keys()):
        scheduler = scheduler_of(kind)
        name = name_of_answers(scheduler)
        # Others were submitted to a cluster that is not known from here.
        its = [run for run in in_question if _scheduler_of(run) == name]
        if its:
            is_new |= poll(scheduler)
            is_new |= _note_all(scheduler, its)
    return is_new


def look_and_ask(look: Callable[[], list[Run]]) -> list[Run]:
    """The runs as they are once schedulers were asked about those that depend on one."""
    runs = look()
    return look() if ask_about(runs) else runs


class Watch:
    """A thread that asks about runs from time to time, so that nobody has to wait for it.

    Args:
        look: Gives the runs as they are.
    """

    def __init__(self, look: Callable[[], Iterable[Run]]) -> None:
        self._look = look
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="schedulers", daemon=True)

    def begin(self) -> None:
        """Ask from now on."""
        self._thread.start()

    def end(self) -> None:
        """Ask no more; not waited for, as a scheduler that hangs may be."""
        self._is_over.set()

    def _watch(self) -> None:
        while not self._is_over.is_set():
            with contextlib.suppress(TuiTrainerError, OSError):
                ask_about(self._look())
            self._is_over.wait(min(1.0, seconds_between_polls()))


@contextlib.contextmanager
def watching(look: Callable[[], Iterable[Run]]) -> Iterator[None]:
    """Meanwhile schedulers are asked about runs, as often as they may be."""
    watch = Watch(look)
    watch.begin()
    try:
        yield
    finally:
        watch.end()


def poll(scheduler: Scheduler) -> bool:
    """Ask for all jobs of this user where that is due, and keep the answer for everybody."""
    path = answers_file(name_of_answers(scheduler))
    with contextlib.suppress(OSError), _alone(path) as is_alone:
        known = Answers.read(path)
        if is_alone and _is_due(known):
            _asked(scheduler, known).write(path)
            return True
    return False


def seconds_between_polls() -> float:
    """How often a scheduler may be asked."""
    with contextlib.suppress(ValueError):
        return max(0.1, float(os.environ.get(SECONDS_VARIABLE, "")))
    return SECONDS_BETWEEN_POLLS


def _is_due(known: Answers) -> bool:
    back_off = min(2**known.failures, LONGEST_BACK_OFF)
    since = time.time() - known.asked
    return since < 0 or since >= seconds_between_polls() * back_off


def _asked(scheduler: Scheduler, known: Answers) -> Answers:
    began = time.time()
    try:
        jobs = scheduler.poll()
    except UnreachableError as error:
        return replace(
            known,
            asked=time.time(),
            failures=known.failures + 1,
            silent_since=known.silent_since or began,
            error=error.message,
        )
    explained = _why_they_cannot(scheduler, jobs, known.newest)
    answer = Answer(
        began=began, host=socket.gethostname(), jobs={seen.job_id: seen for seen in explained}
    )
    return Answers(asked=time.time(), newest=answer, before=known.newest)


def _why_they_cannot(
    scheduler: Scheduler, jobs: Iterable[Seen], before: Answer | None
) -> Iterator[Seen]:
    """The jobs, those that cannot begin with the reason; it is asked for once."""
    known = {} if before is None else before.jobs
    left = MOST_EXPLANATIONS
    for seen in jobs:
        if seen.word is not Word.CANNOT or seen.reason:
            yield seen
        elif seen.job_id in known and known[seen.job_id].reason:
            yield seen._replace(reason=known[seen.job_id].reason)
        else:
            left -= 1
            words = ""
            with contextlib.suppress(UnreachableError):
                words = scheduler.explain(seen.job_id).words if left >= 0 else ""
            yield seen._replace(reason=words)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Whether nobody else asks at this moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _depends_on_scheduler(run: Run) -> bool:
    """Whether its state is more than its own records and heartbeat tell."""
    job = run.history.job
    if job is None or job.ended is not None or job.was_cancelled:
        return False
    if run.newest_attempt <= job.awaited_after:
        return run.state is not State.FINISHED
    attempt = run.history.attempts.get(run.newest_attempt)
    is_told = attempt is not None and attempt.exit_code is not None
    return not is_told and (not run.state.is_live or run.awaited_job is not None)


def _scheduler_of(run: Run) -> str:
    job = run.history.job
    return "" if job is None else job.requested.scheduler


def _kind_of(run: Run) -> str:
    job = run.history.job
    return "" if job is None else job.requested.kind


def _note_all(scheduler: Scheduler, runs: Iterable[Run]) -> bool:
    """Write into runs what the scheduler's answer says for good."""
    left, is_new = MOST_EXPLANATIONS, False
    for run in runs:
        job = run.history.job
        if job is None:
            continue
        sighting = job.sighting()
        if sighting.job_id and not job.job_id:
            append_event(
                run.folder.events_file, JobSubmitted(token=job.token, job_id=sighting.job_id)
            )
            is_new = True
        elif sighting.word in {Word.OVER, Word.GONE} and left:
            left -= 1
            # Since it was looked at, it may have come to an end that it recorded itself.
            if _depends_on_scheduler(RunReader(run.folder).look()):
                is_new |= _note_end(scheduler, run, job, sighting.reason)
    return is_new


def _note_end(scheduler: Scheduler, run: Run, job: Job, reason: str) -> bool:
    """Record what became of a job that is over, as long as somebody knows it."""
    if not job.job_id:
        return _note_never_taken(run, job)
    try:
        explanation = scheduler.explain(job.job_id)
    except UnreachableError:
        return False
    append_event(run.folder.events_file, _ended(run, job, explanation, reason))
    return True


def _note_never_taken(run: Run, job: Job) -> bool:
    """A submission that was cut off, and that the scheduler knows nothing of."""
    is_under_way = job.requested.owner.presence() is not Presence.DEAD
    if is_under_way and time.time() - job.requested.time < SECONDS_TO_SUBMIT:
        return False
    cause = f"its submission was cut off before {job.kind} had the job"
    ended = JobEnded(token=job.token, outcome="refused", cause=cause)
    append_event(run.folder.events_file, ended)
    return True


def _ended(run: Run, job: Job, explanation: Explanation, reason: str) -> JobEnded:
    words = explanation.words or reason
    # What the shell or the interpreter complained of, before any supervisor had a log of its own.
    said = _last_word(run.folder.job(job.requested.number).log_file)
    outcome = "interrupted" if explanation.was_cancelled else "failed" if words or said else ""
    cause = "; ".join(filter(None, (words, said)))
    return JobEnded(token=job.token, outcome=outcome, cause=cause)


def _last_word(log_file: Path) -> str:
    """The error that a log ends with, or else its last line."""
    end = read_end(log_file, 4096)
    lines = [] if end is None else end.content.decode(errors="replace").split("\n")
    last = [plain_line(line) for line in lines if line.strip()][-1:]
    return last_words(log_file) or "".join(last)[:LONGEST]
