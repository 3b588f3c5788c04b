"""Threads never exceed what is allotted."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from tui_trainer.launch import resources
from tui_trainer.launch.core_process import core_environment
from tui_trainer.launch.resources import Allotment, allotted_cores, threads_for
from tui_trainer.launch.turn import Share

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def big_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Sixteen cores, and a cgroup tree that a test may fill."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    monkeypatch.setattr(resources, "CGROUP_ROOT", tmp_path)
    monkeypatch.setattr(resources, "OWN_CGROUPS", tmp_path / "self")
    return tmp_path


@pytest.mark.parametrize(
    ("environment", "cores", "source"),
    [
        ({}, 16, "CPU affinity"),
        ({"NSLOTS": "4"}, 4, "NSLOTS"),
        ({"SLURM_CPUS_PER_TASK": "3", "NSLOTS": "8"}, 3, "SLURM_CPUS_PER_TASK"),
        ({"NCPUS": "2"}, 2, "NCPUS"),
        ({"LSB_DJOB_NUMPROC": "5"}, 5, "LSB_DJOB_NUMPROC"),
        ({"NSLOTS": "64"}, 16, "CPU affinity"),
    ],
)
def test_the_smallest_grant_counts(environment: dict[str, str], cores: int, source: str) -> None:
    assert allotted_cores(environment) == Allotment(cores, source)


@pytest.mark.parametrize("garbage", ["", "four", "0", "-2", "1.5", "٣", "9" * 5000])
def test_garbage_is_ignored_and_named(garbage: str) -> None:
    allotment = allotted_cores({"NSLOTS": garbage})
    assert allotment.cores == 16
    assert "NSLOTS" in allotment.warnings[0]


def test_slots_on_other_hosts_are_not_ours(big_machine: Path) -> None:
    here = socket.gethostname()
    hosts = big_machine / "pe_hosts"
    hosts.write_text(f"{here} 3 all.q@{here} UNDEFINED\nnode9 5 all.q@node9 UNDEFINED\n")
    assert allotted_cores({"NSLOTS": "8", "PE_HOSTFILE": str(hosts)}).cores == 3


@pytest.mark.parametrize(
    ("own", "file", "quota", "cores"),
    [
        ("0::/a/b\n", "a/cpu.max", "300000 100000", 3),
        ("0::/a/b\n", "a/b/cpu.max", "50000 100000", 1),
        ("0::/a/b\n", "a/b/cpu.max", "max 100000", 16),
    ],
)
def test_a_cgroup_quota_counts_at_any_level(
    big_machine: Path, own: str, file: str, quota: str, cores: int
) -> None:
    (big_machine / "self").write_text(own)
    (big_machine / file).parent.mkdir(parents=True)
    (big_machine / file).write_text(quota)
    assert allotted_cores({}).cores == cores


def test_a_quota_of_the_first_cgroup_version_counts(big_machine: Path) -> None:
    (big_machine / "self").write_text("4:cpu,cpuacct:/job\n")
    folder = big_machine / "cpu" / "job"
    folder.mkdir(parents=True)
    (folder / "cpu.cfs_quota_us").write_text("200000")
    (folder / "cpu.cfs_period_us").write_text("100000")
    assert allotted_cores({}).cores == 2


def test_declared_slots_never_exceed_the_allotment() -> None:
    assert threads_for(None, Allotment(4, "")) == 4
    assert threads_for(2, Allotment(4, "")) == 2
    assert threads_for(8, Allotment(4, "")) == 4


def test_the_core_gets_its_threads_before_it_starts() -> None:
    environment = core_environment(
        {"OMP_NUM_THREADS": "64", "HOME": "/h"}, 3, 7, Share(2, "NSLOTS", 0.0)
    )
    assert environment["OMP_NUM_THREADS"] == "2"
    assert environment["HOME"] == "/h"
    assert environment["TUI_TRAINER_ATTEMPT"] == "3"
    assert environment["TUI_TRAINER_PROGRESS_FD"] == "7"
