"""What a run reads that is a scheduler's job, by its events and the scheduler's last answers."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import claim_next
from tests.tui.run_folders import foreign_owner
from tui_trainer.errors import OwnedByAnotherError
from tui_trainer.record.claim import claim
from tui_trainer.record.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    JobCancelled,
    JobContinues,
    JobEnded,
    JobRequested,
    JobSubmitted,
    append_event,
)
from tui_trainer.record.index import Run, RunReader
from tui_trainer.record.owner import Owner
from tui_trainer.record.run_folder import RunFolder, claim_run
from tui_trainer.record.sighting import Answer, Answers, Seen, Word, answers_file
from tui_trainer.record.state import State

if TYPE_CHECKING:
    from pathlib import Path

OURS, OTHER = "t", "u"
SUBMITTED = JobSubmitted(token=OURS, job_id="7")
LIMIT = JobEnded(token=OURS, outcome="failed", cause="TIMEOUT: its wall-time ended")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = claim_run(tmp_path / "runs", "one")
    folder.experiment_file.touch()
    return folder


def requested(token: str = OURS, after: int = 0, time: float = 100.0) -> JobRequested:
    return JobRequested(
        time=time,
        token=token,
        kind="slurm",
        scheduler="slurm-here",
        name=f"tt-{token}",
        number=1,
        after=after,
        owner=Owner.of_process(os.getpid()),
    )


def tell(folder: RunFolder, *events: Event) -> Run:
    for event in events:
        append_event(folder.events_file, event)
    return RunReader(folder).look()


def answer(word: Word | None, reason: str = "", **facts: Any) -> None:
    """The scheduler was asked twice: it lists the job so, or not at all."""
    jobs = {} if word is None else {"7": Seen("7", "tt-t", word, reason)}
    newest, before = (
        Answer(began=began, host=socket.gethostname(), jobs=jobs) for began in (300.0, 200.0)
    )
    path = answers_file("slurm-here")
    path.parent.mkdir(parents=True, exist_ok=True)
    Answers(newest=newest, before=before, **facts).write(path)


@pytest.mark.parametrize(
    ("word", "reason", "state", "cause"),
    [
        (Word.WAITS, "others come first", State.QUEUED, "job 7 of slurm waits: others come first"),
        (Word.HELD, "", State.QUEUED, "job 7 of slurm is held"),
        (Word.BEGUN, "", State.QUEUED, "job 7 of slurm begins"),
        (Word.CANNOT, "no such file", State.FAILED, "job 7 of slurm cannot begin: no such file"),
        (Word.OVER, "FAILED: exit code 127", State.CRASHED, "before it began to train: FAILED"),
        (None, "", State.LOST, "knows nothing of it any more"),
    ],
)
def test_a_job_that_is_waited_for(
    folder: RunFolder, word: Word | None, reason: str, state: State, cause: str
) -> None:
    answer(word, reason)
    run = tell(folder, requested(), SUBMITTED)
    assert run.state is state
    assert cause in run.cause
    assert (run.awaited_job is not None) is (state is State.QUEUED)


def test_a_scheduler_that_never_answered_or_does_no_more_says_nothing(folder: RunFolder) -> None:
    run = tell(folder, requested(), SUBMITTED)
    assert (run.state, run.cause) == (
        State.QUEUED,
        "job 7 of slurm was submitted, and has not been seen there yet",
    )
    answer(Word.WAITS, asked=1180.0, silent_since=1000.0, failures=3)
    run = RunReader(folder).look()
    assert run.state is State.QUEUED
    assert run.cause.endswith("; slurm has not answered for 180 s")


def test_what_was_asked_and_told_of_a_job_counts_more_than_the_queue(folder: RunFolder) -> None:
    answer(Word.WAITS)
    tell(folder, requested(), SUBMITTED)
    assert tell(folder, LIMIT).state is State.CRASHED
    assert tell(folder, JobCancelled(token=OURS)).state is State.STOPPED


def test_an_attempt_that_vanished_is_told_by_its_scheduler(folder: RunFolder) -> None:
    tell(folder, requested(), SUBMITTED)
    owner = Owner.from_record({**Owner.of_process(os.getpid()).as_record(), "start_ticks": 1})
    claim_next(folder, owner)
    started = AttemptStarted(attempt=1, owner=owner, threads=1)
    answer(Word.BEGUN)
    assert tell(folder, started).state is State.CRASHED
    answer(Word.WAITS, "put back into the queue")
    run = RunReader(folder).look()
    assert run.state is State.QUEUED
    assert "put back into the queue" in run.cause
    run = tell(folder, LIMIT)
    answer(None)
    run = RunReader(folder).look()
    assert (run.state, run.cause) == (
        State.CRASHED,
        "job 7 of slurm ended: TIMEOUT: its wall-time ended",
    )


def test_a_live_run_is_live_whatever_its_scheduler_says(folder: RunFolder) -> None:
    tell(folder, requested(), SUBMITTED)
    owner = Owner.of_process(os.getpid())
    claim_next(folder, owner)
    answer(None)
    assert tell(folder, AttemptStarted(attempt=1, owner=owner, threads=1)).state is State.PREFLIGHT
    assert tell(folder, LIMIT).state is State.PREFLIGHT


def ended(folder: RunFolder) -> AttemptEnded:
    """Attempt 1, which some other host's process claimed."""
    claim_next(folder, foreign_owner())
    return AttemptEnded(attempt=1, exit_code=75, cause="x", peak_memory_bytes=0)


def test_between_two_jobs_a_run_waits_and_is_claimed_by_its_own_job_alone(
    folder: RunFolder,
) -> None:
    tell(folder, requested(), SUBMITTED)
    over = ended(folder)
    goes_on = JobContinues(token=OURS, attempt=1, host="h", cause="its wall-time was about to end")
    run = tell(folder, goes_on, over)
    assert run.state is State.QUEUED
    assert run.cause.endswith("it begins anew: its wall-time was about to end")
    with pytest.raises(OwnedByAnotherError, match="is queued"):
        claim(folder)
    assert claim(folder, "t")[0].number == 2


def test_a_submission_that_is_refused_leaves_the_run_as_it_was(folder: RunFolder) -> None:
    tell(folder, requested(), SUBMITTED)
    run = tell(folder, ended(folder))
    assert run.state is State.INTERRUPTED
    refused = JobEnded(token=OTHER, outcome="refused", cause="no such partition")
    assert tell(folder, requested(OTHER, after=1)).state is State.QUEUED
    assert tell(folder, refused).state is State.INTERRUPTED


def test_a_first_submission_that_is_refused_is_a_failure(folder: RunFolder) -> None:
    refused = JobEnded(token=OURS, outcome="refused", cause="no such partition")
    run = tell(folder, requested(), refused)
    assert (run.state, run.cause) == (State.FAILED, "no such partition")
