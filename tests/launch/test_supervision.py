"""Real supervisors over a fake core: every end is recorded, every kill is seen."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import (
    CommandLine,
    claim_next,
    kill,
    owners_in,
    trains,
    wait_until,
    wait_until_gone,
)
from tests.faults.small_disk import SmallDisk
from tests.tui.run_folders import RunWriter, foreign_owner
from tui_trainer.errors import ExitCode, UsageError
from tui_trainer.launch import attempt as attempt_module
from tui_trainer.launch import launcher
from tui_trainer.launch.attempt import SupervisedAttempt
from tui_trainer.launch.launcher import prepare
from tui_trainer.launch.restarts import Ending
from tui_trainer.launch.signals import Signals
from tui_trainer.launch.turn import AtOnce
from tui_trainer.record.experiment_file import read_experiment
from tui_trainer.record.failure import Hope
from tui_trainer.record.heartbeat import Heartbeat, Progress
from tui_trainer.record.index import RunReader
from tui_trainer.record.owner import Owner
from tui_trainer.record.run_folder import AttemptFolder, RunFolder, claim_run, find_run
from tui_trainer.record.state import State
from tui_trainer.spec.project import load_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tui_trainer.record.index import Run


QUITTING = """\
import os
from torch import nn
class Quitting(nn.Sequential):
    def forward(self, images):
        {1}
        return super().forward(images)
def build(classes, size):
    {0}
    return Quitting(nn.Flatten(), nn.Linear(3 * size * size, classes))
