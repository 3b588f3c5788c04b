"""Tables survive what names and settings hold, in every form that they are printed in."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from tui_trainer.errors import UsageError
from tui_trainer.study import tables
from tui_trainer.study.effects import Spread
from tui_trainer.study.tables import Column, Table, as_csv, as_latex, as_markdown

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = (
    "=HYPERLINK(1)",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "a|b`c` _d_ **e** <f> [g](h)",
    r"50% & #1 $x$ ~ ^ \ { } \end{tabular}",
    "[x]",
    "*star",
    "--set a---b",
    "\"quoted\" 'single' `back`",
    "a;=1,b\nnext line\x1b[2J",
)


def table(*names: str) -> Table:
    rows = tuple(
        (
            tables.words(name),
            tables.figure(-0.051, tables.signed_percent),
            tables.spread(Spread(0.9, 0.004, 3), tables.percent, 3),
            tables.figure(None, str),
        )
        for name in names
    )
    columns = (
        Column("na_me", ("name",), is_figure=False),
        Column("gap (%)", ("gap",)),
        tables.spread_column("test", "test"),
        Column("nothing", ("nothing",)),
    )
    return Table(title="runs", columns=columns, rows=rows, notes=("of a_b\n\\input{c}",))


def test_a_spreadsheet_finds_no_formula_and_every_number() -> None:
    text = as_csv(table(*HOSTILE))
    header, *rows = csv.reader(io.StringIO(text))
    assert header == ["name", "gap", "test_mean", "test_std", "test_n", "nothing"]
    assert len(rows) == len(HOSTILE)
    for row in rows:
        assert row[0][0] not in "=+-@\t\r"
        assert row[1:] == ["-0.051", "0.9", "0.004", "3", ""]
    assert rows[0][0] == "'=HYPERLINK(1)"
    assert "\x1b" not in text
    # Where ; parts the columns, too: texts are quoted, numbers are not.
    assert all(line.startswith('"') and '",-0.051,0.9,' in line for line in text.splitlines()[1:])


def test_names_of_columns_are_no_formulas_either() -> None:
    hostile = Table(title="", columns=(Column("", ("=1+1",)),), rows=())
    assert as_csv(hostile) == '"\'=1+1"\n'


def test_markdown_shows_what_was_said() -> None:
    parser = MarkdownIt("commonmark").enable("table")
    tokens = parser.parse(as_markdown(table(*HOSTILE)))
    inline = [token for token in tokens if token.type == "inline"]
    # None of it became code, a link, emphasis or HTML; `nothing` has no column.
    assert {child.type for token in inline for child in token.children or ()} == {"text"}
    shown = ["".join(child.content for child in token.children or ()) for token in inline]
    said = [cell.said for row in table(*HOSTILE).rows for cell in row[:3]]
    assert shown[:3] == ["na_me", "gap (%)", "test"]
    assert shown[3:-1] == said
    assert said[:3] == ["=HYPERLINK(1)", "-5.1", "90.0 ± 0.4"]


def test_latex_has_no_command_but_ours() -> None:
    text = as_latex(table(*HOSTILE))
    assert r"50\% \& \#1 \$x\$ \textasciitilde{} \textasciicircum{}" in text
    assert r"\textbackslash{}end\{tabular\}" in text
    assert text.count("\\end{tabular}") == 1
    assert "-{}-set a-{}-{}-b & $-$5.1 & 90.0 $\\pm$ 0.4" in text
    assert "\n  {*}star & " in text
    assert "\n  {[}x{]} & " in text
    assert "\n% of a_b \\input{c}\n" in text


def test_latex_compiles_it(tmp_path: Path) -> None:
    latex = shutil.which("pdflatex")
    if latex is None:
        pytest.skip("no LaTeX here")
    document = (
        "\\documentclass{article}\\usepackage{array,booktabs,graphicx}\\usepackage[T1]{fontenc}\n"
        f"\\begin{{document}}\n{as_latex(table(*HOSTILE))}\\end{{document}}\n"
    )
    (tmp_path / "table.tex").write_text(document)
    done = subprocess.run(
        [latex, "-halt-on-error", "-interaction=nonstopmode", "table.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]


def test_latex_leaves_out_what_a_page_has_no_room_for_unless_it_is_asked_for() -> None:
    columns = (
        Column("run", ("run",), is_figure=False),
        Column("time (s)", ("seconds",), is_for_papers=False),
    )
    timed = Table(title="", columns=columns, rows=((tables.words("a"), tables.figure(3, str)),))
    assert "time" not in as_latex(timed)
    assert "  time (s) & run \\\\" in as_latex(timed.with_columns(["time", "run"]))
    with pytest.raises(UsageError, match=r"no column .tine.; did you mean .time."):
        timed.with_columns(["tine"])


def test_latex_sets_long_texts_in_lines_and_is_no_wider_than_a_line() -> None:
    text = as_latex(table("crop padding 4 and flip and erasing", "short"))
    assert r"\begin{tabular}{>{\raggedright\arraybackslash}p{0.25\linewidth}rr}" in text
    assert r"\resizebox{\ifdim\width>\linewidth" in text
    assert r"\begin{tabular}{lrr}" in as_latex(table("a-word-that-no-line-takes"))


def test_a_mean_says_of_how_many_it_is_where_that_is_not_plain() -> None:
    assert tables.spread(Spread(0.9, None, 1), tables.percent, 3).said == "90.0 (n = 1)"
    assert tables.spread(None, tables.percent, 3).values == (None, None, None)
    assert [tables.signed(value, 1) for value in (-0.04, 0.0, 1.25)] == ["0.0", "0.0", "+1.2"]
