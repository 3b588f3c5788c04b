"""The whole house with the real core: trained, killed, resumed, and equal to the last bit."""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import CommandLine, kill, owners_in
from tests.faults.checker import NOT_COMPARED
from tests.faults.small_disk import SmallDisk
from tui_trainer.errors import ExitCode
from tui_trainer.record.run_folder import find_run
from tui_trainer.record.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tui_trainer.record.index import Run

STORY_PROJECT = """
[experiments.small]
resources.slots = 1
model = { name = "cnn", depth = 2, width = 12, dropout = 0.2 }
optimizer = { name = "adamw", lr = 3e-3 }
scheduler = { name = "one_cycle_lr" }
augment = [
    { name = "random_crop", padding = 2 },
    { name = "rotation", degrees = 10 },
    { name = "gaussian_blur" },
    { name = "gaussian_noise", sigma = 0.05 },
]
epochs = 14
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "experiments.toml").write_text(STORY_PROJECT)
    return tmp_path


def measured(whole: dict[str, Any]) -> list[dict[str, Any]]:
    """The epochs as far as they must be equal."""
    return [
        {key: value for key, value in epoch.items() if key not in NOT_COMPARED}
        for epoch in whole["epochs_measured"]
    ]


def kill_within(command_line: CommandLine, name: str, seconds: float) -> None:
    """SIGKILL supervisor and core so long after the run was first seen to train."""
    run = command_line.wait(
        name, lambda run: not run.state.is_live or bool(run.progress and run.progress.step), 120
    )
    epochs = len(run.epochs)
    time.sleep(seconds)
    heartbeat = find_run(command_line.folder / "runs", name).heartbeat_file
    for pid in owners_in(heartbeat):
        kill(pid)
    run = command_line.wait(name, lambda run: not run.state.is_live, 20)
    if run.state is not State.FINISHED:
        assert command_line.json("runs")[-1]["state"] == "crashed"
    assert len(run.epochs) >= epochs


def uninterrupted_and_killed(command_line: CommandLine, name: str, seed: int) -> None:
    """Train `name` in one go, then with up to three kills, and compare."""
    moment = random.Random(seed)
    assert command_line("run", name, seconds=600).returncode == ExitCode.DONE
    # In epochs of this machine, so that a fast one does not finish before the kills.
    an_epoch = command_line.look(f"{name}/1").epochs[-1].seconds or 0.0
    assert command_line("run", name, "--detach").returncode == ExitCode.DONE
    killed = f"{name}/2"
    for _ in range(3):
        kill_within(command_line, killed, moment.uniform(0, 2) * an_epoch)
        done = command_line("resume", killed, "--detach")
        assert done.returncode in {ExitCode.DONE, ExitCode.USAGE}, done.stderr
    run = command_line.wait(killed, lambda run: run.state is State.FINISHED, 600)
    straight, resumed = (command_line.json("show", f"{name}/{n}") for n in (1, 2))
    planned = [epoch.epoch for epoch in run.epochs]
    lines = run.folder.epochs_file.read_text().splitlines()
    assert (
        [json.loads(line)["epoch"] for line in lines]
        == planned
        == list(range(1, run.planned_epochs + 1))
    )
    assert measured(resumed) == measured(straight)
    assert resumed["weights_sha256"] == straight["weights_sha256"]
    assert resumed["clean_accuracy"] == straight["clean_accuracy"]
    assert len(run.attempts) > 1


def test_killed_three_times_and_resumed_equals_uninterrupted(tui_trainer: CommandLine) -> None:
    uninterrupted_and_killed(tui_trainer, "small", seed=1)


def test_stopped_in_the_middle_of_an_epoch_and_resumed_equals_uninterrupted(
    tui_trainer: CommandLine,
) -> None:
    # Epochs of seconds: a beat each second, of which one must fall into the middle of one.
    long = ("--set", "epochs=4", "--set", "batch_size=4")
    assert tui_trainer("run", "small", *long).returncode == ExitCode.DONE
    tui_trainer("run", "small", *long, "--detach")
    tui_trainer.wait("small/2", lambda run: bool(run.progress and run.progress.step > 2), 120)
    assert "stopped" in tui_trainer("stop", "small/2").stdout
    assert tui_trainer("resume", "small/2").returncode == ExitCode.DONE
    straight, resumed = (tui_trainer.json("show", f"small/{n}") for n in (1, 2))
    assert measured(resumed) == measured(straight)
    assert resumed["weights_sha256"] == straight["weights_sha256"]


def test_missing_data_is_refused_before_training_in_words(tui_trainer: CommandLine) -> None:
    done = tui_trainer("run", "small", "--set", 'data = { name = "cifar100" }')
    assert done.returncode == ExitCode.PREFLIGHT
    assert "small/1 failed" in done.stdout
    assert "cifar-100-python" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_disk_that_fills_up_at_a_checkpoint_is_named_and_can_be_resumed(
    tui_trainer: CommandLine,
) -> None:
    with SmallDisk.mounted(tui_trainer.folder / "runs", "size=400k") as disk:
        # A preflight would foresee it; what comes beside it later fills the disk all the same.
        wide = ("model.width=64", "epochs=1", "resources.max_restarts=0")
        changes = [word for change in wide for word in ("--set", change)]
        done = tui_trainer("run", "small", "--no-preflight", *changes, seconds=600)
        assert done.returncode == ExitCode.CRASHED
        assert "disk full" in done.stdout
        assert "inline_container" not in done.stdout + done.stderr
        disk.change("size=40m")
        assert tui_trainer("resume", "small", seconds=600).returncode == ExitCode.DONE


@pytest.fixture
def small_disk(project: Path) -> Iterator[SmallDisk]:
    """The runs on a file system of their own, which only root can make."""
    with SmallDisk.mounted(project / "runs", "size=40m") as disk:
        yield disk


@pytest.mark.soak  # two to four minutes each: what they wait for is the back-off
@pytest.mark.parametrize("spare", [0, 1 << 18])
def test_a_disk_that_fills_up_is_named_and_waited_for(
    tui_trainer: CommandLine, small_disk: SmallDisk, spare: int
) -> None:
    """Without any room no attempt can be claimed; with a little, no checkpoint be saved."""
    wide = ("--set", "model.width=64", "--set", "epochs=8", "--set", "resources.max_restarts=1")
    tui_trainer("run", "small", *wide, "--detach")
    tui_trainer.wait("small", lambda run: bool(run.epochs), 300)
    filler = small_disk.fill(spare)
    run = tui_trainer.wait("small", lambda run: is_full(run, spare), 300)
    assert run.state.is_live
    filler.unlink()
    run = tui_trainer.wait("small", lambda run: not run.state.is_live, 600)
    assert run.state is State.FINISHED
    assert "inline_container" not in "".join(attempt.cause for attempt in run.attempts)
    assert any(attempt.cause.startswith("disk full") for attempt in run.attempts)


def is_full(run: Run, spare: int) -> bool:
    """Whether it waits for room after more tries than other errors are given."""
    log = run.folder.attempt(max(1, run.newest_attempt)).log_file
    tries = run.newest_attempt if spare else log.read_text().count("No space left on device")
    return not run.state.is_live or (tries > 3 and "the disk is full: waits for" in run.cause)


@pytest.mark.soak
def test_the_readme_experiment_killed_three_times_equals_uninterrupted(
    tmp_path: Path,
) -> None:
    command_line = CommandLine(tmp_path, {})
    command_line("init")
    uninterrupted_and_killed(command_line, "digits-cnn4", seed=2)
    assert command_line.look("digits-cnn4/1").clean_accuracy >= 0.97  # type: ignore[operator]
