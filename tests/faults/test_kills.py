"""Killed anywhere, a run breaks no promise, and resumed it becomes what it would have been."""

from __future__ import annotations

import random
import re
import signal
from typing import TYPE_CHECKING

import pytest

from tests.faults.kill_points import EVENTS, kill_points
from tests.faults.runs import EPOCHS
from tests.faults.shim import KILL_BEFORE, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.trial import Bench

KILL_POINTS = kill_points()
RANDOM_KILLS = 24


@pytest.mark.parametrize("fault", KILL_POINTS.values(), ids=KILL_POINTS)
def test_killed_at_a_named_point(bench: Bench, fault: Fault) -> None:
    trial = bench.trial()
    assert trial.suffer(fault).was_killed, "the point was not reached"
    trial.finish()
    assert trial.faults == []
    trial.remove()


def test_the_named_points_are_many_and_know_every_event(bench: Bench) -> None:
    assert len(KILL_POINTS) >= 36
    lines = (bench.whole.path / "events.jsonl").read_text().splitlines()
    found = [re.findall(r'"event":"(\w+)"', line)[0] for line in lines]
    assert found == [event.partition(" ")[0] for event in EVENTS]


def test_killed_at_random_moments(bench: Bench) -> None:
    """Each is asked for a checkpoint within an epoch first, so that some resume from there."""
    draw, kills = random.Random(4), 0
    for _ in range(20 * RANDOM_KILLS):
        trial = bench.trial()
        moment = draw.uniform(0, bench.seconds)
        ended = trial.suffer(
            None,
            [(draw.uniform(0, moment), signal.SIGUSR1), (moment, signal.SIGKILL)],
        )
        kills += ended.was_killed
        trial.finish()
        assert trial.faults == []
        trial.remove()
        if kills == RANDOM_KILLS:
            return
    pytest.fail(f"only {kills} kills hit a living process")


def test_killed_ten_times_in_a_row_while_it_resumes(bench: Bench) -> None:
    trial = bench.trial()
    everything = f"{trial.folder.path}/*"
    trial.suffer(Fault(match="*/epoch-0002.pt", call="rename", do=KILL_BEFORE))
    for n in range(10):
        assert trial.suffer(Fault(match=everything, at=4 * n + 1, do=KILL_BEFORE)).was_killed
    trial.finish()
    assert trial.faults == []


def test_what_is_named_is_on_the_disk_and_what_is_shown_is_named(
    bench: Bench, tmp_path: Path
) -> None:
    """A power cut loses what was not synced: no kill shows that, the order of the calls does."""
    trial, trace = bench.trial(), tmp_path / "trace"
    bench.zygote.train(trial.folder, trace=trace)
    unsynced, shown = set[str](), 0
    for call, name in calls_in(trace, trial.folder.path):
        if name == "epochs.jsonl" and call == "write":
            assert unsynced == set(), "an epoch is shown before all that it promises is on the disk"
            shown += 1
        elif call == "write":
            unsynced.add(name)
        elif call == "fsync":
            unsynced -= {name, f"names in {name}"}
        elif call in {"rename", "link"}:
            assert name not in unsynced, "it gets its name before its bytes are on the disk"
            unsynced.add(f"names in {name.rpartition('/')[0]}")
    assert unsynced == set()
    assert shown == EPOCHS


def calls_in(trace: Path, run: Path) -> Iterator[tuple[str, str]]:
    """Calls and the files they are about; one that is written aside goes by its final name."""
    for line in trace.read_text().splitlines():
        call, _, path = line.removesuffix("/").partition(" ")
        name = path.removeprefix(f"{run}/")
        yield call, re.sub(r"\.([^/]+)\.\d+\.[0-9a-f]{8}\.tmp", r"\1", name)
