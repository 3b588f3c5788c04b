"""What figures show: the numbers of the records, and nothing that was not measured."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.study.made import looks, write_made
from tests.tui.run_folders import RunWriter, write_project, write_robust_study
from tui_trainer.errors import UsageError
from tui_trainer.record import remarks
from tui_trainer.study.cost_figure import complexity
from tui_trainer.study.effects import Sample, effects_of
from tui_trainer.study.effects_figure import effects_figure
from tui_trainer.study.grids import confusion, corruptions
from tui_trainer.study.metrics import Metric
from tui_trainer.study.outcome import Outcome
from tui_trainer.study.picture import MOST_RUNS, thinned
from tui_trainer.study.plots import comparison, curves, seed_means
from tui_trainer.study.setups import result_of

if TYPE_CHECKING:
    from pathlib import Path


def test_curves_mark_the_best_epoch_and_where_it_was_resumed(tmp_path: Path) -> None:
    run = looks(write_robust_study(tmp_path))["cnn4/3"]
    loss, accuracy = curves([run]).panels
    assert run.best is not None
    height = 100 * (run.best.validation_accuracy or 0)
    assert [*accuracy.best[0][0]] == [run.best.epoch, height]
    assert [*loss.best[0][0]] == [run.best.epoch, run.best.validation_loss]
    assert [*loss.resumes] == [*accuracy.resumes] == [3.5]
    assert [key.label for key in curves([run]).keys] == ["train", "validation", "OOD"]


def test_what_was_not_measured_is_no_line(tmp_path: Path) -> None:
    runs = looks(write_robust_study(tmp_path))
    assert [len(panel.lines) for panel in curves([runs["cnn8/1"]]).panels] == [2, 2]
    figure = comparison([runs["cnn2/1"], runs["cnn8/1"]], "ood")
    assert len(figure.panels[0].lines) == 1
    assert figure.keys[1].label == "cnn8/1 (not measured)"
    with pytest.raises(UsageError, match="none of the runs has OOD accuracy"):
        comparison([runs["cnn8/1"]], "ood")


def test_the_best_score_of_a_board_is_a_height_to_reach(tmp_path: Path) -> None:
    project = write_robust_study(tmp_path)
    for name, score in (("cnn2/1", 0.44), ("cnn4/3", 0.41)):
        remarks.score(looks(project)[name].folder, score, "kaggle")
    runs = looks(project)
    figure = comparison([runs["cnn2/1"], runs["cnn4/3"]], "ood", [0.5])
    heights = [target.y for target in figure.panels[0].targets]
    assert heights == [pytest.approx(44.0), pytest.approx(50.0)]
    assert not comparison([runs["cnn2/1"]], "loss", [0.5]).panels[0].targets


def test_an_absurd_number_leaves_the_others_to_be_seen(tmp_path: Path) -> None:
    writer = RunWriter(write_project(tmp_path), "cnn2").start().train(3)
    file = writer.folder.epochs_file
    lines = file.read_text().splitlines()
    lines[1] = json.dumps({**json.loads(lines[1]), "validation": {"loss": 1e300, "accuracy": 0.1}})
    file.write_text("\n".join(lines) + "\n")
    loss, _ = curves([looks(tmp_path)["cnn2/1"]]).panels
    assert [x for x, _ in loss.lines[1].points] == [1, 3]


def test_more_runs_than_can_be_told_apart_are_refused(tmp_path: Path) -> None:
    run = looks(write_robust_study(tmp_path))["cnn2/1"]
    with pytest.raises(UsageError, match="8 runs in one figure cannot be told apart"):
        curves([run] * (MOST_RUNS + 1))


def test_seeds_are_one_point_with_its_spread(tmp_path: Path) -> None:
    results = [result_of(run) for run in looks(write_made(tmp_path)).values()]
    figure = complexity(results, "depth")
    _, test, ood = figure.panels[0].lines
    assert [x for x, _ in test.points] == [2, 4]
    assert test.points[0][1] == pytest.approx(92.0)
    assert [*test.spread] == [pytest.approx(2 * 2**0.5), 0.0]
    assert ood.points[1][1] == pytest.approx(60.0)
    assert sorted(y for _, y in test.dots) == [pytest.approx(90.0), pytest.approx(94.0)]


def test_curves_of_a_setup_are_the_mean_of_its_seeds_in_a_band(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    for rate, epochs in ((0.2, 6), (0.3, 4)):
        RunWriter(project, "cnn2").start().train(epochs, rate=rate)
    first, second = runs = [*looks(project).values()]
    figure = seed_means({"depth 2": runs, "depth 4": [first]})
    mean, alone = figure.panels[0].lines
    both = [100 * (run.epochs[3].validation_accuracy or 0) for run in (first, second)]
    assert [x for x, _ in mean.points] == [1, 2, 3, 4]  # the second has trained no more
    assert mean.points[3][1] == pytest.approx(sum(both) / 2)
    assert mean.band[3] == pytest.approx(abs(both[0] - both[1]) / 2**0.5)
    assert not alone.band
    assert [key.label for key in figure.keys] == ["depth 2 (n = 2)", "depth 4 (n = 1)"]
    with pytest.raises(UsageError, match="8 points in one figure cannot be told apart"):
        seed_means({str(n): [first] for n in range(MOST_RUNS + 1)})


def test_an_axis_that_no_run_has_is_refused(tmp_path: Path) -> None:
    results = [result_of(run) for run in looks(write_made(tmp_path)).values()]
    with pytest.raises(UsageError, match=r"of no finished run is model\.size known as a number"):
        complexity(results, "model.size")


def test_corruptions_stand_by_how_bad_they_are(tmp_path: Path) -> None:
    grid = corruptions(looks(write_made(tmp_path))["flat/1"])
    assert grid.rows == ("motion blur", "fog")
    assert grid.columns == ("1", "5", "mean")
    assert grid.cells[1] == (0.9, 0.2, 0.55)


def test_confusion_is_by_share_of_the_true_class(tmp_path: Path) -> None:
    grid = confusion(looks(write_made(tmp_path))["flat/1"])
    assert grid.rows == ("cat", "<dog>", "$fish$")
    assert grid.cells[2] == (0.2, 0.0, 0.8)
    assert grid.words[2] == ("2", "", "8")


@pytest.mark.parametrize("damage", [None, [[1, 2], [3]], [["a"]], 7])
def test_a_damaged_confusion_is_none(tmp_path: Path, damage: object) -> None:
    writer = RunWriter(write_project(tmp_path), "cnn2").start().train(2).evaluate(0.9)
    writer.end(0)
    writer.folder.clean_results_file.write_text(json.dumps({"accuracy": 0.9, "confusion": damage}))
    with pytest.raises(UsageError, match="cnn2/1 has no confusion matrix"):
        confusion(looks(tmp_path)["cnn2/1"])


def test_thinned_lines_keep_their_extremes() -> None:
    points = [(float(x), 0.5) for x in range(10_000)]
    points[1234], points[8765] = (1234.0, 9.0), (8765.0, -9.0)
    kept = thinned(points, 400)
    assert len(kept) <= 400
    assert {(1234.0, 9.0), (8765.0, -9.0), points[0], points[-1]} <= {*kept}
    assert list(kept) == sorted(kept)


def test_effects_stand_by_their_size_beside_the_noise_of_seeds() -> None:
    values = {"2": (0.90, 0.92), "4": (0.92, 0.94), "8": (0.80, 0.81)}
    samples = [
        Sample({"model.name": level}, seed, value)
        for level, pair in values.items()
        for seed, value in enumerate(pair)
    ]
    outcome = Outcome(
        study="depth", metric=Metric.TEST, points=(), effects=effects_of(samples), warnings=()
    )
    figure = effects_figure(outcome)
    assert [bar.label for bar in figure.bars] == ["model: 2 → 8", "model: 2 → 4"]
    assert [bar.value for bar in figure.bars] == [pytest.approx(-10.5), pytest.approx(2.0)]
    assert all(bar.interval and bar.interval[0] < bar.value for bar in figure.bars)
    assert not figure.bars[1].is_clear
    assert figure.noise == pytest.approx(100 * ((2 * 0.0002 + 0.00005) / 3) ** 0.5)
    assert figure.note == "95% intervals"
    single = effects_figure(replace(outcome, effects=effects_of(samples[::2])))
    assert single.note == "no interval is known"
    with pytest.raises(UsageError, match="tells no effect on test yet"):
        effects_figure(replace(outcome, effects=effects_of(samples[:2])))
