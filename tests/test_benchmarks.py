from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

ROW = re.compile(r"^\| simple2, 16, (plain script|ours) \|.*% \|$", re.MULTILINE)


@pytest.mark.soak
def test_the_training_benchmark_runs_to_its_tables() -> None:
    options = ("--models", "simple2", "--batch", "16", "--images", "32", "--rounds", "1")
    done = subprocess.run(
        [
            sys.executable,
            "benchmarks/training.py",
            *options,
            "--device",
            "cpu",
            "--without-lightning",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert ROW.findall(done.stdout) == ["plain script", "ours"]
    assert "losses of 10 steps differ from ours by at most plain script" in done.stderr


def test_the_benchmark_of_the_app_measures_it_alone_where_no_peer_is_installed() -> None:
    # In a shorter phase the beginning, when the state changes, would outweigh the epochs.
    done = subprocess.run(
        [sys.executable, "benchmarks/tui.py", "--runs", "2", "--rounds", "1", "--seconds", "6"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for peer in ("LEET", "TensorBoard"):
        assert f"{peer} is not installed, so it is left out" in done.stderr
    assert "NOT SHOWN" not in done.stderr.upper()
    assert "| 2 runs | tui-trainer |\n" in done.stdout
    for bar in (
        "no torch, numpy or sklearn in the process",
        "new epochs are shown as they come",
        "idle 0 bytes",
        "live ≤ 1 kB/s",
    ):
        assert f"   2 runs: {bar}: met" in done.stdout


def test_a_peer_that_is_named_and_not_there_is_told_of() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/tui.py", "--leet", "/nowhere/wandb"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "/nowhere/wandb is no program; install wandb or leave the option out\n"


@pytest.mark.soak
def test_the_benchmark_of_reports_runs_to_its_table() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/report.py", "--runs", "3", "--epochs", "2"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^\| (report\.\w+) \| (\d+) ", done.stdout, re.MULTILINE) == [
        ("report.html", "2"),
        ("report.md", "2"),
        ("report.html", "3"),
        ("report.md", "3"),
    ]
