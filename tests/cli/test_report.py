"""plot and report as a user calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conftest import CommandLine
from tests.study.made import write_made
from tests.tui.run_folders import RunWriter

if TYPE_CHECKING:
    from pathlib import Path


def test_a_report_is_written_anew_until_somebody_goes_on_with_it(tmp_path: Path) -> None:
    command = CommandLine(write_made(tmp_path), {})
    first = command("report", "-o", "mine.md", "--title", "Mine")
    assert first.returncode == 0, first.stderr
    assert "wrote mine.md\nwrote mine-figures/" in first.stdout
    text = (tmp_path / "mine.md").read_text()
    assert text.startswith("# Mine\n")
    assert command("report", "flat", "-o", "mine.md").returncode == 0
    assert (tmp_path / "mine.md").read_text() != text
    with (tmp_path / "mine.md").open("a") as file:
        file.write("What I make of it.\n")
    refused = command("report", "-o", "mine.md")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "mine.md exists, and is not as tui-trainer made it" in refused.stderr
    assert (tmp_path / "mine.md").read_text().endswith("What I make of it.\n")


def test_a_figure_is_of_the_runs_that_a_filter_takes(tmp_path: Path) -> None:
    command = CommandLine(write_made(tmp_path), {})
    slip = command("plot", "comparison", "--filter", "model.depth=4", "-o", "uot/of/one.svg")
    assert (slip.returncode, "uot/of: No such file" in slip.stderr) == (2, True)
    done = command("plot", "comparison", "--filter", "model.depth=4", "-o", "out/one.svg")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out" / "one.svg").read_bytes().startswith(b"<?xml")


def test_a_report_of_a_study_says_its_effects_and_what_is_missing(tmp_path: Path) -> None:
    project = write_made(tmp_path)
    RunWriter(project, "other").start().train(2).end(0)
    command = CommandLine(project, {})
    done = command("report", "--study", "depth", "-o", "depth.md")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "depth.md").read_text()
    assert "| model.depth | 2 | 4 | +3.0 |" in text
    assert "1 of 4 runs (1 missing): depth.depth-4.seed-1" in text
    assert "other/1" not in text
    summary = text.partition("## Models")[0]
    assert "Highest validation accuracy: depth 4 (n = 1)" in summary
    unknown = command("report", "--study", "dept", "-o", "no.md")
    assert unknown.returncode == 2
    assert "depth" in unknown.stderr


def test_a_comparison_of_a_study_has_a_line_for_each_point(tmp_path: Path) -> None:
    project = write_made(tmp_path)
    for seed in range(2, 8):
        with (project / "experiments.toml").open("a") as file:
            file.write(f'[experiments.seed{seed}]\nbase = "flat"\nseed = {seed}\n')
        RunWriter(project, f"seed{seed}").start().train(3).end(0)
    studies = (project / "experiments.toml").read_text().replace("seeds = 2", "seeds = 8")
    (project / "experiments.toml").write_text(studies)
    done = CommandLine(project, {})("plot", "comparison", "--study", "depth", "-o", "a.svg")
    assert (done.returncode, done.stderr) == (0, "")


def test_what_cannot_be_drawn_is_said(tmp_path: Path) -> None:
    command = CommandLine(write_made(tmp_path), {})
    for arguments, words in (
        (("curves", "flat", "-o", "a.gif"), "a.gif is of no form that can be drawn"),
        (("curves", "-o", "a.png"), "no run is named"),
        (("confusion", "flat", "deep", "-o", "a.png"), "confusion shows one run, not 2"),
        (("comparison", "flat", "--metric", "oood", "-o", "a.png"), "did you mean `ood`"),
        (("curves", "flat", "--by", "depth", "-o", "a.png"), "--by says nothing of curves"),
        (("effects", "-o", "a.png"), "effects are those of a study"),
    ):
        done = command("plot", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr
    assert not (tmp_path / "a.png").exists()
