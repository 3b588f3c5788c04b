"""What a user of any cluster goes through, with a real scheduler."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
from typing import TYPE_CHECKING

from tests.clusters.conftest import kill_hard
from tests.conftest import wait_until, wait_until_gone
from tui_trainer.errors import ExitCode
from tui_trainer.launch.clusters import scheduler, watch
from tui_trainer.launch.clusters.submission import scheduler_of
from tui_trainer.record import sighting
from tui_trainer.record.heartbeat import Heartbeat
from tui_trainer.record.index import RunReader
from tui_trainer.record.run_folder import find_run
from tui_trainer.record.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

    from tests.clusters.conftest import Site
    from tui_trainer.record.index import Run

# A network that takes its time in the first attempt of a job, and in nothing else.
SLOW_AT_FIRST = """\
import os
import time
from torch import nn
IN_A_JOB = os.environ.get("SLURM_JOB_ID") or os.environ.get("JOB_ID")
class SlowAtFirst(nn.Sequential):
    def forward(self, images):
        if IN_A_JOB and os.environ["TUI_TRAINER_ATTEMPT"] == "1" and self.training:
            time.sleep(2)
        return super().forward(images)
def build(classes, size):
    layers = nn.Flatten(), nn.Linear(3 * size * size, 16), nn.ReLU(), nn.Linear(16, classes)
    return SlowAtFirst(*layers)
