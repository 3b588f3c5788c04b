from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.faults.small_disk import SmallDisk
from tui_trainer.cli.for_programs import json_list
from tui_trainer.errors import ExitCode
from tui_trainer.record.preflight import Preflight
from tui_trainer.record.state import State

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import CommandLine


def test_the_table_says_what_is_well_and_leaves_nothing_behind(tui_trainer: CommandLine) -> None:
    before = sorted(tui_trainer.folder.rglob("*"))
    done = tui_trainer(
        "preflight", "one", "two", "--set", "resources.walltime=100:00:00", seconds=600
    )
    assert done.returncode == ExitCode.DONE, done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("one: ready to run, ")]
    assert [line for line in lines if line.startswith("two: ready to run, ")]
    assert sum("saved, reloaded, the same logits" in line for line in lines) == 2
    assert sum("the wall-time is 4 d 4 h" in line for line in lines) == 2
    assert sorted(tui_trainer.folder.rglob("*")) == before


def test_an_error_ends_it_with_3_and_says_what_to_do(tui_trainer: CommandLine) -> None:
    done = tui_trainer("preflight", "one", "--set", "ood.folder=images")
    assert done.returncode == ExitCode.PREFLIGHT
    assert done.stdout.startswith("one: 1 error, 1 warning, ")
    (line,) = (line for line in done.stdout.splitlines() if "✕" in line)
    assert f"there is no folder {tui_trainer.folder / 'images'}  -> ood.folder begins" in line


def test_json_holds_the_same(tui_trainer: CommandLine) -> None:
    changes = ("--set", "data={ name = 'cifar10' }")
    done = tui_trainer("preflight", "one", *changes, "--json")
    assert done.returncode == ExitCode.PREFLIGHT
    (table,) = json.loads(done.stdout)
    assert (table["experiment"], table["rehearsed"]) == ("one", True)
    errors = [finding for finding in table["findings"] if finding["level"] == "error"]
    assert [error["subject"] for error in errors] == ["data"]
    assert "tui-trainer data fetch cifar10" in errors[0]["cure"]


def test_json_of_several_comes_as_each_is_rehearsed(tui_trainer: CommandLine) -> None:
    """The second experiment's own module waits until the first one's table was read."""
    read = tui_trainer.folder / "read"
    (tui_trainer.folder / "mine.py").write_text(
        "import pathlib, time\n"
        "deadline = time.monotonic() + 60\n"
        f"while not pathlib.Path({str(read)!r}).exists():\n"
        "    assert time.monotonic() < deadline, 'nobody read'\n"
        "    time.sleep(0.05)\n"
        "raise OSError('it was read')\n"
    )
    with (tui_trainer.folder / "experiments.toml").open("a") as file:
        file.write('[experiments.waits]\nmodel = { name = "mine:build" }\n')
    process = tui_trainer.start("preflight", "one", "waits", "--json")
    assert process.stdout
    first = ""
    while not first.endswith("\n  }"):
        character = process.stdout.read(1)
        assert character, process.communicate()
        first += character
    read.touch()
    rest, _ = process.communicate(timeout=120)
    tables = json.loads(first + rest)
    assert [table["experiment"] for table in tables] == ["one", "waits"]
    assert "it was read" in str(tables[1]["findings"])
    assert process.returncode == ExitCode.PREFLIGHT


def begin_a_list_and_fail() -> None:
    with json_list() as print_element:
        print_element({"a": [1]})
        raise KeyError


def test_a_list_is_closed_by_an_error_and_may_be_empty(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError):
        begin_a_list_and_fail()
    assert json.loads(capsys.readouterr().out) == [{"a": [1]}]
    with json_list():
        pass
    assert json.loads(capsys.readouterr().out) == []


def test_an_unknown_experiment_is_no_question_to_the_core(tui_trainer: CommandLine) -> None:
    done = tui_trainer("preflight", "one", "three")
    assert done.returncode == ExitCode.USAGE
    assert "there is no experiment" in done.stderr


