"""What a study found, from run folders; and every reason to beware of it."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import EXPERIMENTS, RunWriter, write_project
from tui_trainer.record.index import Index
from tui_trainer.spec.project import load_project
from tui_trainer.study.complexity import along
from tui_trainer.study.metrics import Metric
from tui_trainer.study.outcome import Outcome, outcome_of
from tui_trainer.study.points import standings
from tui_trainer.study.trials import Levels, trials_of

if TYPE_CHECKING:
    from pathlib import Path

    from tui_trainer.spec.study import Point

STUDIES = f"""{EXPERIMENTS}
[studies.depth]
base = "cnn2"
grid = {{ "model.depth" = [2, 4, 8] }}
labels = {{ "model.depth" = ["shallow", "deep", "deepest"] }}
seeds = 3
[studies.recipe]
base = "cnn4"
ablate = {{ augment = [[]], batch_size = [32] }}
seeds = 2
[studies.both]
base = "cnn2"
grid = {{ batch_size = [32, 128], "optimizer.lr" = [0.01, 0.2] }}
exclude = [
    {{ batch_size = 32, "optimizer.lr" = 0.2 }},
    {{ batch_size = 128, "optimizer.lr" = 0.01 }},
]
[studies.long]
base = "cnn2"
ablate = {{ epochs = [20] }}
"""
PARAMETERS = {2: 1_000, 4: 50_000, 8: 900_000}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path, STUDIES)


def points_of(project: Path, study: str) -> tuple[Point, ...]:
    return load_project(project / "experiments.toml").studies[study].points


def finish(project: Path, point: Point, accuracy: float, epochs: int = 3) -> None:
    depth = getattr(point.experiment.model, "depth", 0)
    writer = RunWriter(project, point.name)
    writer.start(parameters=PARAMETERS[depth], flops=10 * PARAMETERS[depth])
    writer.train(epochs).evaluate(accuracy).end(0)


def found(project: Path, study: str, metric: Metric = Metric.TEST) -> Outcome:
    known = load_project(project / "experiments.toml")
    runs = Index(project / "runs").look()
    reference = Levels(known.studies[study]).of(known.experiment(known.studies[study].base))
    trials = trials_of(known.studies[study], standings(known.studies[study], runs))
    return outcome_of(study, trials, metric, reference)


def test_points_have_mean_and_deviation_over_their_seeds(project: Path) -> None:
    values = {0: 0.8, 1: 0.82, 2: 0.87}
    for point in points_of(project, "depth"):
        finish(project, point, values[point.seed])
    outcome = found(project, "depth")
    assert outcome.warnings == ()
    assert [point.label for point in outcome.points] == [
        "depth shallow",
        "depth deep",
        "depth deepest",
    ]
    (shallow, *_) = outcome.points
    spread = shallow.spreads[Metric.TEST]
    assert spread == pytest.approx((0.83, 0.0360555, 3), abs=1e-6)
    assert shallow.spreads[Metric.OOD] is None
    points, effects, _ = outcome.tables()
    assert points.records()[0]["test_std"] == pytest.approx(0.0360555, abs=1e-6)
    assert points.notes == ("mean ± sample standard deviation over seeds (n)",)
    assert effects.notes[-1].endswith("pooled over them: 3.6 pt")
    assert [cell.said for cell in points.rows[0]][:3] == ["depth shallow", "3/3", "83.0 ± 3.6"]
    # The base is shallow: it is what the others are measured by.
    told = [(row["reference"], row["level"], row["difference"]) for row in effects.records()]
    assert told == [("shallow", "deep", 0), ("shallow", "deepest", 0)]


def test_a_study_is_seen_over_its_size_with_the_gap_between_train_and_test(project: Path) -> None:
    test = {2: 0.5, 4: 0.4, 8: 0.45}  # as double descent would have it
    for point in reversed(points_of(project, "depth")):
        finish(project, point, test[getattr(point.experiment.model, "depth", 0)])
    sizes = [point.size for point in found(project, "depth").points]
    for axis, places in (("depth", [2, 4, 8]), ("parameters", list(PARAMETERS.values()))):
        ordered = along(sizes, axis)
        assert [size.at(axis) for size in ordered] == places
        means = [size.test.mean for size in ordered if size.test]
        assert means == pytest.approx([0.5, 0.4, 0.45])
    train = 0.995 - 0.85 * 2.718281828 ** (-0.25 * 3)  # of the made runs' third epoch
    gaps = [size.train_test_gap.mean for size in along(sizes, "flops") if size.train_test_gap]
    assert gaps == pytest.approx([train - 0.5, train - 0.4, train - 0.45])


def test_a_run_of_the_same_settings_counts_whatever_its_name(project: Path) -> None:
    points = points_of(project, "recipe")
    base = next(point for point in points if point.is_base and point.seed == 0)
    writer = RunWriter(project, "cnn4")
    writer.start().train(3).evaluate(0.7).end(0)
    trials = trials_of(
        (study := load_project(project / "experiments.toml").studies["recipe"]),
        standings(study, Index(project / "runs").look()),
    )
    (known,) = [trial for trial in trials if trial.run is not None]
    assert (known.name, known.label) == (base.name, "base")
    assert known.levels == {"augment": "rotation degrees=10", "batch_size": "64"}


def test_what_is_not_done_or_has_no_spread_is_told(project: Path) -> None:
    base, augment, batch, *again = points_of(project, "recipe")
    for point in (base, augment, *again[:2]):
        finish(project, point, 0.8 + random.Random(point.name).gauss(0, 0.01))
    finish(project, batch, 0.8, epochs=2)
    RunWriter(project, again[2].name).start().train(1).end(1, "boom")
    undone, single, epochs = found(project, "recipe").warnings
    assert undone == (
        f"not done are 1 of 6 runs (1 crashed): {again[2].name}; tui-trainer run recipe goes on"
    )
    assert single.startswith("n = 1: a single seed of batch_size 32; there is no spread")
    assert epochs == "not all were trained for the same number of epochs: from 2 to 3"


def test_fewer_seeds_than_others_are_told(project: Path) -> None:
    for number, point in enumerate(points_of(project, "depth")):
        if (point.seed, point.labels["model.depth"]) != (2, "deep"):
            finish(project, point, 0.8 + number / 100)
    assert found(project, "depth").warnings[1:] == (
        "fewer seeds than the 3 of others: depth deep (2)",
    )


def test_an_effect_on_what_was_not_measured_is_none(project: Path) -> None:
    for point in points_of(project, "recipe"):
        finish(project, point, 0.8)
    outcome = found(project, "recipe", Metric.OOD)
    assert outcome.effects.effects == ()
    assert outcome.warnings == ("ood was not measured of base; augment none; batch_size 32",)
    same = found(project, "recipe").warnings
    assert same == ("every seed gave the same test at base; augment none; batch_size 32",)


def test_the_probe_of_an_epoch_is_no_result(project: Path) -> None:
    for point in points_of(project, "recipe"):
        writer = RunWriter(project, point.name).start().train(3, ood_gap=0.4).evaluate(0.8)
        if point.is_base:
            writer.evaluate_ood(0.5 + point.seed / 100, 0.3)
        writer.end(0)
    outcome = found(project, "recipe", Metric.OOD)
    assert outcome.effects.effects == ()
    assert outcome.warnings == ("ood was not measured of augment none; batch_size 32",)
    assert [point.size.ood is None for point in outcome.points] == [False, True, True]


def test_two_changes_at_once_are_not_told_apart(project: Path) -> None:
    for point in points_of(project, "both"):
        finish(project, point, 0.8)
    outcome = found(project, "both")
    assert outcome.effects.effects == ()
    assert outcome.warnings[-1] == (
        "two things or more changed at once: batch_size 32, lr 0.01; batch_size 128, lr 0.2 differ "
        "in several factors from every measured point that they could be compared with, so no "
        "effect is told from them"
    )


def test_epochs_that_are_a_factor_differ_as_they_should(project: Path) -> None:
    for point in points_of(project, "long"):
        finish(project, point, 0.8, epochs=point.experiment.epochs)
    outcome = found(project, "long")
    assert not any("epochs" in warning.split(":")[0] for warning in outcome.warnings)
    assert [size.epochs for size in along((p.size for p in outcome.points), "epochs")] == [14, 20]


def test_runs_of_different_code_are_told_apart(project: Path) -> None:
    for number, point in enumerate(points_of(project, "recipe")):
        finish(project, point, 0.8 + number / 100)
        file = project / "runs" / point.name / "1" / "experiment.toml"
        known = "tui_trainer = '0.1'\ngit_commit = '1234567aa'\n"
        own = "[provenance.own_files]\n'nets.py' = 'ab'\n" if point.seed else ""
        file.write_text(file.read_text() + known + own)
    (warning,) = found(project, "recipe").warnings
    assert re.fullmatch(
        r"runs of different code are mixed: tui-trainer 0.1, commit 1234567 \(3 runs\); "
        r"tui-trainer 0.1, commit 1234567, own files [0-9a-f]{7} \(3 runs\)",
        warning,
    )
