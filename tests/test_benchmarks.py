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
