"""The stories with a real Grid Engine, and what only Grid Engine does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.clusters.stories import Stories
from tui_trainer.errors import ExitCode
from tui_trainer.launch.clusters.grid_engine import GridEngine
from tui_trainer.record.state import State

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clusters.conftest import Cluster, Site


class TestGridEngine(Stories):
    @pytest.fixture
    def cluster(self, grid_engine: Cluster) -> Cluster:
        return grid_engine

    wall_time = "00:00:40"

    def let_the_wall_time_end(self, site: Site) -> None:
        # The next job may take longer, on however slow a machine.
        file = site.command.look("one").folder.experiment_file
        file.write_text(file.read_text().replace(self.wall_time, "01:00:00"))

    def test_a_job_in_error_is_explained_and_goes_on_once_it_is_mended(self, site: Site) -> None:
        site.configure(site.held)
        site.fake()("run", "one", "--detach")
        run = site.command.look("one")
        job = run.history.job
        assert job is not None
        folder = run.folder.job(1).path
        folder.rename(folder.with_name("away"))
        site.cluster.release(job.job_id)
        run = self.asked(site, lambda run: run.state is not State.QUEUED)
        assert run.state is State.FAILED
        assert "can't open output file" in run.cause
        assert "No such file" in run.cause
        folder.with_name("away").rename(folder)
        site.cluster.ask("qmod", "-cj", job.job_id)
        assert self.asked(site, lambda run: run.state is State.FINISHED).attempts

    def test_where_no_job_may_submit_another_one_it_begins_anew_itself(
        self, site: Site, tmp_path: Path
    ) -> None:
        site.configure(walltime="00:00:20", max_restarts=9)
        programs = tmp_path / "programs"
        programs.mkdir()
        command = site.fake(seconds=4, hurries=True)
        command.environment["PATH"] = f"{programs}:{os.environ['PATH']}"
        assert command("run", "one", "--detach").returncode == ExitCode.DONE
        denied = programs / "qsub"
        denied.write_text("#!/bin/sh\necho 'denied: host \"node\" is no submit host'; exit 1\n")
        denied.chmod(0o755)
        run = self.asked(site, lambda run: not run.state.is_live)
        assert run.state is State.FINISHED, run.cause
        assert len(run.attempts) == 2
        assert run.attempts[0].owner
        assert run.attempts[1].owner
        assert run.attempts[0].owner.job_id == run.attempts[1].owner.job_id

    def test_a_job_in_error_is_taken_out_of_the_queue_by_stop(self, site: Site) -> None:
        site.configure(site.held)
        site.fake()("run", "one", "--detach")
        run = site.command.look("one")
        folder = run.folder.job(1).path
        folder.rename(folder.with_name("away"))
        assert run.history.job is not None
        site.cluster.release(run.history.job.job_id)
        self.asked(site, lambda run: run.state is State.FAILED)
        folder.with_name("away").rename(folder)
        assert site.command("stop", "one").returncode == ExitCode.DONE
        assert site.command.look("one").state is State.STOPPED
        assert not [seen for seen in GridEngine().poll() if seen.name.startswith("tt-one")]
