from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conftest import SMALL_PROJECT
from tui_trainer.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import CommandLine


def test_a_run_with_changes_becomes_an_experiment(tui_trainer: CommandLine, runs: Path) -> None:
    del runs
    changes = ("--set", "model.width=4", "--set", "description=wider")
    done = tui_trainer("new", "wide", "--from", "two/1", *changes)
    assert done.returncode == ExitCode.DONE, done.stderr
    table = '[experiments.wide]\nbase = "two"\ndescription = "wider"\nmodel.width = 4\n'
    assert done.stdout == table
    assert "next: tui-trainer run wide" in done.stderr
    file = tui_trainer.folder / "experiments.toml"
    assert file.read_text() == f"{SMALL_PROJECT}\n{table}"
    assert "wide" in tui_trainer("list").stdout


def test_a_dry_run_and_a_mistake_write_nothing(tui_trainer: CommandLine) -> None:
    assert "[experiments.x]" in tui_trainer("new", "x", "--from", "one", "--dry-run").stdout
    for words, wanted in (
        (("one", "--from", "two"), "already"),
        (("a b", "--from", "two"), "cannot be a name"),
        (("x", "--from", "tow"), 'no experiment "tow"; did you mean `two`?'),
        (("x", "--from", "two/7"), "there is no run `two/7`"),
        (("x", "--from", "one", "--set", "model.dpth=2"), "did you mean `model.depth`?"),
    ):
        done = tui_trainer("new", *words)
        assert done.returncode == ExitCode.USAGE
        assert wanted in done.stderr
    assert (tui_trainer.folder / "experiments.toml").read_text() == SMALL_PROJECT
