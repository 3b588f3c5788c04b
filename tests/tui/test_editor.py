"""The user's own editor, on a real terminal: the app makes room for it and comes back."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from tests.tui.run_folders import write_study
from tests.tui.terminal import terminal
from tests.tui.test_run import run_of
from tui_trainer.record.remarks import add_to_note, read_remarks

if TYPE_CHECKING:
    from pathlib import Path


def editor(folder: Path, script: str) -> dict[str, str]:
    """An editor that does what a shell script says, as the environment names it."""
    file = folder / "vim"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return {"EDITOR": str(file), "VISUAL": "", "TERM": "xterm-256color"}


def test_the_experiment_is_edited_at_its_line_and_read_again(tmp_path: Path) -> None:
    study = write_study(tmp_path / "digits")
    asked = tmp_path / "asked"
    script = rf"""echo "$@" > {asked}; printf '\033[HEDITING: press enter'; read line
    sed -i 's/eight convolutions/nine of them/' "$2" """
    with terminal(study, editor(tmp_path, script)) as shown:
        shown.sees("eight convolutions")
        shown.press("gjjjjjj")  # the cursor is on cnn8 now
        shown.sees("▌▾ cnn8")
        shown.press("E")
        shown.sees("EDITING")
        shown.press("\x03")  # Ctrl-C is the editor's, and ends this one
        shown.sees("the editor")
        shown.sees("exit code")
        shown.press("E")
        shown.sees("EDITING")
        shown.press("\r")
        shown.sees("nine of them")
        shown.sees("? help")
        shown.press("q")
        shown.read(2)
        assert shown.process.wait(timeout=60) == 0
    lines = (study / "experiments.toml").read_text().splitlines()
    line = lines.index("[experiments.cnn8]") + 1
    assert asked.read_text() == f"+{line} {study / 'experiments.toml'}\n"


def test_what_was_typed_of_a_note_goes_on_in_it(tmp_path: Path) -> None:
    study = write_study(tmp_path / "digits")
    run = run_of(study, "cnn4/3")
    add_to_note(run, "the first line")
    with terminal(study, editor(tmp_path, 'echo "and on" >> "$1"')) as shown:
        shown.sees("● running")
        shown.press("gjjjn")
        shown.sees("note on cnn4/3:")
        shown.press("the second")
        shown.sees("the second")
        shown.press("\x05")
        shown.shows_until(lambda: "and on" in read_remarks(run).note, "the note")
    assert read_remarks(run).note == "the first line\nthe second\nand on"


def test_a_note_and_a_copy_of_the_log_open_in_it(tmp_path: Path) -> None:
    study = write_study(tmp_path / "digits")
    run = run_of(study, "cnn4/3")
    log = run.attempt(2).log_file
    log.write_text("a line \x1b[2J of the log\n")
    seen = tmp_path / "seen"
    script = f'cat "$1" >> {seen}; echo "two\nlines" > "$1"'
    with terminal(study, editor(tmp_path, script)) as shown:
        shown.sees("● running")
        shown.press("gjjj\r")
        shown.sees("cnn4/3   ● running")
        shown.press("n")
        shown.sees("in your editor")
        shown.press("\x05")
        shown.sees("two lines")
        shown.press("2")
        shown.sees("of the log")
        shown.press("E")
        copy = "a line [2J of the log\n"
        shown.shows_until(lambda: seen.read_text() == copy, "the log in the editor")
    assert read_remarks(run).note == "two\nlines"
    assert log.read_text() == "a line \x1b[2J of the log\n"
