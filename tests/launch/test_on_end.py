"""The user's command at the end of a run: it is told everything and can harm nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import SMALL_PROJECT, wait_until, wait_until_gone
from tui_trainer.errors import ExitCode
from tui_trainer.launch import on_end
from tui_trainer.record.heartbeat import Heartbeat
from tui_trainer.record.run_folder import find_run
from tui_trainer.spec.project import load_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import CommandLine

TELL = """\
on_end = '''
printf '%s|' "$TUI_TRAINER_RUN" "$TUI_TRAINER_STATE" "$TUI_TRAINER_CAUSE" >> told.txt
cat >> told.json; echo said by the command
'''
"""


def say(project: Path, line: str) -> None:
    """Write a line into [project]."""
    text = SMALL_PROJECT.replace('name = "small"\n', f'name = "small"\n{line}\n', 1)
    (project / "experiments.toml").write_text(text)


def log_of(project: Path, attempt: int = 1) -> str:
    return find_run(project / "runs", "one").attempt(attempt).log_file.read_text()


def told(project: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((project / "told.json").read_text())
    return record


def test_it_is_told_of_a_good_end_once(tui_trainer: CommandLine, project: Path) -> None:
    say(project, TELL)
    assert tui_trainer.fake()("run", "one").returncode == ExitCode.DONE
    tui_trainer.wait("one", lambda _: "said by the command" in log_of(project))
    assert (project / "told.txt").read_text() == "one/1|finished||"
    assert (told(project)["run"], told(project)["epoch"]) == ("one/1", 4)


def test_it_is_told_of_a_crash_after_the_last_restart_alone(
    tui_trainer: CommandLine, project: Path
) -> None:
    say(project, TELL)
    fake = tui_trainer.fake(crash_at=1, attempts=9)
    assert fake("run", "one", "--set", "resources.max_restarts=1").returncode == ExitCode.CRASHED
    attempts = len(tui_trainer.look("one").attempts)
    assert attempts > 1
    tui_trainer.wait("one", lambda _: "said by the command" in log_of(project, attempts))
    name, state, cause, _ = (project / "told.txt").read_text().split("|")
    assert (name, state) == ("one/1", "crashed")
    assert cause == tui_trainer.look("one").cause


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('on_end = "exit 3"', "project.on_end ended with exit code 3"),
        ('on_end = "no-such-command-anywhere"', "project.on_end ended with exit code 127"),
        ("on_end = 3", ""),
    ],
)
def test_what_becomes_of_it_changes_nothing_of_the_run(
    tui_trainer: CommandLine, project: Path, line: str, words: str
) -> None:
    say(project, line)
    assert tui_trainer.fake()("run", "one").returncode == ExitCode.DONE
    tui_trainer.wait("one", lambda _: words in log_of(project))
    assert tui_trainer.look("one").state.value == "finished"


def test_it_is_not_told_of_what_verify_resume_trains(
    tui_trainer: CommandLine, project: Path
) -> None:
    say(project, TELL)
    done = tui_trainer.fake()("verify-resume", "one", "--kills", "1", "--set", "epochs=2")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert not (project / "told.txt").exists()


def test_a_command_that_no_program_can_take_is_refused(project: Path) -> None:
    say(project, 'on_end = "a\\u0000b"')
    (problem,) = load_project(project / "experiments.toml").problem_lines
    assert "project.on_end" in problem
    assert "control characters" in problem


def test_one_that_does_not_end_is_ended_with_all_it_started(
    project: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_end, "SECONDS", 0.3)
    say(project, 'on_end = "sleep 1234 & sleep 1234"')
    lines: list[str] = []
    on_end.run_on_end(find_run(runs, "one"), lines.append)
    assert lines == ["project.on_end was ended after 0 s"]


@pytest.mark.parametrize(
    "command", ["yes", "yes & exec sleep 1", "head -c 70000 /dev/zero; exit 3"]
)
def test_of_endless_output_the_beginning_is_kept(
    project: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(on_end, "SECONDS", 2.0)
    say(project, f'on_end = "{command}"')
    lines: list[str] = []
    on_end.run_on_end(find_run(runs, "one"), lines.append)
    said, cut, *_ = lines
    assert on_end.MOST_BYTES - 1 <= len(said) <= on_end.MOST_BYTES
    assert cut == "project.on_end printed more than 64 KiB; the rest is left out"


def test_a_command_that_neither_reads_nor_speaks_is_waited_for(project: Path, runs: Path) -> None:
    say(project, 'on_end = "exec <&- >&- 2>&-; sleep 0.3; : > gone; exit 0"')
    lines: list[str] = []
    on_end.run_on_end(find_run(runs, "one"), lines.append)
    assert (project / "gone").exists()
    assert lines == []


def test_a_file_that_is_gone_or_broken_by_then_is_told(project: Path, runs: Path) -> None:
    lines: list[str] = []
    (project / "experiments.toml").write_text("[project\n")
    on_end.run_on_end(find_run(runs, "one"), lines.append)
    (project / "experiments.toml").unlink()
    on_end.run_on_end(find_run(runs, "one"), lines.append)
    assert len(lines) == 2
    assert all(line.startswith("project.on_end was not run: ") for line in lines)


def test_what_it_leaves_in_the_background_may_print(
    tui_trainer: CommandLine, project: Path
) -> None:
    say(project, "on_end = '(sleep 1.5; echo late; echo later; touch done) & echo begun'")
    assert tui_trainer.fake()("run", "one").returncode == ExitCode.DONE
    tui_trainer.wait("one", lambda _: "begun" in log_of(project))
    beat = Heartbeat.read(find_run(project / "runs", "one").heartbeat_file)
    assert beat
    wait_until_gone(beat.owner)
    assert not (project / "done").exists()
    wait_until((project / "done").exists)
    assert "late" not in log_of(project)
