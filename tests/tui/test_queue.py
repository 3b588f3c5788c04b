"""The queue in the app: who waits, in which order, and what is done to those that wait."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import RunWriter, write_project
from tests.tui.snapshot import screen_agrees
from tests.tui.story import story
from tui_trainer.launch.slots import Pool, Want
from tui_trainer.launch.tickets import issue
from tui_trainer.record.place import Place
from tui_trainer.record.run_folder import RunFolder
from tui_trainer.tui import keys, queue_view, queued
from tui_trainer.tui.queued import Move, first, last, later, sooner
from tui_trainer.tui.widgets.cursor_rows import CursorRows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tui.story import Story

pytestmark = pytest.mark.usefixtures("workstation", "own_slots")
SIZES = [(80, 24), (120, 40), (200, 50)]


class Line:
    """Stands in for the supervisors of runs on two slots: one trains, the others wait."""

    def __init__(self, project: Path, *waiting: str) -> None:
        self.pool = Pool.here()
        trains = RunWriter(project, "cnn4").start().train(7).beat()
        slots = self.pool.take(Want(1, 0), trains.folder)
        assert not isinstance(slots, str)
        self.slots = slots
        self.tickets = []
        for rank, name in enumerate(waiting, 1):
            cause = "waits for 2 CPU slots; cnn4/1 has the slots"
            waits = RunWriter(project, name).start().beat(stage="queued", waits_for=cause)
            folder = waits.folder
            place = Place(rank=rank * 1_000_000_000_000)
            place.write(folder.queue_file)
            self.tickets.append((folder, *issue(self.pool, place, Want(2, 0), folder)))

    def take_places(self) -> None:
        """What supervisors do that see their queue.json changed."""
        self.tickets = [
            (folder, ticket.moved_to(Place.read(folder.queue_file)), descriptor)
            for folder, ticket, descriptor in self.tickets
        ]


@contextmanager
def line(project: Path, *waiting: str) -> Iterator[Line]:
    stands = Line(project, *waiting)
    yield stands
    stands.slots.release()


@pytest.fixture(autouse=True)
def _two_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUI_TRAINER_CPU_SLOTS", "2")
    for module in (queued, queue_view):  # what time it is differs from run to run
        monkeypatch.setattr(module, "clock", lambda ends: "" if ends is None else "07:40")


def order(told: Story) -> list[str]:
    """The runs from top to bottom, as the screen has them."""
    rows = told.app.screen.query_one(CursorRows)._rows
    return [RunFolder(row.key).run for row in rows if isinstance(row.key, Path)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_queue_shows_places_slots_and_ends(tmp_path: Path, size: tuple[int, int]) -> None:
    project = write_project(tmp_path)
    for name in ("cnn2", "cnn8"):
        RunWriter(project, name).start().train(14).end(0)
    with line(project, "cnn2", "cnn8", "cnn4"):
        async with story(project, size) as told:
            await told.sees("◌ 3 queued", "all done by")
            await told.press(keys.TO_QUEUE)
            await told.sees("3 waiting", "CPU slots", "1 of 2 taken", "1  cnn2/2", "7/14")
            screen_agrees(f"queue-{size[0]}x{size[1]}", told.screen)


async def test_runs_are_held_moved_and_given_a_priority(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    with line(project, "cnn2", "cnn8", "resnet18") as stands:
        async with story(project) as told:
            await told.sees("◌ 3 queued")
            await told.press(keys.TO_QUEUE)
            await told.sees("3 waiting")
            assert order(told) == ["cnn4/1", "cnn2/1", "cnn8/1", "resnet18/1"]
            await told.press(keys.HOLD)
            await told.sees("cnn4/1 is running; there is nothing to hold")
            await told.press(keys.DOWN, keys.HOLD)
            await told.sees("held cnn2/1")
            stands.take_places()
            await told.sees("◌ held", "without 1 run that is held", "  1  cnn8/1")
            await told.press(keys.RELEASE)
            await told.sees("released cnn2/1")
            await told.press(keys.LATER_ON)
            await told.sees("cnn2/1 moved")
            stands.take_places()
            await told.sees("  1  cnn8/1", "  2  cnn2/1")
            await told.press(keys.PRIORITY)
            await told.type("lots")
            await told.press(keys.TAKE)
            await told.sees("a priority is a whole number")
            await told.press(*[keys.ERASE] * 4)
            await told.type("7")
            await told.press(keys.TAKE)
            await told.sees("cnn2/1: priority 7")
            stands.take_places()
            await told.sees("prio", "  1  cnn2/1")


async def test_marked_runs_go_first_together(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    with line(project, "cnn2", "cnn8", "resnet18") as stands:
        async with story(project) as told:
            for label in ("cnn8/1", "resnet18/1"):
                await told.go_to(label)
                await told.press(keys.MARK)
            await told.press(keys.TO_QUEUE)
            await told.sees("◆ cnn8/1", "◆ resnet18/1")
            await told.press(keys.FIRST)
            await told.sees("2 runs moved")
            stands.take_places()
            await told.sees("  1◆ cnn8/1", "  2◆ resnet18/1", "  3  cnn2/1")
            await told.press(keys.FIRST)
            await told.sees("2 runs stands at the top already")
            await told.press(keys.STOP)
            await told.sees("Stop 2 runs after a checkpoint?")
            await told.press(keys.YES)
            await told.did("stop cnn8/1", "stop resnet18/1")


async def test_nothing_waits_and_slots_that_cannot_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with story(write_project(tmp_path / "p")) as told:
        await told.press(keys.TO_QUEUE)
        await told.sees("nothing runs and nothing waits", "0 of 2 taken")
        await told.press(keys.HOLD, keys.SHOW_RUN, keys.MARK, keys.UNMARK, keys.BOTTOM, keys.SOONER)
        await told.sees("only a run that waits")
        (tmp_path / "not-ours").mkdir(mode=0o777)
        (tmp_path / "not-ours").chmod(0o777)
        monkeypatch.setenv("TUI_TRAINER_SLOTS_FOLDER", str(tmp_path / "not-ours"))
        await told.press(keys.CLOSE_QUEUE, keys.TO_QUEUE)
        await told.sees("which", "is no folder of yours alone")


def test_neighbours_move_together_and_stop_at_the_ends() -> None:
    a, b, c, d = runs = [RunFolder(Path(f"/p/runs/{name}/1")) for name in "abcd"]
    assert sooner(runs, [b, c]) == [Move(b, a), Move(c, a)]
    assert sooner(runs, [a, b, d]) == [Move(d, c)]
    assert later(runs, [b, c]) == [Move(c, None), Move(b, c)]
    assert later(runs, [a]) == [Move(a, c)]
    assert later(runs, [c, d]) == []
    assert first(runs, [b, d]) == [Move(b, a), Move(d, a)]
    assert first(runs, [a, b]) == first(runs, runs) == []
    assert last(runs, [a, c]) == [Move(a, None), Move(c, None)]
    assert last(runs, [c, d]) == []
