"""Draws the pictures of the README from real run folders: `python -m tests.tui.screenshots`."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import pytest

from tests.tui import story as stories
from tests.tui.run_folders import write_robust_study
from tests.tui.story import story
from tui_trainer.launch import launcher
from tui_trainer.tui import keys

IMAGES = Path(__file__).parents[2] / "docs" / "images"


async def draw(name: str, size: tuple[int, int], *pressed: keys.Key, light: bool = False) -> None:
    """One picture, with the cursor on the run that is live, after some keys."""
    with tempfile.TemporaryDirectory() as folder:
        async with story(write_robust_study(Path(folder) / "digits"), size) as told:
            await told.sees("● 1 running")
            if light:
                await told.press(keys.THEME)
            await told.go_to("cnn4/3")
            await told.press(*pressed)
            await told.sees("compared" if keys.COMPARE in pressed else "step 12/19")
            svg = told.app.export_screenshot(title=f"tui-trainer {size[0]}x{size[1]}")
    IMAGES.mkdir(parents=True, exist_ok=True)
    (IMAGES / f"{name}.svg").write_text(svg, encoding="utf-8")


async def draw_launch(name: str, size: tuple[int, int]) -> None:
    """A launch that is being planned."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as monkeypatch:
        async with story(write_robust_study(Path(folder) / "digits"), size) as told:
            # What is drawn comes from the core, which takes its time.
            monkeypatch.setattr(told.operations, "rehearse", launcher.rehearse)
            monkeypatch.setattr(told.operations, "preview_schedule", launcher.preview_schedule)
            monkeypatch.setattr(stories, "SECONDS_TO_SHOW", 300.0)
            await told.sees("● 1 running")
            await told.go_to("cnn4")
            await told.press(keys.PLAN)
            await told.type("optimizer.lr=0.05")
            await told.press(keys.ENTER)
            await told.type("scheduler.name=one_cycle_lr")
            await told.press(keys.REHEARSE)
            await told.sees("ready to run", "learning rate  one_cycle_lr", "lr 2.0e-07")
            svg = told.app.export_screenshot(title=f"tui-trainer {size[0]}x{size[1]}")
    (IMAGES / f"{name}.svg").write_text(svg, encoding="utf-8")


def main() -> None:
    """Draw them all."""
    os.environ["LC_ALL"] = "C.UTF-8"
    asyncio.run(draw("home-120x40", (120, 40)))
    asyncio.run(draw("run-120x40", (120, 40), keys.OPEN))
    marking = (keys.MARK, keys.TOP, keys.MARK, keys.COMPARE)
    asyncio.run(draw("compare-120x40", (120, 40), *marking))
    asyncio.run(draw_launch("launch-120x40", (120, 40)))
    asyncio.run(draw("home-80x24-light", (80, 24), light=True))


if __name__ == "__main__":
    main()
