"""Looking again costs what changed, and sees what was replaced."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.conftest import claim_next
from tests.tui.run_folders import RunWriter, foreign_owner, write_project
from tui_trainer.errors import ExitCode
from tui_trainer.record import index
from tui_trainer.record.claim import claim
from tui_trainer.record.durable import append_record, encode_record
from tui_trainer.record.epochs import Epoch, best_epoch, read_epochs, write_epochs
from tui_trainer.record.events import AttemptEnded, AttemptStarted, append_event, event_record
from tui_trainer.record.heartbeat import SILENCE_SECONDS, Heartbeat, Progress
from tui_trainer.record.index import Index, RunReader, look_once
from tui_trainer.record.owner import Owner, Presence
from tui_trainer.record.run_folder import RunFolder, all_runs, claim_run
from tui_trainer.record.state import State
from tui_trainer.spec.project import load_project
from tui_trainer.spec.snapshot import experiment_to_toml

if TYPE_CHECKING:
    from pathlib import Path

ME = Owner.of_process(os.getpid())
ELSEWHERE = replace(ME, host="node7", boot_id="another")


class Clock:
    """A monotonic clock that goes where it is told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def epoch(number: int, accuracy: float | None = 0.5, loss: float = 1.0) -> Epoch:
    return Epoch(
        epoch=number,
        attempt=1,
        step=number * 10,
        train_loss=loss,
        train_accuracy=accuracy,
        validation_loss=loss,
        validation_accuracy=accuracy,
        ood_accuracy=None,
        lr=0.1,
        grad_norm=1.0,
        seconds=2.0,
        images_per_second=100.0,
        time=0.0,
    )


@pytest.fixture
def folder(project: Path) -> RunFolder:
    """A run of four epochs that this process owns."""
    folder = claim_run(project / "runs", "one")
    experiment = load_project(project / "experiments.toml").experiment("one")
    folder.experiment_file.write_text(experiment_to_toml(experiment, {"host": "vm"}))
    return folder


def own(folder: RunFolder, owner: Owner) -> None:
    attempt = claim_next(folder, owner)
    append_event(folder.events_file, AttemptStarted(attempt=attempt.number, owner=owner, threads=1))


def beat(folder: RunFolder, count: int, owner: Owner = ELSEWHERE, step: int = 0) -> None:
    Heartbeat(
        beat=count,
        attempt=1,
        owner=owner,
        core=None,
        progress=Progress(stage="training", epoch=3, step=step, steps=10),
        idle_seconds=0,
    ).write(folder.heartbeat_file)


def test_epochs_arrive_as_they_are_written(folder: RunFolder) -> None:
    own(folder, ME)
    reader = RunReader(folder)
    assert reader.look().epochs == ()
    append_record(folder.epochs_file, epoch(1).as_record())
    assert reader.look().epochs == (epoch(1),)
    append_record(folder.epochs_file, epoch(2).as_record())
    assert reader.look().epochs == (epoch(1), epoch(2))


def test_epochs_that_a_resume_took_back_vanish(folder: RunFolder) -> None:
    reader = RunReader(folder)
    write_epochs(folder.epochs_file, [epoch(1), epoch(2), epoch(3)])
    assert len(reader.look().epochs) == 3
    write_epochs(folder.epochs_file, [epoch(1)])
    assert reader.look().epochs == (epoch(1),)
    write_epochs(folder.epochs_file, [])
    assert reader.look().epochs == ()


def test_an_epoch_written_twice_counts_once_and_the_last_counts(folder: RunFolder) -> None:
    write_epochs(folder.epochs_file, [epoch(1), epoch(2), epoch(2, accuracy=0.9)])
    assert RunReader(folder).look().epochs == (epoch(1), epoch(2, accuracy=0.9))
    assert read_epochs(folder.epochs_file) == [epoch(1), epoch(2, accuracy=0.9)]


def test_the_best_epoch_is_the_most_accurate_then_the_least_loss_then_the_first() -> None:
    assert best_epoch([epoch(1, 0.8), epoch(2, 0.9), epoch(3, 0.9), epoch(4, None)]) == epoch(
        2, 0.9
    )
    assert best_epoch([epoch(1, 0.9), epoch(2, 0.9, loss=0.5)]) == epoch(2, 0.9, loss=0.5)
    assert best_epoch([epoch(1, None)]) is None


def test_the_time_left_follows_from_recent_epochs_and_the_step(folder: RunFolder) -> None:
    own(folder, ME)
    write_epochs(folder.epochs_file, [epoch(1), epoch(2)])
    beat(folder, 1, owner=ME, step=5)
    assert RunReader(folder).look().eta_seconds == pytest.approx(1.5 * 2.0)


def test_a_run_elsewhere_is_lost_only_after_a_long_silence(folder: RunFolder) -> None:
    own(folder, ELSEWHERE)
    clock = Clock()
    reader = RunReader(folder, clock)
    beat(folder, 1)
    assert reader.look().state is State.RUNNING
    assert reader.needs_watching()
    clock.seconds = SILENCE_SECONDS + 1
    assert reader.look().state is State.LOST
    assert not reader.needs_watching()
    beat(folder, 2)
    assert reader.look().state is State.RUNNING
    assert not reader.needs_watching()


def test_a_run_claimed_elsewhere_just_now_is_not_lost_before_its_first_beat(
    folder: RunFolder,
) -> None:
    clock = Clock()
    reader = RunReader(folder, clock)
    reader.look()
    clock.seconds = 100 * SILENCE_SECONDS
    own(folder, ELSEWHERE)
    assert reader.look().state is State.PREFLIGHT
    clock.seconds += SILENCE_SECONDS + 1
    assert reader.look().state is State.LOST
    own(folder, ELSEWHERE)
    assert reader.look().state is State.PREFLIGHT


