"""Evaluates or predicts run after run in a process that outlives whoever asked for it.

`python -m tui_trainer.launch.unattended evaluate|predict [--folder=IMAGES] RUN_FOLDER…` tells on
standard output, with one JSON line for each run, how it went, as long as anybody listens. What each
run's evaluation printed stays in the run's folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from tui_trainer.errors import ExitCode, UsageError
from tui_trainer.launch.assessment import assess
from tui_trainer.record.durable import sync_folder
from tui_trainer.record.fields import integer, text
from tui_trainer.record.plain_text import plain_line, plain_text
from tui_trainer.record.run_folder import RunFolder
from tui_trainer.record.tail import parse_record, read_end

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

What = Literal["evaluate", "predict"]

_MODULE = "tui_trainer.launch.unattended"
_IMAGES = "--folder="
_END_BYTES = 8192
# The figures, and where they stand.
LINES_OF_ANSWER = 2
_NUMBERED = re.compile(r"(?:evaluate|predict)-([0-9]{1,9})\.txt")


class Answer(NamedTuple):
    """How one of them went."""

    run: str
    exit_code: int
    words: str
    """What it said last, in a line or two; or why it could not be done."""
    hint: str


@dataclass(frozen=True)
class Unattended:
    """A process that was begun; it goes on where nobody listens any more."""

    process: subprocess.Popen[bytes]

    def answers(self) -> Iterator[Answer]:
        """Wait for each run's answer."""
        with self.process:
            for line in self.process.stdout or ():
                record = parse_record(line) or {}
                yield Answer(
                    text(record, "run"),
                    integer(record, "exit_code"),
                    text(record, "words"),
                    text(record, "hint"),
                )


def begin(folders: Sequence[RunFolder], what: What, images: Path | None = None) -> Unattended:
    """Start it, in a session of its own; on `images` in place of what the runs name."""
    options = [] if images is None else [f"{_IMAGES}{images}"]
    paths = (str(folder.path.absolute()) for folder in folders)
    command = [sys.executable, "-m", _MODULE, what, *options, *paths]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Not in the project: before Python 3.11 a file of the user's named like a module would be
        # imported all the same.
        cwd="/",
        env={**os.environ, "PYTHONSAFEPATH": "1"},
        start_new_session=True,
    )
    return Unattended(process)


def main(arguments: Sequence[str]) -> None:
    """Do it to one run after the other."""
    what: What = "predict" if arguments[0] == "predict" else "evaluate"
    answers = os.dup(1)  # from now on standard output leads to where the evaluations print
    options = [argument for argument in arguments[1:] if argument.startswith(_IMAGES)]
    for path in arguments[1 + len(options) :]:
        _tell(answers, _answer(RunFolder(Path(path)), what, options))


def _answer(folder: RunFolder, what: What, options: Sequence[str]) -> Answer:
    try:
        file = _print_into_a_file(folder, what)
        code = assess(folder, what, options)
    except OSError as error:
        told = UsageError.of_system(error)
        return Answer(folder.run, ExitCode.USAGE, told.message, told.hint)
    said = _last_lines(file)
    hints = [line.removeprefix("hint: ") for line in said if line.startswith("hint: ")]
    others = [line for line in said if not line.startswith("hint: ")]
    errors = [line.removeprefix("error: ") for line in others if line.startswith("error: ")]
    words = errors[-1:] or others[-LINES_OF_ANSWER:]
    words = words or [f"it ended with exit code {code} and without a word"]
    where = f"all that it said: {file}"
    return Answer(folder.run, code, "\n".join(words), (hints or [where])[-1] if code else "")


def _print_into_a_file(folder: RunFolder, what: What) -> Path:
    """Send what is printed from now on to a new file in the run's folder."""
    # Not the run folder itself: one that was removed must not come into being again.
    folder.assessments.mkdir(exist_ok=True)
    known = filter(None, (_NUMBERED.fullmatch(file.name) for file in folder.assessments.iterdir()))
    number = max((int(match[1]) for match in known), default=0) + 1
    while True:
        file = folder.assessments / f"{what}-{number}.txt"
        with contextlib.suppress(FileExistsError):
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(file, flags, 0o644)
            break
        number += 1
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)
    sync_folder(folder.assessments)
    return file


def _last_lines(file: Path) -> list[str]:
    end = read_end(file, _END_BYTES)
    said = plain_text("" if end is None else end.whole_lines.decode(errors="replace"))
    return [plain_line(line) for line in said.split("\n") if line.strip()]


def _tell(answers: int, answer: Answer) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(answers, json.dumps(answer._asdict()).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1:])
