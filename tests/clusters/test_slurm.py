"""The stories with a real Slurm, and what only Slurm does."""

from __future__ import annotations

import pytest

from tests.clusters.conftest import Cluster
from tests.clusters.stories import Stories


class TestSlurm(Stories):
    @pytest.fixture
    def cluster(self, slurm: Cluster) -> Cluster:
        return slurm
