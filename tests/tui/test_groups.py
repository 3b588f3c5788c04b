"""The list folded by what runs have in common, as users go through it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tui.snapshot import screen_agrees
from tests.tui.story import Story, story
from tests.tui.test_run import run_of
from tui_trainer.record import remarks
from tui_trainer.tui import keys
from tui_trainer.tui.widgets.run_list import RunList

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("workstation")
SIZES = [(80, 24), (120, 40), (200, 50)]


def rows_on(told: Story) -> list[str]:
    return [row.label for row in told.app.screen_stack[1].query_one(RunList).rows]


async def test_the_list_is_grouped_by_base_by_state_and_by_tag(study: Path) -> None:
    remarks.tag(run_of(study, "cnn4/1"), ["b", "a"])
    remarks.tag(run_of(study, "cnn8/1"), ["b"])
    async with story(study) as told:
        await told.sees("● running", "◍ stalled", "resnet18")
        plain = rows_on(told)
        await told.press(keys.GROUP)
        await told.sees("by base", "from cnn2", "2 experiments · 3 runs")
        assert rows_on(told) == [
            *("no base", "cnn2", "cnn2/1"),
            *("from cnn2", "cnn4", "cnn4/3", "cnn4/2", "cnn4/1", "resnet18"),
            *("from cnn4", "cnn8", "cnn8/2", "cnn8/1"),
        ]
        await told.press(keys.GROUP)
        await told.sees("by state")
        assert rows_on(told) == [
            *("running", "cnn4/3", "stalled", "cnn8/1", "crashed", "cnn4/1"),
            *("queued", "cnn8/2", "stopped", "cnn4/2", "finished", "cnn2/1", "not run", "resnet18"),
        ]
        await told.press(keys.GROUP)
        await told.sees("by tag", "#a #b")
        assert rows_on(told)[:4] == ["#a #b", "cnn4/1", "#b", "cnn8/1"]
        assert rows_on(told)[4] == "no tag"
        await told.press(keys.GROUP)
        await told.sees_no("by tag")
        assert rows_on(told) == plain


async def test_groups_fold_and_stay_as_they_were_left(study: Path) -> None:
    async with story(study) as told:
        await told.sees("● running")
        await told.press(keys.GROUP)
        await told.go_to("cnn4/2")
        await told.press(keys.FOLD)
        assert told.selected == "cnn4"
        await told.press(keys.FOLD)
        assert told.selected == "from cnn2"
        await told.sees("▸ from cnn2", "1 stopped")
        assert "cnn4" not in rows_on(told)
        await told.press(keys.OPEN)
        await told.sees("▾ from cnn2")
        await told.press(keys.OPEN)
        await told.sees("▸ from cnn2")
        await told.press(keys.LEAVE)
    async with story(study) as told:
        await told.sees("by base", "▸ from cnn2")
        await told.go_to("from cnn2")
        await told.press(keys.UNFOLD, keys.DOWN)
        assert told.selected == "cnn4"


async def test_keys_mean_every_run_of_the_group(study: Path) -> None:
    async with story(study) as told:
        await told.sees("● running")
        await told.press(keys.GROUP, keys.GROUP)
        await told.go_to("crashed")
        await told.sees("1 run", "Enter fold")
        await told.press(keys.TAG)
        await told.type("look")
        await told.press(keys.TAKE)
        await told.sees("cnn4/1: tagged look")
        await told.press(keys.RESUME)
        await told.sees("Resume cnn4/1?")
        await told.press(keys.YES)
        await told.did("resume cnn4/1")
        await told.press(keys.MARK)
        await told.sees("◆ 1 marked", "◆ cnn4/1")
        await told.go_to("not run")
        await told.press(keys.UNMARK, keys.RESUME)
        await told.sees("there is no run to resume here")


async def test_runs_are_sorted_within_their_groups(study: Path) -> None:
    async with story(study) as told:
        await told.sees("● running")
        await told.press(keys.GROUP, *[keys.SORT] * 4)
        await told.sees("▼ val", "by base")
        assert rows_on(told)[2:7] == ["from cnn2", "cnn4/2", "cnn4/3", "cnn4/1", "resnet18"]


async def test_a_launched_run_is_gone_to_also_in_a_folded_group(study: Path) -> None:
    async with story(study) as told:
        await told.sees("● running")
        await told.press(keys.GROUP)
        await told.go_to("resnet18")
        await told.press(keys.OPEN)
        await told.sees("resnet18/1")
        assert told.selected == "resnet18/1"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_groups_at_every_size(study: Path, size: tuple[int, int]) -> None:
    async with story(study, size) as told:
        await told.sees("● running")
        await told.press(keys.GROUP)
        await told.go_to("from cnn2")
        await told.sees("by base", "j goes to its runs")
        screen_agrees(f"groups-{size[0]}x{size[1]}", told.screen)
