"""The scoreboard in the app."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import RunWriter, write_project
from tests.tui.snapshot import screen_agrees
from tests.tui.story import story
from tui_trainer.record import remarks
from tui_trainer.tui import keys

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("workstation")
SIZES = [(80, 24), (120, 40), (200, 50)]


def write_scored(folder: Path) -> Path:
    """Four runs, of which two were sent to a board, and one has never been measured."""
    project = write_project(folder)
    for name, test, ood, score in (
        ("cnn2", 0.96, 0.41, 0.44),
        ("cnn4", 0.97, 0.52, None),
        ("cnn8", 0.95, 0.47, 47.5),
    ):
        run = RunWriter(project, name).start().train(3, rate=1.5).evaluate(test)
        done = run.evaluate_ood(ood, test - ood).end(0)
        if score is not None:
            remarks.score(done, score, "kaggle [/b]")
    remarks.tag(done, ["best-so-far"], [])
    RunWriter(project, "resnet18")
    return project


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_runs_are_ranked_with_lines_at_what_is_to_be_reached(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with story(write_scored(tmp_path), size) as told:
        await told.sees("✓ 3 finished")
        await told.press(keys.TO_SCORES, keys.TARGET)
        await told.sees("target for ood:")
        await told.type("60")
        await told.press(keys.TAKE)
        await told.sees("target 60.0", "nothing is there yet", "of 1 more it is not known")
        await told.sees("kaggle [/b] 47.5 (cnn8/1)", "  1 cnn4/1")
        screen_agrees(f"scores-{size[0]}x{size[1]}", told.screen)
        await told.press(keys.NEXT_RANKING)
        await told.sees("3 runs by test", "97.0")
        await told.press(*[keys.NEXT_RANKING] * 3)
        await told.sees("2 runs by kaggle", "  1 cnn8/1", "47.5")
        await told.press(keys.LOWEST_FIRST)
        await told.sees("  1 cnn2/1", "0.44")
        await told.press(keys.SHOW_RUN)
        await told.sees("loss", "Esc back")


async def test_a_project_without_runs_has_an_empty_scoreboard(tmp_path: Path) -> None:
    async with story(write_project(tmp_path), (80, 24)) as told:
        await told.sees("cnn2")
        await told.press(keys.TO_SCORES)
        await told.sees("scoreboard", "0 runs by ood")
        for width, height in [(1, 1), (30, 5), (200, 2), (80, 24)]:
            await told.pilot.resize_terminal(width, height)
            await told.press(keys.DOWN, keys.NEXT_RANKING, keys.SHOW_RUN, keys.LOWEST_FIRST)