def test_a_run_that_is_refused_reads_failed_with_its_cause(tui_trainer: CommandLine) -> None:
    done = tui_trainer("run", "one", "--set", "ood.folder=images")
    assert done.returncode == ExitCode.PREFLIGHT
    (run,) = tui_trainer.json("runs")
    assert (run["state"], run["epoch"]) == ("failed", 0)
    assert run["cause"] == f"there is no folder {tui_trainer.folder / 'images'}"
    table = Preflight.read(tui_trainer.look("one/1").folder.attempt(1).preflight_file)
    assert table is not None
    assert [error.subject for error in table.errors] == ["ood files"]
    assert "preflight error    ood files" in tui_trainer("logs", "one").stdout


def test_without_a_preflight_none_is_kept(tui_trainer: CommandLine) -> None:
    done = tui_trainer("run", "one", "--no-preflight", "--set", "epochs=1")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert not tui_trainer.look("one/1").folder.attempt(1).preflight_file.exists()
    assert tui_trainer.json("show", "one")["provenance"]["preflight"] is False


def test_the_state_is_preflight_while_it_rehearses(tui_trainer: CommandLine) -> None:
    (tui_trainer.folder / "mine.py").write_text(
        "import time\n"
        "from pathlib import Path\n"
        "from torch import nn\n"
        "def build(classes, size):\n"
        f"    while not Path({str(tui_trainer.folder / 'go-on')!r}).exists():\n"
        "        time.sleep(0.01)\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(3 * size * size, classes))\n"
    )
    changes = ("--set", "model={ name = 'mine:build' }", "--set", "epochs=1")
    tui_trainer("run", "one", "--detach", *changes)
    run = tui_trainer.wait(
        "one", lambda run: run.progress is not None and run.progress.stage == "rehearsing", 300
    )
    assert run.state is State.PREFLIGHT
    tui_trainer.let_go()
    tui_trainer.wait("one", lambda run: run.state is State.FINISHED, 300)


def test_runs_on_a_read_only_file_system(tui_trainer: CommandLine, project: Path) -> None:
    with SmallDisk.mounted(project / "runs", "size=1m,ro"):
        done = tui_trainer("preflight", "one")
        assert done.returncode == ExitCode.PREFLIGHT
        (line,) = (line for line in done.stdout.splitlines() if "✕" in line)
        assert "Read-only file system" in line
        assert "remount it for writing" in line
        refused = tui_trainer("run", "one")
        assert refused.returncode == ExitCode.USAGE
        assert "Read-only file system" in refused.stderr
        assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("place", ["runs", "runs/one"])
def test_a_file_where_the_run_would_have_its_folder(
    tui_trainer: CommandLine, project: Path, place: str
) -> None:
    (project / place).parent.mkdir(exist_ok=True)
    (project / place).touch()
    done = tui_trainer("preflight", "one")
    assert done.returncode == ExitCode.PREFLIGHT
    (line,) = (line for line in done.stdout.splitlines() if "✕" in line)
    assert f"{project / place} is no folder  -> move away what stands there" in line


def test_a_traceback_is_not_for_the_terminal(tui_trainer: CommandLine, project: Path) -> None:
    (project / "mine.py").write_text(
        "from torch import nn\n"
        "class Moody(nn.Sequential):\n"
        "    def forward(self, images):\n"
        "        if not self.training: raise KeyError('only in evaluation')\n"
        "        return super().forward(images)\n"
        "def build(classes, size):\n"
        "    return Moody(nn.Flatten(), nn.Linear(3 * size * size, classes))\n"
    )
    done = tui_trainer("preflight", "one", "--set", "model={ name = 'mine:build' }")
    assert done.returncode == ExitCode.PREFLIGHT
    assert "KeyError: 'only in evaluation' (mine.py, line 4)" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
