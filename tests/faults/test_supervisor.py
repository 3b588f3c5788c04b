"""A supervisor that is killed while it writes: no reader is misled, and the run can go on."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.conftest import CommandLine
from tests.faults import checker, shim
from tests.faults.shim import KILL_AFTER, KILL_BEFORE, KILL_HALFWAY, Fault
from tui_trainer.errors import ExitCode
from tui_trainer.record.state import State

if TYPE_CHECKING:
    from pathlib import Path

BEATS = {
    "before the beat is made": Fault(match="*/.heartbeat.*", call="create", at=2, do=KILL_BEFORE),
    "when it is made": Fault(match="*/.heartbeat.*", call="create", at=2, do=KILL_AFTER),
    "halfway through its bytes": Fault(match="*/.heartbeat.*", call="write", at=2, do=KILL_HALFWAY),
    "before its name": Fault(match="*/heartbeat.json", call="rename", at=2, do=KILL_BEFORE),
    "after its name": Fault(match="*/heartbeat.json", call="rename", at=2, do=KILL_AFTER),
}
CLAIMS = {
    "before the attempt is made": Fault(match="*/attempts/.1.*", call="mkdir", do=KILL_BEFORE),
    "halfway through its owner": Fault(match="*/.owner.json.*", call="write", do=KILL_HALFWAY),
    "before it is claimed": Fault(match="*/attempts/1", call="rename", do=KILL_BEFORE),
    "after it is claimed": Fault(match="*/attempts/1", call="rename", do=KILL_AFTER),
}
# Command and supervisor write one line each before the core is started.
LAUNCH = Fault(match="*/events.jsonl", call="write", do=KILL_HALFWAY)
END = Fault(match="*/events.jsonl", call="write", at=2, do=KILL_HALFWAY)
EPOCHS = 4


@pytest.fixture
def faulty(tui_trainer: CommandLine) -> CommandLine:
    """The command line with a fake core; what it starts has the shim in it."""
    if shim.WHY_NOT:
        pytest.skip(shim.WHY_NOT)
    return tui_trainer.fake(seconds=0.5)


def armed(command_line: CommandLine, fault: Fault) -> CommandLine:
    environment = {**command_line.environment, **shim.preloading(), **fault.environment()}
    return CommandLine(command_line.folder, environment)


def goes_on_to_the_end(command_line: CommandLine, run: Path) -> None:
    """Whatever a supervisor left, the next one brings the run to its end."""
    assert command_line("resume", "one/1").returncode == ExitCode.DONE
    lines = (run / "epochs.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(1, EPOCHS + 1))
    assert checker.leftovers(run) == []
    for line in (run / "events.jsonl").read_text().splitlines():
        assert json.loads(line)


@pytest.mark.parametrize("fault", BEATS.values(), ids=BEATS)
def test_killed_while_it_beats(faulty: CommandLine, fault: Fault) -> None:
    heartbeat = faulty.folder / "runs" / "one" / "1" / "heartbeat.json"
    assert armed(faulty, fault)("run", "one", "--detach").returncode == ExitCode.DONE
    run = faulty.wait("one/1", lambda run: not run.state.is_live)
    assert json.loads(heartbeat.read_text())["beat"] in {1, 2}
    assert run.state is State.CRASHED
    goes_on_to_the_end(faulty, heartbeat.parent)


@pytest.mark.parametrize("fault", CLAIMS.values(), ids=CLAIMS)
def test_killed_while_it_claims(faulty: CommandLine, fault: Fault) -> None:
    done = armed(faulty, fault)("run", "one")
    assert done.returncode == ExitCode.CRASHED
    run = faulty.wait("one/1", lambda run: not run.state.is_live)
    assert run.state in {State.FAILED, State.CRASHED}
    assert "Traceback" not in done.stdout + done.stderr
    goes_on_to_the_end(faulty, run.folder.path)


def test_killed_while_it_records_the_end(faulty: CommandLine) -> None:
    assert armed(faulty, END)("run", "one").returncode == ExitCode.CRASHED
    run = faulty.look("one/1")
    assert run.state is State.CRASHED
    goes_on_to_the_end(faulty, run.folder.path)


def test_a_command_that_is_killed_while_it_launches(faulty: CommandLine) -> None:
    assert armed(faulty, LAUNCH)("run", "one").returncode == -signal.SIGKILL
    run = faulty.look("one/1")
    assert run.state is State.FAILED
    assert "cut off" in run.cause
    goes_on_to_the_end(faulty, run.folder.path)


def test_a_disk_that_fails_every_beat_does_not_end_the_run(faulty: CommandLine) -> None:
    fault = Fault(match="*heartbeat*", call="write", do=28, stays=True)
    done = armed(faulty, fault)("run", "one")
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    assert not (faulty.folder / "runs" / "one" / "1" / "heartbeat.json").exists()


def test_a_beat_is_never_seen_half(faulty: CommandLine) -> None:
    faulty("run", "one", "--detach")
    heartbeat = faulty.folder / "runs" / "one" / "1" / "heartbeat.json"
    beats = set()
    while faulty.look("one/1").state is not State.FINISHED:
        if heartbeat.exists():
            beats.add(json.loads(heartbeat.read_text())["beat"])
        time.sleep(0.001)
    assert len(beats) > 1
