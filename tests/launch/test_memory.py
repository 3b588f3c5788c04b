"""A core that the kernel ended for lack of memory is named as such."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import wait_until
from tests.launch.test_supervision import is_over
from tui_trainer.launch import resources
from tui_trainer.launch.memory import MemoryWatch
from tui_trainer.record.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import CommandLine

LIMIT = 200 << 20
ENTER = """
import os, sys
open(sys.argv[1], "w").write(str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize(
    ("own", "counter", "limit"),
    [
        ("0::/job", "memory.events", "memory.max"),
        ("4:memory:/job", "memory/memory.oom_control", "memory/memory.limit_in_bytes"),
    ],
)
def test_the_kernels_counter_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, counter: str, limit: str
) -> None:
    monkeypatch.setattr(resources, "CGROUP_ROOT", tmp_path)
    monkeypatch.setattr(resources, "OWN_CGROUPS", tmp_path / "self")
    (tmp_path / "self").write_text(f"{own}\n")
    folder = (tmp_path / counter).parent / "job"
    folder.mkdir(parents=True)
    (folder / Path(limit).name).write_text("2000000000\n")
    file = folder / Path(counter).name
    file.write_text("low 0\noom_kill 3\n")
    watch = MemoryWatch()
    assert watch.cause(1_000_000_000) == ""
    assert "probably for lack of memory: it used 1.95 GB of 2.00 GB" in watch.cause(1_950_000_000)
    file.write_text("low 0\noom_kill 4\n")
    cause = watch.cause(1_000_000_000)
    assert "for lack of memory: it used 1.00 GB of 2.00 GB; lower batch_size" in cause


@contextmanager
def limited_cgroup() -> Iterator[Path]:
    """A memory cgroup of this test's own; skips where the kernel does not let it have one."""
    for parent, limit in (
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
        (Path("/sys/fs/cgroup"), "memory.max"),
    ):
        folder = parent / f"tui-trainer-test-{os.getpid()}"
        try:
            folder.mkdir()
            (folder / limit).write_text(str(LIMIT))
        except OSError:
            if folder.is_dir():
                folder.rmdir()
            continue
        try:
            yield folder
        finally:
            folder.rmdir()
        return
    pytest.skip("the kernel grants no memory cgroup here")


def test_a_run_over_its_memory_limit_says_so(tui_trainer: CommandLine) -> None:
    with limited_cgroup() as cgroup:
        command_line = tui_trainer.fake(eat_at=2)
        command = command_line.command("run", "one")
        subprocess.run(
            [sys.executable, "-c", ENTER, str(cgroup / "cgroup.procs"), *command],
            cwd=command_line.folder,
            env=command_line.environment,
            capture_output=True,
            check=False,
        )
        run = command_line.wait("one", is_over)
        # Only then it can be removed.
        wait_until(lambda: not (cgroup / "cgroup.procs").read_text())
    assert run.state is State.CRASHED
    assert "killed by SIGKILL for lack of memory: it used 0." in run.cause
    assert "lower batch_size" in run.cause
    assert run.attempts[-1].peak_memory_bytes > LIMIT // 2
    for words in (
        command_line("runs").stdout,
        command_line("show", "one").stdout,
        command_line("logs", "one").stdout,
        command_line("logs", "one").stderr,
    ):
        assert "for lack of memory" in words