"""


def is_over(run: Run) -> bool:
    return run.state is not State.QUEUED and not run.state.is_live


def has_epochs(count: int) -> Callable[[Run], bool]:
    return lambda run: len(run.epochs) >= count


def kill_everything(command_line: CommandLine, name: str) -> None:
    """SIGKILL supervisor and core of a run at once."""
    heartbeat = find_run(command_line.folder / "runs", name).heartbeat_file
    beat = Heartbeat.read(heartbeat)
    assert beat is not None
    assert beat.core is not None
    for owner in (beat.owner, beat.core):
        kill(owner.pid)
    wait_until_gone(beat.owner, beat.core)


def test_a_run_goes_to_its_end_by_itself(tui_trainer: CommandLine) -> None:
    assert tui_trainer.fake()("run", "one", "--detach").returncode == ExitCode.DONE
    run = tui_trainer.wait("one", is_over)
    assert run.state is State.FINISHED
    assert [epoch.epoch for epoch in run.epochs] == [1, 2, 3, 4]
    assert run.clean_accuracy == 0.9
    assert run.attempts[0].exit_code == 0
    assert run.attempts[0].peak_memory_bytes > 1_000_000


def test_right_after_a_kill_of_everything_the_run_reads_crashed(tui_trainer: CommandLine) -> None:
    tui_trainer.fake(hold_at=1)("run", "one", "--detach")
    tui_trainer.wait("one", trains)
    kill_everything(tui_trainer, "one")
    (run,) = tui_trainer.json("runs")
    assert run["state"] == "crashed"
    assert "killed" in run["cause"]


@pytest.mark.parametrize(
    ("knobs", "state", "cause"),
    [
        ({"crash_at": 3}, State.CRASHED, "RuntimeError: planted at epoch 3"),
        ({"kill_at": 3}, State.CRASHED, "SIGKILL"),
        ({"exit_at": 3, "code": 5}, State.CRASHED, "exit code 5"),
        (
            {"exit_at": 3, "code": 0},
            State.CRASHED,
            "its process ended by itself before its training",
        ),
        ({"exit_at": 1, "code": 3}, State.FAILED, "exit code 3: its process ended by itself"),
        ({"exit_at": 3, "code": 75}, State.INTERRUPTED, "resumable"),
    ],
)
def test_every_end_has_its_state_and_cause_and_can_be_resumed(
    tui_trainer: CommandLine, knobs: dict[str, int], state: State, cause: str
) -> None:
    command_line = tui_trainer.fake(**knobs)
    command_line("run", "one", "--detach")
    run = command_line.wait("one", is_over)
    assert run.state is state
    assert cause in run.cause
    assert command_line("resume", "one").returncode == ExitCode.DONE
    run = command_line.look("one")
    assert run.state is State.FINISHED
    assert [epoch.epoch for epoch in run.epochs] == [1, 2, 3, 4]
    assert len(run.attempts) == 2


def test_a_core_that_never_tells_its_end_is_no_finished_run(tui_trainer: CommandLine) -> None:
    done = tui_trainer.fake(mute=True)("run", "one")
    assert done.returncode == ExitCode.CRASHED
    run = tui_trainer.look("one")
    assert (run.state, run.attempts[0].exit_code) == (State.CRASHED, ExitCode.CRASHED)


def test_a_core_that_is_killed_right_after_it_told_its_end_is_done(
    tui_trainer: CommandLine,
) -> None:
    assert tui_trainer.fake(kill_at_end=True)("run", "one").returncode == ExitCode.DONE
    run = tui_trainer.look("one")
    assert (run.state, run.cause, run.attempts[0].exit_code) == (State.FINISHED, "", 0)


@pytest.mark.parametrize("when", ["built", "asked"])
def test_own_code_that_ends_the_process_without_an_error_does_not_finish_the_run(
    tui_trainer: CommandLine, when: str
) -> None:
    where = {"built": ("os._exit(0)", ""), "asked": ("", "os._exit(0)")}[when]
    (tui_trainer.folder / "moody.py").write_text(QUITTING.format(*where))
    done = tui_trainer("run", "one", "--set", "model.name=moody:build")
    assert done.returncode == ExitCode.CRASHED
    (run,) = tui_trainer.json("runs")
    assert run["state"] == "crashed"
    assert "own code that calls os._exit?" in run["cause"]


def test_a_resume_with_other_settings_than_at_the_launch_is_refused(
    tui_trainer: CommandLine,
) -> None:
    command_line = tui_trainer.fake(kill_at=3)
    command_line("run", "one")
    file = command_line.look("one").folder.experiment_file
    launched = file.read_text()
    file.write_text(launched.replace("lr = 0.", "lr = 1."))
    assert file.read_text() != launched
    for arguments in ([], ["--epochs", "9"]):
        refused = command_line("resume", "one", *arguments)
        assert refused.returncode == ExitCode.USAGE
        assert "experiment.toml was changed since the launch" in " ".join(refused.stderr.split())
    run = command_line.look("one")
    assert (len(run.attempts), run.planned_epochs) == (1, 4)
    file.write_text(launched)
    assert command_line("resume", "one").returncode == ExitCode.DONE


def test_a_killed_supervisor_takes_the_core_for_stopping_until_it_is_gone(
    tui_trainer: CommandLine,
) -> None:
    tui_trainer.fake(hold_at=1, deaf=True)("run", "one", "--detach")
    tui_trainer.wait("one", trains)
    beat = Heartbeat.read(find_run(tui_trainer.folder / "runs", "one").heartbeat_file)
    assert beat is not None
    assert beat.core is not None
    kill(beat.owner.pid)
    tui_trainer.wait("one", lambda run: run.state is State.STOPPING)
    refused = tui_trainer("resume", "one")
    assert refused.returncode == ExitCode.OWNED
    kill(beat.core.pid)
    tui_trainer.wait("one", lambda run: run.state is State.CRASHED)


def test_a_stop_of_a_run_that_crashes_over_it_is_no_success(tui_trainer: CommandLine) -> None:
    command_line = tui_trainer.fake(hold_at=1, deaf=True)
    command_line("run", "one", "--detach")
    command_line.wait("one", trains)
    stopping = command_line.start("stop", "one")
    command_line.wait("one", lambda run: run.state is State.STOPPING)
    kill_everything(command_line, "one")
    said, _ = stopping.communicate(timeout=60)
    assert "one/1 crashed" in said
    assert stopping.returncode == ExitCode.CRASHED


def test_a_stop_is_carried_out_and_can_be_resumed(tui_trainer: CommandLine) -> None:
    command_line = tui_trainer.fake(hold_at=2)
    command_line("run", "one", "--detach")
    command_line.wait("one", has_epochs(1))
    stopped = command_line("stop", "one")
    assert stopped.returncode == ExitCode.DONE
    assert "one/1 stopped" in stopped.stdout
    assert command_line.fake()("resume", "one").returncode == ExitCode.DONE


@pytest.mark.parametrize("options", [[], ["--now"]], ids=["stop", "at once"])
@pytest.mark.parametrize("held", ["supervisor", "core", "both"])
def test_a_suspended_run_is_woken_to_be_stopped(
    tui_trainer: CommandLine, held: str, options: list[str]
) -> None:
    tui_trainer.fake(hold_at=1)("run", "one", "--detach")
    run = tui_trainer.wait("one", trains)
    beat = Heartbeat.read(run.folder.heartbeat_file)
    assert beat is not None
    assert beat.core is not None
    everybody = {"supervisor": beat.owner.pid, "core": beat.core.pid}
    for name in everybody if held == "both" else [held]:
        os.kill(everybody[name], signal.SIGSTOP)
    tui_trainer.wait("one", lambda run: run.cause.startswith("suspended by SIGSTOP"))
    refused = tui_trainer("resume", "one")
    assert refused.returncode == ExitCode.OWNED
    assert "one/1 is stalled (suspended by SIGSTOP; kill -CONT" in refused.stderr
    stopped = tui_trainer("stop", "one", *options, seconds=30)
    assert stopped.returncode == ExitCode.DONE
    assert ("tui-trainer stop one --now" in stopped.stderr) == (not options)
    run = tui_trainer.look("one")
    assert (run.state, run.newest_attempt) == (State.STOPPED, 1)
    assert owners_in(run.folder.heartbeat_file) == []


def test_a_core_that_is_suspended_elsewhere_is_woken_by_its_supervisor(
    tui_trainer: CommandLine,
) -> None:
    tui_trainer.fake(hold_at=1)("run", "one", "--detach")
    run = tui_trainer.wait("one", trains)
    beat = Heartbeat.read(run.folder.heartbeat_file)
    assert beat is not None
    assert beat.core is not None
    os.kill(beat.core.pid, signal.SIGSTOP)
    run.folder.attempt(1).ask_to_stop(at_once=False)  # all that reaches another host
    assert tui_trainer.wait("one", is_over).state is State.STOPPED


def test_a_deaf_core_is_stopped_at_once_on_demand(tui_trainer: CommandLine) -> None:
    command_line = tui_trainer.fake(hold_at=1, deaf=True)
    command_line("run", "one", "--detach")
    command_line.wait("one", trains)
    assert "one/1 stopped" in command_line("stop", "one", "--now").stdout
    (attempt,) = command_line.look("one").attempts
    assert attempt.cause == "stopped at once, without a checkpoint"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR2, signal.SIGXCPU])
def test_a_signal_to_the_supervisor_stops_with_a_checkpoint(
    tui_trainer: CommandLine, number: int
) -> None:
    command_line = tui_trainer.fake(hold_at=1)
    command_line("run", "one", "--detach")
    command_line.wait("one", trains)
    beat = Heartbeat.read(find_run(tui_trainer.folder / "runs", "one").heartbeat_file)
    assert beat is not None
    os.kill(beat.owner.pid, number)
    assert command_line.wait("one", is_over).state is State.INTERRUPTED


def test_a_hang_up_is_ignored(tui_trainer: CommandLine) -> None:
    command_line = tui_trainer.fake(hold_at=1)
    command_line("run", "one", "--detach")
    command_line.wait("one", trains)
    beat = Heartbeat.read(find_run(tui_trainer.folder / "runs", "one").heartbeat_file)
    assert beat is not None
    os.kill(beat.owner.pid, signal.SIGHUP)
    command_line.let_go()
    assert command_line.wait("one", is_over).state is State.FINISHED


def test_a_supervisor_has_a_session_of_its_own(tui_trainer: CommandLine) -> None:
    command_line = tui_trainer.fake(hold_at=1)
    command_line("run", "one", "--detach")
    command_line.wait("one", lambda run: run.state is State.RUNNING and run.progress is not None)
    beat = Heartbeat.read(find_run(tui_trainer.folder / "runs", "one").heartbeat_file)
    assert beat is not None
    assert beat.core is not None
    assert os.getsid(beat.owner.pid) == os.getsid(beat.core.pid) != os.getsid(0)


def test_of_resumes_in_the_same_moment_one_wins_and_the_others_say_who(
    tui_trainer: CommandLine,
) -> None:
    command_line = tui_trainer.fake(crash_at=2, hold_at=2)
    command_line("run", "one", "--detach")
    command_line.wait("one", is_over)
    attempts = [command_line.start("resume", "one", "--detach") for _ in range(6)]
    errors = [process.communicate(timeout=60)[1] for process in attempts]
    codes = [process.returncode for process in attempts]
    assert sorted(codes) == [ExitCode.DONE] + [ExitCode.OWNED] * 5
    losers = [error for code, error in zip(codes, errors, strict=True) if code]
    assert all("pid " in error for error in losers)
    assert command_line.look("one").attempts[-1].number == 2


def test_runs_begun_in_the_same_second_share_nothing(tui_trainer: CommandLine) -> None:
    command_line = tui_trainer.fake()
    starts = [command_line.start("run", "one", "--set", f"seed={seed}") for seed in range(3)]
    for start in starts:
        output, _ = start.communicate(timeout=60)
        assert start.returncode == ExitCode.DONE, output
    folders = sorted((command_line.folder / "runs" / "one").iterdir())
    assert [folder.name for folder in folders] == ["1", "2", "3"]
    inodes = [path.stat().st_ino for folder in folders for path in folder.rglob("*")]
    assert len(inodes) == len(set(inodes))
    runs = [command_line.look(f"one/{number}") for number in (1, 2, 3)]
    assert {read_experiment(run.folder).experiment.seed for run in runs} == {0, 1, 2}
    assert all([epoch.epoch for epoch in run.epochs] == [1, 2, 3, 4] for run in runs)


def test_a_signal_before_the_core_can_hear_is_heard_later(tui_trainer: CommandLine) -> None:
    for delay in (0, 0.02, 0.05, 0.1):
        command_line = tui_trainer.fake(hold_at=1)
        command_line("run", "one", "--detach")
        attempt = find_run(tui_trainer.folder / "runs", "one").newest_attempt()
        assert attempt is not None
        owner = attempt.owner()
        assert owner is not None
        time.sleep(delay)
        os.kill(owner.pid, signal.SIGTERM)
        assert command_line.wait("one", is_over).state is State.INTERRUPTED


def test_runs_kept_elsewhere_by_a_link_still_belong_to_the_project(
    tui_trainer: CommandLine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Home is small, scratch is large: on clusters `runs` is a link more often than not."""
    scratch = tmp_path_factory.mktemp("scratch")
    (tui_trainer.folder / "runs").symlink_to(scratch)
    done = tui_trainer("run", "one", "--set", 'data = { name = "cifar10" }')
    assert done.returncode == ExitCode.PREFLIGHT
    assert str(tui_trainer.folder / "data" / "cifar-10-batches-py") in done.stdout


