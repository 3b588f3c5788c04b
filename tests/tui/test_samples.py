"""Pictures of what a run would train on, looked at before it is launched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tui import story as telling
from tests.tui.run_folders import RunWriter, write_project
from tests.tui.snapshot import screen_agrees
from tests.tui.story import story
from tui_trainer.tui import keys
from tui_trainer.tui.widgets.line import Span
from tui_trainer.tui.widgets.pictures import Look, Picture, Row, Sheet

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "SECONDS_TO_SHOW", 90.0)  # a real core imports torch
    monkeypatch.setenv("TERM", "xterm-256color")


async def test_pictures_are_looked_through_before_the_launch(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    async with story(project, (80, 24)) as told:
        await told.go_to("cnn4")
        await told.press(keys.SAMPLES)
        await told.sees("the training core makes them")
        await told.sees("epoch 1 of 14 · batch 1 of 19", "original", "as trained", "▀▀▀▀")
        screen_agrees("pictures-80x24", told.screen)
        await told.press(keys.NEXT_SAMPLES)
        await told.sees("epoch 1 of 14 · batch 2 of 19")
        await told.press(keys.NEXT_EPOCH)
        await told.sees("epoch 2 of 14 · batch 2 of 19")
        await told.sees_no("19 · …")
        await told.press(keys.LAST_EPOCH, keys.LAST_SAMPLES, keys.LAST_SAMPLES)
        await told.sees("epoch 1 of 14 · batch 1 of 19")
        await told.sees_no("19 · …")
        await told.press(keys.SAMPLES_SIZE, keys.BOTTOM, keys.TOP, keys.SAMPLES_KIND)
        await told.sees("test image 1 of 300", "plain, and with each corruption", "gaussian_noise")
        await told.press(keys.NEXT_SAMPLES, keys.BOTTOM)
        await told.sees("test image 2 of 300", "saturate")
        await told.press(keys.HELP)
        await told.sees("Pictures", keys.SAMPLES_KIND.words)
        await told.press(keys.CLOSE_HELP)
        for width, height in [(1, 1), (2, 50), (200, 2), (40, 10), (200, 50), (120, 40)]:
            await told.pilot.resize_terminal(width, height)
            await told.press(keys.SAMPLES_SIZE, keys.PAGE_DOWN)
        await told.press(keys.CLOSE_SAMPLES)
        await told.sees("digits-study", "cnn8")


async def test_pictures_of_a_run_are_of_what_it_was_launched_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("NO_COLOR", "1")
    project = write_project(tmp_path)
    RunWriter(project, "cnn4").start().train(2).end(0)
    async with story(project, (120, 40)) as told:
        await told.sees("finished")
        await told.go_to("cnn4/1")
        text = (project / "experiments.toml").read_text()
        (project / "experiments.toml").write_text(text.replace("epochs = 14", "epochs = 7"))
        await told.press(keys.SAMPLES)
        await told.sees("cnn4/1", "epoch 1 of 14", "as trained", "@@")
        assert told.screen.isascii()


async def test_a_launch_that_is_planned_shows_pictures_as_it_is_changed(tmp_path: Path) -> None:
    async with story(write_project(tmp_path), (120, 40)) as told:
        await told.go_to("cnn4")
        await told.press(keys.PLAN)
        await told.type("epochs=7")
        await told.press(keys.SAMPLES_OF_FORM)
        await told.sees("cnn4", "epoch 1 of 7", "as trained", "▀▀▀▀")
        await told.press(keys.CLOSE_SAMPLES)
        await told.sees("what it comes to", "epochs=7")
        await told.type("x")
        await told.press(keys.SAMPLES_OF_FORM)
        await told.sees("there is nothing to show")


async def test_what_is_wrong_is_told_where_the_pictures_would_be(tmp_path: Path) -> None:
    text = '[experiments.one]\ndata = { name = "cifar10" }\n[experiments.two]\nepochs = -1\n'
    async with story(write_project(tmp_path, text), (80, 24)) as told:
        await told.go_to("one")
        await told.press(keys.SAMPLES)
        await told.sees("cifar-10", "data")
        await told.sees_no("takes some seconds")
        await told.press(keys.CLOSE_SAMPLES)
        await told.go_to("two")
        await told.press(keys.SAMPLES)
        await told.sees("✕ experiments.toml:4")


def test_a_picture_is_two_pixels_a_cell_or_signs_by_brightness() -> None:
    white, black, red = b"\xff\xff\xff", b"\0\0\0", b"\xff\0\0"
    sheet = Sheet((Row("original", (Picture(2, white + black + red + black),)),), ("cat",))
    rows = list(Look(has_colours=True).lines(sheet, 2, 80))
    assert [span.ink for span in rows[1]][1:] == ["#ffffff #ff0000", "#000000 #000000"]
    plain = list(Look(has_colours=False).lines(sheet, 2, 80))
    assert plain[1][1].text == "* "
    light = list(Look(has_colours=False, is_dark=False).lines(sheet, 2, 80))
    assert light[1][1].text == "-@"


def test_a_smaller_picture_is_made_of_means_and_a_larger_one_of_the_same_pixels() -> None:
    picture = Picture(2, bytes([0, 0, 0, 100, 100, 100, 200, 200, 200, 100, 0, 60]))
    assert picture.scaled(1).pixels == bytes([100, 75, 90])
    large = picture.scaled(4)
    assert large.pixel(3, 0) == (100, 100, 100)
    assert large.pixel(1, 3) == (200, 200, 200)


def test_only_what_is_looked_at_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    scaled: list[int] = []
    draw = Picture.scaled

    def counted(picture: Picture, side: int) -> Picture:
        scaled.append(side)
        return draw(picture, side)

    monkeypatch.setattr(Picture, "scaled", counted)
    row = Row("fog", (Picture(4, bytes(48)),) * 10)
    drawing = Look(has_colours=True).lines(Sheet((row,) * 20, ("a",) * 10), 4, 31)
    assert len(drawing) == 2 * (20 * 3 + 1) + 1
    assert not scaled
    assert drawing[3:6][0] == (Span(" fog", "muted"),)
    assert len(scaled) == 5
    assert drawing[60][1].text == "a     a     a     a     a"
