"""What users say of runs, measure of them and edit, told in their words."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest
from textual.events import Paste

from tests.tui.run_folders import EXPERIMENTS, RunWriter, write_project
from tests.tui.snapshot import screen_agrees
from tests.tui.story import story
from tests.tui.test_run import open_page, run_of
from tui_trainer.record import remarks
from tui_trainer.record.remarks import read_remarks
from tui_trainer.tui import keys
from tui_trainer.tui.detail import Tab
from tui_trainer.tui.screens import acting, speaking

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("workstation")
IMAGES_NAMED = 'epochs = 14\nood = { folder = "images" }'
SIZES = [(80, 24), (120, 40), (200, 50)]


async def test_a_run_is_tagged_from_the_list_and_found_by_its_tag(study: Path) -> None:
    async with story(study) as told:
        await told.sees("● running")
        await told.go_to("cnn4/2")
        await told.press(keys.TAG)
        await told.sees("tag cnn4/2: ▌", "-word takes away", "Esc leaves it")
        await told.type("keep,base  long")
        await told.press(keys.ERASE)
        await told.press(keys.TAKE)
        await told.sees("cnn4/2: tagged keep base lon")
        assert read_remarks(run_of(study, "cnn4/2")).tags == ("base", "keep", "lon")
        await told.press(keys.TAG)
        await told.sees("used so far: base keep lon")
        await told.type("-lon")
        await told.press(keys.TAKE)
        await told.sees("cnn4/2: tagged -lon")
        await told.sees("#base #keep")
        await told.press(keys.FILTER)
        await told.type("tag:keep")
        await told.sees("tag:keep · 1 of 6")


async def test_marked_runs_are_spoken_of_together(study: Path) -> None:
    async with story(study) as told:
        await told.sees("● running")
        await told.go_to("cnn4/2")
        await told.press(keys.MARK, keys.MARK, keys.NOTE)
        await told.sees("note on 2 runs: ▌")
        await told.type("the fog is too thick")
        await told.press(keys.TAKE)
        await told.sees("added to the note of 2 runs")
        for name in ("cnn4/1", "cnn4/2"):
            assert read_remarks(run_of(study, name)).note == "the fog is too thick"
        await told.press(keys.SCORE)
        await told.type("0,43 kaggle {}")
        await told.press(keys.TAKE)
        await told.sees("2 runs: score 0.43 on kaggle {}")


async def test_what_is_wrong_stays_to_be_mended(study: Path) -> None:
    async with story(study) as told:
        await told.sees("● running")
        await told.go_to("cnn4/2")
        await told.press(keys.MARK, keys.MARK, keys.SCORE)
        for wrong, fault in (
            ("k", "✕ 'k' is no number"),
            ("nan", "✕ a score is a finite number, not nan"),
            (f"1 {'b' * 61}", "✕ a board's name has at most 60 characters"),
        ):
            await told.type(wrong)
            await told.press(keys.TAKE)
            await told.sees(fault, f"score of 2 runs: {wrong}▌", "Esc leaves it")
            await told.press(*[keys.ERASE] * len(wrong))
            await told.sees_no("✕ `", "✕ a ")
        await told.type("0.43")
        await told.press(keys.TAKE)
        await told.sees("2 runs: score 0.43")
        await told.press(keys.TAG)
        await told.type("good a/b")
        await told.press(keys.TAKE)
        await told.sees("✕ `a/b` cannot be a tag", "tag 2 runs: good a/b▌")
        await told.press(keys.ERASE, keys.ERASE, keys.TAKE)
        await told.sees("2 runs: tagged good a")
        await told.press(keys.NOTE)
        await told.type("seen")
        await told.press(keys.WRITE)
        await told.sees("✕ only one note at a time", "note on 2 runs: seen▌")
        await told.press(keys.TAKE)
        await told.sees("added to the note of 2 runs")
        await told.did()


async def test_what_is_typed_while_something_is_done_is_not_lost(study: Path) -> None:
    async with story(study) as told:
        await told.sees("● running")
        await told.go_to("cnn4/3")
        await told.press(keys.NOTE)
        await told.type("words")
        with told.app.operating:
            await told.press(keys.TAKE)
            await told.sees("writing about cnn4/3")
        await told.sees("added to the note of cnn4/3")
        assert read_remarks(run_of(study, "cnn4/3")).note == "words"


async def test_what_is_given_up_is_not_said(study: Path) -> None:
    async with story(study) as told:
        await told.sees("● running")
        await told.go_to("cnn4/2")
        for key in (keys.TAG, keys.NOTE, keys.SCORE):
            await told.press(key)
            await told.type("1qrsSDMRu?")
            await told.sees("1qrsSDMRu?▌")
            await told.press(keys.GIVE_UP)
            await told.sees_no("1qrsSDMRu?")
            await told.press(key, keys.TAKE)
        await told.did()
        assert not run_of(study, "cnn4/2").remarks_file.exists()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_what_was_said_is_seen_on_every_screen(study: Path, size: tuple[int, int]) -> None:
    run = run_of(study, "cnn4/2")
    remarks.tag(run, ["baseline", "keep"])
    remarks.add_to_note(run, "the fog is too thick\nsee \x1b[2J\u202e[/b] page 3")
    remarks.score(run, 0.4312, "kaggle")
    async with story(study, size) as told:
        await told.sees("■ stopped")
        await told.go_to("cnn4/2")
        await told.press(keys.TAG)
        await told.type("next")
        screen_agrees(f"tagging-{size[0]}x{size[1]}", told.screen)
        await told.press(keys.GIVE_UP)
        await open_page(told, "cnn4/2")
        await told.sees("#baseline #keep", "0.4312 on kaggle", "the fog is too thick")
        assert not set("\x1b\u202e") & set(told.screen)
        screen_agrees(f"said-{size[0]}x{size[1]}", told.screen)


async def test_a_run_is_spoken_of_on_its_page(study: Path) -> None:
    run = run_of(study, "cnn4/3")
    run.attempt(2).log_file.write_text("one\nneedle\nTraceback (most recent\n")
    async with story(study) as told:
        await open_page(told, "cnn4/3", Tab.CONFIG)
        await told.press(keys.NOTE)
        await told.sees("note on cnn4/3:")
        await told.type("looks fine")
        await told.press(keys.TAKE)
        await told.sees("added to the note of cnn4/3", "looks fine")
        await told.type(str(Tab.LOG.value))
        await told.sees("needle")
        await told.press(keys.SEARCH)
        await told.type("needle")
        await told.press(keys.FIND, keys.NEXT_MATCH)
        await told.sees("/needle in 1 line")
        await told.press(keys.TO_TRACEBACK)
        await told.sees_no("note on", "tag cnn4/3")


async def test_runs_are_measured_while_the_app_goes_on(study: Path) -> None:
    async with story(study) as told:
        await told.sees("● running")
        await told.go_to("cnn4/2")
        told.operations.seconds = 0.3
        await told.press(keys.EVALUATE)
        await told.sees("evaluating cnn4/2; it goes on if you leave")
        await told.press(keys.EVALUATE)
        await told.sees("cnn4/2: that is being done already")
        await told.sees("evaluated cnn4/2", "clean: accuracy 96.2 %", "results: here")
        told.operations.refused = {"cnn4/1"}
        await told.press(keys.MARK, keys.MARK, keys.EVALUATE)
        await told.sees("evaluate cnn4/1: there are no images", "name their folder")
        await told.did("evaluate cnn4/2", "evaluate cnn4/2 cnn4/1")
        await told.press(keys.UNMARK)
        await told.go_to("cnn8/2")
        await told.press(keys.EVALUATE)
        await told.sees("cnn8/2: no epoch is finished, so that there is no checkpoint")


async def test_how_it_went_is_told_on_the_screen_that_is_seen_by_then(study: Path) -> None:
    async with story(study) as told:
        await open_page(told, "cnn4/2")
        told.operations.seconds = 0.4
        await told.press(keys.EVALUATE, keys.BACK)
        await told.sees("evaluated cnn4/2", "results: here", "cnn8/2")


async def test_images_to_predict_are_asked_for_where_the_run_names_none(study: Path) -> None:
    (study / "empty").mkdir()
    images = study / "test images"
    images.mkdir()
    (images / "distortion00.npy").write_bytes(b"")
    async with story(study) as told:
        await told.sees("● running")
        await told.go_to("cnn4/2")
        await told.press(keys.PREDICT)
        await told.sees("images to predict with cnn4/2: ▌", "ood.folder is not set")
        for words, refusal in (
            ("nowhere", "there is no folder"),
            ("empty", "holds no .npy files"),
            ("~nobody-at-all/x", "cannot be looked into"),
            ("x" * 300, "cannot be looked into"),
        ):
            await told.type(words)
            await told.press(keys.TAKE)
            await told.sees(refusal)
            await told.press(keys.GIVE_UP, keys.PREDICT)
        await told.did()
        await told.type("test images")
        await told.press(keys.TAKE)
        await told.sees("predicted with cnn4/2")
        await told.did(f"predict cnn4/2 on {images}")


async def test_one_folder_is_asked_for_all_that_are_marked_and_a_slow_disk_is_waited_for(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()
    (study / "images").mkdir()
    (study / "images" / "distortion00.npy").write_bytes(b"")

    def is_dir(folder: Path) -> bool:
        assert threading.current_thread() is not threading.main_thread()
        return answers.wait(20) and os.path.isdir(folder)  # noqa: PTH112 - of another name here

    async with story(study) as told:
        await told.sees("● running")
        await told.go_to("cnn4/2")
        await told.press(keys.MARK, keys.MARK, keys.PREDICT)
        await told.sees("images to predict with 2 runs: ▌", "one for all, as none of them set")
        await told.type("images")
        with monkeypatch.context() as patch:
            patch.setattr(f"{speaking.__name__}.Path.is_dir", is_dir)
            await told.press(keys.TAKE)
            await told.sees("looking into it …", "images to predict with 2 runs: images▌")
            answers.set()
            await told.sees("predicted with")
        await told.did(f"predict cnn4/2 cnn4/1 on {study / 'images'}")


async def test_a_long_line_that_is_pasted_into_a_note_is_taken_whole(study: Path) -> None:
    words = f"{'long words ' * 200}end"
    async with story(study) as told:
        await told.sees("● running")
        await told.go_to("cnn4/2")
        await told.press(keys.NOTE)
        await told.sees("note on cnn4/2: ▌")
        told.app.post_message(Paste(words))
        await told.sees("long words end▌")
        await told.press(keys.TAKE)
        await told.sees("added to the note of cnn4/2")
        assert read_remarks(run_of(study, "cnn4/2")).note == words
        await told.press(keys.TAG)
        told.app.post_message(Paste("x" * 2000))
        await told.sees("✕ that has no room: the first 1,000 characters are taken")


async def test_a_run_that_names_its_images_is_asked_for_none(tmp_path: Path) -> None:
    project = write_project(tmp_path, EXPERIMENTS.replace("epochs = 14", IMAGES_NAMED))
    RunWriter(project, "cnn2").start().train(2).end(0)
    async with story(project) as told:
        await told.go_to("cnn2/1")
        await told.press(keys.PREDICT)
        await told.sees("predicted with cnn2/1")
        await told.did("predict cnn2/1")


async def test_an_editor_cannot_be_had_without_a_terminal(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "true")
    async with story(study) as told:
        await told.sees("● running")
        await told.press(keys.EDIT)
        await told.sees("a browser has no terminal for an editor")
        monkeypatch.delenv("EDITOR")
        monkeypatch.delenv("VISUAL", raising=False)
        monkeypatch.setenv("PATH", str(study))
        await told.press(keys.EDIT)
        await told.sees("there is no editor: VISUAL and EDITOR are not set", "export EDITOR=")


async def test_what_is_typed_where_no_prompt_opened_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "SECONDS_BETWEEN_TYPED", 5.0)
    broken = EXPERIMENTS + "[experiments.bad]\nepochs = 0\n"
    async with story(write_project(tmp_path, broken)) as told:
        await told.go_to("cnn2")
        for key, words in (
            (keys.SCORE, "no run to score here"),
            (keys.TAG, "no run to tag here"),
            (keys.NOTE, "no run to write about here"),
        ):
            await told.press(key)
            await told.sees(words)
            await told.type("jqT0.5 /x")
            await told.press(keys.TAKE)
            assert told.selected == "cnn2"
            told.app.screen_stack[1]._ignores_until = 0.0  # type: ignore[attr-defined]
        await told.go_to("bad")
        await told.press(keys.PLAN)
        await told.sees("bad cannot be run as it is")
        await told.type("kkkkk")
        await told.press(keys.ENTER)
        assert told.selected == "bad"
        await told.did()
        told.app.screen_stack[1]._ignores_until = 0.0  # type: ignore[attr-defined]
        await told.go_to("cnn2")
        await told.press(keys.OPEN)
        await told.did("launch cnn2")


async def test_a_note_of_no_run_is_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "SECONDS_BETWEEN_TYPED", 0.0)
    project = write_project(tmp_path)
    async with story(project) as told:
        await told.sees("cnn2")
        for key in (keys.TAG, keys.NOTE, keys.SCORE, keys.EVALUATE):
            await told.press(key)
            await told.sees("here; Enter launches one")
        RunWriter(project, "cnn2").start().train(2).end(0)


async def test_the_app_is_left_at_once_while_something_is_measured(study: Path) -> None:
    async with story(study) as told:
        await told.sees("● running")
        await told.go_to("cnn4/2")
        told.operations.seconds = 0.5
        await told.press(keys.EVALUATE)
        await told.sees("it goes on if you leave")
        began = time.monotonic()
        await told.press(keys.LEAVE)
        assert time.monotonic() - began < 0.4
    for thread in threading.enumerate():
        if thread.name == "evaluate":
            thread.join(10)


async def test_a_broken_experiments_toml_can_be_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "true")
    project = write_project(tmp_path / "broken", "[experiments\n")
    async with story(project) as told:
        await told.sees("experiments.toml:1")
        await told.press(keys.EDIT)
        await told.sees("a browser has no terminal for an editor")
    (tmp_path / "none").mkdir()
    async with story(tmp_path / "none") as told:
        await told.sees("tui-trainer init")
        await told.press(keys.EDIT)
        await told.sees("experiments.toml", "init")