def test_a_file_of_the_users_named_like_a_module_is_not_imported(tui_trainer: CommandLine) -> None:
    for name in ("signal.py", "json.py", "torch.py"):
        (tui_trainer.folder / name).write_text("raise RuntimeError('imported by mistake')")
    program = Path(sys.executable).with_name("tui-trainer")
    done = subprocess.run(
        [program, "run", "one"],
        cwd=tui_trainer.folder,
        env=tui_trainer.fake().environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ExitCode.DONE, done.stderr


def test_an_interrupt_in_the_middle_of_a_launch_is_obeyed_after_it(
    tui_trainer: CommandLine,
) -> None:
    for delay in (0.1, 0.15, 0.2, 0.25, 0.3):
        process = tui_trainer.fake(hold_at=1).start("run", "one")
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode in {ExitCode.STOPPED, -signal.SIGINT, 130}
        runs = tui_trainer.json("runs")
        assert {run["state"] for run in runs} <= {"stopped"}


def test_a_run_whose_launcher_was_killed_is_failed_and_can_be_resumed(
    tui_trainer: CommandLine,
) -> None:
    project = load_project(tui_trainer.folder / "experiments.toml")
    child = os.fork()
    if child == 0:
        prepare(project, "one", project.experiment("one"))
        os._exit(0)
    os.waitpid(child, 0)
    assert tui_trainer.json("runs")[0]["state"] == "failed"
    assert tui_trainer.fake()("resume", "one").returncode == ExitCode.DONE


def test_the_end_is_recorded_once_there_is_room_for_it(tui_trainer: CommandLine) -> None:
    command_line = tui_trainer.fake(hold_at=2)
    command_line("run", "one", "--detach")
    folder = command_line.wait("one", has_epochs(1)).folder
    events = folder.events_file
    away = events.rename(events.with_name("events.away"))
    events.mkdir()  # no line can be appended to this
    command_line.let_go()
    beat_without_core(folder)
    events.rmdir()
    away.rename(events)
    run = command_line.wait("one", is_over)
    assert run.attempts[-1].exit_code is not None


def test_while_it_cannot_record_the_end_it_beats_and_hears_a_stop(
    tui_trainer: CommandLine,
) -> None:
    command_line = tui_trainer.fake(hold_at=2)
    command_line("run", "one", "--detach")
    folder = command_line.wait("one", has_epochs(1)).folder
    away = folder.events_file.rename(folder.path / "events.away")
    folder.events_file.mkdir()  # no line can be appended to this
    command_line.let_go()
    beat = beat_without_core(folder)
    later = beat_without_core(folder, after=beat.beat)
    assert owners_in(folder.heartbeat_file) == [later.owner.pid]
    os.kill(later.owner.pid, signal.SIGTERM)
    wait_until_gone(later.owner)
    folder.events_file.rmdir()
    away.rename(folder.events_file)
    assert command_line("resume", "one").returncode == ExitCode.DONE


class NoSignals(Signals):
    """Of a process that is sent none."""

    def __init__(self) -> None:
        """Leave this process's handlers alone."""

    def wait(self, seconds: float, *_: int) -> None:
        time.sleep(seconds)

    def take(self) -> list[int]:
        return []


def test_a_stop_is_heard_also_while_it_tries_to_record_the_end(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a file server that takes long to say that it is full."""
    folder, owner = claim_run(project / "runs", "one"), Owner.of_process(os.getpid())
    claimed = claim_next(folder, owner)
    tries: list[float] = []

    def is_asked_and_fails(*_: object) -> None:
        if not tries:
            claimed.ask_to_stop(at_once=False)
        tries.append(time.monotonic())
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(attempt_module, "append_event", is_asked_and_fails)
    monkeypatch.setattr(attempt_module, "TRIES_TO_RECORD_THE_END", 4)
    attempt = SupervisedAttempt(folder, claimed, owner, AtOnce(None), NoSignals())
    crashed = Ending(
        exit_code=1, cause="why", hope=Hope.ROOM, where=Progress(), made_progress=False
    )
    attempt.record_end(crashed, "why", now_owned_by=attempt)
    assert len(tries) == 1
    run = RunReader(folder).look()
    assert run.unrecorded_end
    assert run.unrecorded_end.cause == "why"


def beat_without_core(folder: RunFolder, after: int = 1) -> Heartbeat:
    """A later beat, of a supervisor whose core has ended."""
    beats: list[Heartbeat] = []

    def has_come() -> bool:
        beat = Heartbeat.read(folder.heartbeat_file)
        if beat is not None and beat.core is None and beat.beat > after:
            beats.append(beat)
        return bool(beats)

    wait_until(has_come)
    return beats[0]


@pytest.fixture
def small_disk(project: Path) -> Iterator[SmallDisk]:
    """The runs on a file system of their own, which only root can make."""
    with SmallDisk.mounted(project / "runs", "size=1m") as disk:
        yield disk


@pytest.mark.parametrize(
    ("options", "deaf"), [([], False), (["--now"], True)], ids=["stop", "at once"]
)
def test_without_a_byte_of_room_a_run_can_be_stopped_and_says_so(
    tui_trainer: CommandLine, small_disk: SmallDisk, options: list[str], *, deaf: bool
) -> None:
    command_line = tui_trainer.fake(hold_at=1, deaf=deaf)
    command_line("run", "one", "--detach", "--set", "resources.max_restarts=3")
    command_line.wait("one", trains)
    filler = small_disk.fill()
    done = command_line("stop", "one", *options)
    assert done.returncode == ExitCode.DONE, done.stderr
    run = command_line.look("one")
    assert (run.state, run.newest_attempt) == (State.STOPPED, 1)
    ended = run.attempts[-1]
    filler.unlink()
    assert command_line("resume", "one", "--detach").returncode == ExitCode.DONE
    run = command_line.wait("one", lambda run: run.newest_attempt == 2)
    assert run.attempts[0] == ended


def test_a_run_that_waits_for_room_says_so_and_is_stopped(
    tui_trainer: CommandLine, small_disk: SmallDisk
) -> None:
    command_line = tui_trainer.fake(crash_at=2, attempts=99, hope="room", cause="disk full: here")
    command_line("run", "one", "--detach", "--set", "resources.max_restarts=3")
    command_line.wait("one", has_epochs(1))
    small_disk.fill()
    run = command_line.wait("one", lambda run: "disk is full" in run.cause)
    assert run.state is State.STALLED
    where = f"waits for 0 kB in {run.folder.path}, where 0 kB are free; make room"
    assert where in run.cause
    assert "it ended: disk full: here" in run.cause
    assert re.search("; tries again in [1-9][0-9]* s$", run.cause)
    assert "tui-trainer prune" in command_line("runs").stdout
    assert command_line("stop", "one").returncode == ExitCode.DONE
    run = command_line.look("one")
    assert run.state is State.STOPPED
    assert "disk full: here" in run.cause
    nothing = command_line("resume", "--all", "--detach").stdout
    assert nothing == "no run crashed, was lost or interrupted\n"


def test_who_cannot_be_asked_or_signalled_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunWriter(project, "one").start(foreign_owner()).train(1).beat().folder

    def full(attempt: AttemptFolder, **_: bool) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(attempt.stop_file))

    monkeypatch.setattr(AttemptFolder, "ask_to_stop", full)
    # Nobody beats any more here; that it is lost would be sure after ten seconds.
    monkeypatch.setattr(launcher, "look_until_sure", lambda readers: [r.look() for r in readers])
    with pytest.raises(UsageError, match=r"stop\.json: No space left on device") as error:
        launcher.stop(folder)
    assert f"kill -TERM of {folder.attempt(1).owner()}" in error.value.hint


def test_a_cause_that_no_encoding_has_a_word_for_ends_nothing(tui_trainer: CommandLine) -> None:
    command_line = tui_trainer.fake(crash_at=1, cause="bad name \udcff")
    command_line("run", "one", "--detach")
    run = command_line.wait("one", is_over)
    assert run.state is State.CRASHED
    assert "bad name" in run.cause


def test_the_heartbeat_beats_and_tells_how_far_it_is(tui_trainer: CommandLine) -> None:
    command_line = tui_trainer.fake(seconds=5)
    command_line("run", "one", "--detach")
    run = command_line.wait("one", lambda run: bool(run.progress and run.progress.step > 1))
    file, began = run.folder.heartbeat_file, time.monotonic()
    first = json.loads(file.read_text())["beat"]
    wait_until(lambda: json.loads(file.read_text())["beat"] >= first + 3)
    # Once a second, however much the core has to say: each beat is a write to a shared disk. The
    # first of the three may have been due at once.
    assert time.monotonic() - began > 1.8


def test_a_hanging_core_is_told_from_a_working_one(tui_trainer: CommandLine) -> None:
    command_line = tui_trainer.fake(hang_at=2)
    command_line("run", "one", "--detach")
    command_line.wait("one", has_epochs(1))
    file = find_run(command_line.folder / "runs", "one").heartbeat_file
    wait_until(lambda: json.loads(file.read_text())["idle_seconds"] > 1)


def test_a_run_in_another_pid_namespace_reads_running_and_then_lost(
    tui_trainer: CommandLine,
) -> None:
    """As a login node sees a compute node: the same files, another world of pids."""
    command_line = tui_trainer.fake(hold_at=1)
    away = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*away, "true"], capture_output=True, check=False).returncode:
        pytest.skip("a PID namespace needs root")
    elsewhere = subprocess.Popen(
        [*away, *command_line.command("run", "one")],
        cwd=command_line.folder,
        env=command_line.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    command_line.wait("one", trains)
    assert command_line.json("runs")[0]["state"] == "running"
    assert command_line("resume", "one").returncode == ExitCode.OWNED
    elsewhere.kill()
    elsewhere.wait()
    (run,) = command_line.json("runs")
    assert run["state"] == "lost"
    assert "no sign of life" in run["cause"]


def test_a_run_folder_without_experiment_is_not_resumed(tui_trainer: CommandLine) -> None:
    (tui_trainer.folder / "runs" / "one" / "1").mkdir(parents=True)
    refused = tui_trainer.fake()("resume", "one")
    assert refused.returncode == ExitCode.USAGE
    assert "experiment.toml" in refused.stderr


def test_what_a_core_uses_is_told_while_it_lives(tui_trainer: CommandLine) -> None:
    tui_trainer.fake(hang_at=2, seconds=0.01)("run", "one", "--detach")
    run = tui_trainer.wait("one", lambda run: run.usage is not None)
    assert run.usage is not None
    assert run.usage.memory_bytes > 1_000_000
    shown = tui_trainer.json("show", "one")["usage"]
    assert set(shown) == {"processors", "memory_bytes", "gpu_memory_bytes", "gpu_busy"}
    tui_trainer("stop", "one", "--now")
    assert tui_trainer.wait("one", is_over).usage is None
