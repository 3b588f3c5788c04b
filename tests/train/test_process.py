"""The core as a process: exit codes, signals, what it says to its supervisor."""

from __future__ import annotations

import errno
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import claim_next, wait_until, wait_until_gone
from tests.train.conftest import events_of, new_run, train
from tests.train.test_loop import assert_same
from tui_trainer.errors import ExitCode
from tui_trainer.record.claim import claim
from tui_trainer.record.events import Alarmed, AttemptEnded, AttemptStarted, CheckpointSaved
from tui_trainer.record.failure import Hope
from tui_trainer.record.index import RunReader
from tui_trainer.record.owner import Owner, Presence
from tui_trainer.record.state import State
from tui_trainer.train import __main__ as door
from tui_trainer.train.checkpoint import Checkpoints
from tui_trainer.train.reporter import Reporter
from tui_trainer.train.signals import Requests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tui_trainer.record.run_folder import CheckpointName, RunFolder

ROOT = Path(__file__).parents[2]
_numbers = itertools.count()
ENDING_FORWARD = """\
from torch import nn
class Moody(nn.Sequential):
    def forward(self, images):
        if {}: raise {}
        return super().forward(images)
def build(classes, size):
    return Moody(nn.Flatten(), nn.Linear(3 * size * size, classes))
"""


HELD_FORWARD = """\
import time
from pathlib import Path
from torch import nn
project = Path(__file__).parent
class Held(nn.Sequential):
    steps = 0
    def forward(self, images):
        self.steps += self.training
        while {} and not (project / "go-on").exists():
            (project / "is-held").touch()
            time.sleep(0.01)
        return super().forward(images)
def build(classes, size):
    return Held(nn.Flatten(), nn.Linear(3 * size * size, classes))
"""


AMID_THE_FIRST_EPOCH = "self.steps > 2"
AMID_THE_SECOND_EPOCH = '(project / "runs/small/1/epochs.jsonl").exists()'


def held_model(project: Path, when: str) -> dict[str, Any]:
    """A network that waits there until the project holds `go-on`.

    Its module has a name that no other test has.
    """
    name = f"held_{next(_numbers)}"
    (project / f"{name}.py").write_text(HELD_FORWARD.format(when))
    return {"name": f"{name}:build"}


class Core:
    """A core started as its supervisor would start it."""

    def __init__(self, folder: RunFolder, *, supervised: bool = True) -> None:
        self.reader, writer = os.pipe()
        os.set_blocking(writer, False)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        if supervised:
            attempt = claim_next(folder, Owner.of_process(os.getpid()))
            environment["TUI_TRAINER_ATTEMPT"] = str(attempt.number)
            environment["TUI_TRAINER_PROGRESS_FD"] = str(writer)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tui_trainer.train", str(folder.path)],
            cwd=folder.path,
            env=environment,
            pass_fds=[writer],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(writer)
        self.said: list[dict[str, Any]] = []

    def hear(self) -> Iterator[dict[str, Any]]:
        """What it says, as it says it."""
        with open(self.reader, closefd=False, encoding="utf-8") as lines:
            for line in lines:
                self.said.append(json.loads(line))
                yield self.said[-1]

    def wait_for(self, stage: str) -> None:
        for record in self.hear():
            if record.get("stage") == stage:
                return
        raise AssertionError(f"it ended before {stage}: {self.process.communicate()}")

    def end(self) -> tuple[int, str, str]:
        """Exit code, log, errors."""
        out, err = self.process.communicate(timeout=60)
        self.said += list(self.hear())
        os.close(self.reader)
        return self.process.returncode, out, err


def test_a_run_to_its_end(project: Path) -> None:
    folder = new_run(project)
    core = Core(folder)
    code, out, err = core.end()
    assert (code, err) == (0, "")
    lines = [line for line in out.splitlines() if not line.startswith("alarm: ")]
    assert [line.split("  ")[0] for line in lines[1:3]] == ["epoch 1/2", "epoch 2/2"]
    assert lines[-1].startswith("done: epoch ")
    stages = list(dict.fromkeys(record["stage"] for record in core.said))
    assert stages == ["preparing", "training", "validating", "saving", "evaluating"]
    assert not any(isinstance(e, (AttemptStarted, AttemptEnded)) for e in events_of(folder))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2])
