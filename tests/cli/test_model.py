from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

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


def test_a_file_of_weights_that_is_none_is_told_under_the_table(tui_trainer: CommandLine) -> None:
    (tui_trainer.folder / "mine.pt").write_bytes(b"neither")
    change = "model={name='resnet18', weights='./mine.pt'}"
    done = tui_trainer("model", "one", "--set", change)
    assert done.returncode == ExitCode.PREFLIGHT
    assert "training would be refused: " in done.stdout
    assert "holds no weights: it is a file of text" in done.stdout
    assert "-> where they were trained: torch.save(" in done.stdout


@pytest.mark.parametrize("kind", ["folder", "fifo", "nothing"])
def test_what_lies_where_weights_should_is_named(tui_trainer: CommandLine, kind: str) -> None:
    place, change = tui_trainer.folder / "f.pth", "model={name='resnet18', weights='./f.pth'}"
    said = "NOT THERE"
    if kind == "folder":
        place.mkdir()
        said = "it is a folder"
    elif kind == "fifo":
        os.mkfifo(place)
        said = "it is no regular file"
    done = tui_trainer("model", "one", "--set", change, seconds=60)
    assert done.returncode == ExitCode.PREFLIGHT
    assert said in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "import argparse\nargparse.ArgumentParser(prog='mine').parse_args(['--epochs'])\n",
            "mine cannot be imported: it ends the program with sys.exit(2) (mine.py, line 2)",
        ),
        (
            "import sys\ndef build(classes, size):\n    sys.exit('no weights')\n",
            "fails: it ends the program with sys.exit(no weights) (mine.py, line 3)",
        ),
        (
            "def build(classes, size):\n    raise KeyboardInterrupt\n",
            "own code: KeyboardInterrupt (mine.py, line 2)",
        ),
        (
            "import os\ndef build(classes, size): os._exit(5)\n",
            "the process that was asked for anatomy ended: exit code 5",
        ),
    ],
    ids=["at import", "in build", "by an interrupt", "at once"],
)
def test_a_module_that_ends_the_program_is_named_with_its_line(
    tui_trainer: CommandLine, code: str, said: str
) -> None:
    (tui_trainer.folder / "mine.py").write_text(code)
    done = tui_trainer("model", "one", "--set", "model={name='mine:build'}")
    assert done.returncode != ExitCode.DONE
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert ("__main__" in done.stderr) is ("argparse" in code)
    assert done.stdout == ""


def test_an_unknown_experiment_is_no_question_to_the_core(tui_trainer: CommandLine) -> None:
    done = tui_trainer("model", "three")
    assert done.returncode == ExitCode.USAGE
    assert "there is no experiment" in done.stderr
