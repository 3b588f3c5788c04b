from __future__ import annotations

from typing import TYPE_CHECKING

from tui_trainer.errors import ExitCode

if TYPE_CHECKING:
    from tests.conftest import CommandLine


def test_the_learning_rate_is_drawn_over_the_epochs(tui_trainer: CommandLine) -> None:
    changes = ("--set", "scheduler={name='step_lr', step_size=2}", "--set", "warmup.epochs=1")
    done = tui_trainer("schedule", "one", *changes)
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "learning rate  step_lr" in done.stdout
    assert "lr 0.01" in done.stdout
    assert "step_lr over 4 epochs, 5 steps each" in done.stdout
    assert not any(line.endswith(" ") for line in done.stdout.splitlines())


def test_json_gives_the_points(tui_trainer: CommandLine) -> None:
    found = tui_trainer.json("schedule", "one")
    assert found["points"] == [[0.0, 0.1], [1.0, 0.1], [2.0, 0.1], [3.0, 0.1]]


def test_a_plateau_says_what_it_depends_on(tui_trainer: CommandLine) -> None:
    done = tui_trainer("schedule", "one", "--set", "scheduler={name='reduce_lr_on_plateau'}")
    assert "when validation stops improving" in done.stdout


def test_a_scheduler_that_cannot_be_built_is_named(tui_trainer: CommandLine) -> None:
    name = "torch.optim.lr_scheduler.NoSuchLR"
    done = tui_trainer("schedule", "one", "--set", f"scheduler={{name='{name}'}}")
    assert done.returncode == ExitCode.PREFLIGHT
    assert "NoSuchLR" in done.stderr
