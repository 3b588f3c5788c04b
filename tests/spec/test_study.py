"""Studies: what points a table makes, how they are called, and what no edit of it may change."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tui_trainer.errors import InvalidExperimentsError, UsageError
from tui_trainer.spec.addition import name_fault
from tui_trainer.spec.project import Project, load_project

if TYPE_CHECKING:
    from tui_trainer.spec.study import Point

BASE = """
[experiments.a]
model = { name = "cnn", depth = 2 }
epochs = 10
seed = 7
"""


def project(folder: Path, study: str) -> Project:
    path = folder / "experiments.toml"
    path.write_text(BASE + study)
    return load_project(path)


def points(folder: Path, study: str) -> tuple[Point, ...]:
    loaded = project(folder, f'[studies.s]\nbase = "a"\n{study}')
    assert loaded.problem_lines == ()
    return loaded.studies["s"].points


def names(folder: Path, study: str) -> list[str]:
    return [point.name for point in points(folder, study)]


def test_a_grid_has_every_combination_once_for_each_seed(tmp_path: Path) -> None:
    laid = points(tmp_path, "grid = { model.depth = [2, 4], epochs = [3, 10] }\nseeds = [1, 2]")
    assert [point.name for point in laid[:4]] == [
        "s.depth-2.epochs-3.seed-1",
        "s.depth-2.epochs-10.seed-1",
        "s.depth-4.epochs-3.seed-1",
        "s.depth-4.epochs-10.seed-1",
    ]
    assert [point.seed for point in laid] == [1] * 4 + [2] * 4
    assert [point.name for point in laid if point.is_base] == [
        "s.depth-2.epochs-10.seed-1",
        "s.depth-2.epochs-10.seed-2",
    ]
    assert laid[2].changes == {"model.depth": 4, "epochs": 3}
    assert (laid[2].experiment.epochs, laid[2].experiment.seed) == (3, 1)


def test_an_ablation_makes_one_change_at_a_time_beside_its_base(tmp_path: Path) -> None:
    laid = points(tmp_path, "ablate = { batch_size = [32, 128], loss.label_smoothing = [0.1] }")
    assert [point.name for point in laid] == [
        "s.base",
        "s.batch_size-32",
        "s.batch_size-128",
        "s.label_smoothing-0.1",
    ]
    assert [len(point.changes) for point in laid] == [0, 1, 1, 1]
    assert [point.is_base for point in laid] == [True, False, False, False]
    assert laid[0].experiment.fingerprint == project(tmp_path, "").experiment("a").fingerprint


def test_a_number_of_seeds_counts_from_the_base_s_own(tmp_path: Path) -> None:
    assert names(tmp_path, "seeds = 3") == ["s.base.seed-7", "s.base.seed-8", "s.base.seed-9"]


def test_a_base_that_the_grid_holds_is_that_point(tmp_path: Path) -> None:
    laid = points(tmp_path, "grid = { epochs = [3, 10] }\nablate = { batch_size = [32] }")
    assert [point.name for point in laid] == ["s.epochs-3", "s.epochs-10", "s.batch_size-32"]
    assert laid[1].is_base


def test_an_exclusion_takes_all_seeds_or_one(tmp_path: Path) -> None:
    grid = "grid = { model.depth = [2, 4], epochs = [3, 10] }\nseeds = [0, 1]\n"
    left = names(
        tmp_path,
        f"{grid}exclude = [{{ model.depth = 4, epochs = 10 }}, {{ epochs = 3, seed = 1 }}]",
    )
    assert left == [
        "s.depth-2.epochs-3.seed-0",
        "s.depth-2.epochs-10.seed-0",
        "s.depth-4.epochs-3.seed-0",
        "s.depth-2.epochs-10.seed-1",
    ]


def test_a_point_s_name_depends_on_its_value_alone(tmp_path: Path) -> None:
    deep, wide = ('{ name = "cnn", depth = 4 }', '{ width = 9, name = "cnn" }')
    assert names(tmp_path, f"grid = {{ model = [{deep}, {wide}] }}") == [
        "s.model-cnn-depth-4",
        "s.model-cnn-width-9",
    ]
    assert names(tmp_path, f"grid = {{ model = [{wide}] }}") == ["s.model-cnn-width-9"]
    jitters = [
        f'[{{ name = "color_jitter", brightness = 0.25, contrast = {each} }}]'
        for each in (0.2, 0.4)
    ]
    there = names(tmp_path, f"grid = {{ augment = [{', '.join(jitters)}] }}")
    back = names(tmp_path, f"grid = {{ augment = [{', '.join(reversed(jitters))}] }}")
    assert there == back[::-1]
    assert len(set(there)) == 2


def test_a_table_of_another_kind_replaces_the_base_s_as_in_an_experiment(tmp_path: Path) -> None:
    (plain, other) = points(tmp_path, 'ablate = { model = [{ name = "resnet18" }] }')
    assert (plain.experiment.model.name, other.experiment.model.name) == ("cnn", "resnet18")
    assert other.name == "s.model-resnet18"


def test_labels_are_what_people_see_and_what_names_are_made_of(tmp_path: Path) -> None:
    laid = points(
        tmp_path,
        'ablate.augment = [[{ name = "rotation" }], [{ name = "rotation", degrees = 3 }]]\n'
        'labels.augment = ["Rotation (±10°)", "a little"]',
    )
    assert [point.name for point in laid] == [
        "s.base",
        "s.augment-Rotation-10",
        "s.augment-a-little",
    ]
    assert laid[1].labels == {"augment": "Rotation (±10°)"}


def test_names_are_safe_whatever_the_values_and_no_two_are_one(tmp_path: Path) -> None:
    laid = names(
        tmp_path,
        'grid = { "optimizer.name" = ["sgd", "adam"], "scheduler.name" = ["none", "one_cycle_lr"], '
        "model.dropout = [0.1234567890123456, 0.1234567890123457], augment = [[], "
        '[{ name = "rotation" }], [{ name = "rotation", degrees = 3 }]] }\n'
        "seeds = [9223372036854775807]",
    )
    assert len({name.lower() for name in laid}) == len(laid) == 24
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name) for name in laid)


def test_more_random_points_leave_the_others_as_they_are(tmp_path: Path) -> None:
    space = (
        "optimizer.lr = { low = 1e-4, high = 0.1, log = true }, model.depth = { low = 1, high = 9 }"
    )
    few, many, others = (
        points(tmp_path, f"random = {{ n = {n}, seed = {seed}, space = {{ {space} }} }}")
        for n, seed in ((3, 0), (40, 0), (3, 1))
    )
    assert few == many[:3]
    assert [point.name for point in few] == ["s.r01", "s.r02", "s.r03"]
    assert {point.changes["model.depth"] for point in many} == set(range(1, 10))
    rates = [point.changes["optimizer.lr"] for point in many]
    assert all(1e-4 <= rate <= 0.1 for rate in rates)
    assert 10 < sum(rate < 10**-2.5 for rate in rates) < 30  # half of them lie below the middle
    assert {point.changes["optimizer.lr"] for point in others}.isdisjoint(rates)


def test_a_point_is_an_experiment_that_can_be_changed(tmp_path: Path) -> None:
    loaded = project(
        tmp_path, '[studies.s]\nbase = "a"\ngrid = { model.depth = [2, 4] }\nseeds = 2'
    )
    point = loaded.studies["s"].points[3]
    assert loaded.experiment("s.depth-4.seed-8") == point.experiment
    changed = loaded.experiment("s.depth-4.seed-8", ["epochs=3"])
    assert (changed.epochs, changed.seed) == (3, 8)
    with pytest.raises(InvalidExperimentsError, match=r"^--set epochs=0: must be an integer"):
        loaded.experiment("s.depth-4.seed-8", ["epochs=0"])
    with pytest.raises(UsageError, match=r"no experiment \"st\".*`s`"):
        loaded.experiment("st")


def test_a_change_applies_to_all_points_unless_the_study_varies_that_key(tmp_path: Path) -> None:
    loaded = project(tmp_path, '[studies.s]\nbase = "a"\ngrid = { model.depth = [2, 4] }')
    changed = loaded.study("s", ["epochs=3"])
    assert {point.experiment.epochs for point in changed.points} == {3}
    with pytest.raises(InvalidExperimentsError, match=r"s\.depth-2 and s\.depth-4 would train the"):
        loaded.study("s", ['model={name="resnet18"}'])
    with pytest.raises(UsageError, match="did you mean `s`"):
        loaded.study("ss")


@pytest.mark.parametrize(
    "plan",
    [
        "grid = { model.depth = [2, 4] }",
        "random = { n = 2, space = { model.depth = [2, 4], epochs = { low = 1, high = 9 } } }",
        "search = { trials = 2, space = { model.depth = [2, 4] } }",
    ],
)
def test_a_key_that_a_study_varies_is_not_changed_for_all_points(tmp_path: Path, plan: str) -> None:
    loaded = project(tmp_path, f'[studies.s]\nbase = "a"\n{plan}')
    assert loaded.study("s", ["batch_size=8"]).name == "s"
    with pytest.raises(InvalidExperimentsError, match=r"^--set model.depth=3: the study s varies"):
        loaded.study("s", ["model.depth=3"])


def test_a_search_by_what_its_trials_do_not_measure_is_told_before_the_first(
    tmp_path: Path,
) -> None:
    def told(space: str, own: str = "") -> tuple[str, ...]:
        search = f'search = {{ trials = 2, metric = "ood", space = {{ {space} }} }}'
        return project(tmp_path, f'{own}\n[studies.s]\nbase = "a"\n{search}').problem_lines

    assert (
        "search.metric: `ood` is measured of no trial: give `a` an `ood`" in told("epochs = [3]")[0]
    )
    assert told("epochs = [3]", "ood = {}") == ()
    assert told("epochs = [3], ood.severities = [[1], [5]]") == ()


def test_a_study_with_a_mistake_keeps_its_good_points_but_is_not_run(tmp_path: Path) -> None:
    loaded = project(tmp_path, '[studies.s]\nbase = "a"\ngrid = { model.depth = [2, 0, 4] }')
    assert [point.name for point in loaded.studies["s"].points] == ["s.depth-2", "s.depth-4"]
    assert loaded.experiment("s.depth-4").model.name == "cnn"
    with pytest.raises(InvalidExperimentsError, match=r"grid\.model\.depth\[1\]: must be an"):
        loaded.study("s")


@pytest.mark.parametrize(
    ("name", "told"),
    [("a", "studies.a: .a. cannot be told from `a`"), ("A", 'studies.A: "A" cannot be told from')],
)
def test_a_study_is_not_called_like_an_experiment(tmp_path: Path, name: str, told: str) -> None:
    loaded = project(tmp_path, f'[studies.{name}]\nbase = "a"\nseeds = 2')
    assert re.search(told, loaded.problem_lines[0])


def test_a_point_is_not_called_like_an_experiment(tmp_path: Path) -> None:
    own = (
        '[experiments."s.base.seed-7"]\nbase = "a"\nepochs = 3\n[studies.s]\nbase = "a"\nseeds = 2'
    )
    loaded = project(tmp_path, own)
    assert (
        'its point "s.base.seed-7" cannot be told from `s.base.seed-7`' in loaded.problem_lines[0]
    )
    assert loaded.experiment("s.base.seed-7").epochs == 3


def test_a_new_experiment_gets_no_name_of_a_study_or_of_a_point(tmp_path: Path) -> None:
    loaded = project(tmp_path, '[studies.s]\nbase = "a"\nseeds = 2')
    assert "there is a study" in name_fault(loaded, "s")
    assert "a point of one" in name_fault(loaded, "s.base.seed-8")
    assert not name_fault(loaded, "s.base.seed-9")


@pytest.mark.parametrize(
    "study",
    [
        "grid = {" + ", ".join(f'"k{at}" = [{at}, 0]' for at in range(9_000)) + "}",
        'grid = { "' + "a." * 20_000 + 'a" = [1] }',
        "ablate.epochs = [1]\nlabels = {"
        + ", ".join(f'k{at} = ["x"]' for at in range(20_000))
        + "}",
    ],
    ids=["product", "deep key", "labels"],
)
def test_a_large_file_of_studies_is_refused_in_moments(tmp_path: Path, study: str) -> None:
    began = time.monotonic()
    loaded = project(tmp_path, f'[studies.s]\nbase = "a"\n{study}')
    assert time.monotonic() - began < 10
    assert 1 <= len(loaded.problem_lines) <= 300
    assert max(map(len, loaded.problem_lines)) < 2_000


def test_studies_together_have_a_most(tmp_path: Path) -> None:
    loaded = project(tmp_path, "".join(f'[studies.s{n}]\nbase="a"\nseeds=90\n' for n in range(60)))
    assert sum(len(study.points) for study in loaded.studies.values()) == 3960
    assert all("too many points" in line for line in loaded.problem_lines)
    assert len(loaded.problem_lines) == 60 - 44


def test_no_damage_to_a_study_ends_in_a_traceback(tmp_path: Path) -> None:
    text = (Path(__file__).parents[1] / "data/projects/studies/experiments.toml").read_bytes()
    path, draw = tmp_path / "experiments.toml", random.Random(6)
    for _ in range(150):
        damaged = bytearray(text)
        for _ in range(draw.randint(1, 4)):
            damaged[draw.randrange(len(damaged))] = draw.choice(b'[]{}=",.0a\n-')
        path.write_bytes(damaged)
        try:
            loaded = load_project(path)
        except InvalidExperimentsError:
            continue
        for study in loaded.studies.values():
            for point in study.points:
                assert loaded.experiment(point.name) == point.experiment
