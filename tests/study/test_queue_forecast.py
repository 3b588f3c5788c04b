"""When a queue will be done, played through with known times."""

from __future__ import annotations

from tui_trainer.study.queue_forecast import Job, forecast


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


def test_what_wants_more_than_there_is_never_begins() -> None:
    assert forecast([], [job("a", 1, gpus=1)], 1, 0).all_done is None
    assert forecast([], [], 1, 0).all_done == 0


def test_a_long_queue_is_played_through_at_once() -> None:
    waiting = [job(str(number), 10) for number in range(5000)]
    assert forecast([], waiting, 4, 0).all_done == 12_500
