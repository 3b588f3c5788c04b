"""compare, study and scores, as a user calls them."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

from tui_trainer.errors import ExitCode
from tui_trainer.spec.project import load_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import CommandLine

STUDY = """
[studies.wide]
base = "one"
grid = { "model.width" = [2, 4], batch_size = [256, 128] }
seeds = 2
"""


@pytest.mark.usefixtures("runs")
def test_comparisons_are_printed_for_papers_pages_and_sheets(tui_trainer: CommandLine) -> None:
    runs = ("compare", "one", "two")
    rows = list(csv.DictReader(io.StringIO(tui_trainer(*runs, "--format", "csv").stdout)))
    assert [(row["run"], row["model.depth"], row["epoch"]) for row in rows] == [
        ("one/1", "1", "4"),
        ("two/1", "2", "2"),
    ]
    assert float(rows[0]["clean_accuracy"]) == 0.9
    assert float(rows[0]["trained_seconds"]) == pytest.approx(0.04)
    latex = tui_trainer(*runs, "--format", "latex").stdout
    assert "one/1 & 1 & 80.0 & 90.0 " in latex
    chosen = tui_trainer(*runs, "--format", "latex", "--columns", "state,run").stdout
    assert "  finished & one/1 \\\\\n" in chosen
    assert tui_trainer(*runs, "--columns", "stat").returncode == ExitCode.USAGE
    assert "\\toprule" in latex
    assert "| one/1 | 1           | finished |" in tui_trainer(*runs, "--format", "md").stdout
    record = json.loads(tui_trainer(*runs, "--format", "json").stdout)
    assert record == tui_trainer.json(*runs)
    assert record["runs"][0]["parameters"] is None  # the fake core counts none


@pytest.mark.usefixtures("runs")
def test_runs_are_ranked_by_a_leaderboard(tui_trainer: CommandLine) -> None:
    tui_trainer("score", "one", "0.41", "--on", "public")
    tui_trainer("score", "two", "0.44", "--board", "public")
    ranked = tui_trainer.json("scores", "--board", "public")
    assert [(row["rank"], row["run"], row["score_public"]) for row in ranked] == [
        (1, "two/1", 0.44),
        (2, "one/1", 0.41),
    ]
    done = tui_trainer("scores")
    assert "without a rank: 2 runs of which no ood is known" in done.stderr
    assert "no scores yet" in done.stdout
    assert tui_trainer("scores", "--board", "publik").returncode == ExitCode.USAGE
    assert tui_trainer("scores", "--board", "public", "--by", "ood").returncode == ExitCode.USAGE


def test_a_planted_effect_is_found_by_a_study(project: Path, tui_trainer: CommandLine) -> None:
    """Each run is a process of its own, whose accuracy is a known function plus noise."""
    file = project / "experiments.toml"
    file.write_text(file.read_text() + STUDY)
    planted = {"model.width": {"2": 0.1, "4": 0.3}, "noise": 0.01}
    points = [point.name for point in load_project(file).studies["wide"].points]
    core = tui_trainer.fake(seconds=0, planted=planted, parameters=1234, flops=56_000)
    assert core("run", *points).returncode == 0
    assert "1,234 parameters, 56 k FLOPs for an image\n" in core("show", points[0]).stdout

    told = tui_trainer.json("study", "wide")
    assert told["warnings"] == []
    assert [(row["n"], row["planned"]) for row in told["points"]] == [(2, 2)] * 4
    assert [(row["parameters"], row["flops"]) for row in told["complexity"]] == [(1234, 56_000)] * 4
    width, batch = told["effects"]
    assert (width["factor"], width["reference"], width["level"]) == ("model.width", "2", "4")
    assert width["low"] <= 0.2 <= width["high"]
    assert batch["low"] <= 0 <= batch["high"]
    assert [width["is_beyond_noise"], batch["is_beyond_noise"]] == [True, False]

    (project / "runs" / points[0]).rename(project / "runs" / ".away")
    done = tui_trainer("study", "wide", "--format", "md", "--table", "effects")
    assert "beware: n = 1" in done.stderr
    assert f"(1 missing): {points[0]}" in done.stderr
    assert "| model.width | 2    | 4" in done.stdout
    assert "- beware: n = 1" in done.stdout
    assert "complexity" not in done.stdout
    sheet = csv.DictReader(io.StringIO(tui_trainer("study", "wide", "--format", "csv").stdout))
    assert [(row["model.width"], row["n"]) for row in sheet] == [
        ("2", "1"),
        ("2", "2"),
        ("4", "2"),
        ("4", "2"),
    ]


def test_a_study_of_which_nothing_ran_says_so(project: Path, tui_trainer: CommandLine) -> None:
    file = project / "experiments.toml"
    file.write_text(file.read_text() + STUDY)
    done = tui_trainer("study", "wide")
    assert done.returncode == 0
    assert "0/2" in done.stdout
    assert "no effects yet" in done.stdout
    assert "beware: not done are 8 of 8 runs (8 missing)" in done.stderr
    assert tui_trainer("study", "narrow").returncode == ExitCode.USAGE
    assert tui_trainer("study", "wide", "--json", "--table", "points").returncode == ExitCode.USAGE
