"""A crash is tried again while that may help, each time as an attempt of its own."""

from __future__ import annotations

import errno
import json
import os
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import CommandLine, trains, wait_until_gone
from tests.launch.test_supervision import is_over
from tui_trainer.errors import ExitCode
from tui_trainer.launch import launcher
from tui_trainer.launch.restarts import (
    FIRST_WAIT_SECONDS,
    LONGEST_WAIT_SECONDS,
    Ending,
    Restarts,
)
from tui_trainer.record.events import AttemptEnded, event_from_record, read_events
from tui_trainer.record.failure import Hope
from tui_trainer.record.heartbeat import Heartbeat, Progress
from tui_trainer.record.owner import Owner
from tui_trainer.record.run_folder import AttemptFolder, RunFolder
from tui_trainer.record.state import State
from tui_trainer.train import __main__ as core

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TypeGuard

    from tui_trainer.record.events import Event
    from tui_trainer.record.index import Run

CRASH = Ending(
    exit_code=1,
    cause="OSError: gone",
    hope=Hope.SOME,
    where=Progress(stage="training", epoch=3, step=7),
    made_progress=False,
)


@pytest.fixture
def restarting(tui_trainer: CommandLine, project: Path) -> CommandLine:
    """The small project with two restarts in a row."""
    file = project / "experiments.toml"
    file.write_text(file.read_text().replace("max_restarts = 0", "max_restarts = 2"))
    return tui_trainer


def waits(run: Run) -> bool:
    """Whether its supervisor waits before the next start."""
    return run.state is State.STALLED and run.cause.startswith("starts again in ")


def is_end(event: Event | None) -> TypeGuard[AttemptEnded]:
    """Whether it tells of an attempt's end."""
    return isinstance(event, AttemptEnded)


def epochs_told(run: Run) -> list[int]:
    """The epochs in the file, line by line."""
    return [json.loads(line)["epoch"] for line in run.folder.epochs_file.read_text().splitlines()]


def test_the_waits_double_up_to_a_longest() -> None:
    restarts = Restarts(12)
    waits = [restarts.after(CRASH).wait_seconds for _ in range(13)]
    assert waits[:3] == [FIRST_WAIT_SECONDS, 2 * FIRST_WAIT_SECONDS, 4 * FIRST_WAIT_SECONDS]
    assert waits[-2:] == [LONGEST_WAIT_SECONDS, None]


def test_progress_begins_the_count_anew() -> None:
    restarts, forward = Restarts(2), replace(CRASH, made_progress=True)
    endings = [CRASH, CRASH, forward, CRASH, forward, CRASH, CRASH]
    went_on = [restarts.after(ending).wait_seconds is not None for ending in endings]
    assert went_on == [True] * 6 + [False]


def test_a_full_disk_is_met_again_every_few_minutes_without_end() -> None:
    restarts, full = Restarts(2), replace(CRASH, cause="voll", hope=Hope.ROOM)
    waits = [restarts.after(full).wait_seconds for _ in range(5000)]
    assert waits[:2] == [FIRST_WAIT_SECONDS, 2 * FIRST_WAIT_SECONDS]
    assert set(waits[10:]) == {LONGEST_WAIT_SECONDS}
    went_on = [restarts.after(CRASH).wait_seconds is not None for _ in range(3)]
    assert went_on == [True, True, False]
    assert Restarts(0).after(full).wait_seconds is None


@pytest.mark.parametrize(
    ("number", "hope"),
    [(errno.ENOSPC, Hope.ROOM), (errno.EDQUOT, Hope.ROOM), (errno.EIO, Hope.SOME)],
)
def test_a_full_disk_is_told_by_a_value_of_its_own(number: int, hope: Hope) -> None:
    error = OSError(number, os.strerror(number), "epoch-0003.pt")
    assert core._judged(error)[1] is Hope.after(error) is Hope.of(hope.value) is hope


def test_a_full_disk_is_told_by_the_record_of_the_end(restarting: CommandLine) -> None:
    command_line = restarting.fake(crash_at=2, hope="room", cause="voll")
    assert command_line("run", "one").returncode == ExitCode.DONE
    ended = [e for e in read_events(command_line.look("one").folder.events_file) if is_end(e)]
    assert [event.hope for event in ended] == ["room", "none"]
    old = event_from_record({"event": "attempt_ended", "attempt": 1, "exit_code": 1})
    assert is_end(old)
    assert old.hope == ""


