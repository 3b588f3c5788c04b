"""What users do on the first screen, told in their words."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import (
    EXPERIMENTS,
    RunWriter,
    write_project,
    write_robust_study,
    write_torn,
)
from tests.tui.snapshot import screen_agrees
from tests.tui.story import story
from tui_trainer.errors import OwnedByAnotherError
from tui_trainer.record.events import Alarmed, Warned, append_event
from tui_trainer.record.run_folder import all_runs
from tui_trainer.tui import keys
from tui_trainer.tui.screens.home import Home
from tui_trainer.tui.widgets.key_bar import KeyBar
from tui_trainer.tui.widgets.line import as_text

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("workstation")
SIZES = [(80, 24), (120, 40), (200, 50)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_list_shows_every_state_with_its_cause(
    study: Path, size: tuple[int, int]
) -> None:
    async with story(study, size) as told:
        await told.sees("digits-study", "● running")
        await told.go_to("cnn4/3")
        await told.sees("epoch 8/14", "step 12/19", "val", "train")
        screen_agrees(f"study-{size[0]}x{size[1]}", told.screen)


@pytest.mark.parametrize("width", [80, 132, 170])
async def test_a_cause_takes_the_place_of_figures_however_long_a_name_is(
    tmp_path: Path, width: int
) -> None:
    name = "n" * 76
    project = write_project(tmp_path, EXPERIMENTS.replace("cnn8", name))
    dead = RunWriter(project, name).start().train(6, ood_gap=0.2)
    dead.end(-9, "killed by SIGKILL: by a person")
    RunWriter(project, name).start().train(2).beat(step=3, idle_seconds=95)
    async with story(project, (width, 40)) as told:
        await told.sees("digits-study", " 48.7 ", "killed by SIGKILL")
        rows = told.screen.split("\n")
        title = next(row for row in rows if " state " in row)
        assert title.index("state") <= max(24, width // 4) + 3
        (stalled,) = (row for row in rows if " 2/14 " in row)
        assert "no step for 95 s" in stalled
        assert not re.search(r"\d+m ", stalled), "when it ends cannot be told"
        await told.sees_no("all done by")


@pytest.mark.parametrize(
    ("stage", "idle_seconds", "asked_to_stop", "told_so", "untold"),
    [
        ("starting", 0.2, True, "◐ stopping", "starting"),
        ("evaluating", 0.2, False, "epoch 3/14   evaluating", "step "),
        ("training", 95, False, "◍ stalled: no step for 95 s", "img/s"),
    ],
    ids=["stops while it starts", "evaluates", "stands still"],
)
async def test_what_is_said_of_a_live_run_agrees_with_its_state(
    tmp_path: Path,
    stage: str,
    idle_seconds: float,
    told_so: str,
    untold: str,
    *,
    asked_to_stop: bool,
) -> None:
    project = write_project(tmp_path)
    run = RunWriter(project, "cnn2").start().train(2)
    if asked_to_stop:
        run.folder.attempt(1).ask_to_stop(at_once=False)
    run.beat(step=0, stage=stage, idle_seconds=idle_seconds)
    async with story(project) as told:
        await told.go_to("cnn2/1")
        await told.sees(told_so)
        await told.sees_no(untold)


async def test_where_nothing_has_trained_the_list_has_the_room_of_the_curves(
    tmp_path: Path,
) -> None:
    project = write_project(tmp_path)
    async with story(project) as told:
        await told.go_to("cnn4")
        assert "accuracy" not in told.screen
        RunWriter(project, "cnn2").start().train(2).beat()
        await told.sees("accuracy %")


async def test_a_stopped_run_keeps_its_figures(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    stopped = RunWriter(project, "cnn4").start().train(9, ood_gap=0.24)
    stopped.folder.attempt(1).ask_to_stop(at_once=False)
    stopped.end(75, "stopped, resumable")
    async with story(project, (80, 24)) as told:
        await told.sees("■ stopped         9/14   87.4          65.6   21.8")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_accuracy_out_of_distribution_stands_beside_clean(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with story(write_robust_study(tmp_path), size) as told:
        await told.sees("digits-study", "● running", "ood", "gap")
        await told.go_to("cnn4/3")
        await told.sees("ood probe 71.5 %, gap 20.0 pt")
        if size[0] == 80:
            await told.press(keys.NEXT_PLOT)
        await told.sees("train 92.5", "val 91.5", "ood 71.5")
        screen_agrees(f"ood-{size[0]}x{size[1]}", told.screen)
        await told.go_to("cnn2/1")
        await told.sees("test 96.2 %   ood 51.3 %, gap 44.9 pt", "✓ finished")
        await told.go_to("cnn8/1")
        await told.sees("val 91.", "✓ finished   test 94.0 %   best 92.3 %")
        await told.sees_no("ood probe", "ood 51.3 %,")


@pytest.mark.parametrize(
    ("size", "shown"),
    [((80, 24), "best 96.7 % at epoch 13"), ((200, 50), "▲ mynets.py has changed since the la")],
    ids=["80x24", "200x50"],
)
async def test_a_long_warning_hides_no_result(
    tmp_path: Path, size: tuple[int, int], shown: str
) -> None:
    project = write_project(tmp_path)
    run = RunWriter(project, "cnn2").start().train(14, rate=0.3, ood_gap=0.42)
    words = "mynets.py has changed since the launch: the run is trained with what is there now"
    append_event(run.folder.events_file, Warned(attempt=1, message=f"{words}, {words}"))
    run.evaluate(0.9617).evaluate_ood(0.5132, 0.4486).end(0)
    async with story(project, size) as told:
        await told.go_to("cnn2/1")
        await told.sees("test 96.2 %   ood 51.3 %, gap 44.9 pt   best 96.7 % at epoch 13", shown)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_long_alarm_is_whole_where_the_terminal_has_a_line_for_it(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    project = write_project(tmp_path)
    run = RunWriter(project, "cnn2").start().train(5).beat(step=12)
    message = "validation accuracy 10.2 % after the first epoch is hardly better than chance"
    alarm = Alarmed(attempt=1, epoch=1, kind="chance_level", message=message)
    append_event(run.folder.events_file, alarm)
    async with story(project, size) as told:
        await told.go_to("cnn2/1")
        await told.sees("▲ chance level")
        if size[1] > 24:
            await told.sees(f"▲ chance level: {message}", "epoch 6/14", "grad norm")
            assert told.screen.count("▲ chance level") == 1
        else:
            await told.sees_no(message)


async def test_what_is_not_measured_out_of_distribution_has_no_place_for_it(study: Path) -> None:
    async with story(study, (200, 50)) as told:
        await told.go_to("cnn2/1")
        await told.sees("test 96.2 %   best")
        await told.sees_no("ood", "gap")


@pytest.mark.parametrize("width", [60, 71, 72, 79, 80, 100, 101, 120])
async def test_long_names_cut_nothing_but_themselves(tmp_path: Path, width: int) -> None:
    name = "cifar10-resnet18-with-a-very-long-name-indeed"
    project = write_project(tmp_path, EXPERIMENTS.replace("cnn8", name))
    RunWriter(project, name).start().train(14).end(0)
    RunWriter(project, name).start().train(10).beat()
    async with story(project, (width, 24)) as told:
        await told.sees("finished")
        lines = told.screen.split("\n")
        rows = [line for line in lines if " finished  " in line or " running  " in line][-2:]
        assert len(rows) == 2
        for row in rows:
            beyond_name = row[row.index(" finished" if "finished" in row else " running") :]
            assert "…" not in beyond_name
        assert ("cifar10-resnet18" if width in {60, 71} else "cifar10-r") in rows[0]
        assert ("test" in "".join(lines[:3])) == (width >= 72)


async def test_data_that_are_not_there_are_missed_before_anything_is_launched(
    tmp_path: Path,
) -> None:
    text = """[experiments.one]
