"""Figures as files: the same bytes each time, whole fonts, neither a display nor a home."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.study.made import looks, write_made
from tui_trainer.study.figures import FORMATS, draw, draw_inline
from tui_trainer.study.grids import confusion
from tui_trainer.study.plots import comparison, curves

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_same_figure_has_the_same_bytes(tmp_path: Path, file_format: str) -> None:
    figure = curves([looks(write_made(tmp_path))["flat/1"]])
    first = draw(figure, file_format)
    assert draw(figure, file_format) == first
    assert not re.search(rb"20[0-9]{2}-[01][0-9]|CreationDate", first[:2000] + first[-2000:])


def test_fonts_are_in_a_pdf_whole(tmp_path: Path) -> None:
    content = draw(curves([looks(write_made(tmp_path))["flat/1"]]), "pdf")
    assert b"/FontFile2" in content
    assert b"/Type3" not in content


def test_names_are_no_formulas_and_no_markup(tmp_path: Path) -> None:
    svg = draw_inline(confusion(looks(write_made(tmp_path))["flat/1"]), "confusion")
    assert ">$fish$</text>" in svg
    assert "&lt;dog&gt;" in svg
    assert "<dog>" not in svg


def test_a_page_gives_figures_its_ink_and_no_name_twice(tmp_path: Path) -> None:
    runs = looks(write_made(tmp_path))
    first = draw_inline(curves([runs["flat/1"]]), "one")
    second = draw_inline(curves([runs["flat/1"]]), "two")
    names = [set(re.findall(r'id="([^"]*)"', svg)) for svg in (first, second)]
    assert names[0]
    assert not names[0] & names[1]
    for svg in (first, second):
        assert "var(--ink)" in svg
        assert not re.findall(r"#[0-9a-f]{6}\b", svg)
        assert {*re.findall(r"#([a-z0-9]{11})[)\"]", svg)} <= set().union(*names)


def test_each_run_has_a_dash_and_a_marker_of_its_own_besides_its_colour(tmp_path: Path) -> None:
    keys = comparison([*looks(write_made(tmp_path)).values()]).keys
    assert len({key.style.marker for key in keys}) == len({k.style.dash for k in keys}) == 3


def test_labels_of_heights_to_reach_lie_not_over_each_other(tmp_path: Path) -> None:
    run = looks(write_made(tmp_path))["flat/1"]
    svg = draw_inline(comparison([run], targets=[0.95, 0.935, 0.94, 0.2]), "near")
    found = re.findall(r'y="([0-9.-]+)"[^>]*>target: ([0-9.]+) %', svg)
    heights = {label: float(y) for y, label in found}
    ordered = [heights[label] for label in ("20", "93.5", "94", "95")]
    assert all(below - above >= 8 for below, above in pairwise(ordered))


def test_neither_a_home_nor_a_setting_nor_a_display_is_needed(tmp_path: Path) -> None:
    project = write_made(tmp_path / "project")
    no_folder = tmp_path / "file"
    no_folder.write_text("")
    (project / "matplotlibrc").write_text("xtick.direction: in\nbackend: TkAgg\n")
    clean = {k: v for k, v in os.environ.items() if k not in {"MPLCONFIGDIR", "XDG_CACHE_HOME"}}
    done = subprocess.run(
        [sys.executable, "-m", "tui_trainer", "plot", "curves", "flat/1", "-o", "curves.svg"],
        cwd=project,
        env={**clean, "HOME": str(no_folder), "MPLBACKEND": "nonsense", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "wrote curves.svg\n", "")
    drawn = draw(curves([looks(project)["flat/1"]]), "svg")
    assert (project / "curves.svg").read_bytes().startswith(drawn)
