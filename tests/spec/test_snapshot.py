"""What a run was started with comes back exactly, or with a reason why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_trainer.errors import InvalidExperimentsError
from tui_trainer.spec.check import annotated_keys, check_experiment, kinds
from tui_trainer.spec.data import Pipeline
from tui_trainer.spec.learning import Optimizer, Scheduler
from tui_trainer.spec.snapshot import experiment_from_toml, experiment_to_toml
from tui_trainer.spec.summary import read_summary
from tui_trainer.spec.table import plain

if TYPE_CHECKING:
    from tui_trainer.spec.experiment import Experiment

POSITIVE = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
NON_NEGATIVE = st.floats(min_value=0, allow_infinity=False)
FRACTION = st.floats(0, 1, exclude_max=True)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)

MODELS = st.fixed_dictionaries({}, optional={"dropout": FRACTION, "depth": st.integers(1, 100)})
OPTIMIZERS = st.one_of(
    st.fixed_dictionaries({"lr": POSITIVE}, optional={"weight_decay": NON_NEGATIVE}),
    st.fixed_dictionaries(
        {"name": st.sampled_from(["adam", "adamw"])},
        optional={
            "betas": st.lists(FRACTION, min_size=2, max_size=2),
            "weight_decay": NON_NEGATIVE,
            "amsgrad": st.booleans(),
        },
    ),
    st.fixed_dictionaries({"name": st.just("rmsprop")}, optional={"centered": st.booleans()}),
    st.fixed_dictionaries(
        {"name": st.just("torch.optim.NAdam")},
        optional={
            "lr": FINITE,
            "betas": st.lists(FINITE, max_size=3),
            "steps": st.integers(-(2**63), 2**63 - 1),
            "word": TEXT,
            "flag": st.booleans(),
        },
    ),
)
SCHEDULERS = st.one_of(
    st.just({"name": "none"}),
    st.fixed_dictionaries({"name": st.just("one_cycle_lr")}, optional={"max_lr": POSITIVE}),
    st.fixed_dictionaries({"name": st.just("step_lr"), "step_size": st.integers(1, 99)}),
    st.just({"name": "multi_step_lr", "milestones": [1, 5, 9]}),
    st.fixed_dictionaries({"name": st.just("reduce_lr_on_plateau"), "min_lr": NON_NEGATIVE}),
    st.just({"name": "torch.optim.lr_scheduler.PolynomialLR", "power": 2, "step_each": "batch"}),
)
AUGMENTATIONS = st.one_of(
    st.fixed_dictionaries({"name": st.just("rotation")}, optional={"degrees": st.just(7)}),
    st.fixed_dictionaries({"name": st.just("gaussian_noise"), "sigma": POSITIVE}),
    st.just({"name": "gaussian_blur", "sigma": [0.1, 3]}),
    st.fixed_dictionaries({"name": st.just("affine"), "degrees": st.floats(0, 180)}),
    st.fixed_dictionaries({"name": st.just("color_jitter")}, optional={"hue": st.floats(0, 0.5)}),
    st.just({"name": "random_erasing", "scale": [0.1, 0.2], "ratio": [1, 2]}),
    st.fixed_dictionaries({"name": st.just("rand_augment")}, optional={"num_ops": st.just(1)}),
    st.fixed_dictionaries({"name": st.just("aug_mix"), "all_ops": st.booleans()}),
)
EXPERIMENTS = st.fixed_dictionaries(
    {},
    optional={
        "description": TEXT,
        "model": MODELS,
        "pipeline": st.fixed_dictionaries({"mean": st.lists(FINITE, min_size=3, max_size=3)}),
        "seed": st.integers(0, 2**63 - 1),
        "optimizer": OPTIMIZERS,
        "scheduler": SCHEDULERS,
        "training": st.fixed_dictionaries(
            {}, optional={"gradient_clip_norm": POSITIVE, "accumulate": st.integers(1, 9)}
        ),
        "loss": st.sampled_from([{"class_weights": [1, 2.5]}, {"class_weights": "balanced"}]),
        "augment": st.lists(AUGMENTATIONS, max_size=4),
    },
)
VALUES = st.one_of(TEXT, st.booleans(), st.integers(-(2**63), 2**63 - 1), FINITE)
PROVENANCE = st.dictionaries(
    TEXT, st.one_of(VALUES, st.lists(TEXT), st.dictionaries(TEXT, VALUES, max_size=3)), max_size=4
)


def experiment(tree: dict[str, Any]) -> Experiment:
    checked = check_experiment(tree)
    assert checked.table is not None, checked.problems
    return checked.table


@settings(max_examples=150)
@given(tree=EXPERIMENTS, provenance=PROVENANCE)
def test_a_snapshot_comes_back_exactly(tree: dict[str, Any], provenance: dict[str, Any]) -> None:
    written = experiment(tree)
    read, origin = experiment_from_toml(experiment_to_toml(written, provenance))
    assert read == written
    assert read.fingerprint == written.fingerprint
    assert origin == provenance


def test_what_has_no_value_is_left_out() -> None:
    provenance = {"job": None, "host": "a", "packages": {"torch": "2.10", "cuda": None}}
    _, origin = experiment_from_toml(experiment_to_toml(experiment({}), provenance))
    assert origin == {"host": "a", "packages": {"torch": "2.10"}}


def test_the_summary_has_every_setting_by_its_dotted_key_safe_to_show() -> None:
    text = """
