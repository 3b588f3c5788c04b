"""What people say of a run is kept whole, whoever else says something at the same time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.tui.run_folders import RunWriter, write_project
from tui_trainer.errors import UsageError
from tui_trainer.record import remarks
from tui_trainer.record.index import Index, RunReader
from tui_trainer.record.remarks import LONGEST_NOTE, MOST_TAGS, Remarks, read_remarks
from tui_trainer.record.verify import verify

if TYPE_CHECKING:
    from tui_trainer.record.run_folder import RunFolder

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run that came to its end."""
    return RunWriter(write_project(tmp_path), "cnn2").start().train(3).end(0)


def files_of(folder: RunFolder) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder.path)): path.read_bytes()
        for path in folder.path.rglob("*")
        if path.is_file()
    }


def test_tags_note_and_scores_are_found_again(folder: RunFolder) -> None:
    reader = RunReader(folder)
    assert reader.look().remarks == Remarks()
    remarks.tag(folder, ["keep", "baseline"])
    remarks.tag(folder, ["later"], ["keep", "never-there"])
    remarks.add_to_note(folder, "the first line")
    remarks.add_to_note(folder, "the second")
    remarks.score(folder, 0.41, "kaggle")
    remarks.score(folder, 0.2)
    remarks.score(folder, 0.43, "kaggle")
    found = reader.look().remarks
    assert found.tags == ("baseline", "later")
    assert found.note == "the first line\nthe second"
    assert [(score.board, score.value) for score in found.scores] == [("", 0.2), ("kaggle", 0.43)]
    assert found.score == 0.43
    remarks.rewrite_note(folder, "", was=found.note)
    assert read_remarks(folder).note == ""
    record = Index(folder.runs).look()[0].summary()
    assert (record["tags"], record["note"]) == (["baseline", "later"], "")


def test_a_finished_runs_other_files_are_not_touched(folder: RunFolder) -> None:
    before, faults = files_of(folder), [file.fault for file in verify(folder)]
    remarks.tag(folder, ["keep"])
    after = files_of(folder)
    assert set(after) - set(before) == {"remarks.jsonl"}
    assert {name: after[name] for name in before} == before
    assert [file.fault for file in verify(folder)] == faults


def test_many_who_speak_at_once_are_all_heard(folder: RunFolder) -> None:
    speak = (
        "import sys, pathlib; from tui_trainer.record import remarks; "
        "from tui_trainer.record.run_folder import RunFolder; "
        "folder = RunFolder(pathlib.Path(sys.argv[1])); "
        "names = [f'{sys.argv[2]}-{n}' for n in range(10)]; "
        "[(remarks.tag(folder, [name]), remarks.add_to_note(folder, name)) for name in names]"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    people = [
        subprocess.Popen([sys.executable, "-c", speak, str(folder.path), who], env=environment)
        for who in "abcd"
    ]
    assert [each.wait(60) for each in people] == [0] * 4
    said = {f"{who}-{number}" for who in "abcd" for number in range(10)}
    assert set(read_remarks(folder).tags) == said
    assert set(read_remarks(folder).note.split("\n")) == said


def test_a_note_that_somebody_changed_meanwhile_is_not_overwritten(folder: RunFolder) -> None:
    remarks.add_to_note(folder, "theirs")
    with pytest.raises(UsageError, match="changed the note of cnn2/1 meanwhile"):
        remarks.rewrite_note(folder, "mine", was="")
    assert read_remarks(folder).note == "theirs"


@pytest.mark.parametrize(
    "name", ["", " ", "two words", "-x", "a/b", "a,b", 'a"b', "x" * 41, "a\x1b[2J", "\u202eab", "="]
)
def test_what_cannot_be_asked_for_cannot_be_a_tag(folder: RunFolder, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a tag"):
        remarks.tag(folder, [name])
    assert not folder.remarks_file.exists()


def test_what_is_too_long_or_no_number_is_refused(folder: RunFolder) -> None:
    with pytest.raises(UsageError, match="a note has at most"):
        remarks.add_to_note(folder, "x\n" * LONGEST_NOTE)
    remarks.add_to_note(folder, "x" * (LONGEST_NOTE - 2))
    with pytest.raises(UsageError, match="a note has at most"):
        remarks.add_to_note(folder, "yz")
    remarks.add_to_note(folder, "y")
    assert read_remarks(folder).note.endswith("x\ny")
    with pytest.raises(UsageError, match="no words"):
        remarks.add_to_note(folder, " \x1b ")
    with pytest.raises(UsageError, match="a finite number, not nan"):
        remarks.score(folder, float("nan"))
    with pytest.raises(UsageError, match="a board's name"):
        remarks.score(folder, 1.0, "x" * 100)


@pytest.mark.parametrize("length", [LONGEST_NOTE + 1, 2 * LONGEST_NOTE])
def test_of_a_note_nothing_is_lost_in_silence(folder: RunFolder, length: int) -> None:
    with pytest.raises(UsageError, match="a note has at most"):
        remarks.rewrite_note(folder, "x" * length, was="")
    with pytest.raises(UsageError, match="a note has at most"):
        remarks.add_to_note(folder, "x" * length)
    remarks.add_to_note(folder, "first")
    with pytest.raises(UsageError, match="a note has at most"):  # with the end of a line between
        remarks.add_to_note(folder, "x" * (LONGEST_NOTE - 5))
    remarks.add_to_note(folder, "x" * (LONGEST_NOTE - 6))
    assert read_remarks(folder).note == "first\n" + "x" * (LONGEST_NOTE - 6)


def test_a_run_that_is_gone_is_not_made_anew(folder: RunFolder) -> None:
    folder.path.rename(folder.path.with_name("7"))
    with pytest.raises(UsageError, match="no longer there"):
        remarks.tag(folder, ["keep"])
    assert not folder.path.exists()


def test_a_hostile_file_is_believed_no_more_than_it_should(folder: RunFolder) -> None:
    lines = [
        {"remark": "tagged", "add": ["\x1b[2J", 7, None, "fine", {}]},
        {"remark": "tagged", "add": [f"tag{number:03}" for number in range(500)]},
        {"remark": "noted", "text": "y" * (LONGEST_NOTE + 5)},
        {"remark": "scored", "value": "1e999"},
        {"remark": "of another version"},
        {},
    ]
    content = b"garbage\n" + b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    folder.remarks_file.write_bytes(content + b'{"remark": "tag')
    run = RunReader(folder).look()
    assert run.skipped_lines == 1
    assert len(run.remarks.tags) == MOST_TAGS
    assert "fine" in run.remarks.tags
    assert len(run.remarks.note) == LONGEST_NOTE
    assert not run.remarks.scores
    remarks.tag(folder, ["keep"], ["fine"])
    assert "keep" in read_remarks(folder).tags


@given(
    some.lists(
        some.dictionaries(
            some.sampled_from(["remark", "add", "remove", "text", "adds", "value", "board"]),
            some.sampled_from(["tagged", "noted", "scored", ["x"], 1.5, True, None, {}]),
        )
    )
)
def test_no_line_breaks_the_fold(lines: list[dict[str, object]]) -> None:
    remarks.fold(lines).as_record()
