"""Studies in the list: their points folded under them, and launched together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import RunWriter, write_project
from tests.tui.snapshot import screen_agrees
from tests.tui.story import story
from tests.tui.test_groups import rows_on
from tui_trainer.tui import keys

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("workstation")
SIZES = [(80, 24), (120, 40), (200, 50)]
STUDIES = """\
[project]
name = "depth-study"
[defaults]
data = { name = "digits" }
epochs = 14
[experiments.cnn2]
description = "two convolutions, nothing fancy"
model = { name = "cnn", depth = 2 }
[studies.depth]
base = "cnn2"
grid = { "model.depth" = [2, 4, 8] }
seeds = 2
[studies.batch]
base = "cnn2"
ablate = { batch_size = [32, 128] }
"""


def write_studies(folder: Path) -> Path:
    """A study of depth under way, and one of batch sizes that has not begun."""
    project = write_project(folder, STUDIES)
    RunWriter(project, "cnn2").start().train(14, rate=0.25).end(0)
    RunWriter(project, "depth.depth-4.seed-0").start().train(14, rate=0.3).end(0)
    RunWriter(project, "depth.depth-8.seed-0").start().train(6).end(-9, "killed by SIGKILL")
    RunWriter(project, "depth.depth-2.seed-1").start().train(7).beat()
    return project


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_points_stand_under_their_study_and_whose_settings_ran_already_are_done(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with story(write_studies(tmp_path), size) as told:
        await told.go_to("depth.depth-8.seed-1")
        await told.go_to("depth")
        await told.sees("2 of 6 points done")
        screen_agrees(f"studies-{size[0]}x{size[1]}", told.screen)
        await told.press(keys.FOLD)
        await told.sees("▸ depth", "▾ batch")
        assert "depth.depth-4.seed-0" not in rows_on(told)
        await told.press(keys.UNFOLD)
        await told.go_to("depth.depth-2.seed-1/1")
        await told.press(keys.SORT)
        await told.sees("depth.depth-4")  # where points stand alone they have whole names


async def test_what_is_left_of_a_study_is_launched_together(tmp_path: Path) -> None:
    async with story(write_studies(tmp_path)) as told:
        await told.sees("● running", "trained the same as cnn2/1")
        await told.go_to("depth")
        await told.press(keys.PLAN)
        await told.sees("Launch 2 points of depth without a run?")
        await told.press(keys.YES)
        await told.did("launch depth.depth-4.seed-1", "launch depth.depth-8.seed-1")
        await told.sees("depth-4.seed-1/1", "depth-8.seed-1/1")
        await told.press(keys.PLAN)
        await told.sees("every point of depth has a run")


async def test_pictures_of_a_study_are_answered(tmp_path: Path) -> None:
    async with story(write_studies(tmp_path)) as told:
        await told.go_to("depth")
        await told.press(keys.SAMPLES)
        await told.sees("pictures are of one experiment")


async def test_a_point_is_planned_and_a_new_experiment_begins_as_its_base(tmp_path: Path) -> None:
    async with story(write_studies(tmp_path)) as told:
        await told.sees("● running", "trained the same as cnn2/1")
        await told.go_to("depth.depth-8.seed-1")
        await told.press(keys.PLAN)
        await told.sees("launch depth.depth-8.seed-1", "$ tui-trainer run depth.depth-8.seed-1")
        await told.press(keys.LEAVE_FORM, keys.NEW)
        await told.sees("new experiment from depth.depth-8.seed-1", 'base = "cnn2"', "depth = 8")
