"""One warm process and one whole run for each file of tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults import shim
from tests.faults.runs import make_project
from tests.faults.small_disk import SmallDisk
from tests.faults.trial import Bench
from tests.faults.zygote import Zygote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Where trials are made."""
    if shim.WHY_NOT:
        pytest.skip(shim.WHY_NOT)
    with Zygote() as zygote:
        yield Bench(zygote, make_project(tmp_path_factory.mktemp("faults") / "project"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A project on a file system of its own, which only root can make."""
    with SmallDisk.mounted(tmp_path / "disk", "size=8m") as disk:
        yield disk