data = { name = "cifar100" }
[experiments.two]
data = { name = "npz", path = "mine.npz" }
description = "of my own"
[experiments.three]
ood = { severities = [5] }
"""
    project = write_project(tmp_path, text)
    async with story(project, (120, 40)) as told:
        words = "data/cifar-100-python is not there: tui-trainer data fetch cifar100"
        await told.sees(f"▲ no data         0/20  {words}", "mine.npz is not there", "○ not run")
        await told.sees("  ood    gap ")  # as three is measured so, before it has run
        await told.go_to("one")
        await told.sees(f"▲ no data: {words}")
        (project / "mine.npz").write_bytes(b"")
        await told.sees_no("mine.npz is not there")
        await told.sees("of my own")


async def test_the_foot_of_80_columns_has_the_verbs_of_a_row_and_the_ways_on(study: Path) -> None:
    async with story(study, (80, 24)) as told:
        await told.go_to("cnn4/3")
        foot = "Enter show  r resume  s stop  L plan  / filter  : find  ? help  q leave  N new"
        await told.sees(foot)
        await told.go_to("resnet18")  # which never ran
        await told.sees(
            "Enter launch  L plan  / filter  : find  ? help  q leave  N new  v pictures"
        )


async def test_a_dead_run_says_what_killed_it_and_what_brings_it_back(study: Path) -> None:
    async with story(study, (80, 24)) as told:
        await told.sees("crashed")
        await told.go_to("cnn4/1")
        await told.sees("✕ crashed: killed by SIGKILL: by a person, the scheduler")
        await told.go_to("cnn4/2")
        await told.sees("■ stopped after a checkpoint · r resumes")
        await told.sees_no("stopped: stopped", "stopped stopped", "stopped         stopped")


async def test_a_run_that_failed_before_training_says_all_of_why_and_the_end_of_its_log(
    tmp_path: Path,
) -> None:
    project = write_project(tmp_path)
    writer = RunWriter(project, "cnn2").start()
    log = "".join(f"line {number}\n" for number in range(2000)) + "\x1b[2Jno such folder\n"
    writer.folder.attempt(1).log_file.write_text(log)
    where = "/".join(f"folder{number}" for number in range(30))
    cause = f"/data/{where}/train: No such file or directory, so ends the cause"
    writer.end(3, cause)
    async with story(project, (80, 24)) as told:
        await told.sees("failed")
        await told.go_to("cnn2/1")
        for pressed in ((), (keys.OPEN,)):
            await told.press(*pressed)
            await told.sees("the end of its log, attempt 1", "line 1999", "[2Jno such folder")
            assert "".join(cause.split()) in "".join(told.screen.split())
            await told.sees_no("no epoch was finished", "Tab: accuracy", "line 100\n", "\x1b")
        await told.sees("[1 curves]", "Esc back", "Tab loss/acc")
        await told.pilot.pause()
        screen_agrees("failed-run-80x24", told.screen)


async def test_a_run_that_crashed_in_training_says_all_of_why_below_the_curves_of_its_page(
    study: Path,
) -> None:
    cnn4 = next(run for run in all_runs(study / "runs") if run.run == "cnn4/1")
    cnn4.attempt(1).log_file.write_text("epoch 6/14\nKilled\n")
    async with story(study, (70, 24)) as told:
        await told.go_to("cnn4/1")
        await told.sees_no("lack of memory", "epoch 6/14")
        await told.press(keys.OPEN)
        await told.sees("loss", "val 0.", "lack of memory", "epoch 6/14", "Killed")
        await told.press(keys.BACK)
        await told.sees_no("lack of memory", "epoch 6/14")


async def test_enter_launches_the_experiment_and_its_curves_appear(tmp_path: Path) -> None:
    async with story(write_project(tmp_path)) as told:
        await told.sees("resnet18", "not run")
        await told.go_to("cnn4")
        await told.sees("Enter launches it: 14 epochs")
        await told.press(keys.OPEN)
        await told.did("launch cnn4")
        await told.sees("cnn4/1", "launched cnn4/1")
        await told.sees("cnn4/1", "● running", "epoch 3/14")
        assert told.selected == "cnn4/1"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_message_leaves_the_keys_where_they_are(study: Path, size: tuple[int, int]) -> None:
    async with story(study, size) as told:
        await told.go_to("cnn4/3")
        foot = told.screen.splitlines()[-1]
        await told.press(keys.UNDO)
        await told.sees("nothing was moved to the trash")
        assert told.screen.splitlines()[-1] == foot
        await told.sees_no("step 12/19")


async def test_a_launch_under_way_counts_from_the_key_on(tmp_path: Path) -> None:
    async with story(write_project(tmp_path)) as told:
        await told.sees("not run")
        told.operations.seconds = 0.5
        home = told.app.screen
        assert isinstance(home, Home)
        home.action_open()
        home.action_open()  # before the first one's thread began
        await told.sees("cnn2 is being launched. Launch another run?")
        await told.press(keys.NO)
        await told.sees("cnn2/1")
        await told.did("launch cnn2")


async def test_a_launch_that_failed_is_no_longer_under_way(tmp_path: Path) -> None:
    async with story(write_project(tmp_path)) as told:
        await told.sees("not run")
        told.operations.unlaunched = {"cnn2": OSError(28, "No space left on device", "runs")}
        await told.press(keys.OPEN)
        await told.sees("No space left on device")
        told.operations.unlaunched = {}
        await told.press(keys.OPEN)
        await told.did("launch cnn2", "launch cnn2")


async def test_a_second_run_beside_a_live_one_is_asked_about(study: Path) -> None:
    async with story(study) as told:
        await told.go_to("cnn4")
        await told.press(keys.OPEN)
        await told.sees("cnn4/3 is running. Launch another run?")
        await told.press(keys.NO)
        await told.sees_no("Launch another")
        await told.did()
        await told.press(keys.OPEN, keys.YES)
        await told.did("launch cnn4")


async def test_enter_on_a_run_opens_its_page_and_does_nothing_else(study: Path) -> None:
    async with story(study, (80, 24)) as told:
        await told.go_to("cnn2/1")
        await told.press(keys.OPEN)
        await told.sees_no("cnn4/3")
        await told.sees("cnn2/1", "loss", "val 0.", "✓ finished")
        await told.sees("Esc back", "Tab loss/acc")
        await told.sees_no("Enter show")
        screen_agrees("run-80x24", told.screen)
        await told.press(keys.NEXT_PLOT)
        await told.sees("accuracy %", "val 95.1")
        await told.press(keys.BACK)
        await told.sees("cnn4/3", "Enter show")
        await told.sees_no("Esc back", "1 curves")
        await told.did()


async def test_r_resumes_what_can_be_resumed(study: Path) -> None:
    async with story(study) as told:
        await told.go_to("cnn4/1")
        await told.press(keys.RESUME)
        await told.did("resume cnn4/1")
        await told.sees("resumed cnn4/1")
        await told.go_to("cnn2/1")
        await told.press(keys.RESUME)
        await told.sees("cnn2/1 is finished; there is nothing to resume")
        await told.did("resume cnn4/1")


async def test_s_stops_after_a_checkpoint_and_capital_s_asks_first(study: Path) -> None:
    async with story(study) as told:
        await told.go_to("cnn4/3")
        await told.press(keys.STOP)
        await told.did("stop cnn4/3")
        await told.sees("asked cnn4/3 to stop after a checkpoint")
        await told.press(keys.STOP_NOW)
        await told.sees("Stop cnn4/3 now? The steps since its last checkpoint are lost.")
        bar = told.app.screen_stack[1].query_one(KeyBar)
        assert not as_text(bar.draw(120, 1)[0]).strip()  # q means no, and not leave
        await told.press(keys.NO)
        await told.sees_no("Stop cnn4/3 now?")
        await told.sees("q leave")
        await told.did("stop cnn4/3")
        await told.press(keys.STOP_NOW, keys.YES)
        await told.did("stop cnn4/3", "stop cnn4/3 at once")


async def test_what_is_over_cannot_be_stopped_and_says_so(study: Path) -> None:
    async with story(study) as told:
        await told.go_to("cnn2/1")
        await told.press(keys.STOP)
        await told.sees("cnn2/1 is finished; there is nothing to stop")
        await told.go_to("resnet18")
        await told.press(keys.STOP)
        await told.sees("there is no run to stop here; Enter launches one")
        await told.did()


async def test_an_error_of_the_launcher_is_shown_with_its_hint(study: Path) -> None:
    async with story(study) as told:
        await told.sees("● running")
        told.operations.failure = OwnedByAnotherError(
            "cnn4/1 has an owner: [/bold]\x1b[2J", hint="watch it: tui-trainer logs -f cnn4/1"
        )
        await told.go_to("cnn4/1")
        await told.press(keys.RESUME)
        await told.sees("✕ cnn4/1 has an owner: [/bold][2J", "tui-trainer logs -f cnn4/1")


async def test_a_live_run_moves_on_the_screen(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    run = RunWriter(project, "cnn2").start().train(2).beat(step=5)
    async with story(project) as told:
        await told.sees("2/14")
        await told.go_to("cnn2/1")
        await told.sees("epoch 3/14", "step  5/19")
        run.train(1).beat(step=9)
        await told.sees("epoch 4/14", "step  9/19", "3/14")
        run.end(-signal.SIGKILL, "killed by SIGKILL")
        await told.sees("✕ crashed", "killed by SIGKILL · r resumes")


async def test_the_cursor_stays_with_its_run_when_runs_appear_above(study: Path) -> None:
    async with story(study) as told:
        await told.go_to("cnn4/1")
        RunWriter(study, "cnn2").start().train(1).beat()
        await told.sees("cnn2/2")
        assert told.selected == "cnn4/1"


async def test_runs_fold_under_their_experiment(study: Path) -> None:
    async with story(study) as told:
        await told.go_to("cnn4/2")
        await told.press(keys.FOLD)
        await told.sees("▸ cnn4", "2 older runs")
        await told.sees_no("cnn4/2")
        assert told.selected == "cnn4"
        await told.press(keys.UNFOLD)
        await told.sees("▾ cnn4", "cnn4/2")


async def test_the_mouse_selects_folds_and_scrolls(study: Path) -> None:
    async with story(study) as told:
        await told.sees("● running", "cnn4/2", "▾ cnn8")
        lines = told.screen.split("\n")
        row = next(y for y, line in enumerate(lines) if "cnn4/2" in line)
        await told.pilot.click(offset=(10, row))
        assert told.selected == "cnn4/2"
        fold = next(y for y, line in enumerate(lines) if "▾ cnn8" in line)
        await told.pilot.click(offset=(1, fold))
        await told.sees("▸ cnn8")


async def test_a_click_on_a_title_sorts_and_one_on_the_foot_presses_the_key(study: Path) -> None:
    async with story(study) as told:
        await told.sees("● running", "cnn4/2")
        lines = told.screen.split("\n")
        titles = next(y for y, line in enumerate(lines) if " val " in line)
        val = lines[titles].index("val")
        await told.pilot.click(offset=(val, titles))
        await told.sees("▼ val")
        await told.pilot.click(offset=(val, titles))
        await told.sees("▲ val")
        await told.pilot.click(offset=(lines[-1].index("? help"), len(lines) - 1))
        await told.sees("Esc closes this help")


async def test_log_scale_and_light_colours_come_with_a_key(study: Path) -> None:
    async with story(study) as told:
        await told.go_to("cnn2/1")
        await told.press(keys.LOG_SCALE)
        await told.sees("loss  log", "0.05┤")
        await told.press(keys.THEME)
        assert told.app.theme == "trainer-light"


async def test_help_lists_every_key_also_on_the_smallest_terminal(study: Path) -> None:
    async with story(study, (80, 24)) as told:
        await told.sees("● 1 running")
        await told.press(keys.HELP)
        await told.sees("launch the experiment", "closes this help")
        screen_agrees("help-80x24", told.screen)
        seen = told.screen
        await told.press(keys.BOTTOM)
        await told.sees("leave; runs go on")
        seen += told.screen
        assert [key.words for key in keys.HOME_KEYS if key.words not in seen] == []
        await told.press(keys.CLOSE_HELP)
        await told.sees("● 1 running")


async def test_q_leaves_and_tells_which_runs_go_on(study: Path) -> None:
    async with story(study) as told:
        await told.sees("● 1 running", "◍ 1 stalled", "◌ 1 queued")
        await told.press(keys.LEAVE)
    assert told.app.return_value == ["cnn4/3", "cnn8/2", "cnn8/1"]


async def test_the_first_start_says_how_to_write_an_experiments_toml(tmp_path: Path) -> None:
    async with story(tmp_path, (80, 24)) as told:
        await told.sees("No experiments.toml here or above", "tui-trainer init")
        screen_agrees("first-start-80x24", told.screen)
        await told.press(keys.OPEN, keys.RESUME, keys.STOP, keys.DOWN, keys.NEXT_PLOT)
        write_project(tmp_path)
        await told.sees("digits-study", "resnet18", "not run")
        await told.sees_no("tui-trainer init")


async def test_a_project_without_experiments_says_so(tmp_path: Path) -> None:
    async with story(write_project(tmp_path, '[project]\nname = "bare"\n')) as told:
        await told.sees("bare", "experiments.toml has no [experiments.NAME] table yet", "q leave")


async def test_a_half_saved_experiments_toml_leaves_the_last_good_one(study: Path) -> None:
    async with story(study) as told:
        await told.sees("● running")
        (study / "experiments.toml").write_text(EXPERIMENTS[: len(EXPERIMENTS) // 2] + '"')
        await told.sees("shown as it was before: ", "experiments.toml:", "resnet18")
        (study / "experiments.toml").write_text(EXPERIMENTS)
        await told.sees_no("shown as it was before")


async def test_a_wrong_experiment_is_marked_and_not_launched(tmp_path: Path) -> None:
    text = EXPERIMENTS.replace("depth = 8", "depth = -8")
    async with story(write_project(tmp_path, text)) as told:
        await told.sees("✕ invalid", "model.depth", "cnn2")
        await told.go_to("cnn8")
        await told.press(keys.OPEN)
        await told.did()


async def test_torn_and_hostile_files_are_shown_as_far_as_they_are_whole(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    write_torn(project)
    async with story(project) as told:
        await told.sees("cnn2/1", "✕ crashed", "3/14", "[2J]0;owned[/bold] shapes differ")
        await told.go_to("cnn2/1")
        await told.sees("2 unreadable lines skipped")
        assert "\x1b" not in told.screen


async def test_runs_of_an_experiment_that_was_taken_out_stay(study: Path) -> None:
    (study / "experiments.toml").write_text(
        EXPERIMENTS.replace("experiments.cnn8", "experiments.x")
    )
    async with story(study) as told:
        await told.sees("cnn8/1", "no longer in experiments.toml")
        await told.go_to("cnn8")
        await told.press(keys.OPEN)
        await told.sees("cnn8 is no longer in experiments.toml")
        await told.did()


async def test_no_size_of_the_terminal_breaks_it(study: Path) -> None:
    async with story(study) as told:
        await told.go_to("cnn4/3")
        for width, height in [(1, 1), (2, 50), (200, 2), (40, 10), (300, 100), (5, 5), (80, 24)]:
            await told.pilot.resize_terminal(width, height)
            await told.press(keys.DOWN, keys.OPEN, keys.BACK, keys.UP, keys.FOLD, keys.UNFOLD)
        await told.press(keys.NO, keys.BACK)
        await told.sees("digits-study")


async def test_without_colours_it_works(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with story(study) as told:
        await told.go_to("cnn4/3")
        await told.sees("epoch 8/14", "⠑v⡀")
        await told.press(keys.OPEN)
        await told.sees("[1 curves]", "⠸v")


async def test_a_terminal_without_unicode_gets_ascii_alone(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    (study / "runs" / "cnn8").rename(study / "runs" / "naïve-模型")
    async with story(study) as told:
        await told.go_to("cnn4/3")
        await told.sees("step 12/19", "o train", "* val")
        assert told.screen.isascii()
        screen_agrees("ascii-120x40", told.screen)
