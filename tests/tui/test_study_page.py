"""A study in the app: accuracy against cost, effects against seed noise, and what is left of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import RunWriter, write_project
from tests.tui.snapshot import screen_agrees
from tests.tui.story import story
from tui_trainer.tui import bring_on, keys

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tui.story import Story

pytestmark = pytest.mark.usefixtures("workstation")
SIZES = [(80, 24), (120, 40), (200, 50)]
STUDIES = """\
[project]
name = "depth-study"
[defaults]
data = { name = "digits" }
epochs = 3
[experiments.cnn2]
model = { name = "cnn", depth = 2 }
[studies.depth]
description = "how deep is deep enough"
base = "cnn2"
grid = { "model.depth" = [2, 4, 8] }
seeds = 3
[studies.batch]
base = "cnn2"
ablate = { batch_size = [32, 128] }
[studies.wide]
base = "cnn2"
grid = { "model.depth" = [2, 4], batch_size = [16, 256] }
labels = { batch_size = ["[/bold] small and too long", "[/]b"] }
"""
FOUND = {2: (0.91, 0.45, 1_200), 4: (0.955, 0.52, 57_000), 8: (0.958, 0.49, 900_000)}


def write_studies(folder: Path) -> Path:
    """A study of depth of which one point lacks a seed, and studies that have hardly begun."""
    project = write_project(folder, STUDIES)
    for depth, (test, ood, parameters) in FOUND.items():
        for seed in range(3):
            name, shift = f"depth.depth-{depth}.seed-{seed}", 0.004 * (seed - 1)
            if (depth, seed) == (8, 2):
                RunWriter(project, name).start().train(2).end(-9, "killed by SIGKILL")
                continue
            run = RunWriter(project, name).start(parameters=parameters, flops=40 * parameters)
            run.train(3, rate=1.5, ood_gap=0.4).evaluate(test + shift)
            run.evaluate_ood(ood + 2 * shift, test - ood - shift).end(0)
    return project


async def open_study(told: Story, name: str) -> None:
    await told.go_to(name)
    await told.press(keys.OPEN)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_study_shows_cost_effects_and_points(tmp_path: Path, size: tuple[int, int]) -> None:
    async with story(write_studies(tmp_path), size) as told:
        await open_study(told, "depth")
        await told.sees("8 of 9 runs done", "accuracy % over depth", "91.0 ± 0.4", "1 crashed")
        await told.sees("not done are 1 of 9 runs")
        screen_agrees(f"study-page-{size[0]}x{size[1]}", told.screen)
        await told.press(keys.NEXT_PART)
        await told.sees("depth 2 → 4", "+4.5", "beyond noise", "seed noise 0.4")
        await told.sees("tui-trainer run", "depth goes on")
        screen_agrees(f"study-effects-{size[0]}x{size[1]}", told.screen)
        await told.press(keys.NEXT_METRIC)
        await told.sees("effects on OOD", "+7.0", "0.8")
        await told.press(keys.NEXT_PART, keys.NEXT_PART, keys.NEXT_AXIS, keys.LOG_AXIS)
        await told.sees("accuracy % over parameters  log axis", "1 k", "57 k", "900 k")


async def test_what_is_missing_is_started_as_the_command_does_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = list[str]()

    def launch(project: object, name: str, experiment: object, **_: object) -> object:
        del project, experiment
        done.append(f"launch {name}")
        return RunWriter(tmp_path, name).start().beat().folder

    monkeypatch.setattr(bring_on, "launch_as", launch)
    monkeypatch.setattr(bring_on, "resume", lambda folder: done.append(f"resume {folder.run}"))
    async with story(write_studies(tmp_path)) as told:
        await open_study(told, "depth")
        await told.sees("L start 1")
        await told.press(keys.COMPLETE_STUDY)
        await told.sees("1 resumed")
        await told.press(keys.CLOSE_STUDY)
        await open_study(told, "batch")
        await told.sees("L start 2")
        await told.press(keys.COMPLETE_STUDY)
        await told.sees("2 started", "1 of 3 runs done", "● 1 running")
        await told.press(keys.COMPLETE_STUDY)
        await told.sees("nothing is to be started: the rest is live")
    assert done == [
        "resume depth.depth-8.seed-2/1",
        "launch batch.batch_size-32",
        "launch batch.batch_size-128",
    ]


async def test_a_study_without_a_run_says_so_and_hostile_words_stay_words(tmp_path: Path) -> None:
    async with story(write_project(tmp_path, STUDIES), (80, 24)) as told:
        await open_study(told, "wide")
        await told.sees("0 of 4 runs done", "no point is done yet", "1 missing")
        await told.press(keys.NEXT_PART)
        await told.sees("no effect can be told yet")
        await told.press(keys.NEXT_PART)
        await told.sees("[/bold] small", "[/]b")
        for width, height in [(1, 1), (30, 5), (200, 2), (80, 24)]:
            await told.pilot.resize_terminal(width, height)
            for key in (keys.NEXT_PART, keys.DOWN, keys.BOTTOM, keys.NEXT_AXIS, keys.LOG_AXIS):
                await told.press(key)


async def test_of_one_seed_no_noise_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("NO_COLOR", "1")
    project = write_project(tmp_path, STUDIES)
    for name, test in (("batch.base", 0.9), ("batch.batch_size-32", 0.93)):
        RunWriter(project, name).start(parameters=1200, flops=9000).train(3).evaluate(test).end(0)
    async with story(project, (80, 24)) as told:
        await open_study(told, "batch")
        await told.sees("2 of 3 runs done", "n = 1: a single seed", "90.0")
        await told.press(keys.NEXT_PART)
        await told.sees("batch_size 64 -> 32", "+3.0", "cannot tell")
        assert told.screen.isascii()
