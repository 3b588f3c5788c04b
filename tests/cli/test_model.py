from __future__ import annotations

from typing import TYPE_CHECKING

from tui_trainer.errors import ExitCode

if TYPE_CHECKING:
    from tests.conftest import CommandLine


def test_the_table_ends_with_what_a_step_costs(tui_trainer: CommandLine) -> None:
    done = tui_trainer("model", "one", "--set", "model.width=3")
    assert done.returncode == ExitCode.DONE, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["blocks.0.0", "Conv2d", "3x32x32", "3x32x32", "81"] in rows
    assert "cnn for 32x32 pixels and 10 classes" in done.stdout
    assert "activations" in done.stdout


def test_json_holds_the_same(tui_trainer: CommandLine) -> None:
    found = tui_trainer.json("model", "two")
    assert (found["model"], found["size"], found["classes"]) == ("cnn", 32, 10)
    assert found["parameters"] == sum(layer["parameters"] for layer in found["layers"])


def test_a_module_that_prints_and_fails_is_quoted_with_its_line(tui_trainer: CommandLine) -> None:
    (tui_trainer.folder / "mine.py").write_text("print('noise')\ndef build(classes, size): 1 / 0\n")
    done = tui_trainer("model", "one", "--set", "model={name='mine:build'}")
    assert done.returncode == ExitCode.PREFLIGHT
    assert "ZeroDivisionError: division by zero (mine.py, line 2)" in done.stderr
    assert "noise" not in done.stdout


def test_an_unknown_experiment_is_no_question_to_the_core(tui_trainer: CommandLine) -> None:
    done = tui_trainer("model", "three")
    assert done.returncode == ExitCode.USAGE
    assert "there is no experiment" in done.stderr
