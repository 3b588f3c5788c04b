"""`run STUDY` and `list --study`: nothing twice, nothing forgotten, whatever was killed."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import SMALL_PROJECT, CommandLine, kill, owners_in, wait_until
from tui_trainer.errors import OwnedByAnotherError, UsageError
from tui_trainer.launch.planning import LOCK_NAME, planning

STUDY = """
[studies.s]
description = "how deep?"
base = "one"
grid = { model.depth = [1, 2] }
seeds = 2

[studies.bad]
base = "one"
grid = { model.depth = [1, 0] }
"""
POINTS = ["s.depth-1.seed-0", "s.depth-2.seed-0", "s.depth-1.seed-1", "s.depth-2.seed-1"]


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    (tmp_path / "experiments.toml").write_text(SMALL_PROJECT + STUDY)
    return tmp_path


def statuses(tui_trainer: CommandLine) -> dict[str, str]:
    return {each["point"]: each["status"] for each in tui_trainer.json("list", "--study", "s")}


def folders(project: Path) -> list[str]:
    return sorted(
        str(path.parent.relative_to(project / "runs"))
        for path in project.glob("runs/*/*/experiment.toml")
    )


def test_a_study_runs_what_is_missing_and_the_base_s_own_run_counts(
    tui_trainer: CommandLine, project: Path
) -> None:
    fast = tui_trainer.fake(seconds=0.01)
    assert fast("run", "one").returncode == 0
    done = fast("run", "s")
    assert done.returncode == 0
    assert "s: 4 points: 1 done, 3 to be started" in done.stderr
    assert sorted(line.split()[:2] for line in done.stdout.splitlines()) == sorted(
        [f"{name}/1", word] for name in POINTS[1:] for word in ("started", "finished,")
    )
    assert folders(project) == sorted(["one/1", *(f"{name}/1" for name in POINTS[1:])])
    again = fast("run", "s")
    assert (again.returncode, again.stdout) == (0, "")
    assert "s: 4 points: 4 done" in again.stderr


def test_what_was_killed_half_way_is_completed_by_the_same_command(
    tui_trainer: CommandLine, project: Path
) -> None:
    starter = tui_trainer.fake(seconds=0.01, hang_at=3).start("run", "s")
    for name in POINTS:
        tui_trainer.wait(name, lambda run: len(run.epochs) == 2 and run.progress is not None)
    os.kill(starter.pid, 9)
    starter.communicate()
    for heartbeat in project.glob("runs/*/*/heartbeat.json"):
        for owner in owners_in(heartbeat):
            kill(owner)
    wait_until(lambda: set(statuses(tui_trainer).values()) == {"resumable"})
    completed = tui_trainer.fake(seconds=0.01)("run", "s")
    assert completed.returncode == 0, completed.stderr
    assert "4 points: 4 to be resumed" in completed.stderr
    assert set(statuses(tui_trainer).values()) == {"done"}
    assert folders(project) == sorted(f"{name}/1" for name in POINTS)


def test_two_at_once_start_no_point_twice(tui_trainer: CommandLine, project: Path) -> None:
    fake = tui_trainer.fake(seconds=0.01)
    starters = [fake.start("run", "s") for _ in range(3)]
    assert [starter.wait(120) for starter in starters] == [0, 0, 0]
    started = [line for each in starters for line in each.communicate()[0].splitlines()]
    assert sum(line.endswith(" started") for line in started) == 4
    assert folders(project) == sorted(f"{name}/1" for name in POINTS)


def test_one_crash_ends_no_other_point_and_changes_make_other_runs(
    tui_trainer: CommandLine,
) -> None:
    crashed = tui_trainer.fake(seconds=0.01, crash_at=2)("run", "s", "--set", "epochs=2")
    assert crashed.returncode == 1
    assert crashed.stdout.count("RuntimeError: planted at epoch 2") == 4
    assert "complete it: tui-trainer run s --set epochs=2\n" in crashed.stderr
    assert set(statuses(tui_trainer).values()) == {"missing"}
    varied = tui_trainer("run", "s", "--set", "model.depth=3")
    assert varied.returncode == 2
    assert "--set model.depth=3: the study s varies this key" in varied.stderr


def test_ctrl_c_stops_what_was_started_here(tui_trainer: CommandLine) -> None:
    starter = tui_trainer.fake(seconds=60).start("run", "s")
    for name in POINTS:
        tui_trainer.wait(name, lambda run: run.progress is not None)
    os.kill(starter.pid, 2)
    output, talk = starter.communicate(timeout=60)
    assert starter.returncode == 75
    assert "asked 4 runs to stop after a checkpoint" in talk
    assert output.count(" stopped, ") == 4
    assert set(statuses(tui_trainer).values()) == {"resumable"}


def test_detached_it_returns_once_all_is_launched(tui_trainer: CommandLine) -> None:
    detached = tui_trainer.fake(seconds=60)("run", "s", "--detach")
    assert detached.returncode == 0
    assert [line.split()[1] for line in detached.stdout.splitlines()] == ["started"] * 4
    assert set(statuses(tui_trainer).values()) == {"live"}


def test_a_study_with_a_mistake_and_one_out_of_the_queue_start_nothing(
    tui_trainer: CommandLine, project: Path
) -> None:
    bad = tui_trainer("run", "one", "bad")
    assert bad.returncode == 2
    assert "studies.bad.grid.model.depth[1]: must be an integer from 1 to 100" in bad.stderr
    assert tui_trainer("run", "s", "--no-queue").returncode == 2
    assert not (project / "runs").exists()


def test_the_list_tells_what_would_start_and_what_it_takes(
    tui_trainer: CommandLine, project: Path
) -> None:
    (project / "experiments.toml").write_text(SMALL_PROJECT + STUDY.partition("[studies.bad]")[0])
    before = tui_trainer("list", "--study", "s")
    assert "s: 4 points: 4 to be started" in before.stdout
    assert "not known yet: what 4 points will take" in before.stdout
    assert "tui-trainer preflight s.depth-1.seed-0" in before.stdout
    assert tui_trainer.fake(seconds=0.01)("run", "s.depth-1.seed-0").returncode == 0
    after = tui_trainer.json("list", "--study", "s")
    assert [each["status"] for each in after] == ["done", "missing", "missing", "missing"]
    assert [each["seconds_left"] is None for each in after] == [False, True, False, True]
    assert "to come for 1 of 3 points" in tui_trainer("list", "--study").stdout
    listed = tui_trainer("list")
    assert "s      one   model.depth       4     1  how deep?" in listed.stdout
    wrong = tui_trainer("list", "--study", "ss")
    assert wrong.returncode == 2
    assert "there is no study" in wrong.stderr
    assert "did you mean `s`?" in wrong.stderr


def test_points_with_changes_are_told_before_and_after_they_ran(
    tui_trainer: CommandLine, project: Path
) -> None:
    (project / "experiments.toml").write_text(SMALL_PROJECT + STUDY.partition("[studies.bad]")[0])
    changed = ("s", "--set", "batch_size=16")
    assert tui_trainer("list", "--study", *changed).stdout.endswith(
        "do it: tui-trainer run s --set batch_size=16\n"
    )
    point = ("s.depth-1.seed-0", *changed[1:])
    assert tui_trainer.fake(seconds=0.01)("run", *point).returncode == 0
    listed = tui_trainer.json("list", "--study", *changed)
    assert [each["status"] for each in listed] == ["done", "missing", "missing", "missing"]
    assert [each["n"] for each in tui_trainer.json("study", *changed)["points"]] == [1, 0]
    assert statuses(tui_trainer)["s.depth-1.seed-0"] == "missing"
    varied = tui_trainer("list", "--study", "s", "--set", "model.depth=3")
    assert varied.returncode == 2
    assert "the study s varies this key" in varied.stderr
    assert tui_trainer("list", "--study", "--set", "epochs=3").returncode == 2


def test_a_study_with_a_mistake_is_not_offered(tui_trainer: CommandLine, project: Path) -> None:
    search = "search = { trials = 0, space = { batch_size = [1, 2] } }"
    broken = f'[studies.b]\nbase = "one"\n{search}\n'
    (project / "experiments.toml").write_text(SMALL_PROJECT + STUDY + broken)
    listed = tui_trainer("list", "--study", "bad").stdout
    assert "nothing of bad is started before its mistakes are mended" in listed
    assert "do it" not in listed
    lines = tui_trainer("list").stdout.splitlines()[-3:]
    rows = {line.split()[0]: line.split()[2:4] for line in lines}
    assert rows["bad"] == ["model.depth", "mistakes"]
    assert rows["b"][1] == "mistakes"


def test_who_cannot_plan_says_so(tmp_path: Path) -> None:
    with planning(tmp_path):
        descriptor = os.open(tmp_path / LOCK_NAME, os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(descriptor)
        with (
            pytest.raises(OwnedByAnotherError, match="another command has been starting points"),
            planning(tmp_path, patience=0.1),
        ):
            pass
    with planning(tmp_path, patience=0.0):
        pass


def test_where_the_disk_knows_no_locks_those_of_the_machine_do(
    tmp_path: Path, own_slots: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = fcntl.flock

    def flock(descriptor: int, operation: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").resolve().parent == tmp_path:
            raise OSError(errno.ENOSYS, "no locks here")
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with (
        planning(tmp_path),
        pytest.raises(OwnedByAnotherError),
        planning(tmp_path, patience=0.1),
    ):
        pass
    assert len(list(own_slots.glob("planning-*"))) == 2
    own_slots.chmod(0o755)
    with pytest.raises(UsageError, match="no folder of yours alone"), planning(tmp_path):
        pass


def test_who_starts_point_after_point_lets_another_one_in_between(tmp_path: Path) -> None:
    has_begun, is_over = threading.Event(), threading.Event()

    def start_many() -> None:
        while not is_over.is_set():
            with planning(tmp_path):
                has_begun.set()
                time.sleep(0.2)

    busy = threading.Thread(target=start_many)
    busy.start()
    try:
        assert has_begun.wait(30)
        with planning(tmp_path, patience=5.0):
            pass
    finally:
        is_over.set()
        busy.join()
