"""What users do on the page of one run, told in their words."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import RunWriter, write_project, write_robust_study
from tests.tui.snapshot import screen_agrees
from tests.tui.story import Story, story
from tui_trainer.errors import OwnedByAnotherError
from tui_trainer.record.digest import digest_file, digest_line
from tui_trainer.record.finding import Finding
from tui_trainer.record.heartbeat import Usage
from tui_trainer.record.preflight import Preflight
from tui_trainer.record.run_folder import RunFolder, all_runs
from tui_trainer.tui import keys
from tui_trainer.tui.detail import LOG_BYTES, Tab
from tui_trainer.tui.glyphs import UNICODE
from tui_trainer.tui.widgets.plot import Plot

if TYPE_CHECKING:
    from pathlib import Path

SIZES = [(80, 24), (120, 40), (200, 50)]


async def open_page(told: Story, run: str, tab: Tab = Tab.CURVES) -> None:
    """Go to a run, open its page, and show one of its tabs."""
    await told.go_to(run)
    await told.press(keys.OPEN)
    await told.type(str(tab.value))
    await told.sees(f"[{tab.value} {tab.word}]")


def run_of(project: Path, name: str) -> RunFolder:
    return next(run for run in all_runs(project / "runs") if run.run == name)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_page_shows_curves_with_the_best_epoch_and_the_resume(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with story(write_robust_study(tmp_path), size) as told:
        await open_page(told, "cnn4/3")
        await told.sees("cnn4/3   ● running", "attempt 2", "10/14 epochs", "┊", "◆", "loss")
        await told.sees("step 12/19", *(["Tab: accuracy"] if size[0] < 100 else []))
        screen_agrees(f"page-{size[0]}x{size[1]}", told.screen)


async def test_the_curves_can_be_looked_at_in_other_ways(tmp_path: Path) -> None:
    async with story(write_robust_study(tmp_path)) as told:
        await open_page(told, "cnn4/3")
        await told.sees("val 91.5", "train 92.5")
        await told.press(keys.SMOOTHING)
        await told.sees("smoothed 0.6", "val 91.5")  # a label says what was measured
        await told.press(keys.SMOOTHING)
        await told.sees("smoothed 0.9")
        assert told.screen.count("smoothed") == 1
        await told.press(keys.SMOOTHING)
        await told.sees_no("smoothed")
        await told.press(keys.X_AXIS)
        await told.sees("by time", "0s", "50s")
        await told.press(keys.X_AXIS, keys.ZOOM)
        await told.sees("last 50 %")
        await told.press(keys.ZOOM)
        await told.sees("last 25 %")
        await told.press(keys.ZOOM, keys.SERIES)
        await told.sees("train only", "train 92.5")
        await told.sees_no("val 91.5", "◆")
        await told.press(keys.SERIES, keys.SERIES)
        await told.sees("ood only", "ood 71.5", "ood has none")
        await told.press(keys.SERIES, keys.LOG_SCALE)
        await told.sees("loss  log", "val 91.5")


async def test_an_epoch_that_ends_appears_and_only_its_lines_are_drawn(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    run = RunWriter(project, "cnn2").start().train(6).beat(step=5)
    async with story(project) as told:
        await open_page(told, "cnn2/1")
        await told.sees("6/14 epochs", "epoch 7/14", "step  5/19")
        drawn: list[object] = []
        plot = told.app.screen.query_one("#loss", Plot)
        refresh = plot.refresh

        def count(*regions: object, **options: bool) -> object:
            drawn.append(regions)
            return refresh(*regions, **options)  # type: ignore[arg-type]

        plot.refresh = count  # type: ignore[method-assign, assignment]
        run.beat(step=9)
        await told.sees("step  9/19")
        assert not drawn
        run.train(1).beat(step=2)
        await told.sees("7/14 epochs", "epoch 8/14")
        await told.pilot.pause()  # curves are drawn after everything else was shown
        assert len(drawn) == 1
        run.end(-9, "killed by SIGKILL")
        await told.sees("✕ crashed   ", "✕ crashed: killed by SIGKILL")
        await told.press(keys.BACK)
        await told.sees("✕ 1 crashed", " 7/14 ", "killed by SIGKILL · r resumes")


async def test_what_a_run_uses_of_its_gpu_is_told_beside_processors_and_memory(
    tmp_path: Path,
) -> None:
    project = write_project(tmp_path)
    usage = Usage(1.874, 812_000_000, gpu_memory_bytes=4_200_000_000, gpu_busy=0.93)
    run = RunWriter(project, "cnn2").start().train(3).beat(usage=usage)
    async with story(project, (120, 40)) as told:
        await open_page(told, "cnn2/1")
        await told.sees("cpu 187 %, memory 812 MB", "gpu 93 %, memory 4.2 GB")
        run.beat(step=13, usage=usage._replace(gpu_busy=None))
        await told.sees("gpu ? %, memory 4.2 GB")
        run.beat(step=14)
        await told.sees_no("gpu")


async def test_how_a_run_ended_is_told_once_on_its_page(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    RunWriter(project, "cnn2").start().end(1, "ValueError: the shapes differ")
    for size in SIZES:
        async with story(project, size) as told:
            await open_page(told, "cnn2/1")
            await told.sees("crashed: ValueError: the shapes differ", "r resume")
            assert told.screen.count("the shapes differ") == 1
            await told.type(str(Tab.LOG.value))
            await told.sees("[2 log]")
            await told.sees("✕ crashed  ValueError: the shapes differ")
            assert told.screen.count("the shapes differ") == 1


async def test_runs_are_resumed_and_stopped_from_their_page(study: Path) -> None:
    async with story(study) as told:
        await open_page(told, "cnn4/3", Tab.ATTEMPTS)
        await told.press(keys.RESUME)
        await told.sees("cnn4/3 is running; there is nothing to resume")
        await told.press(keys.STOP)
        await told.did("stop cnn4/3")
        await told.sees("asked cnn4/3 to stop after a checkpoint")
        await told.press(keys.STOP_NOW)
        await told.sees("Stop cnn4/3 now?")
        await told.press(keys.YES)
        await told.did("stop cnn4/3", "stop cnn4/3 at once")
        await told.press(keys.LEAVE)
    assert told.app.return_value == ["cnn4/3", "cnn8/2", "cnn8/1"]


async def test_an_error_reaches_whoever_went_back_to_the_list_meanwhile(study: Path) -> None:
    async with story(study) as told:
        await open_page(told, "cnn4/1")
        told.operations.failure = OwnedByAnotherError("cnn4/1 has an owner", hint="watch it")
        told.operations.seconds = 0.5
        await told.press(keys.RESUME, keys.BACK)
        await told.sees("✕ cnn4/1 has an owner", "watch it", "cnn8/2")


async def test_the_log_is_followed_and_searched(study: Path) -> None:
    log = run_of(study, "cnn4/3").attempt(2).log_file
    lines = [f"step {number}\n" for number in range(300)]
    lines[100] = "Traceback (most recent call last):\n"
    lines[200] = 'Loss of [bold]\x1b[2J\x9b5m\u202e "needle" here\n'
    log.write_text("".join(lines))
    async with story(study, (80, 24)) as told:
        await open_page(told, "cnn4/3", Tab.LOG)
        await told.sees("attempt 2 of 2", "follows its end", "step 299")
        with log.open("a") as file:
            file.write("one more\n")
        await told.sees("step 299", "one more")
        await told.press(keys.SEARCH)
        await told.type("xNEEDLE")
        await told.sees("/xNEEDLE▌")
        await told.press(keys.ERASE, keys.GIVE_UP, keys.SEARCH)
        await told.type("NEEDLE")
        await told.press(keys.FIND)
        await told.sees('Loss of [bold][2J5m "needle" here', "step 199", "/NEEDLE in 1 line")
        assert not set("\x1b\x9b\u202e") & set(told.screen)
        await told.press(keys.TO_TRACEBACK)
        await told.sees("Traceback (most", "step 99", "step 101")
        await told.press(keys.NEXT_MATCH)
        await told.sees('"needle" here')
        await told.press(keys.TOP)
        await told.sees("step 0 ", "G follows")
        await told.press(keys.BOTTOM)
        await told.sees("one more")
        await told.press(keys.SEARCH)
        await told.type("nowhere")
        await told.press(keys.FIND)
        await told.sees("nowhere is not in the log")


async def test_search_and_the_last_traceback_reach_the_whole_of_a_long_log(study: Path) -> None:
    log = run_of(study, "cnn4/3").attempt(2).log_file
    lines = [f"step {number}\n" for number in range(100_000)]
    lines[2_000], lines[50_000] = "Traceback (most recent call last):\n", "a Needle, here\n"
    lines[70_000] = "another needle\n"
    log.write_text("".join(lines))
    async with story(study, (80, 24)) as told:
        await open_page(told, "cnn4/3", Tab.LOG)
        await told.sees("step 99999", "follows its end")
        await told.press(keys.SEARCH)
        await told.type("needle")
        await told.press(keys.FIND)
        await told.sees("another needle", "step 69999", "G goes to its end")
        await told.press(keys.LAST_MATCH)
        await told.sees("a Needle, here", "step 49999")
        await told.press(keys.TO_TRACEBACK)
        await told.sees("Traceback (most", "step 1999")
        with log.open("a") as file:
            file.write("one more\n")
        await told.press(keys.BOTTOM)
        await told.sees("step 99999", "one more")
        await told.press(keys.SEARCH)
        await told.type("nowhere")
        await told.press(keys.FIND)
        await told.sees("nowhere is not in the log")


async def test_every_attempt_has_its_log(study: Path) -> None:
    run = run_of(study, "cnn4/3")
    run.attempt(1).log_file.write_text("the first one\n")
    run.attempt(2).log_file.write_text("the second one\n")
    async with story(study, (80, 24)) as told:
        await open_page(told, "cnn4/3", Tab.LOG)
        await told.sees("attempt 2 of 2", "the second one")
        await told.press(keys.LATER, keys.EARLIER)
        await told.sees("attempt 1 of 2", "the first one")
        await told.press(keys.LATER)
        await told.sees("the second one")


async def test_a_log_that_is_huge_or_none_breaks_nothing(study: Path) -> None:
    run = run_of(study, "cnn4/3")
    with run.attempt(2).log_file.open("wb") as file:
        file.seek(100 << 20)
        file.write(b"x" * (LOG_BYTES + 5) + b"the end")
    os.mkfifo(run.attempt(1).log_file)
    async with story(study, (80, 24)) as told:
        await open_page(told, "cnn4/3", Tab.LOG)
        await told.sees("105 MB before this: tui-trainer logs", "xxxxxxxx")
        await told.press(keys.EARLIER)
        await told.sees("attempt 1 of 2", "nothing was printed, or it cannot be read")


async def test_the_config_tells_what_is_unlike_the_default_and_the_base(study: Path) -> None:
    async with story(study, (120, 60)) as told:
        await open_page(told, "cnn4/3", Tab.CONFIG)
        await told.sees("≠ model.depth", "4   cnn2: 2", "≠ augment", "rotation", "  batch_size")
        await told.sees("≠ unlike cnn2, its base, as it is now", "· epochs", "fingerprint")
        await told.sees("  pipeline.size", "  pipeline.mean")  # the data set's own
        run_of(study, "cnn4/3").experiment_file.write_text("[experiment\n")
        await told.sees("experiment.toml:1")


async def test_the_attempts_tell_where_and_how_they_ended(study: Path) -> None:
    for size in ((80, 24), (120, 40)):
        async with story(study, size) as told:
            await open_page(told, "cnn4/3", Tab.ATTEMPTS)
            await told.sees(
                "host",
                f"1{UNICODE.dash}3",
                f"4{UNICODE.dash}7",
                "stopped after a checkpoint",
                str(os.getpid()),
            )


async def test_the_preflight_shows_first_what_needs_a_person(study: Path) -> None:
    findings = (
        Finding("disk", "ok", "12 GB free"),
        Finding("time", "warning", "more than the \x1b[2Jwall-time", "ask for more"),
    )
    async with story(study, (80, 24)) as told:
        await open_page(told, "cnn4/3", Tab.PREFLIGHT)
        await told.sees("attempt 2 of 2", "nothing was found yet")
        preflight = Preflight(findings, rehearsed=True, seconds=3.1)
        preflight.write(run_of(study, "cnn4/3").attempt(2).preflight_file)
        await told.sees("every stage rehearsed in 3s · 1 warning", "✓ disk", "12 GB free")
        await told.sees("▲ time            more than the [2Jwall-time", "ask for more")
        assert told.screen.index("▲ time") < told.screen.index("✓ disk")


async def test_the_results_show_figures_and_corruptions(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    run = RunWriter(project, "cnn2").start().train(3).evaluate(0.9617)
    clean = {
        "accuracy": 0.9617,
        "top5_accuracy": 0.999,
        "calibration_error": 0.0213,
        "class_accuracy": [0.99, 0.7, None],
        "worst_classes": [1, 0, 99, "x"],
        "class_names": ["naïve \x1b[2J", "[/b] dog"],
        "with_flip": {"accuracy": 0.97},
    }
    fog = {"1": 0.8, "5": 0.4, "mean": 0.6}
    ood = {"accuracy": 0.55, "gap": 0.4, "corruptions": {"fog": fog, "noise\x1b": {"mean": 0.5}}}
    run.evaluate_ood(0.55, 0.4)
    run.folder.clean_results_file.write_text(json.dumps(clean))
    run.folder.ood_results_file.write_text(json.dumps(ood))
    run.end(0)
    for size in SIZES:
        async with story(project, size) as told:
            await open_page(told, "cnn2/1", Tab.RESULTS)
            await told.sees("top-1 96.17 %", "top-5 99.90 %", "ECE 2.13 %", "with flip")
            await told.sees(
                "worst classes",
                "[/b] dog: 70.0",
                "naïve [2J: 99.0",
                "gap 40.00 %",
                "80.0",
                "40.0",
                "noise",
            )
            assert "\x1b" not in told.screen


async def test_the_files_are_listed_with_their_recorded_digests_and_none_is_read(
    tmp_path: Path,
) -> None:
    project = write_project(tmp_path)
    run = RunWriter(project, "cnn2").start().train(3).evaluate(0.9617)
    folder = run.folder
    folder.checkpoints.mkdir()
    checkpoint = folder.checkpoints / "epoch-0002.pt"
    checkpoint.write_bytes(b"weights")
    digest_file(checkpoint).write_text(digest_line(checkpoint, "ab" * 32))
    (folder.checkpoints / "epoch-0009.pt").write_bytes(b"nobody told of it")
    os.mkfifo(folder.path / "pipe\x1b[2J")
    (folder.results / "link").symlink_to("/dev/zero")
    (folder.attempt(1).path / "log.txt").write_text("a line\n")
    for size in SIZES:
        async with story(project, size) as told:
            await open_page(told, "cnn2/1", Tab.FILES)
            await told.sees("epochs.jsonl", "checkpoints/", "epoch-0002.pt", "0000000000000000")
            await told.sees("none was recorded", "FIFO", "as recorded; tui-trainer verify")
            await told.press(keys.BOTTOM)
            await told.sees("results/", "link", "attempts/1/", "log.txt", "7")
            assert "\x1b" not in told.screen
    async with story(project) as told:
        await open_page(told, "cnn2/1", Tab.FILES)
        await told.sees("epochs.jsonl")
        (folder.results / "predictions.npz").write_bytes(b"new")
        await told.sees("predictions.npz")


@pytest.mark.parametrize("tab", list(Tab), ids=lambda tab: tab.word)
async def test_a_run_without_files_and_one_that_goes_away_break_no_page(
    study: Path, tab: Tab
) -> None:
    queued = run_of(study, "cnn8/2")
    async with story(study, (80, 24)) as told:
        await open_page(told, "cnn8/2", tab)
        await told.sees("cnn8/2   ◌ queued")
        await told.sees_no("reading")
        queued.path.rename(study / "gone")
        await told.sees("cnn8/2")
        await told.press(keys.DOWN, keys.EARLIER, keys.SEARCH, keys.GIVE_UP, keys.TO_TRACEBACK)
        await told.press(keys.BACK)
        await told.sees("Enter")


@pytest.mark.parametrize("tab", list(Tab), ids=lambda tab: tab.word)
async def test_no_size_and_no_lack_of_unicode_breaks_a_page(
    study: Path, tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("NO_COLOR", "1")
    run_of(study, "cnn4/3").attempt(2).log_file.write_text("模型 naïve\n" * 50)
    async with story(study, (80, 24)) as told:
        await open_page(told, "cnn4/3", tab)
        for width, height in [(1, 1), (2, 50), (200, 2), (40, 10), (300, 100), (80, 24)]:
            await told.pilot.resize_terminal(width, height)
            await told.press(keys.PAGE_DOWN, keys.BOTTOM, keys.SMOOTHING, keys.SERIES, keys.ZOOM)
            await told.press(keys.X_AXIS)
        await told.sees("cnn4/3")
        assert told.screen.isascii()


async def test_help_lists_the_keys_of_the_page_and_fits_the_smallest_terminal(study: Path) -> None:
    async with story(study, (80, 24)) as told:
        for tab, own in ((Tab.CURVES, keys.CURVES_KEYS), (Tab.LOG, keys.LOG_KEYS)):
            await open_page(told, "cnn4/3", tab)
            await told.press(keys.HELP)
            await told.sees(*(key.words for key in (*keys.RUN_KEYS, *own)), "closes this help")
            await told.press(keys.CLOSE_HELP, keys.BACK)


async def test_a_first_attempt_has_no_earlier_one(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    RunWriter(project, "cnn4").start().train(2).end(0)
    async with story(project) as told:
        await told.go_to("cnn4/1")
        await told.press(keys.OPEN)
        await told.type("2")
        await told.sees("[2 log]", "search")
        await told.sees_no("earlier attempt")
