"""When a queue will be done, played through with known times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tui.run_folders import EXPERIMENTS, RunWriter, write_project
from tui_trainer.record.index import Index
from tui_trainer.record.state import State
from tui_trainer.study.queue_forecast import Forecast, Job, Outlook, forecast, outlook
from tui_trainer.tui.queued import all_done

if TYPE_CHECKING:
    from pathlib import Path


def job(name: str, seconds: float | None, cpus: int = 1, gpus: int = 0) -> Job:
    return Job(name, seconds, cpus, gpus)


def test_each_begins_as_soon_as_a_slot_is_free() -> None:
    told = forecast([job("a", 10), job("b", 4)], [job("c", 3), job("d", 5)], 2, 0)
    assert told.ends == {"a": 10, "b": 4, "c": 7, "d": 12}
    assert told.all_done == 12


def test_a_big_one_is_waited_for_by_those_behind_it() -> None:
    told = forecast([job("a", 10)], [job("big", 5, cpus=2), job("small", 1)], 2, 0)
    assert told.ends == {"a": 10, "big": 15, "small": 16}


def test_gpus_and_processors_are_lines_of_their_own() -> None:
    waiting = [job("g1", 5, 0, 1), job("g2", 5, 0, 1), job("c", 3), job("both", 2, 1, 1)]
    told = forecast([], waiting, 1, 1)
    assert told.ends == {"g1": 5, "g2": 10, "c": 3, "both": 12}


def test_behind_what_nobody_knows_the_end_of_only_other_slots_are_told() -> None:
    told = forecast([job("a", None), job("b", 4)], [job("c", 3), job("d", 5, cpus=2)], 2, 0)
    assert told.ends == {"b": 4, "c": 7}
    assert told.all_done is None
    assert (told.at_least, told.unknown, told.runs) == (7, 2, 4)
    words = all_done(Outlook(told, None), held=0)
    assert words.startswith("all done not before ")
    assert words.endswith("; of 2 of 4 runs no end can be told")


def test_of_a_stalled_run_no_end_is_told(tmp_path: Path) -> None:
    project = write_project(tmp_path, EXPERIMENTS)
    path = RunWriter(project, "cnn2").start().train(4).beat(step=3, idle_seconds=95).folder.path
    (run,) = Index(project / "runs").look()
    assert run.state is State.STALLED
    told = outlook({path: run}, {path: (1, 0)}, {}, (1, 0))
    assert told.expected == Forecast({}, None, 1)


def test_what_wants_more_than_there_is_never_begins() -> None:
    assert forecast([], [job("a", 1, gpus=1)], 1, 0).all_done is None
    assert forecast([], [], 1, 0).all_done == 0


def test_a_long_queue_is_played_through_at_once() -> None:
    waiting = [job(str(number), 10) for number in range(5000)]
    assert forecast([], waiting, 4, 0).all_done == 12_500


def test_wall_times_tell_when_all_is_done_at_the_latest(tmp_path: Path) -> None:
    with_wall_time = 'epochs = 14\nresources.walltime = "1:00:00"\n'
    project = write_project(tmp_path, EXPERIMENTS.replace("epochs = 14\n", with_wall_time, 1))
    trains = RunWriter(project, "cnn2").start().train(4).beat(step=0).folder.path
    waits = RunWriter(project, "cnn2").start().beat(step=0, stage="queued").folder.path
    runs = {run.folder.path: run for run in Index(project / "runs").look()}
    told = outlook(runs, {trains: (1, 0)}, {waits: (1, 0)}, (1, 0))
    assert told.expected.ends[str(trains)] == 10 * 6.5
    assert told.expected.ends[str(waits)] >= 24 * 6.5
    assert told.by_wall_time
    assert told.by_wall_time.all_done == 7200
    told = outlook(runs, {trains: (1, 0)}, {}, (1, 0))
    assert told.expected.all_done is None  # it waits where nobody sees it


def test_of_a_run_that_stands_still_nobody_knows_the_end(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    RunWriter(project, "cnn2").start().train(4).beat(idle_seconds=95)
    runs = {run.folder.path: run for run in Index(project / "runs").look()}
    told = outlook(runs, dict.fromkeys(runs, (1, 0)), {}, (1, 0))
    assert told.expected.all_done is None
