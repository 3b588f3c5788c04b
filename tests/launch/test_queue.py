"""Many runs on few slots: real supervisors over a fake core that comes to every kind of end."""

from __future__ import annotations

import json
import re
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.conftest import ROOT, CommandLine, kill, wait_until, wait_until_gone
from tui_trainer.errors import OwnedByAnotherError
from tui_trainer.launch import launcher
from tui_trainer.launch.launcher import launch
from tui_trainer.launch.queue import standing
from tui_trainer.launch.slots import Pool
from tui_trainer.record.claim import claim
from tui_trainer.record.heartbeat import Heartbeat
from tui_trainer.record.index import Index, RunReader
from tui_trainer.record.state import State
from tui_trainer.record.trash import trash
from tui_trainer.spec.project import load_project
from tui_trainer.study.queue_forecast import outlook

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tui_trainer.record.index import Run
    from tui_trainer.record.run_folder import RunFolder


class Planted(NamedTuple):
    """An end, and the state that a run with it is to be in."""

    knobs: dict[str, Any]
    states: set[State]


DONE = Planted({}, {State.FINISHED})
ENDS = (
    DONE,
    Planted({"crash_at": 3}, {State.CRASHED}),
    Planted({"exit_at": 2, "code": 5}, {State.CRASHED}),
    DONE,
    Planted({"kill_at": 3}, {State.CRASHED}),
    Planted({"hang_at": 2}, {State.STOPPED}),  # by the test
    Planted({"exit_at": 1, "code": 3}, {State.FAILED}),
    DONE,
    Planted({"exit_at": 3, "code": 75}, {State.INTERRUPTED}),
    Planted({"exit_at": 2, "code": 0}, {State.CRASHED}),
    Planted({"hang_at": 3, "deaf": True}, {State.CRASHED}),  # killed by the test, all of it
    DONE,
)


class Site:
    """A project on a machine with so many slots, and cores that do as they are told."""

    def __init__(self, project: Path, patch: pytest.MonkeyPatch, slots: int) -> None:
        self.project = load_project(project / "experiments.toml")
        self.runs = project / "runs"
        self._patch = patch
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("TUI_TRAINER_CORE_MODULE", "tests.fakes.core")
        patch.setenv("TUI_TRAINER_CPU_SLOTS", str(slots))

    def launch(self, name: str = "one", **knobs: Any) -> RunFolder:
        self.core(**knobs)
        return launch(self.project, name)

    def core(self, **knobs: Any) -> None:
        """How the cores behave that are started from now on."""
        self._patch.setenv("TUI_TRAINER_FAKE", json.dumps(knobs))

    def wait(self, folder: RunFolder, *states: State) -> Run:
        wait_until(lambda: look(folder).state in states)
        return look(folder)

    def wait_for_core(self, folder: RunFolder) -> None:
        wait_until(
            lambda: (
                (beat := Heartbeat.read(folder.heartbeat_file)) is not None
                and beat.core is not None
            )
        )

    def command_line(self) -> CommandLine:
        """The command line as the environment is by now."""
        return CommandLine(self.project.folder, {"COLUMNS": "200"})

    def done_in(self) -> float | None:
        """Seconds until all is done, as predicted now."""
        now = standing(Pool.here())
        runs = now.with_runs_from_elsewhere(Index(self.runs).look())
        return outlook(runs, now.taken, now.line, now.room).expected.all_done


