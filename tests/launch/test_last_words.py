"""What a log says last of an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.launch.test_supervision import is_over
from tui_trainer.launch.last_words import LONGEST, last_words

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import CommandLine

TRACEBACK = """Traceback (most recent call last):
  File "a.py", line 3, in f
    g()
"""


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("epoch 1\nepoch 2\n", ""),
        (
            f"epoch 1\n{TRACEBACK}ValueError: shapes differ\nmore of it\n",
            "ValueError: shapes differ",
        ),
        (f"{TRACEBACK}KeyError: 1\n\n{TRACEBACK}OSError: 2\n", "OSError: 2"),
        (f"{TRACEBACK}", ""),
        (
            "terminate called after throwing 'c10::Error'\n  what():  no kernel\n",
            "what():  no kernel",
        ),
        (
            "Fatal Python error: Segmentation fault\n\nThread 0x1:\n",
            "Fatal Python error: Segmentation fault",
        ),
        (f"{TRACEBACK}ValueError: {'x' * 100_000}\n", ""),
        (f"{TRACEBACK}ValueError: {'x' * 5000}\n", f"ValueError: {'x' * 5000}"[:LONGEST]),
    ],
)
def test_the_last_error_is_found(tmp_path: Path, log: str, words: str) -> None:
    file = tmp_path / "log.txt"
    file.write_text(log)
    assert last_words(file) == words


def test_a_log_that_is_none_says_nothing(tmp_path: Path) -> None:
    assert last_words(tmp_path / "none") == ""
    assert last_words(tmp_path) == ""


def test_a_core_that_cannot_say_why_is_quoted(tui_trainer: CommandLine) -> None:
    command_line = tui_trainer.fake(crash_at=2, cause=False)
    command_line("run", "one", "--detach")
    run = command_line.wait("one", is_over)
    assert run.cause == "exit code 1: RuntimeError: planted at epoch 2"
