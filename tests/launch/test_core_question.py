"""A question to the core that nobody wants answered any more leaves no process."""

from __future__ import annotations

import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tui_trainer.errors import RunCrashedError
from tui_trainer.launch.core_question import Question, Withdrawn
from tui_trainer.launch.launcher import rehearse
from tui_trainer.spec.project import load_project

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
    thread.join(10)
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


@pytest.mark.parametrize(
    ("talk", "where"), [(None, "stands above"), (subprocess.DEVNULL, "tui-trainer nothing shows")]
)
def test_where_stands_what_a_core_without_an_answer_said(talk: int | None, where: str) -> None:
    with pytest.raises(RunCrashedError) as caught:
        Question("nothing", talk=talk).answer()
    assert where in caught.value.hint