@pytest.fixture
def site(tui_trainer: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Site:
    """With one slot; what is left running is ended by the command line's own fixture."""
    return Site(tui_trainer.folder, monkeypatch, 1)


def look(folder: RunFolder) -> Run:
    return RunReader(folder).look()


def began(folder: RunFolder) -> float:
    started = look(folder).attempts[0].started
    assert started
    return started


def kill_supervisor(folder: RunFolder) -> None:
    beat = Heartbeat.read(folder.heartbeat_file)
    assert beat
    kill(beat.owner.pid)
    wait_until_gone(beat.owner)


def kill_core(folder: RunFolder) -> None:
    beat = Heartbeat.read(folder.heartbeat_file)
    assert beat
    assert beat.core
    kill(beat.core.pid)
    wait_until_gone(beat.core)


def play(site: Site, seconds: float, ends: Sequence[Planted] = ENDS) -> list[RunFolder]:
    """Launch them all, see each come to its end; prints how right the prediction was."""
    folders = [site.launch(seconds=seconds, **end.knobs) for end in ends]
    wait_until(lambda: bool(look(folders[0]).epochs))
    at, predicted = time.time(), site.done_in()
    for index, end in enumerate(ends):
        if "hang_at" in end.knobs:
            hangs = folders[index]
            wait_until(lambda: len(look(hangs).epochs) == end.knobs["hang_at"] - 1)  # noqa: B023
            if end.knobs.get("deaf"):
                kill_supervisor(hangs)
                kill_core(hangs)
            else:
                launcher.stop(hangs, at_once=True)
    wait_until(lambda: not any(run.state.is_live for run in Index(site.runs).look()), 300)
    took = time.time() - at
    assert predicted is not None
    print(
        f"\nall done: predicted after {predicted:.1f} s, took {took:.1f} s, "
        f"error {100 * (predicted - took) / took:+.0f} %; "
        f"{sum(end is not DONE for end in ends)} of {len(ends)} ends planted, unforeseen",
        file=sys.stderr,
    )
    return folders


def check(folders: list[RunFolder], ends: Sequence[Planted] = ENDS) -> None:
    runs = [look(folder) for folder in folders]
    for run, end in zip(runs, ends, strict=True):
        assert run.state in end.states, (run.name, run.cause)
    starts = [began(folder) for folder in folders]
    assert starts == sorted(starts)


def test_twelve_runs_on_two_slots_keep_their_order_whatever_end_each_comes_to(
    tui_trainer: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(play(Site(tui_trainer.folder, monkeypatch, 2), 0.05))


@pytest.mark.soak
@pytest.mark.parametrize("ends", [ENDS, (DONE,) * 12], ids=["every kind of end", "none planted"])
def test_when_twelve_longer_runs_are_done(
    tui_trainer: CommandLine, monkeypatch: pytest.MonkeyPatch, ends: Sequence[Planted]
) -> None:
    check(play(Site(tui_trainer.folder, monkeypatch, 2), 5.0, ends), ends)


def test_a_run_that_waits_says_for_what_and_can_be_stopped_and_resumed(site: Site) -> None:
    first = site.launch(hang_at=1)
    second = site.launch("two")
    site.wait_for_core(first)
    waits = site.wait(second, State.QUEUED)
    wait_until(lambda: "one/1" in look(second).cause)
    assert look(second).cause == "1st in the queue; one/1 has the slots"
    assert waits.queue
    assert waits.eta_seconds is None
    assert not waits.attempts
    for refused in (trash, claim):
        with pytest.raises(OwnedByAnotherError, match="two/1 is queued"):
            refused(second)
    launcher.stop(second)
    stopped = site.wait(second, State.STOPPED)
    assert stopped.attempts[0].seconds == 0
    launcher.resume(second)
    assert site.wait(second, State.QUEUED).queue == waits.queue  # the place that it had
    launcher.stop(first, at_once=True)
    assert site.wait(second, State.FINISHED).attempts[1].seconds


def test_a_killed_supervisor_keeps_its_slot_for_as_long_as_its_core_lives(site: Site) -> None:
    first = site.launch(hang_at=1)
    site.wait_for_core(first)
    second = site.launch()
    site.wait(second, State.QUEUED)
    kill_supervisor(first)
    beats = look(second).cause, Heartbeat.read(second.heartbeat_file)
    wait_until(lambda: Heartbeat.read(second.heartbeat_file) != beats[1])  # it looked again
    assert look(second).state is State.QUEUED
    freed = time.time()
    kill_core(first)
    site.wait(second, State.FINISHED)
    print(f"\nfree after {began(second) - freed:.2f} s", file=sys.stderr)
    assert look(first).state is State.CRASHED


def test_one_that_is_killed_while_it_waits_keeps_nobody_waiting(site: Site) -> None:
    first = site.launch(hang_at=1)
    second, third = site.launch(), site.launch()
    for waiting in (second, third):
        site.wait(waiting, State.QUEUED)
    kill_supervisor(second)
    launcher.stop(first, at_once=True)
    site.wait(third, State.FINISHED)
    assert look(second).state is State.CRASHED
    assert not standing(Pool.here()).waiting


def test_of_two_that_are_started_at_once_one_waits_for_the_other(site: Site) -> None:
    site.core(seconds=0.2)
    both = [site.command_line().start("run", "one", "--detach") for _ in range(2)]
    for process in both:
        assert process.wait(60) == 0
        process.communicate()
    runs = [site.wait(folder.folder, State.FINISHED) for folder in Index(site.runs).look()]
    earlier, later = sorted(runs, key=lambda run: run.attempts[0].started or 0)
    assert (later.attempts[0].started or 0) > (earlier.epochs[-1].time or 0)


def test_a_run_that_is_not_to_wait_begins_at_once(site: Site) -> None:
    first = site.launch(hang_at=1)
    site.wait_for_core(first)
    site.core()
    assert site.command_line()("run", "one", "--no-queue").returncode == 0
    assert look(first).state.is_live


def test_a_run_keeps_its_slot_over_a_restart(
    tui_trainer: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = tui_trainer.folder / "experiments.toml"
    toml.write_text(toml.read_text().replace("max_restarts = 0", "max_restarts = 1"))
    site = Site(tui_trainer.folder, monkeypatch, 1)
    first = site.launch(crash_at=2)
    second = site.launch()
    assert [site.wait(folder, State.FINISHED) for folder in (first, second)]
    restarted = look(first).attempts[1]
    assert restarted.ended
    assert (look(first).epochs[-1].time or 0) < began(second)


def test_the_commands_show_and_change_the_queue(site: Site) -> None:
    tui_trainer = site.command_line()
    first = site.launch(hang_at=1)
    second, third = site.launch(), site.launch("two")
    site.wait_for_core(first)
    for waiting in (second, third):
        site.wait(waiting, State.QUEUED)
    assert tui_trainer("queue", "move", "two/1", "--first").returncode == 0
    held = tui_trainer("queue", "hold", "one/1", "one/2")  # the first does not wait
    assert (held.returncode, held.stdout) == (2, "one/2 held\n")
    wait_until(lambda: look(second).cause.startswith("held"))
    itself = tui_trainer("queue", "move", "two/1", "--before", "two/1")
    assert (itself.returncode, itself.stdout) == (2, "")
    unread = CommandLine(
        tui_trainer.folder, {**tui_trainer.environment, "TUI_TRAINER_CPU_SLOTS": "0"}
    )
    assert "TUI_TRAINER_CPU_SLOTS='0' is no number of slots" in unread("queue").stderr
    told = tui_trainer("queue").stdout
    assert re.search(r"1  two/1 .*1st in the queue; one/1 has the slots", told)
    assert "1 of 1 slots taken; when all is done cannot be told yet" in told
    assert "without 1 run that is held" in told
    document = tui_trainer.json("queue")
    assert [
        (run["run"], run["state"] == "queued", run["position"]) for run in document["runs"]
    ] == [
        ("one/1", False, None),
        ("two/1", True, 1),
        ("one/2", True, None),
    ]
    assert document["slots"][0]["run"] == "one/1"
    assert document["runs"][2]["held"]
    assert tui_trainer("queue", "priority", "one/1", "1").returncode == 2  # it does not wait
    assert tui_trainer("queue", "move", "two/1").returncode == 2
    assert tui_trainer("queue", "release", "one/2").returncode == 0
    follows = tui_trainer.start("run", "one")
    wait_until((site.runs / "one/3/heartbeat.json").exists)
    launcher.stop(first, at_once=True)
    _, said = follows.communicate(timeout=60)
    assert "queued: " in said
    assert began(third) < began(second)


def test_what_died_is_resumed_in_the_order_of_the_queue(site: Site) -> None:
    first = site.launch("two", hang_at=1)  # not the first by its name
    second, third = site.launch(), site.launch()
    for waiting in (second, third):
        site.wait(waiting, State.QUEUED)
    for folder in (first, second, third):
        kill_supervisor(folder)
    kill_core(first)
    site.core(seconds=0.01)
    assert site.command_line()("resume", "--all", "--detach").stdout.startswith("two/1")
    for folder in (first, second, third):
        site.wait(folder, State.FINISHED)
    starts = [look(folder).history.attempts[2].started or 0 for folder in (first, second, third)]
    assert starts == sorted(starts)


def test_a_signal_ends_the_wait(site: Site) -> None:
    first = site.launch(hang_at=1)
    site.wait_for_core(first)
    second = site.launch()
    site.wait(second, State.QUEUED)
    beat = Heartbeat.read(second.heartbeat_file)
    assert beat
    kill(beat.owner.pid, signal.SIGTERM)
    assert "SIGTERM" in site.wait(second, State.INTERRUPTED).cause