[experiment]
epochs = 3
fingerprint = "f"
augment = [{ name = "rotation", degrees = 10.0 }, { name = "flip" }]
[experiment.model]
depth = 4
weights = "a\\u001b[2J"
bias = true
"""
    summary = read_summary(text)
    assert summary.settings == {
        "epochs": 3,
        "augment": "rotation degrees=10, flip",
        "model.depth": 4,
        "model.weights": "a\\x1b[2J",
        "model.bias": True,
    }
    assert summary.extended(9).settings["epochs"] == 9


def test_the_summary_is_that_of_the_experiment() -> None:
    written = experiment({"epochs": 3, "description": "three"})
    summary = read_summary(experiment_to_toml(written, {}))
    assert summary.fingerprint == written.fingerprint
    assert (summary.epochs, summary.description) == (3, "three")


GOOD = experiment_to_toml(experiment({}), {"host": "a"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "experiment.toml: has no [experiment] table"),
        (GOOD[: GOOD.index("[provenance]")], "experiment.toml: has no [provenance] table"),
        (GOOD[: len(GOOD) // 2] + '"', "experiment.toml:"),
        (GOOD.replace("epochs = 20", "epochs = 0"), "experiment.toml:4: experiment.epochs: must"),
        (GOOD.replace("epochs", "ages"), "experiment.toml:4: experiment.ages: unknown key"),
        ("experiment = 3\nprovenance = 4", "experiment.toml: has no [experiment] table"),
        ("a" + ".a" * 10_000 + " = 1", "experiment.toml:1:64: nested deeper"),
    ],
)
def test_a_damaged_snapshot_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(InvalidExperimentsError) as caught:
        experiment_from_toml(text)
    assert caught.value.problems[0].startswith(message)


@pytest.mark.parametrize("text", ["", "[experiment]", "[experiment]\nepochs = 'x'", "["])
def test_a_damaged_summary_is_no_crash(text: str) -> None:
    with pytest.raises(InvalidExperimentsError):
        read_summary(text)


@pytest.mark.parametrize("union", [Optimizer, Scheduler], ids=["optimizer", "scheduler"])
def test_the_strategies_above_know_every_kind(union: Any) -> None:
    # A kind that is added to the schema without a thought for its snapshot turns up here.
    assert len(kinds(union)) == {Optimizer: 4, Scheduler: 7}[union]


def test_a_written_pipeline_is_whole() -> None:
    assert plain(experiment({}))["pipeline"].keys() == annotated_keys(Pipeline).keys()