def test_an_owner_that_cannot_be_read_for_a_moment_does_not_kill_the_run(folder: RunFolder) -> None:
    own(folder, ME)
    attempt = folder.attempt(1)
    reader = RunReader(folder)
    content = attempt.owner_file.read_bytes()
    attempt.owner_file.unlink()
    assert reader.look().state is State.PREFLIGHT
    attempt.owner_file.write_bytes(content)
    assert reader.look().state is State.PREFLIGHT


def test_a_run_that_is_over_is_read_again_once_it_goes_on(folder: RunFolder) -> None:
    own(folder, ME)
    append_event(
        folder.events_file, AttemptEnded(attempt=1, exit_code=1, cause="x", peak_memory_bytes=0)
    )
    reader = RunReader(folder)
    over = reader.look()
    assert over.state is State.CRASHED
    assert reader.look() is over
    own(folder, ME)
    assert reader.look().state is State.PREFLIGHT


def test_the_progress_of_an_earlier_attempt_is_not_shown(folder: RunFolder) -> None:
    own(folder, ME)
    beat(folder, 1, owner=ME, step=5)
    assert RunReader(folder).look().progress is not None
    own(folder, ME)
    assert RunReader(folder).look().progress is None


def test_absurd_numbers_are_no_numbers(folder: RunFolder) -> None:
    own(folder, ME)
    beat(folder, 1, owner=ME)
    text = folder.heartbeat_file.read_text().replace('"steps": 10', '"steps": ' + "9" * 400)
    folder.heartbeat_file.write_text(text)
    write_epochs(folder.epochs_file, [epoch(1), epoch(2)])
    run = RunReader(folder).look()
    assert run.progress is not None
    assert run.progress.steps == 0
    assert run.eta_seconds == pytest.approx(2 * 2.0)


def test_a_run_elsewhere_that_ended_needs_no_watching(folder: RunFolder) -> None:
    own(folder, ELSEWHERE)
    append_event(
        folder.events_file,
        AttemptEnded(attempt=1, exit_code=0, cause="", peak_memory_bytes=0),
    )
    reader = RunReader(folder)
    assert reader.look().state is State.FINISHED
    assert not reader.needs_watching()


@pytest.mark.parametrize("has_left_word", [False, True])
def test_an_end_recorded_while_the_run_is_looked_at_is_the_one_that_counts(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, *, has_left_word: bool
) -> None:
    """The supervisor records it and is gone, after the events were read."""
    own(folder, ME)
    ended = AttemptEnded(
        attempt=1, exit_code=ExitCode.STOPPED, cause="stopped, resumable", peak_memory_bytes=0
    )
    if has_left_word:
        word = encode_record(event_record(ended))
        folder.attempt(1).core_ended_file.write_bytes(word)

    def record_and_die(_: Owner) -> Presence:
        if not folder.events_file.read_bytes().count(b"attempt_ended"):
            append_event(folder.events_file, ended)
        return Presence.DEAD

    monkeypatch.setattr(Owner, "presence", record_and_die)
    run = RunReader(folder).look()
    assert (run.state, run.cause) == (State.INTERRUPTED, "stopped, resumable")
    assert run.unrecorded_end is None


def test_what_the_core_said_of_its_end_counts_where_its_supervisor_was_killed(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(folder, ME)
    ended = AttemptEnded(
        attempt=1, exit_code=ExitCode.CRASHED, cause="disk full: x", peak_memory_bytes=0
    )
    folder.attempt(1).core_ended_file.write_bytes(encode_record(event_record(ended)))
    assert RunReader(folder).look().state is State.PREFLIGHT
    monkeypatch.setattr(Owner, "presence", lambda _: Presence.DEAD)
    run = RunReader(folder).look()
    cause = "disk full: x; its supervisor was killed"
    assert (run.state, run.cause) == (State.CRASHED, cause)
    claim(folder)
    assert RunReader(folder).look().attempts[0].cause == cause


def test_a_run_cut_off_at_its_launch_is_listed(project: Path) -> None:
    claim_run(project / "runs", "one")
    (run,) = Index(project / "runs").look()
    assert run.state is State.FAILED
    assert run.summary()["run"] == "one/1"


def test_damaged_files_are_counted_and_do_not_hide_the_run(folder: RunFolder) -> None:
    own(folder, ME)
    folder.epochs_file.write_bytes(b'garbage\n{"epoch":"x"}\n{"epoch":1}\n{"epo')
    folder.heartbeat_file.write_bytes(b"")
    folder.clean_results_file.parent.mkdir()
    os.mkfifo(folder.clean_results_file)
    run = RunReader(folder).look()
    assert [epoch.epoch for epoch in run.epochs] == [1]
    assert run.skipped_lines == 1
    assert run.state is State.PREFLIGHT


def test_a_damaged_experiment_does_not_hide_the_run(folder: RunFolder) -> None:
    folder.experiment_file.write_text("[experiment")
    run = RunReader(folder).look()
    assert run.plan is None
    assert run.planned_epochs == 0


def test_each_run_is_looked_at_once_and_those_elsewhere_are_watched_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = write_project(tmp_path)
    RunWriter(project, "cnn2").start(foreign_owner()).train(1).beat()
    RunWriter(project, "cnn4").start().train(1).end(0)
    monkeypatch.setattr(index, "SILENCE_SECONDS", 0.3)
    looks = look_once(all_runs(project / "runs"))
    assert [(run.name, run.state) for run in looks] == [
        ("cnn4/1", State.FINISHED),
        ("cnn2/1", State.LOST),
    ]
