"""The stories with a real Slurm, and what only Slurm does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clusters.stories import Stories, trains
from tests.conftest import wait_until
from tui_trainer.errors import ExitCode
from tui_trainer.record.state import State

if TYPE_CHECKING:
    from tests.clusters.conftest import Cluster, Site


class TestSlurm(Stories):
    @pytest.fixture
    def cluster(self, slurm: Cluster) -> Cluster:
        return slurm

    wall_time = "01:00:00"

    def let_the_wall_time_end(self, site: Site) -> None:
        # What Slurm sends by --signal=B:USR1; its own limits are counted in minutes.
        run = site.command.wait("one", trains)
        job = run.history.job
        assert job is not None
        site.cluster.ask("scancel", "--batch", "--signal=USR1", job.job_id)

    def test_a_job_that_slurm_has_forgotten_is_not_taken_for_a_good_end(self, site: Site) -> None:
        site.configure(site.held)
        site.fake()("run", "one", "--detach")
        job = site.command.look("one").history.job
        assert job is not None
        site.cluster.ask("scancel", job.job_id)
        # MinJobAge is 2 s here.
        wait_until(lambda: not site.cluster.ask("squeue", "-h", "-t", "all", "-o", "%A").split())
        run = self.asked(site, lambda run: not run.state.is_live)
        assert run.state in {State.LOST, State.INTERRUPTED}
        assert job.job_id in run.cause

    def test_a_job_that_is_refused_is_told_in_slurms_words(self, site: Site) -> None:
        site.configure("--partition=nowhere")
        refused = site.fake()("run", "one")
        assert refused.returncode == ExitCode.PREFLIGHT
        assert "error: sbatch: Batch job submission failed: Invalid partition" in refused.stderr
        run = site.command.look("one")
        assert run.state is State.FAILED
        assert "Invalid partition" in run.cause

    def test_where_no_job_may_begin_anew_another_one_goes_on(self, site: Site) -> None:
        site.configure("--no-requeue", walltime="00:00:20", max_restarts=9)
        assert site.fake(seconds=4)("run", "one").returncode == ExitCode.DONE
        run = site.command.look("one")
        assert run.state is State.FINISHED
        assert run.folder.job(2).script.exists()
        assert [epoch.epoch for epoch in run.epochs] == [1, 2, 3, 4]
