"""`run` of a search: what was killed goes on, what does badly is stopped, and one drives it."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import SMALL_PROJECT, CommandLine
from tui_trainer.errors import ExitCode
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
    assert [each["run"] for each in trials(tui_trainer)] == [f"lr.t00{n}/1" for n in range(1, 6)]
    listed = tui_trainer("list", "--study", "lr").stdout
    assert re.search(r"best so far: trial 1, 0.8: optimizer.lr \S+; its run: lr.t001/1", listed)
    assert len(list(project.glob("runs/lr.*/*"))) == 5

    (project / "go-on").unlink()
    more = (SMALL_PROJECT + SEARCH).replace("trials = 5", "trials = 6")
    (project / "experiments.toml").write_text(more)
    pruned = tui_trainer.fake(seconds=0.01, hold_at=3, dull=0.1)("run", "lr")
    assert pruned.returncode == 0, pruned.stderr
    assert "trial 6: pruned after epoch 2" in pruned.stdout
    assert [each["status"] for each in trials(tui_trainer)] == ["done"] * 5 + ["pruned"]

    (project / "experiments.toml").write_text(more.replace("trials = 6", "trials = 7"))
    driver = tui_trainer.fake(seconds=0.01, hold_at=1).start("run", "lr")
    tui_trainer.wait("lr.t007", lambda run: run.progress is not None)
    os.kill(driver.pid, 9)
    driver.communicate()
    # It was killed when the trial was to be stopped, and its run was not asked yet.
    loaded = load_project(project / "experiments.toml")
    search, base = loaded.studies["lr"].search, loaded.experiment("one")
    assert search is not None
    record = open_trials("lr", search, base, project / "runs" / SEARCHES)
    bad = [replace(each, validation_accuracy=0.01) for each in tui_trainer.look("lr.t001").epochs]
    record.report(7, bad)
    assert record.should_prune(7)
    stopped = tui_trainer("run", "lr", seconds=60)
    assert "trial 7: pruned after epoch 0" in stopped.stdout
    assert [each["status"] for each in trials(tui_trainer)][5:] == ["pruned"] * 2


def test_values_that_are_not_allowed_together_are_a_failed_trial(
    tui_trainer: CommandLine, project: Path
) -> None:
    space = "momentum = [0.0, 0.9], space.optimizer.nesterov = [true, false]"
    search = SEARCH.replace("lr = { low = 1e-3, high = 1, log = true }", space)
    base = '[experiments.fast]\nbase = "one"\noptimizer.momentum = 0.9\n'
    search = base + search.replace('base = "one"', 'base = "fast"')
    (project / "experiments.toml").write_text(SMALL_PROJECT + search)
    done = tui_trainer.fake(seconds=0.01)("run", "lr")
    assert done.returncode == 0, done.stderr
    assert "nesterov needs momentum > 0" in done.stderr
    failed = [each["changes"] for each in trials(tui_trainer) if each["status"] == "failed"]
    assert failed
    together = {"optimizer.momentum": 0.0, "optimizer.nesterov": True}
    assert all(changes == together for changes in failed)

    # What a preflight refuses once may be too large; what it refuses twice running is not there.
    more = search.replace("trials = 5, at_once = 5", "trials = 8")
    (project / "experiments.toml").write_text(SMALL_PROJECT + more)
    refused = tui_trainer.fake(exit_at=1, code=3)("run", "lr")
    assert refused.returncode == ExitCode.PREFLIGHT, refused.stderr
    states = [each["status"] for each in trials(tui_trainer)][5:]
    assert [state for state in states if state != "failed"] == ["to be resumed"]
    assert "failed" in states


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


def test_a_trial_that_was_to_be_stopped_and_came_to_its_end_before_is_done(
    tui_trainer: CommandLine, project: Path
) -> None:
    one = (SMALL_PROJECT + SEARCH).replace("trials = 5, at_once = 5", "trials = 1")
    (project / "experiments.toml").write_text(one)
    driver = tui_trainer.fake(seconds=0.01, hold_at=3).start("run", "lr")
    tui_trainer.wait("lr.t001", lambda run: len(run.epochs) == 2)
    os.kill(driver.pid, 9)
    driver.communicate()
    loaded = load_project(project / "experiments.toml")
    search = loaded.studies["lr"].search
    assert search is not None
    record = open_trials("lr", search, loaded.experiment("one"), project / "runs" / SEARCHES)
    record._live(1).set_user_attr("pruned", True)
    tui_trainer.let_go()
    tui_trainer.wait("lr.t001", lambda run: run.state is State.FINISHED)
    assert tui_trainer("run", "lr").returncode == 0
    assert [each["status"] for each in trials(tui_trainer)] == ["done"]


def test_ctrl_c_ends_the_asking_for_more(tui_trainer: CommandLine, project: Path) -> None:
    many = (SMALL_PROJECT + SEARCH).replace("trials = 5, at_once = 5", "trials = 64, at_once = 64")
    (project / "experiments.toml").write_text(many)
    driver = tui_trainer.fake(hold_at=1).start("run", "lr")
    tui_trainer.wait("lr.t001", lambda run: run.progress is not None)
    os.kill(driver.pid, 2)
    driver.communicate(timeout=120)
    assert driver.returncode == ExitCode.STOPPED
    assert len(trials(tui_trainer)) < 64
