"""tag, note and score, as a user calls them."""

from __future__ import annotations

import json
import os
import pty
import shlex
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from tui_trainer.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import CommandLine


def test_runs_are_tagged_found_and_untagged(tui_trainer: CommandLine, runs: Path) -> None:
    done = tui_trainer("tag", "one/1", "two", "keep", "base")
    assert done.stdout == "one/1: base keep\ntwo/1: base keep\n"
    assert tui_trainer("tag", "two", "base", "--remove").stdout == "two/1: keep\n"
    assert tui_trainer("tag", "one").stdout == "one/1: base keep\n"
    assert tui_trainer("tag", "one", "--add", "onee").stdout == "one/1: base keep onee\n"
    assert tui_trainer("tag", "one", "--remove", "onee").stdout == "one/1: base keep\n"
    assert tui_trainer.json("tag", "two", "more") == [
        {"run": "two/1", "tags": ["keep", "more"], "note": "", "scores": []}
    ]
    listed = json.loads(tui_trainer("runs", "--filter", "tag:base", "--json").stdout)
    assert [(run["run"], run["tags"]) for run in listed] == [("one/1", ["base", "keep"])]
    assert "tags: base keep\n" in tui_trainer("show", "one").stdout
    assert (runs / "one/1/remarks.jsonl").is_file()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("tag", "one", "nine/9", "keep"), "there is no run `nine/9`"),
        (("tag", "keep", "one"), "there is no run `keep`"),
        (("tag", "one", "onee", "keep"), "there is no run `onee`"),
        (("tag", "one", "keep", "two"), "`two` is a run, after a tag"),
        (("tag", "one", "onee"), "hint: did you mean one? Runs come first"),
        (("tag", "one", "twoo/1", "keep"), "hint: did you mean two/1?"),
        (("tag", "one", "--remove", "nothing"), "one/1: no tag `nothing`; nothing was taken away"),
        (("score", "one", "45%"), "a score is a plain number, not '45%'"),
        (("score", "one", "much"), "'much' is no number"),
        (("tag", "one", "a\x1b[2Jb"), "cannot be a tag"),
        (("tag", "one", "--remove"), "--remove wants the tags"),
        (("note", "one", "--remove", "words"), "it wants no text"),
        (("score", "one", "nan"), "a score is a finite number"),
    ],
)
@pytest.mark.usefixtures("runs")
def test_mistakes_are_named(tui_trainer: CommandLine, arguments: tuple[str, ...], why: str) -> None:
    done = tui_trainer(*arguments)
    assert done.returncode == ExitCode.USAGE
    assert why in done.stderr
    assert "\x1b" not in done.stderr


@pytest.mark.usefixtures("runs")
def test_a_note_grows_line_by_line_and_is_shown_without_harm(tui_trainer: CommandLine) -> None:
    tui_trainer("note", "one", "first", "words")
    done = tui_trainer("note", "one", "second \x1b]0;owned\x07[/bold]")
    assert done.stdout == "first words\nsecond ]0;owned[/bold]\n"
    assert tui_trainer.json("note", "one")["note"] == "first words\nsecond ]0;owned[/bold]"
    assert "note: first words\nsecond" in tui_trainer("show", "one").stdout
    assert json.loads(tui_trainer("runs", "--filter", "note:second", "--json").stdout)
    assert tui_trainer("note", "one", "--remove").stdout == ""
    assert "note:" not in tui_trainer("show", "one").stdout


@pytest.mark.usefixtures("runs")
def test_scores_are_kept_by_board(tui_trainer: CommandLine) -> None:
    assert tui_trainer("score", "one").stdout == "one/1: no score\n"
    tui_trainer("score", "one", "0,41", "--board", "public")
    assert tui_trainer("score", "one", "0.39").stdout == "one/1: 0.41 on public\none/1: 0.39\n"
    assert "score: 0.39\nscore: 0.41 on public" in tui_trainer("show", "one").stdout
    above = ("runs", "--json", "--filter")
    assert len(json.loads(tui_trainer(*above, "score>0.38").stdout)) == 1
    assert json.loads(tui_trainer(*above, "score>0.4").stdout) == []


def editor(folder: Path, script: str) -> str:
    """An editor that does what a shell script says."""
    file = folder / "my editor"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return f"'{file}' --some-option"


def on_terminal(tui_trainer: CommandLine, variables: dict[str, str], *arguments: str) -> str:
    """What a command says on a terminal of its own."""
    master, slave = pty.openpty()
    environment = {**tui_trainer.environment, **variables}
    for name in {"VISUAL", "EDITOR"} - set(variables):
        environment.pop(name, None)
    with subprocess.Popen(
        tui_trainer.command(*arguments),
        cwd=tui_trainer.folder,
        env=environment,
        stdin=slave,
        stdout=slave,
        stderr=slave,
    ) as process:
        os.close(slave)
        process.wait(60)
    said = os.read(master, 1 << 16).decode()
    os.close(master)
    return said


@pytest.mark.usefixtures("runs")
def test_a_note_is_written_in_the_users_editor(tui_trainer: CommandLine, tmp_path: Path) -> None:
    writes = editor(tmp_path, 'echo "$@" >> asked; echo from the editor >> "$2"')
    said = on_terminal(tui_trainer, {"EDITOR": writes}, "note", "one")
    assert "from the editor" in said
    said = on_terminal(tui_trainer, {"EDITOR": "false", "VISUAL": writes}, "note", "one")
    assert tui_trainer.json("note", "one")["note"] == "from the editor\nfrom the editor"
    assert "note-one-1.txt" in (tui_trainer.folder / "asked").read_text()


@pytest.mark.usefixtures("runs")
def test_an_editor_that_fails_or_is_none_changes_nothing(
    tui_trainer: CommandLine, tmp_path: Path
) -> None:
    fails = editor(tmp_path, 'echo rubbish > "$2"; exit 3')
    assert "ended with exit code 3" in on_terminal(tui_trainer, {"EDITOR": fails}, "note", "one")
    said = on_terminal(tui_trainer, {"EDITOR": "no-such-editor"}, "note", "one")
    assert "the editor `no-such-editor` cannot be run" in said
    nowhere = {"PATH": str(tmp_path)}
    assert "VISUAL and EDITOR are not set" in on_terminal(tui_trainer, nowhere, "note", "one")
    assert tui_trainer.json("note", "one")["note"] == ""


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        ('seq 9000 >> "$2"', "at most 16,384 characters"),
        ("{other} note one quicker", "somebody changed the note"),
    ],
)
def test_what_cannot_become_the_note_is_not_lost(
    tui_trainer: CommandLine, tmp_path: Path, meanwhile: str, why: str
) -> None:
    tui_trainer("note", "one", "old words")
    other = f"cd {tui_trainer.folder}; {shlex.join(tui_trainer.command())}"
    writes = editor(tmp_path, f'echo long thoughts > "$2"; {meanwhile.format(other=other)}')
    variables = {"EDITOR": writes, "TMPDIR": str(tmp_path)}
    said = on_terminal(tui_trainer, variables, "note", "one")
    assert why in " ".join(said.split())
    assert "what you wrote is in" in said
    (kept,) = tmp_path.glob("note-one-1-*.txt")
    assert kept.read_text().startswith("long thoughts\n")
    assert tui_trainer.json("note", "one")["note"].startswith("old words")
