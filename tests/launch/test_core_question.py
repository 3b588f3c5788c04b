"""A question to the core that nobody wants answered any more leaves no process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tui_trainer.errors import PreflightError, RunCrashedError
from tui_trainer.launch.core_question import Conversation, Question, Withdrawn
from tui_trainer.launch.launcher import rehearse
from tui_trainer.spec.project import load_project
from tui_trainer.spec.snapshot import experiment_to_toml

if TYPE_CHECKING:
    from pathlib import Path


def ask_in_thread(question: Question) -> tuple[threading.Thread, list[Any]]:
    answers: list[Any] = []

    def ask() -> None:
        try:
            answers.append(question.answer())
        except Withdrawn as withdrawn:
            answers.append(withdrawn)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, answers


def test_a_question_that_is_withdrawn_ends_with_its_process(project: Path) -> None:
    loaded = load_project(project / "experiments.toml")
    question = rehearse(loaded, "one", loaded.experiments["one"], subprocess.DEVNULL)
    thread, answers = ask_in_thread(question)
    while question._process is None:
        time.sleep(0.01)
    time.sleep(0.5)
    question.withdraw()
    thread.join(60)
    assert not thread.is_alive()
    assert isinstance(answers[0], Withdrawn)
    assert question._process.poll() is not None
    assert not list(project.glob("runs/*"))


def test_a_question_withdrawn_before_it_was_asked_starts_nothing() -> None:
    question = Question("anatomy", "/nowhere")
    question.withdraw()
    with pytest.raises(Withdrawn):
        question.answer()
    assert question._process is None


def test_a_conversation_that_is_withdrawn_ends_with_its_process(project: Path) -> None:
    loaded = load_project(project / "experiments.toml")
    text = experiment_to_toml(loaded.experiments["one"], {})
    core = Conversation("samples", str(project), talk=subprocess.DEVNULL)
    withdrawing = threading.Timer(0.5, core.withdraw)
    withdrawing.start()
    with closing(core), pytest.raises(Withdrawn):
        core.ask({"experiment": text})
    assert core._process is not None
    assert core._process.poll() is not None
    with pytest.raises(Withdrawn):
        core.ask({"kind": "table", "first": 0})


OWN_DATA = """
import os
def rude(size):
    os._exit(7)
"""


@pytest.mark.parametrize(
    ("talk", "where"), [(None, "stands above"), (subprocess.DEVNULL, "by tui-trainer samples")]
)
def test_the_end_of_a_core_without_an_answer_is_told_with_its_cause(
    project: Path, talk: int | None, where: str
) -> None:
    (project / "mine.py").write_text(OWN_DATA)
    loaded = load_project(project / "experiments.toml")
    own = ['data = { name = "mine:rude" }']
    text = experiment_to_toml(loaded.experiment("one", own), {})
    with (
        closing(Conversation("samples", str(project), talk=talk)) as core,
        pytest.raises(RunCrashedError, match="asked for samples ended: exit code 7") as raised,
    ):
        core.ask({"experiment": text})
    assert f"{where}; own code that calls os._exit" in raised.value.hint


ASKER = """
import os, sys, time
from tui_trainer.launch.core_question import Question
print(Question("anatomy", "/", text="{}")._begun().pid, flush=True)
time.sleep(0.0 if sys.argv[1] == "at once" else 600.0)
os.kill(os.getpid(), 9)
"""
# Stands for the real one, whose import takes seconds and hears nothing.
TORCH = """
import pathlib, time
pathlib.Path(__file__).with_name("begun").touch()
time.sleep(600)
"""


@pytest.mark.parametrize("when", ["at once", "while torch is imported"])
def test_no_process_outlives_the_one_that_asks(tmp_path: Path, when: str) -> None:
    torch = tmp_path / "torch"
    torch.mkdir()
    (torch / "__init__.py").write_text(TORCH)
    paths = os.pathsep.join((str(tmp_path), *filter(None, sys.path)))
    asker = subprocess.Popen(
        [sys.executable, "-c", ASKER, when],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    )
    with asker:
        assert asker.stdout is not None
        core = int(asker.stdout.readline())
        while when != "at once" and not (torch / "begun").exists():
            assert psutil.pid_exists(core)
            time.sleep(0.01)
        asker.kill()
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(core).wait(30)


class Stub(Question):
    """Is answered by a process that does what it is told."""

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", self._text]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)


def answered(says: str, ends: str) -> Any:
    program = f"import os, signal; print('{says}', flush=True); {ends}"
    return Stub("anatomy", text=program).answer()


def test_a_whole_answer_counts_whatever_native_code_does_at_the_end() -> None:
    killed = "os.kill(os.getpid(), signal.SIGSEGV)"
    assert answered('{"layers": 3}', killed) == {"layers": 3}
    assert answered("[]", killed) == []
    with pytest.raises(RunCrashedError, match="no memory"):
        answered('{"error": "no memory", "hint": "", "exit_code": 1}', killed)
    with pytest.raises(PreflightError, match="no data"):
        answered('{"error": "no data", "hint": "", "exit_code": 3}', "os._exit(3)")
    with pytest.raises(RunCrashedError, match="SIGSEGV"):
        answered('{"layers":', killed)