def test_a_signal_stops_it_after_a_checkpoint_and_nothing_is_lost(
    project: Path, number: signal.Signals
) -> None:
    model = held_model(project, AMID_THE_FIRST_EPOCH)
    whole, folder = new_run(project, model=model), new_run(project, model=model)
    (project / "go-on").touch()
    train(whole)
    (project / "go-on").unlink()
    core = Core(folder)
    wait_until((project / "is-held").exists)
    core.process.send_signal(number)
    core.process.send_signal(signal.SIGINT)
    (project / "go-on").touch()
    code, out, err = core.end()
    assert (code, err) == (75, "")
    assert out.splitlines()[-1] == "stopped as asked; resume: tui-trainer resume small/2"
    assert isinstance(events_of(folder)[-1], CheckpointSaved)
    code, _, err = Core(folder).end()
    assert (code, err) == (0, "")
    assert_same(folder, whole)


def test_a_signal_is_obeyed_while_images_are_decoded(project: Path) -> None:
    """Of which there are enough for half a minute."""
    photo = project / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8)).save(
        photo
    )
    for name in ("ape", "bee"):
        (project / "images" / name).mkdir(parents=True)
        for number in range(300):
            (project / "images" / name / f"{number}.png").hardlink_to(photo)
    folder = new_run(project, data={"name": "folder", "path": "images"}, pipeline={"size": 8})
    core, cache = Core(folder), project / "cache"
    wait_until(lambda: cache.is_dir() and any(cache.iterdir()))
    core.process.send_signal(signal.SIGTERM)
    code, out, err = core.end()
    assert (code, err) == (75, "")
    assert out.splitlines()[-1] == (
        "stopped as asked, before anything was trained; resume: tui-trainer resume small/1"
    )
    assert not list(cache.iterdir())


def test_signals_until_the_very_end_do_no_harm(project: Path) -> None:
    """Also not while the interpreter takes itself apart, which takes torch a while."""
    core = Core(new_run(project, epochs=100_000))
    core.wait_for("training")
    while core.process.poll() is None:
        core.process.send_signal(signal.SIGTERM)
        core.process.send_signal(signal.SIGUSR1)
        time.sleep(0.001)
    assert core.end()[0] == 75


def test_usr1_saves_and_goes_on_and_hup_does_nothing(project: Path) -> None:
    folder = new_run(project, model=held_model(project, AMID_THE_FIRST_EPOCH))
    core = Core(folder)
    wait_until((project / "is-held").exists)
    core.process.send_signal(signal.SIGHUP)
    core.process.send_signal(signal.SIGUSR1)
    (project / "go-on").touch()
    code, _, err = core.end()
    assert (code, err) == (0, "")
    saved = [event for event in events_of(folder) if isinstance(event, CheckpointSaved)]
    assert any(event.step for event in saved)


def test_missing_data_is_refused_with_a_hint_and_without_a_traceback(tmp_path: Path) -> None:
    folder = new_run(tmp_path)
    core = Core(folder)
    code, _, err = core.end()
    assert code == 3
    assert "error: cannot read" in err
    assert "hint: tui-trainer data fetch cifar10; or unpack" in err
    assert "Traceback" not in err
    assert "cifar-10-batches-py" in core.said[-1]["cause"]


def test_an_error_ends_with_its_traceback_and_its_cause(project: Path) -> None:
    folder = new_run(project)
    folder.checkpoints.write_text("a file where a folder must be")
    core = Core(folder)
    code, _, err = core.end()
    assert code == 1
    assert "Traceback" in err
    assert core.said[-1]["cause"].startswith("FileExistsError: ")


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ("SystemExit(0)", "it ends the program with sys.exit(0)"),
        ("KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_own_code_that_ends_the_program_amid_training_is_a_crash_with_its_line(
    project: Path, ending: str, said: str
) -> None:
    (project / "moody.py").write_text(ENDING_FORWARD.format("not self.training", ending))
    core = Core(new_run(project, model={"name": "moody:build"}))
    code, _, err = core.end()
    assert code == ExitCode.CRASHED
    assert "Traceback" in err
    assert core.said[-1]["cause"] == f"own code: {said} (moody.py, line 4)"