def test_what_is_given_up_says_why() -> None:
    restarts = Restarts(1)
    assert restarts.after(CRASH).cause == "OSError: gone"
    given_up = restarts.after(CRASH).cause
    assert given_up == "OSError: gone; not tried again: 1 restart in a row made no progress"


def test_an_error_of_the_code_is_not_met_a_third_time() -> None:
    restarts, error = Restarts(5), replace(CRASH, hope=Hope.ONCE)
    assert restarts.after(error).wait_seconds is not None
    elsewhere = replace(error, where=Progress(stage="training", epoch=3, step=8))
    assert restarts.after(elsewhere).wait_seconds is not None
    assert restarts.after(replace(elsewhere, cause="another")).wait_seconds is not None
    again = restarts.after(replace(elsewhere, cause="another"))
    assert again.wait_seconds is None
    assert again.cause.endswith("the same step failed twice in the same way")


def test_what_the_core_decided_is_not_tried_again() -> None:
    assert Restarts(5).after(replace(CRASH, hope=Hope.NONE)).wait_seconds is None
    assert Restarts(0).after(CRASH).wait_seconds is None


@pytest.mark.parametrize("knobs", [{"crash_at": 3}, {"kill_at": 3}, {"exit_at": 3, "code": 5}])
def test_a_crash_is_tried_again_and_every_epoch_stands_once(
    restarting: CommandLine, knobs: dict[str, Any]
) -> None:
    done = restarting.fake(**knobs)("run", "one")
    assert done.returncode == ExitCode.DONE, done.stdout
    run = restarting.look("one")
    assert run.state is State.FINISHED
    assert [attempt.number for attempt in run.attempts] == [1, 2]
    first, second = run.attempts
    assert first.exit_code not in {0, None}
    assert first.cause
    assert first.made_progress
    assert second.exit_code == 0
    assert second.began_at_epoch == 3
    assert epochs_told(run) == [1, 2, 3, 4]
    assert [epoch.attempt for epoch in run.epochs] == [1, 1, 2, 2]
    assert all((run.folder.attempt(n).path / "log.txt").exists() for n in (1, 2))


def test_a_crash_loop_ends_with_its_cause(restarting: CommandLine) -> None:
    command_line = restarting.fake(crash_at=2, attempts=99)
    command_line("run", "one", "--detach")
    run = command_line.wait("one", is_over)
    assert run.state is State.CRASHED
    # The first attempt trained an epoch, which the two restarts after it did not.
    assert [attempt.made_progress for attempt in run.attempts] == [True, False, False]
    assert run.cause == (
        "RuntimeError: planted at epoch 2; not tried again: 2 restarts in a row made no progress"
    )
    assert run.cause in command_line("show", "one").stdout


def test_the_same_error_at_the_same_step_is_not_tried_a_third_time(
    restarting: CommandLine,
) -> None:
    command_line = restarting.fake(crash_at=1, attempts=99, hope="once")
    command_line("run", "one", "--detach")
    run = command_line.wait("one", is_over)
    assert len(run.attempts) == 2
    assert "the same step failed twice" in run.cause


@pytest.mark.parametrize(
    ("knobs", "state"),
    [
        ({"exit_at": 1, "code": 3}, State.FAILED),
        ({"exit_at": 1, "code": 2}, State.CRASHED),
        ({"exit_at": 2, "code": 4}, State.CRASHED),
        ({"exit_at": 2, "code": 75}, State.INTERRUPTED),
        (
            {"crash_at": 2, "hope": "none", "cause": "the weights are no longer finite"},
            State.CRASHED,
        ),
    ],
)
def test_what_a_second_try_cannot_mend_is_not_tried_again(
    restarting: CommandLine, knobs: dict[str, Any], state: State
) -> None:
    command_line = restarting.fake(**knobs)
    command_line("run", "one", "--detach")
    run = command_line.wait("one", is_over)
    supervisor = run.folder.attempt(1).owner()
    assert supervisor is not None
    wait_until_gone(supervisor)
    run = command_line.look("one")
    assert run.state is state
    assert run.newest_attempt == 1


def test_while_it_waits_the_run_says_so_and_belongs_to_its_supervisor(
    restarting: CommandLine,
) -> None:
    command_line = restarting.fake(crash_at=1, hold_at=1)
    command_line("run", "one", "--detach")
    run = command_line.wait("one", waits)
    assert run.newest_attempt == 2
    assert run.attempts[0].exit_code == 1
    assert "attempt 1 ended: RuntimeError: planted at epoch 1" in run.cause
    assert command_line("resume", "one").returncode == ExitCode.OWNED
    assert command_line.look("one").newest_attempt == 2


