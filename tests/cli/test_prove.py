"""verify-resume finds equal what is equal, and tells apart what is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.conftest import end_everything
from tui_trainer.errors import ExitCode
from tui_trainer.record.run_folder import VERIFICATIONS, runs_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import CommandLine

SMALL = ("--set", "epochs=4", "--set", "model.width=8", "--set", "optimizer.name='adam'")


def hidden_runs(project: Path) -> list[str]:
    return [folder.run for folder in runs_of(project / "runs" / VERIFICATIONS)]


def test_the_real_core_killed_and_resumed_is_equal(tui_trainer: CommandLine, project: Path) -> None:
    done = tui_trainer("verify-resume", "one", "--kills", "2", "--json", *SMALL, seconds=900)
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    proof: dict[str, Any] = json.loads(done.stdout)
    assert proof["equal"]
    assert proof["results_equal"]
    assert proof["kills"] in {1, 2}
    assert len(proof["epochs"]) == 4
    assert proof["weights_sha256"][0] == proof["weights_sha256"][1] != ""
    assert not proof["warnings"]
    assert not hidden_runs(project)
    assert tui_trainer.json("runs") == []


def test_a_difference_is_found_and_both_runs_stay(tui_trainer: CommandLine, project: Path) -> None:
    fake = tui_trainer.fake(seconds=2, drifts=True)
    done = fake("verify-resume", "one", "--kills", "1", "--set", "epochs=6", seconds=600)
    assert done.returncode == 1, done.stderr
    assert "DIFFERENT" in done.stdout
    assert "they differ; both stay" in done.stdout
    assert "not across these" in done.stderr
    assert len(hidden_runs(project)) == 2
    assert f"{VERIFICATIONS}/2" in tui_trainer("show", VERIFICATIONS).stdout
    assert tui_trainer.json("runs") == []


def test_kills_that_came_too_late_are_told(tui_trainer: CommandLine, project: Path) -> None:
    fake = tui_trainer.fake(seconds=1, hurries=True)
    done = fake("verify-resume", "one", "--kills", "3", seconds=600)
    assert "killed 1 time, " in done.stdout, done.stderr
    assert "3 kills were asked for: the run was done before" in " ".join(done.stderr.split())
    end_everything(project)


def test_a_run_that_does_not_come_to_its_end_is_an_error_and_nothing_runs_on(
    tui_trainer: CommandLine, project: Path
) -> None:
    done = tui_trainer.fake(exit_at=1, code=3)("verify-resume", "one")
    assert done.returncode == ExitCode.CRASHED
    assert f"{VERIFICATIONS}/1 failed" in done.stderr
    assert f"tui-trainer logs {VERIFICATIONS}/1" in done.stderr
    end_everything(project)


def test_an_experiment_with_mistakes_is_refused_before_anything_is_made(
    tui_trainer: CommandLine, project: Path
) -> None:
    done = tui_trainer("verify-resume", "one", "--set", "epochs=0")
    assert done.returncode == ExitCode.USAGE
    assert not (project / "runs").exists()
