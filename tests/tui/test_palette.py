"""Anything can be found by its name."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import RunWriter, write_project, write_torn
from tests.tui.snapshot import screen_agrees
from tests.tui.story import story
from tui_trainer.tui import commands, keys
from tui_trainer.tui.glyphs import UNICODE
from tui_trainer.tui.screens.palette import Palette
from tui_trainer.tui.store import Store
from tui_trainer.tui.widgets.found_list import FoundList

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("workstation")


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=lambda size: f"{size[0]}")
async def test_what_keys_do_is_found_and_done(study: Path, size: tuple[int, int]) -> None:
    async with story(study, size) as told:
        await told.go_to("cnn4/3")
        await told.press(keys.PALETTE)
        await told.sees("resume every run that died", "Enter does it")
        await told.type("stop run")
        await told.sees("s        save a checkpoint, then stop the run", ":stop run▌")
        screen_agrees(f"palette-{size[0]}x{size[1]}", told.screen)
        await told.press(keys.CHOOSE)
        await told.did("stop cnn4/3")


async def test_what_is_typed_is_emptied_at_once(study: Path) -> None:
    async with story(study) as told:
        await told.press(keys.PALETTE)
        await told.type("theme")
        await told.sees("T        theme: dark or light colours", ":theme▌")
        await told.press(keys.CLEAR)
        await told.sees(":▌")


async def test_runs_are_gone_to_from_anywhere_also_those_that_are_not_shown(study: Path) -> None:
    async with story(study) as told:
        await told.sees("● 1 running")
        await told.press(keys.HIDE_FINISHED)
        await told.sees("finished hidden")
        await told.go_to("cnn4/1")
        await told.press(keys.OPEN)
        await told.sees("[1 curves]", "cnn4/1   ✕ crashed")
        await told.press(keys.PALETTE)
        await told.type("cnn2/1")
        await told.sees("go to cnn2/1   ✓ finished")
        await told.press(keys.CHOOSE)
        await told.sees("cnn2/1   ✓ finished", "[1 curves]")
        await told.press(keys.BACK)
        await told.sees("digits-study")
        assert told.selected == "cnn2/1"
        await told.press(keys.PALETTE)
        await told.type("go to resnet18")
        await told.press(keys.CHOOSE)
        await told.sees_no("Enter does it")
        assert told.selected == "resnet18"


async def test_tabs_filters_and_colours_are_found(study: Path) -> None:
    async with story(study) as told:
        await told.go_to("cnn4/3")
        await told.press(keys.PALETTE)
        await told.type("only crashed")
        await told.press(keys.CHOOSE)
        await told.sees("/ state:crashed", "1 of 6")
        await told.press(keys.BACK)
        await told.go_to("cnn4/3")
        await told.press(keys.OPEN, keys.PALETTE)
        await told.type("attempts")
        await told.sees("4        attempts")
        await told.press(keys.CHOOSE)
        await told.sees("[4 attempts]")
        await told.press(keys.PALETTE)
        await told.type("light")
        await told.press(keys.CHOOSE)
        await told.sees_no("does nothing")
        assert told.app.theme == commands.LIGHT


async def test_what_would_do_nothing_here_is_not_offered(study: Path) -> None:
    async with story(study) as told:
        await told.go_to("cnn4/3")
        for key in (keys.UNMARK, keys.NEXT_PLOT, keys.REVERSE):
            await told.press(keys.PALETTE)
            await told.type(key.words[:14])
            await told.sees_no(key.words)
            await told.press(keys.CLOSE_PALETTE)
        await told.press(keys.MARK, keys.PALETTE)
        await told.type("take all marks")
        await told.sees(keys.UNMARK.words)


async def test_a_click_chooses(study: Path) -> None:
    async with story(study) as told:
        await told.go_to("cnn4/3")
        await told.press(keys.PALETTE)
        await told.type("stop run")
        await told.sees("stop the run at once")
        await told.pilot.click(FoundList, offset=(12, 1))
        await told.sees("Stop cnn4/3 now?")
        await told.press(keys.NO)


async def test_what_is_not_there_and_giving_up_do_nothing(study: Path) -> None:
    async with story(study) as told:
        await told.sees("● 1 running")
        await told.press(keys.PALETTE)
        await told.type("xyzzy")
        await told.sees("nothing has that")
        await told.press(keys.CHOOSE, keys.FOUND_BELOW, keys.FOUND_ABOVE)
        for _ in range(6):
            await told.press(keys.ERASE)
        await told.sees("resume every run that died")
        await told.press(keys.CLOSE_PALETTE)
        await told.sees("Enter launch", "● 1 running")
        assert told.operations.done == []


async def test_hostile_names_are_shown_as_they_are(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    for name in ("[bold]", "[bad", "a\x1b[2Jb", "e\u202ef", "\\[x]"):
        write_torn(project).path.parent.rename(project / "runs" / name)
    async with story(project) as told:
        await told.sees("[bold]/1")
        for typed, shown in (("bold", "go to [bold]/1"), ("[bad", "go to [bad/1")):
            await told.press(keys.PALETTE)
            await told.type(typed)
            await told.sees(shown)
            await told.press(keys.CLOSE_PALETTE)
        await told.press(keys.PALETTE)
        await told.type("a[2Jb")
        await told.sees("go to a[2Jb/1")
        assert not set("\x1b\u202e") & set(told.screen)


@pytest.mark.parametrize("size", [(1, 1), (2, 50), (200, 2), (40, 10), (300, 100)])
async def test_no_size_and_no_lack_of_unicode_breaks_it(
    study: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    async with story(study, (80, 24)) as told:
        await told.sees("* 1 running")
        await told.press(keys.PALETTE)
        await told.pilot.resize_terminal(*size)
        await told.type("go")
        await told.press(keys.FOUND_BELOW, keys.PAGE_DOWN, keys.PAGE_UP)
        assert told.screen.isascii()
        assert isinstance(told.app.screen, Palette)


def test_every_key_of_a_place_is_offered() -> None:
    offered = commands.commands_of(keys.HOME_KEYS, None, UNICODE)
    words = {command.words for command in offered}
    assert {key.words for key in keys.HOME_KEYS if key is not keys.PALETTE} <= words
    assert not any("{}" in command.action for command in offered)


def test_it_is_fast_with_two_hundred_runs(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    for _ in range(200):
        RunWriter(project, "cnn4").start().end(0)
    offered = commands.commands_of(keys.HOME_KEYS, Store(project).look(), UNICODE)
    assert len(offered) > 200
    began = time.perf_counter()
    for typed in ("c", "cn", "cnn", "cnn4", "cnn4/1", "cnn4/17", "go finished"):
        assert commands.find(offered, typed)
    assert (time.perf_counter() - began) / 7 < 0.1