@pytest.mark.parametrize("options", [[], ["--now"]])
def test_a_stop_while_it_waits_works_at_once(restarting: CommandLine, options: list[str]) -> None:
    command_line = restarting.fake(crash_at=2, attempts=2)
    command_line("run", "one", "--detach")
    command_line.wait("one", lambda run: waits(run) and run.newest_attempt == 3)
    assert "one/1 stopped" in command_line("stop", "one", *options).stdout
    run = command_line.look("one")
    assert run.state is State.STOPPED
    assert run.attempts[-1].exit_code == ExitCode.STOPPED
    assert run.attempts[-1].began_at_epoch == 0  # no core was started any more


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2])
def test_a_signal_while_it_waits_ends_the_waiting(
    restarting: CommandLine, number: signal.Signals
) -> None:
    command_line = restarting.fake(crash_at=2)
    command_line("run", "one", "--detach")
    run = command_line.wait("one", waits)
    beat = Heartbeat.read(run.folder.heartbeat_file)
    assert beat is not None
    os.kill(beat.owner.pid, number)
    run = command_line.wait("one", is_over)
    assert run.state is State.INTERRUPTED
    assert number.name in run.cause
    wait_until_gone(beat.owner)


def test_a_core_that_crashes_while_it_stops_is_not_started_again(restarting: CommandLine) -> None:
    command_line = restarting.fake(hold_at=1, deaf=True)
    command_line("run", "one", "--detach")
    run = command_line.wait("one", trains)
    beat = Heartbeat.read(run.folder.heartbeat_file)
    assert beat is not None
    assert beat.core is not None
    os.kill(beat.owner.pid, signal.SIGTERM)
    time.sleep(0.5)
    os.kill(beat.core.pid, signal.SIGKILL)
    run = command_line.wait("one", is_over)
    assert run.state is State.CRASHED
    assert run.newest_attempt == 1


def test_each_attempt_tells_its_own_peak_of_memory(restarting: CommandLine) -> None:
    command_line = restarting.fake(crash_at=2)
    command_line("run", "one")
    peaks = [attempt.peak_memory_bytes for attempt in command_line.look("one").attempts]
    assert all(peak > 1_000_000 for peak in peaks)
    assert all(attempt.seconds > 0 for attempt in command_line.look("one").attempts)


def test_the_log_is_followed_into_the_next_attempt(restarting: CommandLine) -> None:
    command_line = restarting.fake(crash_at=3, noise="hello from the core")
    command_line("run", "one", "--detach")
    followed = command_line("logs", "-f", "--attempt", "1", "one").stdout
    assert followed.count("hello from the core") == 2
    assert "attempt 2 ended: done" in followed


def test_a_stop_reaches_the_attempt_that_is_claimed_while_it_is_written(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(project / "runs" / "one" / "1")
    folder.path.mkdir(parents=True)
    owner = Owner.of_process(os.getpid())
    first = folder.claim_attempt(owner, after=0)
    ask = AttemptFolder.ask_to_stop

    def ask_too_late(attempt: AttemptFolder, *, at_once: bool) -> None:
        if attempt == first:
            folder.claim_attempt(owner, after=1)
        ask(attempt, at_once=at_once)

    monkeypatch.setattr(AttemptFolder, "ask_to_stop", ask_too_late)
    monkeypatch.setattr(launcher, "_signal_where_nobody_obeys", lambda *_, **__: None)
    launcher.stop(folder)
    assert folder.attempt(2).stop_request() is False


def test_data_that_is_away_at_a_restart_is_waited_for(tui_trainer: CommandLine) -> None:
    fake = tui_trainer.fake(exit_at=3, code=ExitCode.PREFLIGHT.value, attempts=1)
    done = fake("run", "one", "--set", "resources.max_restarts=2")
    assert done.returncode == ExitCode.DONE, done.stdout
    run = tui_trainer.look("one")
    assert [attempt.exit_code for attempt in run.attempts] == [ExitCode.PREFLIGHT, 0]


def test_what_was_refused_after_it_trained_is_among_the_dead(tui_trainer: CommandLine) -> None:
    fake = tui_trainer.fake(exit_at=3, code=ExitCode.PREFLIGHT.value, attempts=9)
    assert fake("run", "one").returncode == ExitCode.CRASHED
    run = tui_trainer.look("one")
    assert run.state is State.CRASHED
    assert run.attempts[0].cause.startswith("exit code 3: its process ended by itself")
    done = tui_trainer.fake()("resume", "--all")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert tui_trainer.look("one").state is State.FINISHED