"""


class Stories:
    """Collected for each scheduler, whose class names its cluster."""

    wall_time: str
    """Of a job that is to be ended by it."""

    def let_the_wall_time_end(self, site: Site) -> None:
        """Have that happen to the job of the newest run, and to no later one."""
        raise NotImplementedError

    def test_a_run_is_a_job_and_comes_to_its_end(self, site: Site) -> None:
        done = site.fake()("run", "one")
        assert done.returncode == ExitCode.DONE, done.stderr
        run = site.command.look("one")
        assert run.state is State.FINISHED
        job = run.history.job
        assert job is not None
        owner = run.attempts[0].owner
        assert owner is not None
        assert owner.job_id == job.job_id
        script = run.folder.job(1).script.read_text()
        assert "exec /" in script
        assert run.folder.path.name in script
        shown = site.command.json("show", "one")["job"]
        assert (shown["id"], shown["script"]) == (job.job_id, "jobs/1/job.sh")

    def test_a_job_whose_submitter_was_killed_is_found_again(
        self, site: Site, tmp_path: Path
    ) -> None:
        site.configure(site.held)
        slurm = site.cluster.kind == "slurm"
        with killed_after(tmp_path, "sbatch" if slurm else "qsub") as path:
            command = site.fake()
            command.environment["PATH"] = path
            assert command("run", "one", "--detach").returncode == -signal.SIGKILL
        run = site.command.look("one")
        assert run.state is State.QUEUED
        assert run.history.job is not None
        assert not run.history.job.job_id
        found = self.asked(site, lambda run: "held" in run.cause)
        job = found.history.job
        assert job is not None
        assert job.job_id in found.cause
        # The very same job goes on.
        site.cluster.release(job.job_id)
        assert site.command.wait("one", is_over).state is State.FINISHED
        assert site.command.look("one").folder.job(2).path.exists() is False

    def test_a_queued_run_is_cancelled_and_resumed(self, site: Site) -> None:
        site.configure(site.held)
        command = site.fake()
        assert command("run", "one", "--detach").returncode == ExitCode.DONE
        assert command("resume", "one").returncode == ExitCode.OWNED
        stopped = command("stop", "one")
        assert stopped.returncode == ExitCode.DONE, stopped.stderr
        assert "stopped" in stopped.stdout
        wait_until(
            lambda: (
                not [
                    s
                    for s in scheduler_of(site.cluster.kind).poll()
                    if s.word.value not in {"over", "ends"} and s.name.startswith("tt-one")
                ]
            )
        )
        site.configure()
        done = command("resume", "one")
        assert done.returncode == ExitCode.DONE, done.stderr
        run = command.look("one")
        assert run.state is State.FINISHED
        assert len(run.attempts) == 1

    def test_a_running_job_stops_by_the_run_folder_and_stays_stopped(self, site: Site) -> None:
        command = site.fake(seconds=30)
        command("run", "one", "--detach")
        command.wait("one", trains)
        assert command("stop", "one").returncode == ExitCode.DONE
        run = self.asked(site, lambda run: run.state is State.STOPPED)
        assert len(run.attempts) == 1

    def test_a_scheduler_that_is_silent_changes_no_state_and_is_told(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        command = site.fake(seconds=30)
        command("run", "one", "--detach")
        command.wait("one", trains)
        site.configure(site.held)
        command("run", "one", "--detach")
        self.asked(site, lambda run: "held" in run.cause, "one/2")
        monkeypatch.setattr(scheduler, "ANSWER_SECONDS", 2.0)
        monkeypatch.setattr(sighting, "SILENCE_TOLD_SECONDS", 1.0)
        os.kill(site.cluster.controller, signal.SIGSTOP)
        try:
            run = self.asked(site, lambda run: "has not answered" in run.cause, "one/2")
            assert run.state is State.QUEUED
            assert command.look("one/1").state is State.RUNNING
        finally:
            os.kill(site.cluster.controller, signal.SIGCONT)
        run = self.asked(site, lambda run: "has not answered" not in run.cause, "one/2")
        assert "held" in run.cause

    def test_a_job_that_is_killed_without_a_word_is_told_by_its_scheduler(self, site: Site) -> None:
        command = site.fake(seconds=30)
        command("run", "one", "--detach")
        run = command.wait("one", trains)
        beat = Heartbeat.read(run.folder.heartbeat_file)
        assert beat is not None
        assert beat.core is not None
        for owner in (beat.owner, beat.core):
            kill_hard(owner.pid)
        wait_until_gone(beat.owner, beat.core)
        assert command.look("one").state in {State.CRASHED, State.QUEUED}
        run = self.asked(site, lambda run: "job" in run.cause and "ended" in run.cause)
        assert run.state is State.CRASHED
        assert "signal 9" in run.cause or "exit status 137" in run.cause

    def test_a_job_that_is_put_back_goes_on_as_another_attempt(self, site: Site) -> None:
        command = site.fake(seconds=1, hurries=True)
        command("run", "one", "--detach")
        run = command.wait("one", lambda run: len(run.epochs) >= 1)
        job = run.history.job
        assert job is not None
        site.cluster.put_back(job.job_id)
        run = self.asked(site, lambda run: run.state is not State.RUNNING)
        assert run.state is State.QUEUED, run.cause
        run = self.asked(site, lambda run: not run.state.is_live)
        assert run.state is State.FINISHED, run.cause
        assert len(run.attempts) == 2
        assert [epoch.epoch for epoch in run.epochs] == [1, 2, 3, 4]

    def test_a_run_longer_than_its_wall_time_goes_on_by_itself_to_the_same_result(
        self, site: Site
    ) -> None:
        (site.folder / "slow.py").write_text(SLOW_AT_FIRST)
        settings = ["--set", "model={name='slow:build'}", "--no-preflight"]
        # Of Grid Engine's it is a limit on addresses, of which torch takes many.
        memory = "3G" if site.cluster.kind == "slurm" else "64G"
        site.configure(walltime=self.wall_time, memory=memory, max_restarts=9)
        done = site.command("run", "one", "--detach", *settings)
        assert done.returncode == ExitCode.DONE, done.stderr
        self.let_the_wall_time_end(site)
        run = site.command.wait("one/1", is_over, seconds=200)
        assert run.state is State.FINISHED, run.cause
        *stopped, last = run.attempts
        assert stopped
        assert {attempt.exit_code for attempt in stopped} == {ExitCode.STOPPED}
        assert last.exit_code == ExitCode.DONE
        here = ("run", "one", "--launcher", "local", *settings)
        assert site.command(*here, seconds=200).returncode == ExitCode.DONE
        assert weights(run) == weights(site.command.look("one/2"))

    def asked(self, site: Site, until: Callable[[Run], bool], name: str = "one") -> Run:
        """The run once something holds, with its scheduler asked in between."""
        reader = RunReader(find_run(site.folder / "runs", name))
        seen: list[Run] = []

        def holds() -> bool:
            seen[:] = watch.look_and_ask(lambda: [reader.look()])
            return until(seen[0])

        try:
            wait_until(holds, seconds=60)
        except AssertionError as error:
            raise AssertionError(f"{seen[0].state}: {seen[0].cause}") from error
        return seen[0]


def is_over(run: Run) -> bool:
    return not run.state.is_live


def trains(run: Run) -> bool:
    return run.progress is not None and run.progress.step > 0


def weights(run: Run) -> dict[str, str]:
    """The digest of each epoch's weights that was recorded last."""
    saved = run.history.checkpoint
    assert saved is not None
    return {saved.checkpoint: saved.weights_sha256}


@contextlib.contextmanager
def killed_after(folder: Path, program: str) -> Iterator[str]:
    """A PATH on which a program does what it does, and whoever called it dies of it."""
    real = shutil.which(program)
    programs = folder / "programs"
    programs.mkdir()
    fatal = programs / program
    fatal.write_text(f'#!/bin/bash\n{real} "$@" >/dev/null\nkill -9 $PPID\n')
    fatal.chmod(fatal.stat().st_mode | stat.S_IXUSR)
    yield f"{programs}:{os.environ['PATH']}"
