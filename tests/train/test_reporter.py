from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tui_trainer.record.failure import Hope
from tui_trainer.record.heartbeat import Progress
from tui_trainer.train.reporter import Reporter

if TYPE_CHECKING:
    import pytest


def pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    for descriptor in (reader, writer):
        os.set_blocking(descriptor, False)
    return reader, writer


def test_progress_is_said_at_stage_changes_and_a_few_times_a_second() -> None:
    reader, writer = pipe()
    reporter = Reporter(writer)
    for step in range(1000):
        reporter.progress(Progress(stage="training", step=step))
    reporter.progress(Progress(stage="saving", step=1000))
    said = [json.loads(line) for line in os.read(reader, 1 << 16).splitlines()]
    assert [record["stage"] for record in said] == ["training", "saving"]
    os.close(reader)
    os.close(writer)


def test_what_is_not_said_is_not_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of a million images tells three times of each that it was looked at."""
    written: list[Progress] = []
    as_record = Progress.as_record

    def write(progress: Progress) -> dict[str, Any]:
        written.append(progress)
        return as_record(progress)

    monkeypatch.setattr(Progress, "as_record", write)
    reporter = Reporter()
    for _ in range(1000):
        reporter.progress(Progress(stage="preparing"))
    assert len(written) < 10


def test_a_full_pipe_and_a_supervisor_that_is_gone_do_not_matter() -> None:
    reader, writer = pipe()
    reporter = Reporter(writer)
    for number in range(5000):
        reporter.progress(Progress(stage=str(number)))
    assert all(json.loads(line) for line in os.read(reader, 1 << 20).splitlines())
    os.close(reader)
    reporter.cause("nobody hears this", Hope.NONE)
    os.close(writer)


def test_a_cause_is_one_line_that_fits_into_the_pipe() -> None:
    reader, writer = pipe()
    Reporter(writer).cause('words "and"\n' * 2000, Hope.NONE)
    (line,) = os.read(reader, 1 << 16).splitlines()
    assert json.loads(line)["cause"].startswith('words "and"')
    os.close(reader)
    os.close(writer)


def test_a_closed_log_ends_nothing() -> None:
    script = (
        "from tui_trainer.train.reporter import Reporter\n"
        "for _ in range(100_000): Reporter().say('line'); Reporter().complain('line')\n"
        "import os, sys; os.write(int(sys.argv[1]), b'reached the end')\n"
    )
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(writer)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[writer],
    )
    os.close(writer)
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    process.stderr.close()
    assert process.wait(timeout=60) == 0
    assert os.read(reader, 100) == b"reached the end"
    os.close(reader)
