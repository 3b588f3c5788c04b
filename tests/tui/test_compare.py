"""The marked runs beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import RunWriter, write_project, write_robust_study
from tests.tui.snapshot import screen_agrees
from tests.tui.story import story
from tui_trainer.tui import keys
from tui_trainer.tui.widgets.plot import Plot

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("workstation")
SIZES = [(80, 24), (120, 40), (200, 50)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_marked_runs_stand_over_one_chart(tmp_path: Path, size: tuple[int, int]) -> None:
    async with story(write_robust_study(tmp_path), size) as told:
        await told.sees("● running")
        await told.press(keys.COMPARE)
        await told.sees("mark two runs or more with Space")
        for label in ("cnn2/1", "cnn4/1", "cnn8/1"):
            await told.go_to(label)
            await told.press(keys.MARK)
        await told.press(keys.COMPARE)
        await told.sees("3 runs compared", "1 95.1", "2 77.8", "3 91.4", "model.depth", "-19.0")
        await told.sees("2 settings that differ", "rotation degrees=10", "@13")
        await told.sees_no("optimizer.lr")
        screen_agrees(f"compare-{size[0]}x{size[1]}", told.screen)
        await told.press(keys.NEXT_FIGURE)
        await told.sees("validation loss", "| log loss")
        await told.press(keys.LOG_SCALE)
        await told.sees("validation loss  log")
        await told.press(keys.NEXT_FIGURE)
        await told.sees("ood accuracy %", "2 60.5")
        await told.press(keys.HELP)
        await told.sees("Comparison", "the next figure")
        await told.press(keys.CLOSE_HELP, keys.CLOSE_COMPARISON)
        await told.sees("◆ 3 marked", "cnn4/3")


async def test_without_unicode_curves_are_drawn_with_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    async with story(write_robust_study(tmp_path), (80, 24)) as told:
        await told.sees("* running")
        for label in ("cnn2/1", "cnn4/1"):
            await told.go_to(label)
            await told.press(keys.MARK)
        await told.press(keys.COMPARE)
        await told.sees("1 95.1", "2 77.8", "111", "222")
        assert told.screen.isascii()


async def test_more_than_eight_are_cut_and_it_says_so(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    for number in range(11):
        RunWriter(project, "cnn2").start().train(3 + number % 4, rate=0.1 + number / 20).end(0)
    async with story(project, (80, 24)) as told:
        await told.sees("✓ 11 finished")
        await told.go_to("cnn2")
        await told.press(keys.MARK)
        await told.sees("◆ 11 marked")
        await told.press(keys.COMPARE)
        await told.sees("8 runs compared", "of 11 that are marked")
        # Every curve has a number at its end, however many lines the table would have.
        await told.sees(*(f" {number} " for number in range(1, 9)), "8 7", "1 ")
        await told.press(keys.BOTTOM)
        await told.sees("all were launched with the same settings")
        for width, height in [(1, 1), (30, 5), (200, 2), (80, 24)]:
            await told.pilot.resize_terminal(width, height)
            await told.press(keys.DOWN, keys.PAGE_DOWN, keys.TOP, keys.RIGHT, keys.NEXT_FIGURE)


async def test_settings_that_have_no_room_are_gone_to(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    for name in ("cnn2", "cnn4", "cnn8", "resnet18"):
        RunWriter(project, name).start().train(2).end(0)
    async with story(project, (60, 30)) as told:
        await told.sees("✓ 4 finished")
        for name in ("cnn2", "cnn4", "cnn8", "resnet18"):
            await told.go_to(f"{name}/1")
            await told.press(keys.MARK)
        await told.press(keys.COMPARE, keys.RIGHT, keys.RIGHT, keys.BOTTOM)
        await told.sees("model.name", "resnet18")
        await told.press(keys.LEFT, keys.LEFT)
        await told.sees("model.name", "cnn")


async def test_a_few_epochs_are_compared_over_the_whole_width(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    RunWriter(project, "cnn2").start().train(2).end(0)
    RunWriter(project, "cnn4").start().train(3).beat()
    async with story(project, (80, 24)) as told:
        await told.sees("● running", "✓ finished")
        for label in ("cnn2/1", "cnn4/1"):
            await told.go_to(label)
            await told.press(keys.MARK)
        await told.press(keys.COMPARE)
        await told.sees("2 runs compared", "2 5")
        axis = next(line for line in told.screen.splitlines() if "└" in line)
        ticks = told.screen.splitlines()[told.screen.splitlines().index(axis) + 1]
        assert ticks.split()[-1] == "3"
        assert axis.rstrip().endswith("┬")


async def test_without_colours_eight_curves_are_told_apart_by_weight_and_dashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    project = write_project(tmp_path)
    for number in range(8):
        RunWriter(project, "cnn2").start().train(14, rate=0.1 + number / 20).end(0)
    async with story(project, (120, 40)) as told:
        await told.sees("✓ 8 finished")
        await told.go_to("cnn2")
        await told.press(keys.MARK)
        await told.press(keys.COMPARE)
        await told.sees("8 runs compared")
        plot = told.app.screen.query_one("#curves", Plot)
        assert plot._chart is not None
        looks = []
        for series in plot._chart.series:
            style = told.app.get_component_styles(f"ink--{series.ink}").partial_rich_style
            looks.append((style.bold, style.dim, series.dash))
        assert len(set(looks)) == 8


async def test_a_live_run_moves_on_beside_the_others(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    RunWriter(project, "cnn2").start().train(14).end(0)
    live = RunWriter(project, "cnn4").start().train(4).beat()
    async with story(project) as told:
        await told.sees("● running")
        for label in ("cnn2/1", "cnn4/1"):
            await told.go_to(label)
            await told.press(keys.MARK)
        await told.press(keys.COMPARE)
        await told.sees("cnn4/1  ● running", "@4")
        live.train(2)
        await told.sees("@6")
