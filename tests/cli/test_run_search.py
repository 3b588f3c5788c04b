"""`run` of a search: what was killed goes on, what does badly is stopped, and one drives it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import SMALL_PROJECT, CommandLine
from tui_trainer.launch.planning import SEARCHES
from tui_trainer.record.state import State
from tui_trainer.spec.project import load_project
from tui_trainer.study.search import open_trials

if TYPE_CHECKING:
    from pathlib import Path

SEARCH = """
[studies.lr]
base = "one"
search = { trials = 5, at_once = 5, space.optimizer.lr = { low = 1e-3, high = 1, log = true } }
"""


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    (tmp_path / "experiments.toml").write_text(SMALL_PROJECT + SEARCH)
    return tmp_path


def trials(tui_trainer: CommandLine) -> list[Any]:
    return list(tui_trainer.json("list", "--study", "lr"))


def one_after_the_other(project: Path, trials: int) -> None:
    """Give the search so many trials."""
    search = SEARCH.replace("trials = 5, at_once = 5", f"trials = {trials}")
    (project / "experiments.toml").write_text(SMALL_PROJECT + search)


def condemn(project: Path, number: int) -> None:
    """Decide to prune a trial, and be killed before its run is asked to stop."""
    loaded = load_project(project / "experiments.toml")
    search, folder = loaded.study("lr").search, project / "runs" / SEARCHES
    assert search
    opened = open_trials("lr", search, loaded.experiment("one"), folder)
    opened._live(number).set_user_attr("pruned", True)


def test_a_search_that_was_killed_goes_on_and_stops_what_does_badly(
    tui_trainer: CommandLine, project: Path
) -> None:
    driver = tui_trainer.fake(seconds=0.01, hold_at=3).start("run", "lr")
    for number in range(1, 6):
        tui_trainer.wait(f"lr.t00{number}", lambda run: len(run.epochs) == 2)
    second = tui_trainer("run", "lr")
    assert (second.returncode, "another command drives lr" in second.stderr) == (4, True)
    os.kill(driver.pid, 9)
    driver.communicate()
    assert [each["status"] for each in trials(tui_trainer)] == ["under way"] * 5
    (project / "go-on").touch()
    done = tui_trainer.fake(seconds=0.01)("run", "lr")
    assert done.returncode == 0, done.stderr
    assert [each["status"] for each in trials(tui_trainer)] == ["done"] * 5
    assert "best so far: trial 1, 0.8: optimizer.lr" in done.stdout
    assert len(list(project.glob("runs/lr.*/*"))) == 5

    (project / "go-on").unlink()
    more = (SMALL_PROJECT + SEARCH).replace("trials = 5", "trials = 6")
    (project / "experiments.toml").write_text(more)
    pruned = tui_trainer.fake(seconds=0.01, hold_at=3, dull=0.1)("run", "lr")
    assert pruned.returncode == 0, pruned.stderr
    assert "trial 6: pruned after epoch 2" in pruned.stdout
    assert [each["status"] for each in trials(tui_trainer)] == ["done"] * 5 + ["pruned"]


def test_a_crash_is_a_failed_trial_and_other_ways_are_refused(tui_trainer: CommandLine) -> None:
    crashed = tui_trainer.fake(seconds=0.01, crash_at=2)("run", "lr")
    assert crashed.returncode == 1
    assert [each["status"] for each in trials(tui_trainer)] == ["failed"] * 5
    detached = tui_trainer("run", "lr", "--detach")
    assert (detached.returncode, "this command drives" in detached.stderr) == (2, True)
    (record,) = tui_trainer.folder.glob("runs/.search/*.jsonl")
    record.write_text("no record\nof anything\n")
    listed = tui_trainer("list", "--study")
    assert "cannot be read as the record of a search" in listed.stderr
    assert "lr: a search" in listed.stdout
    weighed = tui_trainer("study", "lr")
    assert (weighed.returncode, "list --study lr" in weighed.stderr) == (2, True)


@pytest.mark.parametrize("status", ["pruned", "done"])
def test_a_driver_that_was_killed_before_it_stopped_a_run_leaves_that_to_the_next(
    tui_trainer: CommandLine, project: Path, status: str
) -> None:
    one_after_the_other(project, trials=1)
    driver = tui_trainer.fake(seconds=0.01, hold_at=3).start("run", "lr")
    tui_trainer.wait("lr.t001", lambda run: len(run.epochs) == 2)
    os.kill(driver.pid, 9)
    driver.communicate()
    condemn(project, 1)
    if status == "done":  # it came to its end before anybody could stop it
        tui_trainer.let_go()
        tui_trainer.wait("lr.t001", lambda run: run.state is State.FINISHED)
    tui_trainer.fake()("run", "lr")
    assert [each["status"] for each in trials(tui_trainer)] == [status]


def test_a_point_that_is_refused_does_not_keep_the_search_from_going_on(
    tui_trainer: CommandLine, project: Path
) -> None:
    one_after_the_other(project, trials=1)
    refuses = tui_trainer.fake(exit_at=1, code=3)
    assert refuses("run", "lr").returncode == 3
    assert [each["status"] for each in trials(tui_trainer)] == ["under way"]
    assert tui_trainer.fake(seconds=0.01)("run", "lr").returncode == 0
    one_after_the_other(project, trials=2)
    assert refuses("run", "lr").returncode == 0
    assert [each["status"] for each in trials(tui_trainer)] == ["done", "failed"]
