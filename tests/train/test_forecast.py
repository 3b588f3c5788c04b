"""What a run will need: told from its schedule, its checkpoints and the time of its steps."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.faults.small_disk import SmallDisk
from tests.train.conftest import experiment_of
from tui_trainer.errors import PreflightError
from tui_trainer.train import forecast
from tui_trainer.train.equipment import Equipment
from tui_trainer.train.forecast import Need, room, schedule, time_needed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LR = "torch.optim.lr_scheduler"
MB = 1_000_000


def scheduled(project: Path, epochs: int = 20, **settings: Any) -> Any:
    changes = {"scheduler": settings, "epochs": epochs, "optimizer": {"name": "sgd", "lr": 0.1}}
    return schedule(Equipment(experiment_of(**changes), project))


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "none"},
        {"name": "one_cycle_lr"},
        {"name": "cosine_annealing_lr"},
        {"name": "step_lr", "step_size": 5},
        {"name": "multi_step_lr", "milestones": [10, 15]},
        {"name": "reduce_lr_on_plateau"},
        {"name": f"{LR}.OneCycleLR", "max_lr": 0.1, "total_steps": 80},
        {"name": f"{LR}.CosineAnnealingWarmRestarts", "T_0": 5},
    ],
    ids=lambda settings: settings["name"],
)
def test_a_schedule_that_fits_is_in_order(project: Path, settings: dict[str, Any]) -> None:
    assert scheduled(project, **settings).level == "ok"


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"name": "step_lr", "step_size": 30}, "step_lr changes nothing within 20 epochs"),
        (
            {"name": "cosine_annealing_lr", "T_max": 10},
            "after epoch 10 of 20 the learning rate rises again",
        ),
        (
            {"name": "step_lr", "step_size": 1, "gamma": 0.1},
            "after epoch 6 of 20 the learning rate is under 1e-05 of its peak: nothing is learnt",
        ),
        (
            {"name": f"{LR}.OneCycleLR", "max_lr": 0.1, "total_steps": 800},
            "is laid out for 800 steps, but the run takes 80",
        ),
    ],
)
def test_what_is_probably_not_meant_is_a_warning(
    project: Path, settings: dict[str, Any], found: str
) -> None:
    finding = scheduled(project, **settings)
    assert finding.level == "warning"
    assert found in finding.found


def test_a_long_run_is_followed_only_at_its_beginning(project: Path) -> None:
    began = time.process_time()
    finding = scheduled(project, epochs=1_000_000, name="one_cycle_lr")
    assert finding.level == "ok"
    assert finding.found.endswith("after epoch 5000")
    # A million epochs would be four million steps of ten microseconds.
    assert time.process_time() - began < 20


def test_parameters_that_a_class_does_not_take_are_an_error(project: Path) -> None:
    with pytest.raises(PreflightError, match="gama"):
        scheduled(project, name=f"{LR}.ExponentialLR", gama=0.9)


@pytest.mark.parametrize(
    ("epoch_seconds", "epochs", "walltime", "level", "found"),
    [
        (
            516,
            50,
            "6:00:00",
            "warning",
            "50 epochs need about 7 h 10 min; the wall-time is 6 h: it will be resumed once",
        ),
        (516, 50, "3:00:00", "warning", "the wall-time is 3 h: it will be resumed twice"),
        (516, 50, "0:30:00", "warning", "the wall-time is 30 min: it will be resumed 14 times"),
        (516, 50, "8:00:00", "ok", "50 epochs need about 7 h 10 min; the wall-time is 8 h"),
        (516, 1, None, "ok", "1 epoch needs about 9 min, 9 min each"),
        (90_000, 2, None, "ok", "2 epochs need about 2 d 2 h, 1 d 1 h each"),
        (0.2, 3, None, "ok", "3 epochs need under 1 s, under 1 s each"),
    ],
)
def test_time_is_compared_with_the_wall_time(
    epoch_seconds: float, epochs: int, walltime: str | None, level: str, found: str
) -> None:
    experiment = experiment_of(resources={"walltime": walltime} if walltime else {})
    finding = time_needed(experiment, epoch_seconds, epochs)
    assert finding.level == level
    assert found in finding.found


@pytest.mark.parametrize(("epoch_seconds", "epochs"), [(0.0, 50), (3600.0, 0)])
def test_nothing_is_foretold_of_nothing(epoch_seconds: float, epochs: int) -> None:
    experiment = experiment_of(resources={"walltime": "1:00:00"})
    finding = time_needed(experiment, epoch_seconds, epochs)
    assert (finding.level, "resumed" in finding.found) == ("ok", False)


def test_what_slurm_says_of_the_job_counts_more_than_what_was_declared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    experiment = experiment_of(resources={"walltime": "100:00:00"})
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(int(time.time()) + 7200))
    finding = time_needed(experiment, 3600.0, 3)
    assert "the wall-time is 2 h: it will be resumed once" in finding.found


def test_a_job_that_goes_on_by_itself_is_nothing_to_warn_of() -> None:
    experiment = experiment_of(launcher="slurm", resources={"walltime": "6:00:00"})
    finding = time_needed(experiment, 516.0, 50)
    assert finding.level == "ok"
    assert "it will take 2 jobs" in finding.found


def test_checkpoints_that_stand_at_once_are_counted() -> None:
    assert Need(MB, 1, 0).total == pytest.approx(2 * MB, rel=0.01)
    assert Need(MB, 50, 0).total == pytest.approx(4 * MB, rel=0.1)
    # At a resume three stand already; one is written aside.
    assert Need(MB, 50, 0, 3 * MB).total == pytest.approx(MB, rel=0.3)
    assert Need(MB, 0, 500, 3 * MB).total == 500
    # Of those within an epoch the newest two are kept.
    assert Need(MB, 50, 0, saves_within=1).total == pytest.approx(5 * MB, rel=0.1)
    assert Need(MB, 50, 0, saves_within=9).total == pytest.approx(6 * MB, rel=0.1)


@pytest.mark.parametrize(("epoch_seconds", "times"), [(299, 0), (301, 1), (3601, 12)])
def test_an_epoch_is_saved_within_where_it_is_long(epoch_seconds: float, times: int) -> None:
    assert forecast.saves_within(experiment_of(), epoch_seconds) == times


class TestRoom:
    @pytest.fixture
    def disk(self, tmp_path: Path) -> Iterator[Path]:
        """Ten megabytes of their own."""
        with SmallDisk.mounted(tmp_path / "disk", "size=10m") as disk:
            yield disk.place

    @pytest.mark.parametrize(("count", "level"), [(MB, "ok"), (2 * MB, "warning")])
    def test_enough(self, disk: Path, count: int, level: str) -> None:
        finding = room(disk, Need(count, 50, 0))
        assert finding.level == level
        assert finding.found.endswith("10 MB are free")
        assert not list(disk.iterdir())

    def test_too_little(self, disk: Path) -> None:
        with pytest.raises(PreflightError, match=r"12 MB will be needed at .*, and 10 MB are free"):
            room(disk, Need(3 * MB, 50, 0))

    def test_a_quota_refuses_what_the_disk_would_take(
        self, disk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Quotas cannot be set up here; as with one, the disk says that there is room, and ENOSPC
        # comes from the file system itself.
        class Usage(NamedTuple):
            free: int

        monkeypatch.setattr(shutil, "disk_usage", lambda _place: Usage(10**12))
        with pytest.raises(PreflightError, match="that much is refused: No space left on device"):
            room(disk, Need(3 * MB, 50, 0))
        assert not list(disk.iterdir())

    def test_a_file_system_that_cannot_reserve_is_believed(
        self, disk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(forecast, "_UNSUPPORTED", {28})
        monkeypatch.setattr(shutil, "disk_usage", lambda _place: type("Usage", (), {"free": 10**9}))
        assert room(disk, Need(3 * MB, 50, 0)).level == "ok"
