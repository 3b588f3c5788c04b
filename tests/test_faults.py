"""The whole house with the real core, and what a working day does to it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT, CommandLine, kill, wait_until, wait_until_gone
from tests.test_story import measured
from tests.train.cifar_files import write_cifar
from tui_trainer.errors import ExitCode
from tui_trainer.record.heartbeat import Heartbeat
from tui_trainer.record.owner import Owner
from tui_trainer.record.run_folder import RunFolder, find_run
from tui_trainer.record.state import State

if TYPE_CHECKING:
    from pathlib import Path

    from tui_trainer.record.index import Run

# Minutes of real processes, signals and memory limits.
pytestmark = pytest.mark.soak
FAULTS_PROJECT = """
[defaults]
data = { name = "cifar10", verify = "shape" }
batch_size = 16
epochs = 2
resources.slots = 1  # threads that wait for each other crawl on a busy machine
optimizer = { name = "adam", lr = 3e-3 }
[experiments.depth1]
model = { name = "cnn", depth = 1, width = 6, dropout = 0.2 }
[experiments.depth2]
model = { name = "cnn", depth = 2, width = 6, dropout = 0.2 }
[experiments.depth3]
model = { name = "cnn", depth = 3, width = 6, dropout = 0.2 }
[experiments.long]
base = "depth1"
epochs = 100000
"""
DEPTHS = ("depth1", "depth2", "depth3")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path)


def write_project(folder: Path) -> Path:
    """Experiments and data that take a second."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "experiments.toml").write_text(FAULTS_PROJECT)
    write_cifar(folder / "data", "cifar10", train=320, test=40)
    return folder


def trains(run: Run) -> bool:
    return bool(run.epochs and run.progress and run.progress.step)


def is_over(run: Run) -> bool:
    return run.newest_attempt > 0 and not run.state.is_live


