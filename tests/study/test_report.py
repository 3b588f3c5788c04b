"""Reports: numbers with n and spread, what happened, where it comes from, and nothing as markup."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from tests.study.made import looks, write_made
from tests.tui.run_folders import RunWriter, write_project, write_study
from tui_trainer.errors import UsageError
from tui_trainer.record import remarks
from tui_trainer.record.owner import Owner
from tui_trainer.study import plots, report
from tui_trainer.study.cost_figure import complexity
from tui_trainer.study.document import Caveat, Document, Paragraph, Plate, Section, Table
from tui_trainer.study.rendering import render
from tui_trainer.study.report import make_report
from tui_trainer.study.setups import result_of

if TYPE_CHECKING:
    from pathlib import Path


def section(document: Document, title: str) -> Section:
    return next(section for section in document.sections if section.title == title)


def first_table(document: Document, title: str) -> Table:
    blocks = section(document, title).blocks
    return next(block for block in blocks if isinstance(block, Table))


def words(document: Document, title: str) -> str:
    blocks = section(document, title).blocks
    return "\n".join(block.words for block in blocks if isinstance(block, Paragraph | Caveat))


def report_of(project: Path) -> Document:
    return make_report(looks(project).values(), "A study")


def test_results_are_means_over_seeds_with_their_sample_deviation(tmp_path: Path) -> None:
    rows = {row[0]: row for row in first_table(report_of(write_made(tmp_path)), "Results").rows}
    assert rows["flat"][1] == "2"
    assert rows["flat"][3:5] == ("92.00 ± 2.83", "54.00 ± 5.66")
    assert rows["deep"][1] == "1"
    assert rows["deep"][3:5] == ("95.00", "60.00")


def test_a_mean_over_seeds_is_called_after_none_of_them(tmp_path: Path) -> None:
    project = write_made(tmp_path)
    for name in ("depth.depth-2.seed-0", "depth.depth-2.seed-1"):
        RunWriter(project, name).start().train(6).evaluate(0.9).end(0)
    runs = [run for run in looks(project).values() if run.name.startswith("depth")]
    document = make_report(runs, "A study")
    assert first_table(document, "Results").rows[0][:2] == ("depth.depth-2", "2")
    assert runs[0].plan is not None
    document = make_report(runs, "A study", names={runs[0].plan.fingerprint: "depth 2"})
    assert first_table(document, "Results").rows[0][:2] == ("depth 2", "2")


def test_models_stand_by_their_size_however_well_they_did(tmp_path: Path) -> None:
    project = write_made(tmp_path)
    with (project / "experiments.toml").open("a") as file:
        file.write('[experiments.deepest]\nbase = "flat"\nmodel.depth = 10\n')
    RunWriter(project, "deepest").start().train(6).evaluate(0.99).end(0)
    depths = [row[0] for row in first_table(report_of(project), "Models").rows]
    assert depths == ["2", "4", "10"]


def test_a_repetition_of_a_seed_counts_once_and_a_crash_not_at_all(tmp_path: Path) -> None:
    project = write_made(tmp_path)
    RunWriter(project, "flat").start().train(6).evaluate(0.90).end(0)
    RunWriter(project, "flat").start().train(2).end(-9, "killed by SIGKILL")
    rows = {row[0]: row for row in first_table(report_of(project), "Results").rows}
    assert rows["flat"][1] == "2 of 4"
    assert rows["flat"][3] == "92.00 ± 2.83"


def test_what_decides_nothing_splits_no_setup(tmp_path: Path) -> None:
    project = write_made(tmp_path)
    elsewhere = '[experiments.there]\nbase = "flat"\nseed = 2\ncheckpoint_minutes = 1\n'
    with (project / "experiments.toml").open("a") as file:
        file.write(f"{elsewhere}resources.slots = 1\n")
    RunWriter(project, "there").start().train(6).evaluate(0.92).end(0)
    found = looks(project).values()
    rows = {row[0]: row for row in first_table(make_report(found, "A study"), "Results").rows}
    assert rows["flat"][1:4:2] == ("3", "92.00 ± 2.00")
    assert "there" not in rows
    accuracy, _ = complexity(list(map(result_of, found))).panels
    assert [x for x, _ in accuracy.lines[0].points] == [2, 4]


def test_what_was_not_measured_is_said(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    RunWriter(project, "cnn2").start().train(3).end(0)
    document = report_of(project)
    summary = words(document, "Summary")
    assert "1 finished setup without a test result." in summary
    assert "1 finished setup not measured out of distribution (OOD)." in summary
    assert "single seed" in summary
    assert "not recorded" in words(document, "Models")
    assert "Not measured" in words(document, "Ablation")
    assert first_table(document, "Results").rows[0][3:5] == ("-", "-")


def test_what_differs_stands_in_a_table_and_what_does_not_once(tmp_path: Path) -> None:
    document = report_of(write_made(tmp_path))
    models = first_table(document, "Models")
    assert models.headers[0] == "model.depth"
    assert [(row[0], row[-1]) for row in models.rows] == [("2", "flat"), ("4", "deep")]
    (change,) = first_table(document, "Ablation").rows
    assert change[:2] == ("model.depth: 4 → 2", "flat")
    assert change[3] == "-3.00"


def test_what_was_lost_and_resumed_is_told(tmp_path: Path) -> None:
    document = report_of(write_study(tmp_path))
    rows = {row[0]: row for row in first_table(document, "What was lost and resumed").rows}
    assert rows["cnn4/1"][3].startswith("killed by SIGKILL")
    assert rows["cnn4/3"][2:5] == ("2", "stopped after a checkpoint", "epoch 4")
    assert "cnn2/1" not in rows
    assert {name: row[5] for name, row in rows.items()}["cnn4/2"] == "under 1 s"
    assert "Resumed from a checkpoint: 1 time." in words(document, "What was lost and resumed")


def test_of_an_end_that_nobody_recorded_it_is_not_said_what_was_lost(tmp_path: Path) -> None:
    gone = replace(Owner.of_process(os.getpid()), start_ticks=1)
    RunWriter(write_project(tmp_path), "cnn2").start(gone).train(2)
    document = report_of(tmp_path)
    assert first_table(document, "What was lost and resumed").rows[0][5] == "not known"
    assert "of 1 run the end was not recorded" in words(document, "What was lost and resumed")
    calm = report_of(write_made(tmp_path / "calm"))
    assert "Nothing: 3 runs" in words(calm, "What was lost and resumed")


def test_an_attempt_whose_end_nobody_recorded_counts_as_an_interruption(tmp_path: Path) -> None:
    killed = RunWriter(write_project(tmp_path), "cnn2").start().train(6)
    killed.start().train(2).end(0)
    lost = "What was lost and resumed"
    (row,) = first_table(report_of(tmp_path), lost).rows
    assert row[2:6] == ("2", "its end was not recorded", "epoch 7", "not known")
    assert "1 of 1 run did not go through undisturbed" in words(report_of(tmp_path), lost)


def test_different_code_is_warned_of(tmp_path: Path) -> None:
    project = write_made(tmp_path)
    for name, commit in (("flat/1", "a" * 40), ("deep/1", "b" * 40)):
        file = project / "runs" / name / "experiment.toml"
        facts = f'[provenance]\ntui_trainer = "1.0"\ngit_commit = "{commit}"\n'
        # Of a run without a record nobody knows that its code was another.
        assert "different code versions" not in words(report_of(project), "Summary")
        file.write_text(file.read_text().replace("[provenance]\n", facts))
    document = report_of(project)
    assert "different code versions" in words(document, "Summary")
    commits = {row[1] for row in first_table(document, "Provenance").rows}
    assert {"a" * 12, "b" * 12} <= commits


def test_scores_of_leaderboards_stand_in_the_results(tmp_path: Path) -> None:
    project = write_made(tmp_path)
    remarks.score(looks(project)["deep/1"].folder, 0.44, "kaggle")
    tables = [b for b in section(report_of(project), "Results").blocks if isinstance(b, Table)]
    assert tables[1].rows == (("kaggle", "deep/1", "0.44"),)


def test_of_many_setups_the_best_are_listed_and_the_rest_summed_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "MOST_SETUPS", 1)
    document = report_of(write_made(tmp_path))
    assert len(first_table(document, "Results").rows) == 1
    assert "1 more setup not listed: validation accuracy from" in words(document, "Results")


def test_no_runs_are_no_report() -> None:
    with pytest.raises(UsageError, match="no runs to report"):
        make_report([], "nothing")


def test_figures_of_runs_with_almost_one_name_are_files_of_their_own(tmp_path: Path) -> None:
    figure = plots.curves([looks(write_made(tmp_path))["flat/1"]])
    plates = tuple(Plate(figure, f"curves-{name}/1", name) for name in ("a_b", "a-b"))
    document = Document("A study", "", (Section("Tracking summary", plates),))
    page, *figures = render(document, tmp_path / "r.md").items()
    named = re.findall(r"\]\(r-figures/(.*)\)", page[1].decode())
    assert [path.name for path, _ in figures] == named == ["curves-a-b-1.png", "curves-a-b-1-2.png"]


HOSTILE = "<script>alert(1)</script> \x1b[2J **bold** | $x$ `tick` [a](http://evil.example)"


class Reading(HTMLParser):
    """Notes what a browser would do with a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.tags, self.ids = list[str](), set[str](), list[str]()
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        for name, value in attrs:
            assert not name.startswith("on")
            assert name not in {"src", "srcset"}
            if name in {"href", "xlink:href"}:
                assert (value or "").startswith(("#", "data:image/png;base64,"))
        if tag not in {"meta", "link"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag != "meta":
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def hostile_project(folder: Path) -> Path:
    project = write_made(folder)
    hostile = RunWriter(project, "flat").start().train(2)
    hostile.end(1, f"ValueError: {HOSTILE}")
    file = hostile.folder.experiment_file
    text = file.read_text().replace('name = "cnn"', f"name = {json.dumps(HOSTILE)}")
    file.write_text(text)
    return project


def test_the_page_stands_alone_and_takes_no_word_for_markup(tmp_path: Path) -> None:
    document = make_report(looks(hostile_project(tmp_path)).values(), HOSTILE)
    (content,) = render(document, tmp_path / "report.html").values()
    page = content.decode()
    reading = Reading(page)
    assert "script" not in reading.tags
    assert "svg" in reading.tags
    assert len(reading.ids) == len(set(reading.ids))
    assert "\x1b" not in page
    assert not re.search(r"url\(\s*['\"]?(?!#)", page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<h2" in page.partition("What was lost and resumed</h2>")[0]


def test_markdown_takes_no_word_for_markup_either(tmp_path: Path) -> None:
    document = make_report(looks(hostile_project(tmp_path)).values(), HOSTILE)
    files = render(document, tmp_path / "my report.md")
    text = files.pop(tmp_path / "my report.md").decode()
    assert "<script" not in re.sub(r"\\<", "", text)
    assert r"\*\*bold\*\* \| \$x\$ \`tick\` \[a\](http://evil.example)" in text
    named = {path.relative_to(tmp_path).as_posix().replace(" ", "%20") for path in files}
    assert named == set(re.findall(r"\]\((my%20report[^)]*\.png)\)", text))
    widths = dict[int, str]()
    for line in text.splitlines():
        if line.startswith("| "):
            widths[len(re.findall(r"(?<!\\)\|", line))] = line
        else:
            assert len(widths) <= 1, widths
            widths.clear()
