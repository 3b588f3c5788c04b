"""A new experiment from a run or an experiment, told in the words of those who write it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import EXPERIMENTS, RunWriter, write_project
from tests.tui.snapshot import screen_agrees
from tests.tui.story import story
from tui_trainer.launch.new_experiment import write_experiment
from tui_trainer.record.experiment_file import LaunchedExperiment, read_experiment
from tui_trainer.spec.addition import Addition, addition
from tui_trainer.spec.project import Project, load_project
from tui_trainer.tui import keys
from tui_trainer.tui.screens import deriving, new
from tui_trainer.tui.screens.new import NewExperiment

if TYPE_CHECKING:
    from pathlib import Path

    from tui_trainer.record.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("workstation")
SIZES = [(80, 24), (120, 40), (200, 50)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_table_is_seen_before_it_is_written(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    project = write_project(tmp_path)
    file = project / "experiments.toml"
    async with story(project, size) as told:
        await told.sees("cnn4")
        await told.go_to("cnn4")
        await told.press(keys.NEW)
        await told.sees("new experiment from cnn4", "[experiments.cnn4-2]")
        await told.press(keys.NEXT_LINE)
        await told.type("optimizer.lr=0.05")
        await told.sees("0.1 → 0.05", 'base = "cnn4"', "optimizer.lr = 0.05")
        screen_agrees(f"new-{size[0]}x{size[1]}", told.screen)
        assert file.read_text() == EXPERIMENTS
        await told.press(keys.ENTER, keys.ENTER, keys.ENTER)
        await told.sees("wrote cnn4-2 into experiments.toml")
        added = '\n[experiments.cnn4-2]\nbase = "cnn4"\noptimizer.lr = 0.05\n'
        assert file.read_text() == EXPERIMENTS + added
        await told._until(lambda: told.selected == "cnn4-2", "the cursor on it")


async def test_from_a_run_what_it_had_is_written(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    RunWriter(project, "cnn4").start().train(2).end(0)
    text = EXPERIMENTS.replace("model.depth = 4", "model.depth = 6")
    (project / "experiments.toml").write_text(text)
    async with story(project) as told:
        await told.sees("✓ 1 finished")
        await told.go_to("cnn4/1")
        await told.press(keys.NEW)
        await told.sees("new experiment from cnn4/1", "model.depth = 4")
        await told.press(keys.NEXT_LINE)
        await told.type("epochs=3")
        await told.sees("epochs = 3")
        await told.press(keys.WRITE_EXPERIMENT)
        await told.sees("wrote cnn4-2")
    written = load_project(project / "experiments.toml").experiments["cnn4-2"]
    assert getattr(written.model, "depth", 0) == 4
    assert written.epochs == 3


async def test_a_name_is_refused_as_it_is_typed(tmp_path: Path) -> None:
    async with story(write_project(tmp_path)) as told:
        await told.sees("cnn4")
        await told.go_to("cnn4")
        await told.press(keys.NEW, keys.ERASE_LINE)
        await told.type("cnn8")
        await told.sees("✕ there is an experiment", "already")
        (row,) = (line for line in told.screen.splitlines() if "✕ there is an" in line)
        assert row.startswith("▌ name           cnn8")
        await told.press(keys.LAST_LINE, keys.NEXT_LINE, keys.NEXT_LINE)
        await told.sees("Enter write")
        await told.press(keys.LAST_LINE, keys.LAST_LINE)
        await told.press(keys.WRITE_EXPERIMENT)
        await told.sees("free: cnn4-2")
        await told.type(";rm")
        await told.sees("cannot be a name")
        await told.press(keys.LEAVE_FORM, keys.NEW)
        await told.sees("cnn8;rm")


async def test_a_file_that_may_not_be_written_stays_and_nothing_is_lost(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    (project / "experiments.toml").chmod(0o444)
    async with story(project) as told:
        await told.sees("cnn4")
        await told.go_to("cnn4")
        await told.press(keys.NEW, keys.NEXT_LINE)
        await told.type("epochs=3")
        await told.sees("epochs = 3")
        await told.press(keys.WRITE_EXPERIMENT)
        await told.sees("read-only; nothing was written", "chmod u+w", "epochs=3")
    assert (project / "experiments.toml").read_text() == EXPERIMENTS


async def test_an_edit_meanwhile_is_seen_before_anything_is_written(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    file = project / "experiments.toml"
    async with story(project) as told:
        await told.sees("cnn4")
        await told.go_to("cnn4")
        await told.press(keys.NEW, keys.NEXT_LINE)
        await told.type("epochs=3")
        await told.sees("   epochs = 3")
        await told.press(keys.TO_LEFT)
        edited = EXPERIMENTS + '[experiments.cnn4-2]\nbase = "cnn4"\n'
        file.write_text(edited)
        await told.press(keys.WRITE_EXPERIMENT)
        await told.sees("changed meanwhile")
        assert file.read_text() == edited
        await told.press(keys.LAST_LINE)
        await told.type("b")
        await told.sees("[experiments.cnn4-2b]")
        await told.press(keys.WRITE_EXPERIMENT)
        await told.sees("wrote cnn4-2b")
        assert file.read_text().startswith(edited)


async def test_a_run_whose_settings_are_lost_is_no_beginning(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    run = RunWriter(project, "cnn4").start().train(2).end(0)
    run.experiment_file.write_text("no toml [")
    async with story(project) as told:
        await told.sees("cnn4/1")
        await told.go_to("cnn4/1")
        await told.press(keys.NEW)
        await told.sees("experiment.toml:1")


async def test_on_a_slow_disk_one_form_opens_and_whoever_leaves_it_is_told_how_writing_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, written = threading.Event(), threading.Event()

    def read_slowly(folder: RunFolder) -> LaunchedExperiment:
        read.wait(20)
        return read_experiment(folder)

    def write_slowly(project: Project, added: Addition) -> None:
        written.wait(20)
        write_experiment(project, added)

    monkeypatch.setattr(deriving, "read_experiment", read_slowly)
    monkeypatch.setattr(new, "write_experiment", write_slowly)
    project = write_project(tmp_path)
    RunWriter(project, "cnn4").start().train(2).end(0)
    async with story(project) as told:
        await told.sees("finished")
        await told.go_to("cnn4/1")
        await told.press(keys.NEW)
        await told.sees("reading what cnn4/1 was launched with …")
        await told.press(keys.NEW)
        read.set()
        await told.sees("new experiment from cnn4/1", "[experiments.cnn4-2]", "base =")
        assert sum(isinstance(each, NewExperiment) for each in told.app.screen_stack) == 1
        await told.press(keys.WRITE_EXPERIMENT, keys.LEAVE_FORM)
        await told.sees("it is being written; Esc again leaves")
        await told.press(keys.LEAVE_FORM)
        await told.sees_no("new experiment from")
        written.set()
        await told.sees("wrote cnn4-2 into experiments.toml")
        await told.go_to("cnn4-2")


async def test_a_table_of_an_older_file_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, edited = write_project(tmp_path), threading.Event()
    file = project / "experiments.toml"
    monkeypatch.setattr(new, "addition", lambda *words: (edited.wait(10), addition(*words))[1])
    async with story(project) as told:
        await told.sees("cnn4")
        await told.go_to("cnn4")
        await told.press(keys.NEW)
        screen = told.app.screen
        assert isinstance(screen, new.NewExperiment)
        before = screen._store.seen.project
        file.write_text(f"# mine\n{EXPERIMENTS}")
        screen._store.look_soon()
        await told._until(lambda: screen._store.seen.project is not before, "the edit")
        edited.set()
        await told.press(keys.WRITE_EXPERIMENT)
        await told.sees("one moment", 'base = "cnn4"')
        await told.press(keys.WRITE_EXPERIMENT)
        await told.sees("wrote cnn4-2")
    assert file.read_text().startswith(f"# mine\n{EXPERIMENTS}\n[experiments.cnn4-2]")