def begin(command_line: CommandLine, *options: str) -> tuple[RunFolder, Owner, Owner]:
    """A long run that trains; its supervisor and its core."""
    done = command_line("run", "long", "--detach", *options)
    assert done.returncode == ExitCode.DONE, done.stderr
    run = command_line.wait("long", trains, 300)
    beat = Heartbeat.read(run.folder.heartbeat_file)
    assert beat is not None
    assert beat.core is not None
    return run.folder, beat.owner, beat.core


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a run but what its processes print and what they write aside."""
    kept = (path for path in folder.rglob("*") if path.suffix != ".tmp" and path.name != "log.txt")
    files = (path for path in kept if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR2, signal.SIGXCPU])
def test_a_signal_to_the_whole_group_saves_and_ends(
    tui_trainer: CommandLine, number: signal.Signals
) -> None:
    """As schedulers send it, and again while the first one is being obeyed."""
    folder, supervisor, core = begin(tui_trainer)
    os.killpg(os.getpgid(supervisor.pid), number)
    time.sleep(0.05)
    kill(core.pid, signal.SIGINT)
    kill(core.pid, signal.SIGTERM)
    run = tui_trainer.wait("long", is_over)
    wait_until_gone(supervisor, core)
    assert run.state is State.INTERRUPTED
    assert number.name in run.cause
    assert run.attempts[-1].exit_code == ExitCode.STOPPED
    assert run.newest_attempt == 1
    checkpoint = run.history.checkpoint
    assert checkpoint is not None
    assert (folder.checkpoints / checkpoint.checkpoint).exists()
    assert checkpoint.epoch >= len(run.epochs)
    assert "Traceback" not in folder.attempt(1).log_file.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR2, signal.SIGXCPU])
def test_a_signal_to_the_core_alone_saves_and_ends_too(
    tui_trainer: CommandLine, number: signal.Signals
) -> None:
    _, supervisor, core = begin(tui_trainer)
    os.kill(core.pid, number)
    run = tui_trainer.wait("long", is_over)
    wait_until_gone(supervisor, core)
    assert (run.state, run.newest_attempt) == (State.INTERRUPTED, 1)
    assert number.name in run.cause


def test_hup_is_nothing_and_usr1_saves_and_goes_on(tui_trainer: CommandLine) -> None:
    folder, supervisor, core = begin(tui_trainer)
    before = len(folder.events_file.read_text().splitlines())
    for owner in (supervisor, core):
        os.kill(owner.pid, signal.SIGHUP)
    os.killpg(os.getpgid(supervisor.pid), signal.SIGUSR1)

    def has_saved() -> bool:
        lines = folder.events_file.read_text().splitlines()[before:]
        events = [json.loads(line) for line in lines if line.endswith("}")]
        return any(event["event"] == "checkpoint_saved" for event in events)

    wait_until(has_saved)
    assert tui_trainer.look("long").state is State.RUNNING
    assert tui_trainer("stop", "long", "--now").returncode == ExitCode.DONE


def test_a_core_that_is_killed_goes_on_by_itself_bit_for_bit(tui_trainer: CommandLine) -> None:
    """With the restarts that an experiment has by default."""
    changes = ("--set", "epochs=40", "--set", "model.depth=2")
    assert tui_trainer("run", "long", *changes, seconds=600).returncode == ExitCode.DONE
    _, _, core = begin(tui_trainer, *changes)
    os.kill(core.pid, signal.SIGKILL)
    run = tui_trainer.wait("long", is_over, 600)
    assert run.state is State.FINISHED, run.cause
    assert len(run.attempts) == 2
    straight, restarted = (tui_trainer.json("show", f"long/{number}") for number in (1, 2))
    assert measured(restarted) == measured(straight)
    assert restarted["weights_sha256"] == straight["weights_sha256"]


def test_a_limit_on_the_size_of_files_is_an_error_and_no_death(tui_trainer: CommandLine) -> None:
    wide = (
        "--set",
        "model.width=64",
        "--set",
        "model.depth=3",
        "--set",
        "resources.max_restarts=0",
    )
    # A preflight would refuse it; a limit that comes later is met all the same.
    command = tui_trainer.command("run", "depth1", "--no-preflight", *wide)
    limited = subprocess.run(
        ["bash", "-c", 'ulimit -f 300; exec "$@"', "bash", *command],  # noqa: S607
        cwd=tui_trainer.folder,
        env=tui_trainer.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert limited.returncode == ExitCode.CRASHED
    assert "file larger than the limit on files (ulimit -f)" in limited.stdout
    assert tui_trainer("resume", "depth1", seconds=600).returncode == ExitCode.DONE


def test_runs_renamed_under_a_run_end_it_and_nothing_is_made_anew(
    tui_trainer: CommandLine,
) -> None:
    folder, supervisor, core = begin(tui_trainer)
    runs = tui_trainer.folder / "runs"
    away = runs.rename(runs.with_name("runs.away"))
    wait_until_gone(supervisor, core)
    assert not runs.exists()
    log = (away / "long" / "1" / "attempts" / "1" / "log.txt").read_text()
    assert f"the run folder was removed or renamed: {folder.path}" in log
    away.rename(runs)
    run = tui_trainer.look("long")
    assert run.state is State.CRASHED
    assert "removed or renamed" in run.cause
    assert tui_trainer("resume", "long", "--detach").returncode == ExitCode.DONE
    tui_trainer.wait("long", lambda run: run.newest_attempt == 2 and trains(run), 120)
    assert tui_trainer("stop", "long").returncode == ExitCode.DONE


def test_runs_deleted_under_a_run_end_it_and_nothing_is_made_anew(
    tui_trainer: CommandLine,
) -> None:
    _, supervisor, core = begin(tui_trainer)
    runs = tui_trainer.folder / "runs"
    shutil.rmtree(runs.rename(runs.with_name("to-be-deleted")))
    wait_until_gone(supervisor, core)
    assert sorted(path.name for path in tui_trainer.folder.iterdir()) == [
        "data",
        "experiments.toml",
    ]


def test_another_run_in_the_place_of_one_that_was_moved_is_not_written_to(
    tui_trainer: CommandLine,
) -> None:
    folder, supervisor, core = begin(tui_trainer)
    for owner in (supervisor, core):
        os.kill(owner.pid, signal.SIGSTOP)
    folder.path.rename(folder.path.with_name("moved"))
    folder.path.mkdir()
    RunFolder(folder.path).claim_attempt(Owner.of_process(os.getpid()), after=0)
    before = contents(folder.path)
    for owner in (supervisor, core):
        os.kill(owner.pid, signal.SIGCONT)
    wait_until_gone(supervisor, core)
    assert contents(folder.path) == before


def test_who_wakes_after_a_takeover_writes_nothing(tui_trainer: CommandLine) -> None:
    """A node that was away for ten minutes, as another host sees it, which took its run over."""
    folder, supervisor, core = begin(tui_trainer)
    for owner in (supervisor, core):
        os.kill(owner.pid, signal.SIGSTOP)
    assert tui_trainer.wait("long", lambda run: run.state is State.STALLED).cause.startswith(
        "suspended by SIGSTOP"
    )
    elsewhere = replace(Owner.of_process(os.getpid()), host="node7", boot_id="another")
    folder.claim_attempt(elsewhere, after=1)
    before = contents(folder.path)
    for owner in (supervisor, core):
        os.kill(owner.pid, signal.SIGCONT)
    wait_until_gone(supervisor, core)
    assert contents(folder.path) == before
    assert "attempt 2 took long/1 over" in folder.attempt(1).log_file.read_text()


def begun_at_once(folder: Path) -> dict[str, Any]:
    """Runs of three depths, begun at once in one folder; what each came to."""
    command_line = CommandLine(write_project(folder), {})
    processes = [command_line.start("run", depth) for depth in DEPTHS]
    for process in processes:
        output, errors = process.communicate(timeout=600)
        assert process.returncode == ExitCode.DONE, output + errors
    return {depth: results_of(command_line, depth) for depth in DEPTHS}


def begun_alone(folder: Path) -> dict[str, Any]:
    """The same runs, each in a folder of its own."""
    results = {}
    for depth in DEPTHS:
        command_line = CommandLine(write_project(folder / depth), {})
        done = command_line("run", depth, seconds=600)
        assert done.returncode == ExitCode.DONE, done.stdout
        results[depth] = results_of(command_line, depth)
    return results


def results_of(command_line: CommandLine, name: str) -> dict[str, Any]:
    """All of a run that may not depend on what ran beside it."""
    whole = command_line.json("show", name)
    folder = find_run(command_line.folder / "runs", name)
    clean = json.loads(folder.clean_results_file.read_text())
    return {
        "files": whole["files"],
        "weights": whole["weights_sha256"],
        "epochs": measured(whole),
        "clean": {key: value for key, value in clean.items() if "seconds" not in key},
        "predictions": (folder.results / "predictions.npz").read_bytes(),
    }


@pytest.mark.parametrize("repeats", [1, pytest.param(20, marks=pytest.mark.soak)])
def test_three_depths_begun_at_once_in_one_folder_do_not_touch_each_other(
    tmp_path_factory: pytest.TempPathFactory, repeats: int
) -> None:
    folder = tmp_path_factory.mktemp("depths")
    alone = begun_alone(folder / "alone")
    assert len({result["weights"] for result in alone.values()}) == len(DEPTHS)
    for repeat in range(repeats):
        assert begun_at_once(folder / f"together-{repeat}") == alone


@pytest.mark.parametrize("closed", [">&- 2>&- <&-", "| true"])
def test_a_core_whose_output_nobody_takes_trains_on(tui_trainer: CommandLine, closed: str) -> None:
    tui_trainer.fake(exit_at=1, code=1)("run", "depth1")  # a run folder, and nothing trained
    folder = find_run(tui_trainer.folder / "runs", "depth1")
    core = f"{sys.executable} -m tui_trainer.train {folder.path}"
    subprocess.run(
        ["bash", "-c", f"{core} {closed}"],  # noqa: S607
        env={**tui_trainer.environment, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        check=False,
    )
    run = tui_trainer.wait("depth1", is_over, 300)
    assert run.state is State.FINISHED
    assert [epoch.epoch for epoch in run.epochs] == [1, 2]
    assert b"epoch 1/2" not in b"".join(
        content for name, content in contents(folder.path).items() if name.endswith(".pt")
    )
