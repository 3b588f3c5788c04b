"""What every room's tests stand on: a project folder, a fake core, a command line."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tui_trainer.errors import UsageError
from tui_trainer.record.index import Run, RunReader
from tui_trainer.record.run_folder import find_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tui_trainer.record.owner import Owner
    from tui_trainer.record.run_folder import AttemptFolder, RunFolder

ROOT = Path(__file__).parents[1]

# Before torch reads it: threads that wait for each other crawl on a busy machine, which tests that
# run beside each other make of any.
os.environ.setdefault("OMP_NUM_THREADS", "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in its background so, and every process under test would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Runs of other tests, and of whoever works on this machine, are no reason to wait.
SLOTS = Path(tempfile.mkdtemp(prefix="tui-trainer-tests-"))
atexit.register(shutil.rmtree, SLOTS, ignore_errors=True)
os.environ.update(TUI_TRAINER_SLOTS_FOLDER=str(SLOTS / "any"), TUI_TRAINER_CPU_SLOTS="64")
# What an example takes is the machine's affair, and what runs beside it.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

SMALL_PROJECT = """
[project]
name = "small"

[defaults]
epochs = 4
batch_size = 256
resources.max_restarts = 0  # a crash is an end, where a test does not say otherwise
resources.slots = 1  # of many, so that no run waits for another, where a test does not say so

[experiments.one]
model = { name = "cnn", depth = 1, width = 2 }

[experiments.two]
base = "one"
model.depth = 2
"""


class CommandLine:
    """Runs `tui-trainer` as a user does: in a process of its own, in a folder."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = {**os.environ, **environment}

    def fake(self, **knobs: Any) -> CommandLine:
        """The same command line with a fake core that behaves as told."""
        return CommandLine(
            self.folder,
            {
                **self.environment,
                "PYTHONPATH": str(ROOT),
                "TUI_TRAINER_CORE_MODULE": "tests.fakes.core",
                "TUI_TRAINER_FAKE": json.dumps(knobs),
            },
        )

    def __call__(self, *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it and do not wait."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def json(self, *arguments: str) -> Any:
        """What a `--json` command prints."""
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "tui_trainer", *arguments]

    def let_go(self) -> None:
        """Let a fake core go on that is held."""
        (self.folder / "go-on").touch()

    def look(self, name: str) -> Run:
        """The run as it is now."""
        return RunReader(find_run(self.folder / "runs", name)).look()

    def wait(self, name: str, until: Callable[[Run], bool], seconds: float = 60) -> Run:
        """Look at the run until something holds."""
        deadline = time.monotonic() + seconds
        run = None
        while time.monotonic() < deadline:
            with contextlib.suppress(UsageError):  # it may not exist yet
                run = self.look(name)
                if until(run):
                    return run
            time.sleep(0.02)
        raise AssertionError(f"{name} did not get there: {run}")


@pytest.fixture(autouse=True)
def own_slots(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of slots that this test shares with no other."""
    folder = SLOTS / os.urandom(8).hex()
    monkeypatch.setenv("TUI_TRAINER_SLOTS_FOLDER", str(folder))
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a small experiments.toml."""
    (tmp_path / "experiments.toml").write_text(SMALL_PROJECT)
    return tmp_path


@pytest.fixture
def tui_trainer(project: Path) -> Iterator[CommandLine]:
    """The command line in the small project; what it left running is ended afterwards."""
    command_line = CommandLine(project, {"COLUMNS": "200"})
    yield command_line
    end_everything(project)


@pytest.fixture(scope="session")
def one_finished_two_crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs of a small project, made by the fake core: to be copied, not changed."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "experiments.toml").write_text(SMALL_PROJECT)
    command_line = CommandLine(folder, {})
    assert command_line.fake(seconds=0.01)("run", "one").returncode == 0
    assert command_line.fake(seconds=0.01, crash_at=3)("run", "two").returncode == 1
    return folder / "runs"


@pytest.fixture
def runs(project: Path, one_finished_two_crashed: Path) -> Path:
    """The runs of the small project: `one/1` is finished, `two/1` crashed after two epochs."""
    return shutil.copytree(one_finished_two_crashed, project / "runs")


def end_everything(project: Path) -> None:
    """SIGKILL what still runs in the project's run folders, by the pids they name."""
    for heartbeat in project.glob("runs/*/*/heartbeat.json"):
        for owner in owners_in(heartbeat):
            kill(owner)


def owners_in(heartbeat: Path) -> list[int]:
    """Supervisor and core of a run that are alive, by pid."""
    from tui_trainer.record.heartbeat import Heartbeat
    from tui_trainer.record.owner import Presence

    beat = Heartbeat.read(heartbeat)
    if beat is None:
        return []
    owners = [beat.owner, *([beat.core] if beat.core else [])]
    return [owner.pid for owner in owners if owner.presence() is Presence.ALIVE]


def trains(run: Run) -> bool:
    """Whether its core has told a step of the training."""
    return bool(run.progress and run.progress.step)


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for what another process or thread does."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"it does not hold after {seconds:.0f} s"
        time.sleep(0.02)


def wait_until_gone(*owners: Owner) -> None:
    """Wait until none of these processes lives."""
    from tui_trainer.record.owner import Presence

    wait_until(lambda: all(owner.presence() is not Presence.ALIVE for owner in owners))


def claim_next(folder: RunFolder, owner: Owner) -> AttemptFolder:
    """The run's next attempt, whatever became of the last."""
    newest = folder.newest_attempt()
    return folder.claim_attempt(owner, after=newest.number if newest else 0)


def kill(pid: int, number: int = 9) -> None:
    """Send a signal to a process that may be gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
