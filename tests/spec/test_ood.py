from __future__ import annotations

from typing import Any

import pytest

from tui_trainer.spec.check import check_experiment
from tui_trainer.spec.ood import CORRUPTIONS
from tui_trainer.spec.snapshot import experiment_from_toml, experiment_to_toml


def told(ood: Any) -> list[str]:
    return [problem.message for problem in check_experiment({"ood": ood}).problems]


def test_all_means_every_corruption_and_frost_is_none() -> None:
    experiment = check_experiment({"ood": {}}).table
    assert experiment is not None
    assert experiment.ood is not None
    assert experiment.ood.names == CORRUPTIONS
    assert len(CORRUPTIONS) == 18
    assert "frost" not in CORRUPTIONS


def test_without_the_table_nothing_is_measured() -> None:
    experiment = check_experiment({}).table
    assert experiment is not None
    assert experiment.ood is None


@pytest.mark.parametrize(
    "ood",
    [
        {},
        {"corruptions": "all", "severities": [1, 3, 5], "split": "validation", "probe": 256},
        {"corruptions": ["fog", "jpeg_compression"]},
        {"folder": "data/ood"},
    ],
)
def test_it_is_written_into_the_snapshot_and_read_back(ood: dict[str, Any]) -> None:
    experiment = check_experiment({"ood": ood}).table
    assert experiment is not None
    assert experiment_from_toml(experiment_to_toml(experiment, {}))[0] == experiment


@pytest.mark.parametrize(
    ("ood", "message"),
    [
        ({"corruptions": ["fogg"]}, "did you mean `fog`?"),
        ({"corruptions": []}, "names nothing to measure"),
        ({"corruptions": "some"}, "must be one of `all` or an array of values out of"),
        ({"corruptions": ["fog", "snow", "fog"]}, "fog is listed twice"),
        ({"severities": []}, "must be a non-empty array of integers from 1 to 5, not empty"),
        ({"severities": [0]}, "must be an integer from 1 to 5, not 0"),
        ({"severities": [2, 2]}, "2 is listed twice"),
        ({"split": "train"}, "must be one of `test`, `validation`"),
        ({"folder": ""}, "must be a non-empty text"),
        ({"severity": [1]}, "did you mean `severities`?"),
    ],
)
def test_a_mistake_is_told(ood: dict[str, Any], message: str) -> None:
    (said,) = told(ood)
    assert message in said
