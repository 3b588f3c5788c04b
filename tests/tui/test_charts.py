"""Curves looked at in other ways stay true: what is smoothed, cut or laid out by time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import RunWriter, write_project
from tui_trainer.tui.charts import (
    ACCURACY,
    LOSS,
    Look,
    accuracy_chart,
    compare_chart,
    loss_chart,
    smooth,
)
from tui_trainer.tui.glyphs import UNICODE
from tui_trainer.tui.store import Store
from tui_trainer.tui.widgets.line import as_text
from tui_trainer.tui.widgets.plot import draw_chart

if TYPE_CHECKING:
    from pathlib import Path

    from tui_trainer.tui.views import RunView


@pytest.fixture
def run(tmp_path: Path) -> RunView:
    """Ten epochs in two attempts."""
    project = write_project(tmp_path)
    writer = RunWriter(project, "cnn2").start().train(4, ood_gap=0.2)
    writer.end(75, "stopped after a checkpoint")
    writer.start().train(6, ood_gap=0.2).end(0)
    (view,) = Store(project).look().runs
    return view


def test_smoothing_keeps_a_constant_and_gaps_and_begins_where_the_values_begin() -> None:
    assert smooth([2.0, None, 2.0, 2.0], 0.9) == pytest.approx([2.0, None, 2.0, 2.0])
    assert smooth([0.0, 1.0], 0.5) == pytest.approx([0.0, 2 / 3])
    assert smooth([], 0.6) == []


def test_a_smoothed_curve_has_the_true_one_behind_it_and_its_true_value_beside_it(
    run: RunView,
) -> None:
    chart = loss_chart(run, Look(smoothing=0.9))
    assert [series.is_behind for series in chart.series] == [True, True, False, False]
    true = loss_chart(run, Look()).series
    assert [series.points for series in chart.series[:2]] == [series.points for series in true]
    assert [series.true_last for series in chart.series[2:]] == [series.last for series in true]
    drawn = "\n".join(as_text(line) for line in draw_chart(chart, 60, 14, UNICODE))
    assert drawn.count(" raw") == 2


def test_a_zoom_shows_the_last_part_of_the_epochs(run: RunView) -> None:
    chart = accuracy_chart(run, Look(zoom=0.25))
    assert [x for x, _ in chart.series[0].points] == [8, 9, 10]
    assert (chart.first_x, chart.last_x) == (7.75, 10)


@pytest.mark.parametrize("zoom", [1.0, 0.5, 0.25])
def test_no_tick_stands_left_of_the_axis(run: RunView, zoom: float) -> None:
    chart = replace(accuracy_chart(run, Look(zoom=zoom)), first_x=7.3)
    axis, labels = (as_text(line) for line in draw_chart(chart, 60, 14, UNICODE)[-2:])
    assert [label for label in labels.split() if label] == ["8", "9", "10"]
    assert axis.count(UNICODE.axis_tick_x) == 3


def test_time_is_the_time_trained_in_a_unit_that_suits_it(run: RunView) -> None:
    chart = loss_chart(run, Look(by_time=True))
    assert (chart.first_x, chart.last_x, chart.x_unit) == (0.0, 65.0, "s")


def test_the_best_epoch_and_the_resume_are_marked_where_that_is_wanted(run: RunView) -> None:
    chart = accuracy_chart(run, Look(marks=True))
    best = max(run.epochs, key=lambda epoch: epoch.validation_accuracy or 0.0)
    assert list(chart.begins) == [4.5]
    assert chart.best is not None
    assert list(chart.best) == [best.epoch, 100 * (best.validation_accuracy or 0.0)]
    assert accuracy_chart(run, Look(marks=True, only="train")).best is None
    assert not loss_chart(run, Look()).begins


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("starting", "the training is being started"),
        ("queued", "the run waits in the queue"),
        ("rehearsing", "the preflight is under way, before the first epoch"),
        ("training", "the first epoch is under way"),
    ],
)
def test_before_the_first_epoch_its_chart_says_what_is_done(
    tmp_path: Path, stage: str, words: str
) -> None:
    project = write_project(tmp_path)
    RunWriter(project, "cnn2").start().beat(stage=stage)
    (run,) = Store(project).look().runs
    assert loss_chart(run, Look()).empty == words


def test_one_series_alone_and_a_chart_without_it(run: RunView) -> None:
    assert [series.name for series in accuracy_chart(run, Look(only="ood")).series] == ["ood"]
    assert loss_chart(run, Look(only="ood")).empty == "ood has none"


def test_without_colours_each_curve_has_a_dash_and_a_letter_of_its_own(run: RunView) -> None:
    series = accuracy_chart(run, Look(dashed=True)).series
    assert [each.sign for each in series] == ["t", "v", "o"]
    assert len({each.dash for each in series}) == 3
    assert not any(each.sign for each in accuracy_chart(run, Look()).series)


@pytest.mark.parametrize(
    ("losses", "top"),
    [
        ([3.8, 0.3, 0.2, 0.15, 0.1], 0.3),
        ([2.3, 1.8, 1.4, 1.1, 0.9], None),
        ([3.8, 0.1, 0.1, 3.7], None),
        ([3.8, 0.1], None),
    ],
)
def test_a_first_loss_that_presses_the_others_flat_is_cut_off(
    run: RunView, losses: list[float], top: float | None
) -> None:
    epochs = tuple(
        replace(epoch, train_loss=loss, validation_loss=loss)
        for epoch, loss in zip(run.epochs, losses, strict=False)
    )
    told = replace(run, epochs=epochs)
    assert loss_chart(told, Look()).top == top
    assert loss_chart(told, Look(log=True)).top is None
    assert compare_chart([told], LOSS, log=False).top == top
    assert compare_chart([told], ACCURACY, log=False).top is None


def test_the_series_are_gone_through_as_far_as_there_are_any() -> None:
    look = Look()
    seen = []
    for _ in range(3):
        look = look.change_series(has_ood=False)
        seen.append(look.only)
    assert seen == ["train", "val", ""]
