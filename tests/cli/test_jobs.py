"""`run --dry-run`: what would be submitted, and nothing else."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tui_trainer.errors import ExitCode
from tui_trainer.record.state import State

if TYPE_CHECKING:
    from tests.conftest import CommandLine

CLUSTER = """
[cluster]
kind = "{kind}"
queue = "long"
account = "lab"
extra = ["{extra}"]
"""
NEEDS = [
    *("--set", "resources.slots=4", "--set", "resources.gpus=1"),
    *("--set", "resources.memory=8G", "--set", "resources.walltime='12:00:00'"),
]


@pytest.mark.parametrize(
    ("kind", "extra", "directives", "command"),
    [
        (
            "slurm",
            "--qos=night",
            [
                *("--partition=long", "--account=lab", "--cpus-per-task=4", "--gres=gpu:1"),
                *("--mem=8G", "--time=12:00:00", "--signal=B:USR1@120", "--requeue"),
                *("--open-mode=append", "--qos=night", "--output=jobs/1/log.txt"),
            ],
            "sbatch --parsable jobs/1/job.sh",
        ),
        (
            "grid_engine",
            "-l cpu=x",
            [
                *("-S /bin/bash", "-q long", "-P lab", "-pe omp 4", "-l gpus=1", "-l h_vmem=2048M"),
                *("-l h_rt=43200", "-l s_rt=43080", "-notify", "-r y", "-l cpu=x", "-j y"),
            ],
            "qsub -terse jobs/1/job.sh",
        ),
    ],
)
def test_a_dry_run_prints_script_and_command_and_submits_nothing(
    tui_trainer: CommandLine, kind: str, extra: str, directives: list[str], command: str
) -> None:
    toml = tui_trainer.folder / "experiments.toml"
    toml.write_text(toml.read_text() + CLUSTER.format(kind=kind, extra=extra))
    tui_trainer.environment.update({"NSLOTS": "28", "TUI_TRAINER_NAME": "it's me"})
    done = tui_trainer("run", "one", "--launcher", kind, "--dry-run", *NEEDS)
    assert done.returncode == ExitCode.DONE, done.stderr
    prefix = "#SBATCH" if kind == "slurm" else "#$"
    said = [line for line in done.stdout.splitlines() if line.startswith(prefix)]
    assert {f"{prefix} {each}" for each in directives} <= set(said)
    assert done.stdout.splitlines()[-1] == f"submitted by: {command}"
    assert "NSLOTS" not in done.stdout
    assert not list((tui_trainer.folder / "runs").glob("one*"))
    checked = subprocess.run(
        ["/bin/bash", "-n"],
        input=done.stdout.rpartition("submitted by")[0],
        text=True,
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_a_dry_run_of_what_runs_here_is_refused(tui_trainer: CommandLine) -> None:
    done = tui_trainer("run", "one", "--dry-run")
    assert done.returncode == ExitCode.USAGE
    assert "--launcher slurm" in done.stderr


def test_without_the_schedulers_programs_a_launch_says_what_is_missing(
    tui_trainer: CommandLine,
) -> None:
    tui_trainer.environment["PATH"] = "/nowhere"
    done = tui_trainer("run", "one", "--launcher", "slurm")
    assert done.returncode == ExitCode.CRASHED
    assert "sbatch is not on this machine's PATH" in done.stderr
    assert "login node" in done.stderr
    assert tui_trainer.look("one").state is State.FAILED
