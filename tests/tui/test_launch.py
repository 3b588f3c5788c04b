"""A launch with changes, told in the words of those who fill it in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.events import Paste

from tests.tui.run_folders import EXPERIMENTS, RunWriter, write_project
from tests.tui.snapshot import screen_agrees
from tests.tui.story import Story, story
from tui_trainer.errors import PreflightError, RunCrashedError
from tui_trainer.tui import keys
from tui_trainer.tui.screens import launch, telling
from tui_trainer.tui.widgets.form_view import FormView

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("workstation")
SIZES = [(80, 24), (120, 40), (200, 50)]


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "SECONDS_UNTIL_CHANGES_REST", 0.05)


async def plan(told: Story, name: str) -> None:
    await told.sees(name)
    await told.go_to(name)
    await told.press(keys.PLAN)
    await told.sees(f"launch {name}", "not known before the preflight", "lr ")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_launch_shows_what_it_becomes_before_it_is_one(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with story(write_project(tmp_path), size) as told:
        await plan(told, "cnn4")
        await told.type("lr")
        await told.sees("Tab optimizer.lr=", "now 0.1, a number > 0")
        await told.press(keys.COMPLETE)
        await told.type("0.05")
        await told.sees("0.1 → 0.05", "$ tui-trainer run cnn4 --set optimizer.lr=0.05")
        await told.press(keys.ENTER)
        await told.type("model.dpth=8")
        await told.sees("✕ unknown key; did you mean `model.depth")
        await told.sees_no("known keys")
        await told._until(lambda: "schedule 0.05" in told.operations.asked, "the new rate")
        await told.sees("lr 0.05")
        screen_agrees(f"launch-{size[0]}x{size[1]}", told.screen)
        await told.press(keys.LAUNCH)
        await told.sees("nothing was launched: unknown key; did you mean `model.depth`?")
        for _ in "pth=8":
            await told.press(keys.ERASE_LEFT)
        await told.type("epth=8")
        await told.sees("4 → 8")
        await told.press(keys.REHEARSE)
        await told.sees(
            "ready to run, 7s", "42 MB will be needed", "14 epochs need about 3 minutes"
        )
        await told.press(keys.ENTER, keys.ENTER)
        await told.sees("Enter launch")
        await told.press(keys.ENTER)
        await told.did("launch cnn4 optimizer.lr=0.05 model.depth=8")
        await told.sees("cnn4/1", "● running")


async def test_a_launch_that_cannot_be_goes_to_the_first_mistake(tmp_path: Path) -> None:
    async with story(write_project(tmp_path)) as told:
        await plan(told, "cnn4")
        await told.type("model.actifation=gelu")
        await told.press(keys.ENTER)
        await told.type("epochs=3")
        await told._until(lambda: told.operations.asked[-1:] == ["schedule 0.1"], "what is right")
        await told.sees("without the lines that are wrong")
        asked = len(told.operations.asked)
        await told.press(keys.ENTER)
        await told.type("optimizer.lr=0.03")
        await told._until(lambda: len(told.operations.asked) > asked, "the rate of what is right")
        await told.sees("lr 0.03")
        await told.press(keys.LAUNCH)
        await told.sees("nothing was launched: unknown key; did you mean `model.activation`?")
        await told.sees("▌ --set          model.actifation=gelu")


async def test_a_key_that_is_given_twice_says_which_line_counts(tmp_path: Path) -> None:
    async with story(write_project(tmp_path)) as told:
        await plan(told, "cnn4")
        await told.type("epochs=3")
        await told.press(keys.ENTER)
        await told.type("epochs=4")
        await told.sees("epochs=3  ", "said again below", "14 → 4")
        await told.sees_no("as it is")


async def test_what_is_typed_where_nothing_can_be_is_answered(tmp_path: Path) -> None:
    async with story(write_project(tmp_path)) as told:
        await plan(told, "cnn4")
        await told.press(keys.NEXT_LINE)
        await told.type("e")
        await told.sees("nothing is typed here; Up goes to the lines that take it", "Enter launch")
        await told.press(*[keys.LAST_LINE] * 15)
        await told.type("e")
        await told.sees("nothing is typed here; Left and Right choose")


async def test_esc_loses_nothing_and_asks_nothing(tmp_path: Path) -> None:
    async with story(write_project(tmp_path)) as told:
        await plan(told, "cnn4")
        await told.type("epochs=3")
        await told.press(keys.LEAVE_FORM)
        await told.sees("cnn8")
        await plan(told, "cnn8")
        await told.sees_no("epochs=3")
        await told.press(keys.LEAVE_FORM)
        await plan(told, "cnn4")
        await told.sees("epochs=3", "14 → 3")
        await told.did()


async def test_a_launch_that_fails_is_there_to_be_tried_again(tmp_path: Path) -> None:
    async with story(write_project(tmp_path)) as told:
        told.operations.failure = RunCrashedError("the disk is full", hint="make room")
        await plan(told, "cnn4")
        await told.type("epochs=3")
        await told.press(keys.LAUNCH)
        await told.sees("the disk is full", "make room")
        told.operations.failure = None
        await plan(told, "cnn4")
        await told.sees("epochs=3")
        await told.press(keys.LAUNCH)
        await told.sees("launched cnn4/1")
        await plan(told, "cnn4")
        await told.sees_no("epochs=3")


async def test_resources_are_chosen_and_typed_as_the_file_would_have_them(tmp_path: Path) -> None:
    async with story(write_project(tmp_path)) as told:
        await plan(told, "cnn4")
        await told.press(keys.LAST_LINE)
        await told.type("12:00:00")
        await told.sees("nothing → 12:00:00")
        await told.press(keys.LAST_LINE, keys.LAST_LINE, keys.TO_LEFT, keys.TO_LEFT)
        await told.sees("auto → cpu")
        await told.press(keys.LAST_LINE)
        await told.type("0")
        await told.sees("✕ must be an integer from 1 to 4096, not 0")
        await told.press(keys.ERASE_LINE)
        await told.type("2")
        await told.press(keys.LAUNCH)
        changes = 'resources.slots=2 resources.device=cpu resources.walltime="12:00:00"'
        await told.did(f"launch cnn4 {changes}")


async def test_marked_runs_stand_for_their_experiments(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    for name in ("cnn2", "cnn4"):
        RunWriter(project, name).start().train(2).end(0)
    async with story(project) as told:
        await told.sees("✓ 2 finished")
        for label in ("cnn2/1", "cnn4/1"):
            await told.go_to(label)
            await told.press(keys.MARK)
        await told.press(keys.PLAN)
        await told.sees("launch cnn2, cnn4", "$ tui-trainer run cnn2 cnn4")
        error = {"subject": "data", "level": "error", "found": "no data", "cure": "fetch it"}
        told.operations.findings = {"cnn4": [error]}
        await told.press(keys.REHEARSE)
        await told.sees("ready to run, 1 error", "fetch it")
        await told.type("epochs=3")
        await told.sees("of other settings")
        await told.press(keys.LAUNCH)
        await told.did("launch cnn2 epochs=3", "launch cnn4 epochs=3")


async def test_a_change_says_what_it_becomes_in_each_of_several_experiments(
    tmp_path: Path,
) -> None:
    project = write_project(tmp_path)
    for name in ("cnn2", "cnn4"):
        RunWriter(project, name).start().train(2).end(0)
    async with story(project) as told:
        await told.sees("✓ 2 finished")
        for label in ("cnn2/1", "cnn4/1"):
            await told.go_to(label)
            await told.press(keys.MARK)
        await told.press(keys.PLAN)
        await told.type("model.depth=4")
        await told.sees("2, 4 → 4", "model.depth: now 2, 4, ", "learning rate  of cnn2: ")
        await told.press(keys.ERASE_LINE)
        await told.type("epochs=3")
        await told.sees("14 → 3")


async def test_a_preflight_that_cannot_be_run_says_why(tmp_path: Path) -> None:
    async with story(write_project(tmp_path)) as told:
        told.operations.findings = PreflightError("the network is not there", hint="build it")
        await plan(told, "cnn4")
        await told.press(keys.REHEARSE)
        await told.sees("could not be run", "the network is not there build it")


async def test_who_leaves_while_the_core_thinks_leaves_no_question_behind(tmp_path: Path) -> None:
    async with story(write_project(tmp_path)) as told:
        told.operations.seconds_to_answer = 60
        await told.sees("cnn4")
        await told.go_to("cnn4")
        await told.press(keys.PLAN)
        await told.sees("leading the scheduler to the end")
        await told.press(keys.REHEARSE)
        await told.sees("rehearsing every stage … 1 s")
        await told.press(keys.LEAVE_FORM)
        await told.sees_no("rehearsing")
        assert all(question.withdrawn.is_set() for question in told.operations.questions)


async def test_the_mouse_does_what_keys_do(tmp_path: Path) -> None:
    async with story(write_project(tmp_path)) as told:
        await plan(told, "cnn4")
        rows = [line[2:17].strip() for line in told.screen.splitlines()[1:]]
        await told.pilot.click(FormView, offset=(20, rows.index("device")))
        await told.pilot.click(FormView, offset=(20, rows.index("device")))
        await told.sees("auto → cpu")
        await told.pilot.click(FormView, offset=(4, rows.index("preflight")))
        await told.sees("ready to run")
        await told.pilot.click(FormView, offset=(4, rows.index("launch")))
        await told.did("launch cnn4 resources.device=cpu")


async def test_hostile_text_and_tiny_terminals_do_no_harm(tmp_path: Path) -> None:
    text = EXPERIMENTS.replace("two convolutions", "[/bold] [b]\\u001b[2J")
    async with story(write_project(tmp_path, text)) as told:
        await plan(told, "cnn2")
        await told.type("description=[/x]'$(rm)'")
        await told.press(keys.LINE_BEGIN, keys.DELETE, keys.LINE_END, keys.TO_LEFT)
        told.app.screen.post_message(Paste("\x1b[31m\nmodel.depth=3\u202e"))
        await told.sees("[31m")
        assert "\x1b" not in told.screen
        assert "\u202e" not in told.screen
        for width, height in [(1, 1), (30, 5), (200, 2), (80, 24)]:
            await told.pilot.resize_terminal(width, height)
            await told.press(keys.REHEARSE, keys.OUTLOOK, keys.SCROLL_DOWN, keys.LAST_LINE)
            await told.press(keys.COMPLETE)


async def test_without_unicode_it_is_all_ascii(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("NO_COLOR", "1")
    async with story(write_project(tmp_path), (80, 24)) as told:
        await plan(told, "cnn4")
        await told.type("epochs=3")
        await told.sees("14 -> 3")
        assert told.screen.isascii()


async def test_what_cannot_be_launched_says_so(tmp_path: Path) -> None:
    text = EXPERIMENTS + "[experiments.bad]\nepochs = 0\n"
    async with story(write_project(tmp_path, text)) as told:
        await told.sees("bad")
        await told.go_to("bad")
        await told.press(keys.PLAN)
        await told.sees("bad cannot be run as it is")


async def test_of_several_launches_those_that_failed_can_be_tried_again(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    for name in ("cnn2", "cnn4"):
        RunWriter(project, name).start().train(2).end(0)
    async with story(project) as told:
        await told.sees("✓ 2 finished")
        for label in ("cnn2/1", "cnn4/1"):
            await told.go_to(label)
            await told.press(keys.MARK)
        told.operations.unlaunched = {"cnn4": OSError(28, "No space left on device", "runs")}
        await told.press(keys.PLAN)
        await told.type("epochs=3")
        await told.press(keys.LAUNCH)
        await told.sees("launched cnn2/2", "✕ cnn4: runs: No space left on device")
        told.operations.unlaunched = {}
        await told.press(keys.UNMARK)
        await plan(told, "cnn4")
        await told.sees("epochs=3")
        await told.press(keys.LAUNCH)
        await told.did("launch cnn2 epochs=3", "launch cnn4 epochs=3", "launch cnn4 epochs=3")


async def test_a_form_is_there_again_on_every_screen(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    RunWriter(project, "cnn4").start().train(2).end(0)
    async with story(project) as told:
        await told.sees("✓ 1 finished")
        await told.go_to("cnn4/1")
        await told.press(keys.OPEN, keys.PLAN)
        await told.sees("launch cnn4")
        await told.type("epochs=3")
        await told.press(keys.LEAVE_FORM, keys.BACK)
        await plan(told, "cnn4")
        await told.sees("epochs=3")


async def test_what_is_pasted_and_the_command_are_whole(tmp_path: Path) -> None:
    async with story(write_project(tmp_path)) as told:
        await plan(told, "cnn4")
        place = f"description='{'long ' * 50}  end'"
        told.app.screen.post_message(Paste(place))
        await told.sees(" end'")
        screen = told.app.screen
        assert isinstance(screen, launch.LaunchScreen)
        assert screen.form.changes == (f"description='{'long ' * 50}end'",)
        await told.sees("long end'\"'\"''", "$ tui-trainer run cnn4 --set")


async def test_a_notice_stays_as_long_as_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "NOTICE_SECONDS", 1.0)
    async with story(write_project(tmp_path)) as told:
        await plan(told, "cnn4")
        await told.press(keys.COPY)
        await told.sees("copied, where")
        await told.pilot.pause(0.6)
        await told.press(keys.COPY)
        await told.pilot.pause(0.6)
        await told.sees("copied, where")
        await told.sees_no("copied, where")


async def test_what_only_jobs_need_is_asked_where_there_is_a_cluster(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    async with story(project) as told:
        await plan(told, "cnn4")
        assert "memory" not in told.screen
    with (project / "experiments.toml").open("a") as file:
        file.write('\n[cluster]\nkind = "slurm"\n')
    async with story(project) as told:
        await plan(told, "cnn4")
        await told.sees("memory", "gpus", "cluster")
