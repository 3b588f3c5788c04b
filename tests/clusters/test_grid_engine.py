"""The stories with a real Grid Engine, and what only Grid Engine does."""

from __future__ import annotations

import pytest

from tests.clusters.conftest import Cluster
from tests.clusters.stories import Stories


class TestGridEngine(Stories):
    @pytest.fixture
    def cluster(self, grid_engine: Cluster) -> Cluster:
        return grid_engine
