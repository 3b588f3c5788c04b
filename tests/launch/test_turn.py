"""Whose turn it is: several in line within this one process, under the kernel's own locks."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.small_disk import SmallDisk
from tests.tui.run_folders import RunWriter, write_project
from tui_trainer.errors import UsageError
from tui_trainer.launch import launcher, queue
from tui_trainer.launch.gpu_choice import Driver, GpuChoice
from tui_trainer.launch.slots import Pool, is_locked, job_name
from tui_trainer.launch.tickets import tickets
from tui_trainer.launch.turn import AtOnce, InLine, turn_of
from tui_trainer.record.owner import Owner
from tui_trainer.record.place import Place
from tui_trainer.record.run_folder import RunFolder
from tui_trainer.spec.experiment import Resources

if TYPE_CHECKING:
    from collections.abc import Callable


class SilentDriver(Driver):
    """Tells who computes on which GPU."""

    def __init__(self, **others: str) -> None:
        super().__init__()
        self.others = others

    def others_on(self, choice: GpuChoice) -> str:
        return self.others.get(choice.id, "")


def pool_of(folder: Path, cpus: int, *gpus: str, driver: Driver | None = None) -> Pool:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    choices = tuple(GpuChoice(name, f"GPU {name}", name) for name in gpus)
    return Pool(folder, cpus, choices, driver or SilentDriver())


@pytest.fixture
def stand(tmp_path: Path) -> Callable[..., InLine]:
    """Puts runs in line, each behind the last: `stand(pool, "cnn/1", slots=2)`."""
    ranks = iter(range(1000, 1_000_000, 1000))

    def stand(
        pool: Pool, name: str, resources: Resources | None = None, project: str = ""
    ) -> InLine:
        folder = RunFolder(tmp_path / project / "runs" / name)
        folder.path.mkdir(parents=True, exist_ok=True)
        if not folder.queue_file.exists():
            Place(rank=next(ranks)).write(folder.queue_file)
        turn = InLine(folder, resources or Resources(slots=1), pool)
        turn.line_up()
        return turn

    return stand


def test_a_run_of_another_project_is_named_with_it(
    own_slots: Path, stand: Callable[..., InLine]
) -> None:
    pool = pool_of(own_slots, 1)
    theirs, ours = stand(pool, "cnn/1", project="faces"), stand(pool, "cnn/1")
    assert theirs.has_come()
    assert not ours.has_come()
    assert ours.cause == "1st in the queue; cnn/1 (faces) has the slots"


def test_runs_begin_in_the_order_in_which_they_came(
    own_slots: Path, stand: Callable[..., InLine]
) -> None:
    pool = pool_of(own_slots, 1)
    first, second, third = (stand(pool, f"cnn/{number}") for number in (1, 2, 3))
    assert not third.has_come()
    assert third.cause == "3rd in the queue"
    assert not second.has_come()
    assert first.has_come()
    assert not third.has_come()
    assert third.cause == "2nd in the queue"
    assert not second.has_come()
    assert second.cause == "1st in the queue; cnn/1 has the slots"
    first.step_back()
    assert not third.has_come()
    assert second.has_come()


def test_a_run_that_wants_many_slots_is_not_overtaken(
    own_slots: Path, stand: Callable[..., InLine]
) -> None:
    pool = pool_of(own_slots, 2)
    small, big = stand(pool, "cnn/1"), stand(pool, "cnn/2", Resources())
    late = stand(pool, "cnn/3")
    assert small.has_come()
    assert not big.has_come()
    assert not late.has_come()  # although a slot is free
    small.step_back()
    assert not late.has_come()
    assert big.has_come()
    assert big.share().descriptors != ()
    big.step_back()
    assert late.has_come()


def test_more_slots_than_there_are_means_all(own_slots: Path, stand: Callable[..., InLine]) -> None:
    pool = pool_of(own_slots, 2)
    greedy, other = stand(pool, "cnn/1", Resources(slots=64)), stand(pool, "cnn/2")
    assert greedy.has_come()
    assert not other.has_come()


def test_a_run_that_never_had_a_place_gets_one_behind_all_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = write_project(tmp_path / "digits")
    folder = RunWriter(project, "cnn2").start().train(1).end(75)
    folder.queue_file.unlink(missing_ok=True)
    monkeypatch.setattr(launcher, "start_supervisor", lambda *_, **__: 1)
    before = Place.at_the_end()
    launcher.resume(folder)
    place = Place.read(folder.queue_file)
    assert place.rank >= before.rank
    launcher.resume(folder)
    assert Place.read(folder.queue_file) == place


def test_a_held_run_lets_the_others_go_by(own_slots: Path, stand: Callable[..., InLine]) -> None:
    pool = pool_of(own_slots, 1)
    held, other = stand(pool, "cnn/1"), stand(pool, "cnn/2")
    place = held._folder.queue_file
    Place(rank=1000, held=True).write(place)
    assert not held.has_come()
    assert held.cause == "held; tui-trainer queue release cnn/1 lets it go on"
    assert other.has_come()
    other.step_back()
    assert not held.has_come()
    Place(rank=1000).write(place)
    assert held.has_come()


def test_a_place_that_was_changed_counts(own_slots: Path, stand: Callable[..., InLine]) -> None:
    pool = pool_of(own_slots, 1)
    first, second = stand(pool, "cnn/1"), stand(pool, "cnn/2")
    Place(rank=2000, priority=1).write(second._folder.queue_file)
    second.has_come()
    assert not first.has_come()
    assert second._slots is not None


def test_the_ticket_of_a_dead_run_is_removed_by_who_stands_behind_it(
    own_slots: Path, stand: Callable[..., InLine]
) -> None:
    pool = pool_of(own_slots, 1)
    dead, behind = stand(pool, "cnn/1"), stand(pool, "cnn/2")
    assert not behind.has_come()
    os.close(dead._descriptor)  # as the kernel does for a process that was killed
    assert behind.has_come()
    assert tickets(pool) == []


def test_who_is_suspended_is_gone_by(
    own_slots: Path, stand: Callable[..., InLine], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = pool_of(own_slots, 1)
    sleeps, other = stand(pool, "cnn/1"), stand(pool, "cnn/2")
    asleep = sleeps._ticket and sleeps._ticket.token
    monkeypatch.setattr(Owner, "is_suspended", lambda owner: owner.token == asleep)
    assert other.has_come()


def test_tickets_that_somebody_removed_are_written_again(
    own_slots: Path, stand: Callable[..., InLine]
) -> None:
    pool = pool_of(own_slots, 1)
    first, second = stand(pool, "cnn/1"), stand(pool, "cnn/2")
    shutil.rmtree(own_slots)
    assert second.has_come()  # nobody else stands there yet
    assert not first.has_come()
    assert [ticket.folder().run for ticket in tickets(pool)] == ["cnn/1"]


def test_a_job_whose_slots_somebody_removed_makes_them_again(
    own_slots: Path, stand: Callable[..., InLine]
) -> None:
    own_slots.mkdir(mode=0o700, parents=True)
    turn = stand(pool_of(own_slots / "job-7", 1), "cnn/1")
    shutil.rmtree(own_slots)
    assert turn.has_come()


def test_slots_that_became_somebody_else_s_are_not_written_to(
    own_slots: Path, stand: Callable[..., InLine], tmp_path: Path
) -> None:
    turn = stand(pool_of(own_slots, 1), "cnn/1")
    shutil.rmtree(own_slots)
    (tmp_path / "elsewhere").mkdir()
    own_slots.symlink_to(tmp_path / "elsewhere")
    assert not turn.has_come()
    assert "no folder of yours alone" in turn.cause
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_place_that_cannot_be_left_is_left_all_the_same(
    own_slots: Path, stand: Callable[..., InLine]
) -> None:
    turn = stand(pool_of(own_slots, 1), "cnn/1")
    shutil.rmtree(own_slots / "waiting")
    (own_slots / "waiting").write_text("in the way")
    turn.step_back()
    assert turn._ticket is None


def test_a_run_whose_folder_is_out_of_sight_for_a_moment_keeps_its_place(
    own_slots: Path, stand: Callable[..., InLine]
) -> None:
    pool = pool_of(own_slots, 1)
    first, second = stand(pool, "cnn/1"), stand(pool, "cnn/2")
    second._folder.queue_file.unlink()
    assert not second.has_come()
    assert first.has_come()


def test_gpus_and_processors_have_lines_of_their_own(
    own_slots: Path, stand: Callable[..., InLine]
) -> None:
    pool = pool_of(own_slots, 1, "A", "B")
    cpu = Resources(slots=1, device="cpu")
    on_cpu, next_on_cpu = stand(pool, "cnn/1", cpu), stand(pool, "cnn/2", cpu)
    gpus = [stand(pool, f"gpu/{number}", Resources(device="cuda")) for number in (1, 2, 3)]
    assert on_cpu.has_come()
    assert not next_on_cpu.has_come()
    assert [turn.has_come() for turn in gpus] == [True, True, False]
    assert [turn.share().environment for turn in gpus[:2]] == [
        {"CUDA_VISIBLE_DEVICES": "A"},
        {"CUDA_VISIBLE_DEVICES": "B"},
    ]
    assert gpus[2].cause == "1st in the queue; gpu/1 and gpu/2 have the slots"


def test_a_gpu_that_others_compute_on_is_waited_for(
    own_slots: Path, stand: Callable[..., InLine]
) -> None:
    driver = SilentDriver(A="GPU A: pid 4242 (python) of user x computes on it")
    pool = pool_of(own_slots, 1, "A", driver=driver)
    turn = stand(pool, "gpu/1", Resources(device="cuda"))
    assert not turn.has_come()
    assert turn.cause == (
        "1st in the queue; waits for GPU A: pid 4242 (python) of user x computes on it"
    )
    driver.others.clear()
    assert turn.has_come()


def test_a_slot_is_taken_for_as_long_as_any_process_has_its_descriptor(
    own_slots: Path, stand: Callable[..., InLine]
) -> None:
    pool = pool_of(own_slots, 1)
    turn = stand(pool, "cnn/1")
    assert turn.has_come()
    (descriptor,) = turn.share().descriptors
    of_the_core = os.dup(descriptor)
    turn.step_back()
    assert is_locked(own_slots / "cpu-0")
    os.close(of_the_core)
    assert not is_locked(own_slots / "cpu-0")


@pytest.mark.parametrize("mode", [0o755, 0o770])
def test_a_folder_that_others_may_enter_is_refused(own_slots: Path, mode: int) -> None:
    own_slots.mkdir(parents=True)
    own_slots.chmod(mode)
    with pytest.raises(UsageError, match="no folder of yours alone"):
        Pool.here()


def test_a_link_in_place_of_the_folder_is_refused(own_slots: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    own_slots.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="no folder of yours alone"):
        Pool.here()


def test_where_slots_cannot_be_kept_a_run_begins_all_the_same_and_says_so(
    own_slots: Path, tmp_path: Path
) -> None:
    own_slots.write_text("in the way")
    turn = turn_of(RunFolder(tmp_path / "runs/cnn/1"), Resources())
    assert isinstance(turn, AtOnce)
    assert turn.has_come()
    assert "started without a place in the queue" in turn.share().warnings[-1]


def test_a_full_disk_is_waited_for_in_the_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmallDisk.mounted(tmp_path / "small", "size=256k,nr_inodes=3,mode=700") as disk:
        monkeypatch.setenv("TUI_TRAINER_SLOTS_FOLDER", str(disk.place))
        filler = disk.fill()
        (disk.place / "waiting").mkdir(mode=0o700)
        turn = turn_of(RunFolder(tmp_path / "runs/cnn/1"), Resources(slots=1))
        assert not turn.has_come()
        assert "No space left on device" in turn.cause
        filler.unlink()
        disk.change("size=256k,nr_inodes=9")
        assert turn.has_come()


def test_a_lock_that_fails_again_and_again_uses_nothing_up(
    own_slots: Path, stand: Callable[..., InLine], monkeypatch: pytest.MonkeyPatch
) -> None:
    turn, lock = stand(pool_of(own_slots, 1), "cnn/1"), fcntl.flock

    def flock(descriptor: int, operation: int) -> None:
        if operation & fcntl.LOCK_EX:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    assert [turn.has_come() for _ in range(9)] == [False] * 9
    assert len(list(descriptors.iterdir())) == before


def test_a_slot_that_cannot_be_looked_at_is_waited_for_in_words(
    own_slots: Path, stand: Callable[..., InLine]
) -> None:
    turn = stand(pool_of(own_slots, 1), "cnn/1")
    (own_slots / "cpu-0").symlink_to("/dev/null")
    assert not turn.has_come()
    assert turn.cause.startswith(f"the slots of this machine cannot be taken: {own_slots}/cpu-0: ")
    (own_slots / "cpu-0").unlink()
    assert turn.has_come()


def test_a_job_of_a_scheduler_has_slots_of_its_own(
    own_slots: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert job_name({"JOB_ID": "7"}) == ""  # anybody may have such a variable
    assert job_name({"JOB_ID": "7", "NSLOTS": "4", "SGE_TASK_ID": "3"}) == "7.3"
    step = {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_PROCID": "3"}
    assert job_name(step) == "7.0.3"  # srun gives each task cores of its own
    assert job_name({"SLURM_JOB_ID": "7", "SLURM_PROCID": "0"}) == "7"
    monkeypatch.delenv("SLURM_STEP_ID", raising=False)
    monkeypatch.setenv("SLURM_JOB_ID", "123")
    pool = Pool.here()
    assert pool.folder == own_slots / "job-123"
    assert pool.is_of_job


def test_runs_are_moved_before_and_behind_others(
    own_slots: Path, stand: Callable[..., InLine], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = pool_of(own_slots, 1)
    runs = [stand(pool, f"cnn/{number}") for number in (1, 2, 3, 4)]
    folders = [turn._folder for turn in runs]
    monkeypatch.setattr(queue, "_place", lambda folder: Place.read(folder.queue_file))
    monkeypatch.setattr(Pool, "here", lambda: pool)

    def order() -> str:
        for turn in runs:
            turn.line_up()
        return "".join(ticket.folder().path.name for ticket in tickets(pool))

    assert order() == "1234"
    queue.move_first(folders[2])
    assert order() == "3124"
    queue.move_last(folders[0])
    assert order() == "3241"
    queue.move_before(folders[0], folders[1])
    assert order() == "3124"
    queue.prioritise(folders[3], 5)
    assert order() == "4312"
    queue.move_before(folders[1], folders[3])
    assert order() == "2431"
    queue.move_first(folders[0])
    assert order() == "1243"


def test_there_is_always_room_between_two(
    own_slots: Path, stand: Callable[..., InLine], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = pool_of(own_slots, 1)
    runs = [stand(pool, f"cnn/{number}") for number in (1, 2, 3, 4)]
    monkeypatch.setattr(queue, "_place", lambda folder: Place.read(folder.queue_file))
    monkeypatch.setattr(Pool, "here", lambda: pool)
    for turn, rank in zip(runs, (7, 8, 8, 9), strict=True):
        Place(rank=rank).write(turn._folder.queue_file)
        turn.line_up()
    queue.move_before(runs[3]._folder, runs[1]._folder)
    ranks = [Place.read(turn._folder.queue_file).rank for turn in runs]
    assert ranks[0] < ranks[3] < ranks[1]
