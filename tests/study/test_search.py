"""A search with Optuna: what it chooses, what it stops, and what a kill leaves of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import RunWriter, write_project
from tui_trainer.errors import TuiTrainerError
from tui_trainer.record.index import RunReader
from tui_trainer.spec.project import load_project
from tui_trainer.study.search import open_trials, recorded_trials

if TYPE_CHECKING:
    from pathlib import Path

    from tui_trainer.record.index import Run
    from tui_trainer.study.search import Trial, Trials

PROJECT = """
[experiments.cnn2]
model = { name = "cnn", depth = 2 }
epochs = 14
[studies.s]
base = "cnn2"
[studies.s.search]
trials = 12
space.optimizer.lr = { low = 1e-3, high = 1, log = true }
space.model.depth = { low = 1, high = 4 }
space.augment = [[], [{ name = "rotation" }]]
"""


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    return write_project(tmp_path, PROJECT)


def opened(project: Path) -> Trials:
    loaded = load_project(project / "experiments.toml")
    assert loaded.problem_lines == ()
    search = loaded.studies["s"].search
    assert search is not None
    return open_trials("s", search, loaded.experiment("cnn2"), project)


def run(project: Path, rate: float = 0.25) -> Run:
    return RunReader(RunWriter(project, "cnn2").start().train(14, rate=rate).end(0)).look()


def asked(trials: Trials) -> Trial:
    trial = trials.ask()
    assert trial is not None
    return trial


def test_what_was_chosen_lies_in_the_space_and_is_known_again(project: Path) -> None:
    chosen = [asked(opened(project)) for _ in range(12)]
    assert [trial.number for trial in chosen] == list(range(1, 13))
    assert opened(project).ask() is None
    assert opened(project).under_way() == chosen
    assert all(1e-3 <= trial.changes["optimizer.lr"] <= 1 for trial in chosen)
    assert {trial.changes["model.depth"] for trial in chosen} <= {1, 2, 3, 4}
    assert {str(trial.changes["augment"]) for trial in chosen} == {"[]", "[{'name': 'rotation'}]"}
    # Whoever goes on with it draws anew.
    assert len({trial.changes["optimizer.lr"] for trial in chosen}) == 12


def test_what_does_badly_is_stopped_and_that_outlives_a_kill(project: Path) -> None:
    trials, good = opened(project), run(project)
    for _ in range(6):
        number = asked(trials).number
        trials.report(number, good.epochs)
        assert trials.tell_done(number, good) == good.best.validation_accuracy  # type: ignore[union-attr]
    bad = asked(trials).number
    epochs = [replace(epoch, validation_accuracy=0.1) for epoch in good.epochs[:2]]
    trials.report(bad, epochs)
    trials.report(bad, epochs)
    assert trials.should_prune(bad)
    (left,) = opened(project).under_way()
    assert left.is_to_be_pruned
    opened(project).tell_pruned(bad)
    again = opened(project)
    assert [trial.state for trial in again.all()] == ["done"] * 6 + ["pruned"]
    best = again.best()
    assert best is not None
    assert best.number == 1


def test_a_last_line_that_a_kill_cut_short_is_taken_off(project: Path) -> None:
    chosen = asked(opened(project))
    file = project / "s.jsonl"
    file.write_bytes(file.read_bytes() + b'{"op_code": 4, "work')
    loaded = load_project(project / "experiments.toml")
    search = loaded.studies["s"].search
    assert search is not None
    seen = recorded_trials("s", search, loaded.experiment("cnn2"), project)
    assert (seen, file.read_bytes().endswith(b"work")) == ([chosen], True)
    assert opened(project).under_way() == [chosen]
    assert asked(opened(project)).number == 2


def test_another_space_is_another_search_and_more_trials_are_the_same(project: Path) -> None:
    asked(opened(project))
    file = project / "experiments.toml"
    file.write_text(PROJECT.replace("trials = 12", "trials = 40"))
    assert asked(opened(project)).number == 2
    file.write_text(PROJECT.replace("high = 4", "high = 5"))
    assert asked(opened(project)).number == 1


def test_a_file_that_is_no_record_says_so(project: Path) -> None:
    (project / "s.jsonl").write_text("no record\nof anything\n")
    with pytest.raises(TuiTrainerError, match="cannot be read as the record of a search"):
        opened(project)
