"""export and import, as a user calls them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, get_args

import pytest

from tests.conftest import SMALL_PROJECT, CommandLine, end_everything
from tui_trainer.cli.export import Choice, Tool
from tui_trainer.errors import ExitCode
from tui_trainer.record.state import State
from tui_trainer.study.export.bundle import Checkpoints
from tui_trainer.study.export.targets import BUNDLE, TOOLS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def other(tmp_path: Path) -> Iterator[CommandLine]:
    """The command line in the project of another machine."""
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "experiments.toml").write_text(SMALL_PROJECT)
    yield CommandLine(folder, {"COLUMNS": "200"})
    end_everything(folder)


@pytest.mark.usefixtures("runs")
def test_a_run_goes_on_where_it_was_imported(tui_trainer: CommandLine, other: CommandLine) -> None:
    bundle = tui_trainer.folder / "two.bundle"
    written = tui_trainer("export", "bundle", "two", "-o", str(bundle))
    assert written.stdout == f"{bundle}\n"
    assert f"there: tui-trainer import {bundle}" in written.stderr
    imported = other("import", str(bundle))
    assert imported.returncode == 0, imported.stderr
    assert "beware" not in imported.stderr
    again = other("import", str(bundle))
    assert "the same bundle is two/1 already; to have it once: tui-trainer trash two/2" in (
        again.stderr
    )
    assert "is no file, and so no bundle" in other("import", str(bundle.parent)).stderr
    assert other("trash", "two/2").returncode == 0
    assert imported.stdout.startswith("two/1 crashed, epoch 2/4")
    assert "it was two/1 of " in imported.stderr
    assert "tui-trainer resume two/1, where its data and its own code are" in imported.stderr
    assert "imported 20" in other("show", "two/1").stdout
    assert other.json("show", "two")["imported"]["run"] == "two/1"
    resumed = other.fake(seconds=0.01)("resume", "two/1")
    assert resumed.returncode == 0, resumed.stderr
    run = other.look("two/1")
    assert run.state is State.FINISHED
    assert [epoch.attempt for epoch in run.epochs] == [1, 1, 2, 2]


def test_all_runs_go_into_one_table(tui_trainer: CommandLine, runs: Path) -> None:
    shutil.copytree(runs / "one/1", runs / "one/2")
    done = tui_trainer("export", "csv", "--all", "-o", "tables")
    assert done.returncode == 0, done.stderr
    lines = (tui_trainer.folder / "tables" / "runs.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines] == ["run", "one/1", "one/2", "two/1"]
    for slip, told in (("-", "nothing is exported to standard"), ("of/no/x", "of/no: No such")):
        refused = tui_trainer("export", "csv", "one", "-o", slip)
        assert (refused.returncode, told in refused.stderr) == (ExitCode.USAGE, True)
    again = tui_trainer("export", "csv", "one", "-o", "tables")
    assert again.returncode == ExitCode.USAGE
    assert "error: tables exists; it is left as it is, and nothing was exported" in again.stderr


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("csv",), "name the runs to export, or give --all, and not both"),
        (("csv", "one", "--all"), "name the runs to export, or give --all, and not both"),
        (("csv", "one", "--checkpoints", "all"), "--checkpoints is about a bundle; csv takes none"),
        (("bundle", "one", "two"), "a bundle holds one run"),
    ],
)
def test_what_cannot_be_meant_is_said(
    tui_trainer: CommandLine, arguments: tuple[str, ...], why: str
) -> None:
    done = tui_trainer("export", *arguments, "-o", "place")
    assert done.returncode == ExitCode.USAGE
    assert why in done.stderr
    assert not (tui_trainer.folder / "place").exists()


def test_every_tool_can_be_named() -> None:
    assert {tool.value for tool in Tool} == {*TOOLS, BUNDLE}
    assert {choice.value for choice in Choice} == {*get_args(Checkpoints)}


def test_what_is_no_bundle_is_said(tui_trainer: CommandLine) -> None:
    done = tui_trainer("import", "experiments.toml")
    assert done.returncode == ExitCode.USAGE
    assert "cannot be imported: it is no zip file that ends where it should" in done.stderr
    assert tui_trainer("import", "absent").returncode == ExitCode.USAGE
