"""What users do with many runs: filter, sort, mark, throw away; the list stays as it was left."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from textual.events import Paste

from tests.tui.run_folders import RunWriter, write_project, write_robust_study
from tests.tui.snapshot import screen_agrees
from tests.tui.story import Story, story
from tui_trainer.record import trash
from tui_trainer.record.remarks import score
from tui_trainer.record.run_folder import all_runs
from tui_trainer.tui import keys
from tui_trainer.tui.arrangement import SORTABLE

pytestmark = pytest.mark.usefixtures("workstation")
SIZES = [(80, 24), (120, 40), (200, 50)]


def write_many(folder: Path, count: int = 60) -> Path:
    """A project with as many runs as a week of study leaves."""
    project = write_project(folder)
    for number in range(count):
        writer = RunWriter(project, ("cnn2", "cnn4", "cnn8")[number % 3]).start()
        writer.train(2 + number % 5, rate=0.2 + number / 200)
        if number % 5 == 0:
            writer.end(1, "ValueError: shapes differ")
        else:
            writer.evaluate(0.8).end(0)
    return project


def runs_on(told: Story) -> list[str]:
    """The runs that the list shows, from top to bottom."""
    rows = told.app.screen_stack[1].query_one("RunList").rows  # type: ignore[attr-defined]
    return [row.label for row in rows if "/" in row.label]


def state_file() -> Path:
    [file] = (Path(os.environ["XDG_STATE_HOME"]) / "tui-trainer").iterdir()
    return file


async def test_a_filter_picks_runs_while_it_is_typed(tmp_path: Path) -> None:
    async with story(write_many(tmp_path), (120, 40)) as told:
        await told.sees("✕ 12 crashed")
        await told.press(keys.FILTER)
        await told.sees("Enter keeps  Esc gives up", "depth=4  -word")
        await told.type("state:crashed depth=4")
        await told.sees("/ state:crashed depth=4 · 4 of 60")
        await told.sees_no("cnn2", "cnn8")
        await told.type("9 zzz")
        await told.sees("none of 60 runs is to be seen here; Esc shows all")
        for _ in range(5):
            await told.pilot.press("backspace")
        await told.pilot.press("enter")
        await told.sees("4 of 60", "Esc all", "? help")
        assert runs_on(told) == ["cnn4/19", "cnn4/14", "cnn4/9", "cnn4/4"]
        await told.press(keys.BACK)
        await told.sees_no("4 of 60")
        await told.sees("cnn8")


async def test_a_mistake_in_a_filter_is_named_and_changes_nothing(tmp_path: Path) -> None:
    async with story(write_robust_study(tmp_path), (80, 24)) as told:
        await told.sees("● running")
        await told.press(keys.FILTER)
        await told.type("cnn4")
        await told.sees("3 of 5")
        await told.type(" dept=4")
        await told.sees("✕ ", "which no run has; did you mean `depth`?", "3 of 5")
        screen_agrees("filter-mistake-80x24", told.screen)
        await told.pilot.press("enter")
        await told.sees("did you mean")  # what is wrong is not kept
        await told.press(keys.BACK)
        await told.sees("cnn2/1", "cnn8/1", "q leave")
        await told.sees_no("did you mean", "cnn4 dept")


@pytest.mark.parametrize("key", ["ctrl+c", "escape"])
async def test_a_filter_that_is_given_up_brings_back_the_one_before(
    tmp_path: Path, key: str
) -> None:
    project = write_many(tmp_path)
    async with story(project) as told:
        await told.sees("✕ 12 crashed")
        await told.press(keys.FILTER)
        await told.type("state:crashed")
        await told.pilot.press("enter")
        await told.sees("/ state:crashed · 12 of 60", "Esc all")
        await told.press(keys.FILTER)
        await told.type(" depth=4")
        await told.sees("4 of 60")
        await told.pilot.press(key)
        await told.sees("/ state:crashed · 12 of 60", "? help")
        assert told.app.is_running
        await told.press(keys.FILTER)
        await told.type(" val<")
        await told.sees("✕ ")
    assert json.loads(state_file().read_text())["filter"] == "state:crashed"
    async with story(project) as told:
        await told.sees("/ state:crashed · 12 of 60")


async def test_keys_that_are_typed_into_the_filter_do_nothing_else(tmp_path: Path) -> None:
    async with story(write_robust_study(tmp_path)) as told:
        await told.sees("● running")
        await told.press(keys.FILTER)
        await told.type("qrsSDMROofTcu? ")
        await told.sees("qrsSDMROofTcu?")
        await told.did()
        assert told.app.is_running


async def test_runs_are_sorted_by_any_column_that_is_shown(tmp_path: Path) -> None:
    async with story(write_robust_study(tmp_path), (80, 24)) as told:
        await told.sees("● running")
        await told.press(*[keys.SORT] * 4)
        await told.sees("▼ val")
        assert runs_on(told) == ["cnn2/1", "cnn4/3", "cnn8/1", "cnn4/2", "cnn4/1"]
        await told.press(keys.REVERSE)
        await told.sees("▲ val")
        assert runs_on(told) == ["cnn4/1", "cnn4/2", "cnn8/1", "cnn4/3", "cnn2/1"]
        await told.press(keys.SORT, keys.SORT, keys.SORT)
        await told.sees("▲ gap")  # a small gap is a good one; who has none comes last
        assert runs_on(told) == ["cnn4/1", "cnn4/3", "cnn4/2", "cnn2/1", "cnn8/1"]
        await told.press(keys.SORT, keys.SORT)
        await told.sees("▾ cnn4", "resnet18")
        await told.press(keys.REVERSE)
        await told.sees("o sorts by a column first")


async def test_every_column_sorts_also_where_it_has_no_room(tmp_path: Path) -> None:
    project = write_robust_study(tmp_path)
    score(next(all_runs(project / "runs")), 0.41)
    async with story(project, (200, 50)) as told:
        await told.sees("● running")
        columns = ["experiment"]
        await told.press(keys.SORT)
        while columns[-1]:
            await told.press(keys.SORT)
            columns.append(told.app.screen._arrangement.order.column)  # type: ignore[attr-defined]
        assert tuple(columns[:-1]) == SORTABLE
        await told.press(*[keys.SORT] * 9)
        await told.sees("▼ best")
        await told.pilot.resize_terminal(80, 24)
        await told.sees("by best ▼")
        assert runs_on(told)[0] == "cnn2/1"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_sorted_list_with_marks_at_every_size(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with story(write_robust_study(tmp_path), size) as told:
        await told.go_to("cnn4/2")
        await told.press(keys.MARK, keys.MARK, *[keys.SORT] * 4)
        await told.go_to("cnn4/3")
        await told.sees("◆ 2 marked", "◆ cnn4/2", "◆ cnn4/1", "step 12/19")
        screen_agrees(f"many-{size[0]}x{size[1]}", told.screen)


async def test_what_is_done_to_marked_runs_is_done_to_all_that_can_take_it(tmp_path: Path) -> None:
    async with story(write_robust_study(tmp_path)) as told:
        await told.go_to("cnn4")
        await told.press(keys.MARK)
        await told.sees("◆ 3 marked")
        await told.press(keys.RESUME)
        await told.sees("Resume 2 runs? (1 of the marked ones cannot be.)")
        await told.press(keys.YES)
        await told.did("resume cnn4/2", "resume cnn4/1")
        await told.sees("resumed 2 runs")
        await told.press(keys.STOP)
        await told.did("resume cnn4/2", "resume cnn4/1", "stop cnn4/3")
        await told.press(keys.UNMARK)
        await told.sees_no("marked", "◆")


async def test_a_mark_that_is_out_of_sight_is_named_before_anything_is_done(
    tmp_path: Path,
) -> None:
    async with story(write_robust_study(tmp_path)) as told:
        await told.go_to("cnn4/3")
        await told.press(keys.MARK, keys.FILTER)
        await told.type("cnn2")
        await told.pilot.press("enter")
        await told.sees("1 of 5", "◆ 1 marked")
        await told.press(keys.STOP)
        await told.sees("Stop cnn4/3 after a checkpoint?")
        await told.press(keys.NO)
        await told.did()


async def test_a_sorted_list_begins_where_the_experiment_was(tmp_path: Path) -> None:
    async with story(write_robust_study(tmp_path)) as told:
        await told.go_to("cnn8")
        await told.press(*[keys.SORT] * 4)
        await told.sees("▼ val")
        assert told.selected == "cnn8/1"


async def test_one_of_several_that_fails_keeps_no_other_from_it(tmp_path: Path) -> None:
    async with story(write_robust_study(tmp_path)) as told:
        await told.go_to("cnn4/2")
        await told.press(keys.MARK, keys.MARK)
        told.operations.refused = {"cnn4/2"}
        await told.press(keys.RESUME, keys.YES)
        await told.sees("resumed cnn4/1", "cnn4/2: somebody owns it")


async def test_capital_r_resumes_all_that_died(tmp_path: Path) -> None:
    async with story(write_many(tmp_path, 12)) as told:
        await told.sees("✕ 3 crashed")
        await told.press(keys.RESUME_DEAD)
        await told.sees("Resume 3 runs that died?")
        await told.press(keys.NO)
        await told.did()
        await told.press(keys.RESUME_DEAD, keys.YES)
        await told.did("resume cnn2/1", "resume cnn4/4", "resume cnn8/2")


async def test_what_is_thrown_away_comes_back(tmp_path: Path) -> None:
    project = write_robust_study(tmp_path)
    async with story(project) as told:
        await told.go_to("cnn4/3")
        await told.press(keys.TRASH)
        await told.sees("cnn4/3 is running; there is nothing to throw away")
        await told.press(keys.UNDO)
        await told.sees("nothing was moved to the trash from here")
        await told.go_to("cnn4/2")
        await told.press(keys.MARK, keys.MARK, keys.TRASH)
        await told.sees("Move 2 runs to the trash? u brings back.")
        await told.press(keys.YES)
        await told.sees("2 runs in the trash; u brings back")
        await told.sees_no("cnn4/2", "cnn4/1", "marked")
        assert [run.run for run in all_runs(project / "runs")] == ["cnn2/1", "cnn4/3", "cnn8/1"]
        await told.press(keys.UNDO)
        await told.sees("2 runs back from the trash", "cnn4/2", "cnn4/1")
        assert len(list(all_runs(project / "runs"))) == 5


async def test_finished_runs_can_be_hidden(tmp_path: Path) -> None:
    async with story(write_robust_study(tmp_path)) as told:
        await told.sees("cnn8/1")
        await told.press(keys.HIDE_FINISHED)
        await told.sees("finished hidden · 3 of 5", "cnn4/1", "resnet18")
        await told.sees_no("cnn2/1", "cnn8/1")
        await told.press(keys.HIDE_FINISHED)
        await told.sees("cnn2/1", "cnn8/1")


async def test_the_list_is_as_it_was_left(tmp_path: Path) -> None:
    project = write_robust_study(tmp_path)
    async with story(project) as told:
        await told.go_to("cnn4/1")
        await told.press(keys.MARK)
        await told.go_to("cnn8")
        await told.press(keys.FOLD, keys.THEME, keys.FILTER)
        await told.type("-cnn2")
        await told.pilot.press("enter")
        await told.sees("4 of 5")
        await told.press(keys.LEAVE)
    kept = json.loads(state_file().read_text())
    assert kept["marked"] == ["cnn4/1"]
    async with story(project) as told:
        await told.sees("/ -cnn2 · 4 of 5 · ◆ 1 marked", "▸ cnn8", "▾ cnn4")
        assert told.app.theme == "trainer-light"
        await told.press(*[keys.SORT] * 2, keys.REVERSE)
        await told.sees("state ▼")
    async with story(project) as told:
        await told.sees("state ▼")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"filter": 7, "sort": [], "marked": {"a": 1}, "folded": [1], "theme": "none"}',
        '{"marked": [3, null, "x", "a/9999999999999", "\\ud800/1"], "sort": "zzz"}',
        '{"filter": "nothing=1 state:zzz"}',
    ],
)
async def test_a_state_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    project = write_robust_study(tmp_path)
    async with story(project) as told:
        await told.sees("● running")
        await told.press(keys.THEME)
    state_file().write_text(content)
    async with story(project) as told:
        await told.sees("cnn4/3", "● running", "cnn2/1")
        await told.press(keys.SORT, keys.SORT, keys.MARK)
        await told.sees("state")


async def test_a_home_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    async with story(write_robust_study(tmp_path / "project")) as told:
        await told.sees("● running")
        await told.press(keys.THEME, keys.SORT)
        await told.sees("▲")
        assert told.app.theme == "trainer-light"


async def test_what_is_pasted_into_the_filter_cannot_reach_the_terminal_raw(
    tmp_path: Path,
) -> None:
    async with story(write_robust_study(tmp_path)) as told:
        await told.sees("● running")
        await told.press(keys.FILTER)
        told.app.screen.query_one("#filter").post_message(Paste("cnn4\x1b[2J\x9b"))
        await told.sees("/ cnn4[2J · 0 of 5", " cnn4[2J")
        assert "\x1b" not in told.screen
        assert "\x9b" not in told.screen


async def test_without_colours_it_all_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with story(write_robust_study(tmp_path), (80, 24)) as told:
        await told.sees("● running")
        await told.press(keys.FILTER)
        await told.type("cnn4")
        await told.pilot.press("enter")
        await told.press(keys.BACK)
        await told.go_to("cnn4")
        await told.press(keys.MARK, keys.SORT, keys.COMPARE)
        await told.sees("3 runs compared", "same settings")


async def test_no_size_of_the_terminal_breaks_it(tmp_path: Path) -> None:
    async with story(write_robust_study(tmp_path)) as told:
        await told.go_to("cnn4")
        await told.press(keys.MARK, keys.SORT, keys.SORT)
        for width, height in [(1, 1), (2, 50), (200, 2), (40, 10), (300, 100), (80, 24)]:
            await told.pilot.resize_terminal(width, height)
            await told.press(keys.FILTER)
            await told.type("a")
            await told.press(keys.BACK, keys.MARK, keys.DOWN, keys.SORT, keys.HELP)
            await told.press(keys.PAGE_DOWN, keys.CLOSE_HELP, keys.HIDE_FINISHED)
        await told.sees("digits-study")


async def test_undo_brings_back_also_after_the_app_was_left(tmp_path: Path) -> None:
    project = write_robust_study(tmp_path)
    async with story(project) as told:
        await told.sees("● running")
        await told.go_to("cnn4/2")
        await told.press(keys.TRASH, keys.YES)
        await told.sees("cnn4/2 in the trash; u brings back")
        await told.sees_no("   cnn4/2 ")
        await told.go_to("cnn8/1")
        await told.press(keys.TRASH, keys.YES)
        await told.sees("cnn8/1 in the trash; u brings back")
    async with story(project) as told:
        await told.sees("● running")
        await told.sees_no("cnn8/1")
        await told.press(keys.UNDO)
        await told.sees("cnn8/1 back from the trash", "   cnn8/1 ")
    assert [run.run for run in all_runs(project / "runs" / ".trash")] == ["cnn4/2"]
    async with story(project) as told:
        await told.sees("● running")
        all_runs_back = trash.restore(project / "runs", "cnn4/2")
        assert all_runs_back.path.is_dir()
        await told.press(keys.UNDO)
        await told.sees("there is no run `cnn4/2`", "the trash: tui-trainer restore")
        await told.press(keys.UNDO)
        await told.sees("nothing was moved to the trash from here")


async def test_what_could_not_come_back_can_be_had_back_later(tmp_path: Path) -> None:
    project = write_robust_study(tmp_path)
    async with story(project) as told:
        await told.sees("● running")
        for name in ("cnn4/2", "cnn8/1"):
            await told.go_to(name)
            await told.press(keys.TRASH, keys.YES)
            await told.sees(f"{name} in the trash; u brings back")
            await told.sees_no(f"   {name} ")
        in_its_place = project / "runs" / "cnn8" / "1"
        in_its_place.mkdir(parents=True)
        await told.press(keys.UNDO)
        await told.sees("cnn8/1 stands already in")
        in_its_place.rmdir()
        await told.press(keys.UNDO)
        await told.sees("cnn4/2 back from the trash")
        await told.press(keys.UNDO)
        await told.sees("cnn8/1 back from the trash")


async def test_a_theme_is_remembered_wherever_it_was_chosen(tmp_path: Path) -> None:
    project = write_robust_study(tmp_path)
    async with story(project) as told:
        await told.sees("● running")
        await told.go_to("cnn4/2")
        await told.press(keys.OPEN)
        await told.sees("[1 curves]")
        await told.press(keys.THEME)
        assert told.app.theme == "trainer-light"
        await told.press(keys.BACK)
        await told.sees("q leave")
    async with story(project) as told:
        await told.sees("● running")
        assert told.app.theme == "trainer-light"


@pytest.mark.parametrize(
    "damage", [7, [None, [], "x", {"a": 1}, [3, None]], [["cnn4/99"]], {"cnn4": 1}]
)
async def test_a_damaged_memory_of_the_trash_breaks_nothing(tmp_path: Path, damage: object) -> None:
    project = write_robust_study(tmp_path)
    async with story(project) as told:
        await told.sees("● running")
        await told.press(keys.SORT)
        await told.sees("▲")
    kept = json.loads(state_file().read_text())
    state_file().write_text(json.dumps({**kept, "thrown_away": damage, "group": damage}))
    async with story(project) as told:
        await told.sees("● running")
        await told.press(keys.UNDO)
        await told.sees("trash")
