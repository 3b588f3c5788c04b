"""A filter picks what its terms say, and refuses what it cannot mean with what it can."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import RunWriter, foreign_owner, write_project, write_robust_study
from tui_trainer.errors import UsageError
from tui_trainer.record.index import Index
from tui_trainer.study.facts import Facts, facts_of, settings_of
from tui_trainer.study.filter import parse_filter

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def facts(tmp_path: Path) -> list[Facts]:
    """A finished run with figures out of distribution, one that crashed, one stopped, one live."""
    return [facts_of(run) for run in Index(write_robust_study(tmp_path) / "runs").look()]


def taken(facts: list[Facts], text: str) -> list[str]:
    takes = parse_filter(text, settings_of(facts)).takes
    return [each.name for each in facts if takes(each)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["cnn2/1", "cnn4/1", "cnn4/2", "cnn4/3", "cnn8/1"]),
        ("state:crashed", ["cnn4/1"]),
        ("state:crash,stopped", ["cnn4/1", "cnn4/2"]),
        ("state!=finished", ["cnn4/1", "cnn4/2", "cnn4/3"]),
        ("name:CNN4", ["cnn4/1", "cnn4/2", "cnn4/3"]),
        ("name=cnn4/2", ["cnn4/2"]),
        ("-name:cnn4", ["cnn2/1", "cnn8/1"]),
        ("sigkill", ["cnn4/1"]),
        ('cause:"lack of memory"', ["cnn4/1"]),
        ("epoch<10", ["cnn4/1", "cnn4/2"]),
        ("epoch=14", ["cnn2/1", "cnn8/1"]),
        ("val>=0.9", ["cnn2/1", "cnn4/3", "cnn8/1"]),
        ("val>90 val<0.92", ["cnn4/3", "cnn8/1"]),
        ("test>96%", ["cnn2/1"]),
        ("ood>0", ["cnn2/1", "cnn4/1", "cnn4/2", "cnn4/3"]),
        ("-ood>0", ["cnn8/1"]),
        ("attempts>1", ["cnn4/3"]),
        ("seconds>90 -parameters>0", ["cnn2/1", "cnn8/1"]),
        ("model.depth=4", ["cnn4/1", "cnn4/2", "cnn4/3"]),
        ("depth>2 -state:run", ["cnn4/1", "cnn4/2", "cnn8/1"]),
        ("augment:rotation depth!=8", ["cnn4/1", "cnn4/2", "cnn4/3"]),
        ("nesterov=false launcher:local epochs=14 state:fin", ["cnn2/1", "cnn8/1"]),
        ("lr=0.1 cnn2", ["cnn2/1"]),
        ("momentum=0 cnn2", ["cnn2/1"]),
    ],
)
def test_terms_pick_runs(facts: list[Facts], text: str, names: list[str]) -> None:
    assert taken(facts, text) == names


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("state:crushed", "did you mean `crashed`?"),
        ("state:zzz", "states are `queued`, `preflight`"),
        ("state>1", "allowed are `:`, `=`, `!=`"),
        ("model.dept=4", "did you mean `model.depth`?"),
        ("dept=4", "did you mean `depth`?"),
        ("zzzz=4", "there are `name`, `state`"),
        ("ood>much", "wants a number"),
        ("model.depth>deep", "wants a number"),
        ("degrees=1", "which no run has"),
        ("size=32 -", "has no value"),
        ("- cnn", "has no value"),
        ("state:", "has no value"),
        ('cnn name:"two wor', "has a quote, character 10, that is not closed"),
        ('a"b', "has a quote, character 2, that is not closed"),
        ("state:\x1b[2J", "\\x1b"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_can(
    facts: list[Facts], text: str, words: str
) -> None:
    with pytest.raises(UsageError) as error:
        taken(facts, text)
    assert words in error.value.message


def test_a_short_key_that_could_be_two_is_asked_about() -> None:
    with pytest.raises(UsageError) as error:
        parse_filter("width=1", ["a.width", "b.width"])
    assert "`a.width`, `b.width`" in error.value.message


def test_the_host_and_the_job_can_be_asked_for(tmp_path: Path) -> None:
    RunWriter(write_project(tmp_path), "cnn2").start(foreign_owner()).train(1)
    facts = [facts_of(run) for run in Index(tmp_path / "runs").look()]
    assert taken(facts, "host:node job=4711") == ["cnn2/1"]
