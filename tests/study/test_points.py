"""Points of a study and the runs that belong to them, and what runs to come will take."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import RunWriter, write_project
from tui_trainer.cli.points import print_points
from tui_trainer.record.index import Index
from tui_trainer.record.place import Place
from tui_trainer.spec.project import load_project
from tui_trainer.spec.summary import read_summary, summary_of
from tui_trainer.study.forecast import predicted
from tui_trainer.study.points import counts, standings
from tui_trainer.study.queue_forecast import Job, outlook
from tui_trainer.tui.bring_on import in_order

if TYPE_CHECKING:
    from pathlib import Path

    from tui_trainer.record.index import Run
    from tui_trainer.spec.study import Study
    from tui_trainer.study.points import Standing

PROJECT = """
[defaults]
epochs = 14
[experiments.cnn2]
model = { name = "cnn", depth = 2 }
[studies.s]
base = "cnn2"
grid = { model.depth = [2, 4, 6, 8] }
seeds = [0, 1]
"""


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    return write_project(tmp_path, PROJECT)


def study(project: Path) -> Study:
    return load_project(project / "experiments.toml").studies["s"]


def runs(project: Path) -> list[Run]:
    return Index(project / "runs").look()


def standing(project: Path) -> dict[str, Standing]:
    every = standings(study(project), runs(project))
    return {each.point.name.removeprefix("s."): each for each in every}


def test_a_point_stands_by_the_runs_that_train_what_it_trains(project: Path) -> None:
    RunWriter(project, "cnn2").start().train(14).end(0)  # the base's own
    RunWriter(project, "s.depth-4.seed-0").start().train(2).end(-9, "killed")
    RunWriter(project, "s.depth-6.seed-0").start().train(3).beat()
    stands = standing(project)
    assert stands["depth-2.seed-0"].status == "done"
    assert [run.name for run in stands["depth-2.seed-0"].runs] == ["cnn2/1"]
    assert stands["depth-4.seed-0"].status == "resumable"
    assert stands["depth-6.seed-0"].status == "live"
    assert stands["depth-2.seed-1"].status == "missing"
    assert counts(stands.values()) == {"done": 1, "live": 1, "resumable": 1, "missing": 5}


def test_of_several_runs_the_one_that_got_furthest_is_resumed(project: Path) -> None:
    for epochs in (2, 9, 4):
        RunWriter(project, "s.depth-4.seed-0").start().train(epochs).end(-9, "killed")
    stands = standing(project)["depth-4.seed-0"]
    assert [run.folder.number for run in stands.runs] == [3, 2, 1]
    assert stands.run is not None
    assert stands.run.folder.number == 2
    RunWriter(project, "s.depth-4.seed-0").start().train(1).beat()
    assert standing(project)["depth-4.seed-0"].status == "live"
    RunWriter(project, "s.depth-4.seed-0").start().train(14).end(0)
    assert standing(project)["depth-4.seed-0"].status == "done"


def test_a_summary_before_the_launch_is_the_one_that_stands_in_the_run_s_folder(
    project: Path,
) -> None:
    point = study(project).points[1]
    folder = RunWriter(project, point.name).folder
    assert read_summary(folder.experiment_file.read_text()) == summary_of(point.experiment)


def test_what_a_run_takes_is_told_by_those_that_trained_alike(project: Path) -> None:
    folder = RunWriter(project, "s.depth-4.seed-0").start().train(14).end(0)
    (folder.path / "weights").write_bytes(bytes(50_000))
    plans = {point.name: summary_of(point.experiment) for point in study(project).points}
    found = predicted(plans["s.depth-4.seed-1"], runs(project))
    assert found.seconds == pytest.approx(14 * 6.5)
    assert found.bytes is not None
    assert 50_000 < found.bytes < 100_000
    assert found.basis == "as s.depth-4.seed-0/1"
    unlike = predicted(plans["s.depth-6.seed-0"], runs(project))
    assert (unlike.seconds, unlike.bytes) == (None, None)
    assert "no run trained alike" in unlike.basis


def test_more_epochs_take_longer_and_another_rate_does_not(project: Path) -> None:
    RunWriter(project, "cnn2").start().train(14).end(0)
    loaded = load_project(project / "experiments.toml")
    seconds = {
        change: predicted(summary_of(loaded.experiment("cnn2", [change])), runs(project)).seconds
        for change in ("epochs=28", "optimizer.lr=0.5", "seed=9", "batch_size=128")
    }
    assert seconds["epochs=28"] == pytest.approx(28 * 6.5)
    assert seconds["optimizer.lr=0.5"] == seconds["seed=9"] == pytest.approx(14 * 6.5)
    assert seconds["batch_size=128"] is None


def test_the_queue_s_end_counts_points_by_other_seeds(project: Path) -> None:
    RunWriter(project, "s.depth-4.seed-0").start().train(14).end(0)
    RunWriter(project, "s.depth-4.seed-1").start().beat()
    found = {run.folder.path: run for run in runs(project)}
    (live,) = (path for path, run in found.items() if run.state.is_live)
    end = outlook(found, {live: (1, 0)}, {}, (1, 0), [Job("more", 9.0, 1, 0)]).expected.all_done
    assert end == pytest.approx(14 * 6.5 * (1 - 12 / 19 / 14) + 9)


def test_a_run_that_saved_nothing_still_writes_all_of_its_files(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    RunWriter(project, "s.depth-4.seed-0").start().train(14).end(0)
    RunWriter(project, "s.depth-4.seed-1").start().end(-9, "killed")
    print_points(load_project(project / "experiments.toml"), "s", as_json=True)
    rows = {each["point"]: each for each in json.loads(capsys.readouterr().out)}
    assert rows["s.depth-4.seed-1"]["status"] == "resumable"
    assert rows["s.depth-4.seed-1"]["bytes_to_come"] > 0


def test_what_died_goes_on_in_the_order_of_the_queue_before_all_others(project: Path) -> None:
    for rank, depth in enumerate((6, 8, 4)):
        dead = RunWriter(project, f"s.depth-{depth}.seed-1").start().end(-9, "killed")
        Place(rank=rank).write(dead.queue_file)
    order = [each.point.name for each in in_order(standing(project).values())]
    assert order[:3] == ["s.depth-6.seed-1", "s.depth-8.seed-1", "s.depth-4.seed-1"]
    assert order[3] == "s.depth-2.seed-0"


def test_of_a_stalled_point_no_end_is_told(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    RunWriter(project, "s.depth-4.seed-0").start().train(14).end(0)
    RunWriter(project, "s.depth-4.seed-1").start().train(4).beat(step=3, idle_seconds=95)
    loaded = load_project(project / "experiments.toml")
    print_points(loaded, "s", as_json=True)
    rows = {each["point"]: each for each in json.loads(capsys.readouterr().out)}
    assert rows["s.depth-4.seed-1"]["seconds_left"] is None
    print_points(loaded, "s", as_json=False)
    told = capsys.readouterr().out
    assert "of what is stalled: tui-trainer show s.depth-4.seed-1/1" in told