def test_started_by_hand_it_keeps_its_own_records(project: Path) -> None:
    folder = new_run(project)
    code, _, err = Core(folder, supervised=False).end()
    assert (code, err) == (0, "")
    first, *_, last = events_of(folder)
    assert isinstance(first, AttemptStarted)
    assert isinstance(last, AttemptEnded)
    assert (last.exit_code, last.cause) == (0, "")
    assert last.peak_memory_bytes > 1 << 20


def test_started_by_hand_it_leaves_a_living_owner_alone(project: Path) -> None:
    folder = new_run(project)
    claim_next(folder, Owner.of_process(os.getpid()))
    code, _, err = Core(folder, supervised=False).end()
    assert code == 4
    assert "small/1 is preflight" in err
    assert not folder.events_file.exists()


class Orphan:
    """A core whose supervisor, which claimed the attempt itself, is killed while it trains."""

    SUPERVISOR = (
        "import os, subprocess, sys\n"
        "from pathlib import Path\n"
        "from tui_trainer.record.claim import claim\n"
        "from tui_trainer.record.run_folder import RunFolder\n"
        "attempt, _ = claim(RunFolder(Path(sys.argv[1])))\n"
        "os.environ['TUI_TRAINER_ATTEMPT'] = str(attempt.number)\n"
        "core = subprocess.Popen([sys.executable, '-m', 'tui_trainer.train', sys.argv[1]])\n"
        "print(core.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.supervisor = subprocess.Popen(
            [sys.executable, "-c", self.SUPERVISOR, str(folder.path)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.supervisor.stdout
        self.core = Owner.of_process(int(self.supervisor.stdout.readline()))

    def wait_for_an_epoch(self) -> None:
        wait_until(self.folder.epochs_file.exists)

    def kill_the_supervisor(self) -> None:
        assert self.supervisor.stdout
        assert self.supervisor.stdin
        self.supervisor.kill()
        self.supervisor.wait()
        self.supervisor.stdout.close()
        self.supervisor.stdin.close()

    def wait_for_its_end(self) -> None:
        wait_until_gone(self.core)
        assert self.core.presence() is Presence.DEAD


def test_a_core_that_outlives_its_supervisor_saves_and_has_the_last_word(project: Path) -> None:
    folder = new_run(project, epochs=100_000)
    orphan = Orphan(folder)
    orphan.wait_for_an_epoch()
    orphan.kill_the_supervisor()
    orphan.wait_for_its_end()
    *_, saved, ended = (event for event in events_of(folder) if not isinstance(event, Alarmed))
    assert isinstance(saved, CheckpointSaved)
    assert isinstance(ended, AttemptEnded)
    run = RunReader(folder).look()
    assert run.state is State.INTERRUPTED
    assert run.cause == "stopped: its supervisor was killed; resumable"


@pytest.mark.parametrize(
    ("epochs", "state", "cause"),
    [
        (1, State.FINISHED, ""),
        (100_000, State.INTERRUPTED, "stopped by SIGTERM; resumable; its supervisor was killed"),
    ],
)
def test_a_supervisor_killed_after_its_core_ended_takes_no_end_along(
    project: Path, epochs: int, state: State, cause: str
) -> None:
    folder = new_run(project, epochs=epochs)
    orphan = Orphan(folder)
    orphan.wait_for_an_epoch()
    if state is not State.FINISHED:
        os.kill(orphan.core.pid, signal.SIGTERM)
    orphan.wait_for_its_end()
    assert not any(isinstance(event, AttemptEnded) for event in events_of(folder))
    assert RunReader(folder).look().state.is_live
    orphan.kill_the_supervisor()
    run = RunReader(folder).look()
    assert (run.state, run.cause) == (state, cause)
    attempt, _ = claim(folder)
    assert attempt.number == 2
    assert [e.cause for e in events_of(folder) if isinstance(e, AttemptEnded)] == [cause]


def test_an_orphan_that_was_asked_to_stop_says_so(project: Path) -> None:
    folder = new_run(project, epochs=100_000)
    orphan = Orphan(folder)
    orphan.wait_for_an_epoch()
    folder.attempt(1).ask_to_stop(at_once=False)
    orphan.kill_the_supervisor()
    orphan.wait_for_its_end()
    run = RunReader(folder).look()
    assert (run.state, run.cause) == (State.STOPPED, "stopped, resumable")


def test_an_orphan_tells_the_error_that_ended_it(project: Path) -> None:
    # At an epoch's end there would be nothing to save.
    folder = new_run(project, model=held_model(project, AMID_THE_SECOND_EPOCH))
    orphan = Orphan(folder)
    wait_until((project / "is-held").exists)
    orphan.kill_the_supervisor()
    folder.checkpoints.rename(folder.checkpoints.with_name("away"))
    (project / "go-on").touch()
    orphan.wait_for_its_end()
    run = RunReader(folder).look()
    assert run.state is State.CRASHED
    assert run.cause.startswith("FileNotFoundError")


def test_an_orphan_that_lost_its_run_records_nothing(project: Path) -> None:
    folder = new_run(project, epochs=100_000)
    orphan = Orphan(folder)
    orphan.wait_for_an_epoch()
    os.kill(orphan.core.pid, signal.SIGSTOP)
    orphan.kill_the_supervisor()
    claim_next(folder, Owner.of_process(os.getpid()))
    os.kill(orphan.core.pid, signal.SIGCONT)
    orphan.wait_for_its_end()
    assert not any(isinstance(event, AttemptEnded) for event in events_of(folder))


@pytest.mark.parametrize(
    ("error", "cause", "hope"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/runs/x"),
            "disk full: /runs/x",
            Hope.ROOM,
        ),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk quota used up: Disk q", Hope.ROOM),
        (OSError(errno.EIO, "Input/output error"), "OSError: [Errno 5]", Hope.SOME),
        (MemoryError(), "out of memory: MemoryError; lower batch_size", Hope.SOME),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to"), "out of memory: Out", Hope.SOME),
        (RuntimeError("shapes differ\nat length"), "RuntimeError: shapes differ", Hope.ONCE),
        (KeyError(), "KeyError", Hope.ONCE),
    ],
)
def test_an_error_is_put_into_words_and_judged(
    project: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, cause: str, hope: Hope
) -> None:
    """As raised by the network in the middle of an epoch; what was saved stands."""
    folder = new_run(project)
    save = Checkpoints.save

    def save_and_break(self: Checkpoints, name: CheckpointName, content: dict[str, Any]) -> None:
        save(self, name, content)
        raise error

    monkeypatch.setattr(Checkpoints, "save", save_and_break)
    attempt = claim_next(folder, Owner.of_process(os.getpid()))
    code, words, judged = door._train(folder, attempt, Requests(), Reporter())
    assert code == 1
    assert words.startswith(cause)
    assert judged is hope
    monkeypatch.undo()
    train(folder)
    assert folder.clean_results_file.exists()


def test_what_the_core_refuses_leaves_no_hope(project: Path) -> None:
    folder = new_run(project, optimizer={"name": "sgd", "lr": 1e9})
    attempt = claim_next(folder, Owner.of_process(os.getpid()))
    code, words, hope = door._train(folder, attempt, Requests(), Reporter())
    assert code == 1
    assert "finite" in words
    assert hope is Hope.NONE


def test_a_core_tells_where_it_failed_and_what_to_hope(project: Path) -> None:
    folder = new_run(project, epochs=100_000)
    core = Core(folder)
    core.wait_for("training")
    folder.checkpoints.rename(folder.checkpoints.with_name("away"))
    assert core.end()[0] == 1
    last = core.said[-1]
    assert last["cause"].startswith("FileNotFoundError")
    assert last["hope"] == "some"
    assert last["epoch"] >= 1
