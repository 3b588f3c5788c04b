"""Tables of commands on terminals that are too narrow for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tui_trainer.cli.points import print_points
from tui_trainer.cli.words import print_table, results
from tui_trainer.spec.project import load_project

if TYPE_CHECKING:
    from pathlib import Path

WIDE = [
    ">n",
    ">FLOPs",
    ">epochs",
    ">parameters",
    ">train (%)",
    ">test (%)",
    ">OOD (%)",
    ">train - test (pt)",
]
FIGURES = ["3", "12.3 M", "100", "123.4 k", "97.5 ± 0.3", "97.1 ± 0.2", "61.3 ± 1.2", "12.4 ± 0.5"]


@pytest.fixture(name="lines")
def _lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lines:
    monkeypatch.setattr(results, "width", 80)
    return Lines(capsys)


class Lines:
    """What was printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def read(self) -> list[str]:
        """Its lines, without the blanks at their ends."""
        return [line.rstrip() for line in self._capsys.readouterr().out.splitlines()]


def test_texts_fold_and_figures_stay_whole(lines: Lines) -> None:
    cause = "waits for cnn4/1, which has all of the slots of this machine"
    print_table([">", "run", ">done", "cause"], [["10", "a" * 30, "20:43", cause]])
    told = lines.read()
    assert told[1].startswith(f"10  {'a' * 30}  20:43  waits for")
    assert " ".join([told[1][43:], *(line.strip() for line in told[2:])]).strip() == cause


def test_a_table_of_too_many_figures_goes_on_below_itself(lines: Lines) -> None:
    print_table(["point", *WIDE], [["a point of some length", *FIGURES]])
    told = lines.read()
    assert max(map(len, told)) <= 80
    assert sum(line.startswith("a point of") for line in told) == 2
    assert all(any(figure in line for line in told) for figure in FIGURES)


def test_the_points_of_a_study_say_on_80_columns_how_they_stand(
    tmp_path: Path, lines: Lines
) -> None:
    (tmp_path / "experiments.toml").write_text(
        '[experiments.a]\nmodel = { name = "cnn", depth = 2 }\n'
        '[studies.complexity]\nbase = "a"\ngrid = { model.depth = [2, 4] }\nseeds = 2\n'
    )
    print_points(load_project(tmp_path / "experiments.toml"), "complexity", as_json=False)
    told = lines.read()
    assert max(map(len, told[1:6])) <= 80
    assert told[1].split() == ["point", "seed", "status", "run", "epoch", "time", "disk"]
    assert told[2].split()[:2] == ["complexity.depth-2.seed-0", "0"]
    assert "to be started" in told[2]
