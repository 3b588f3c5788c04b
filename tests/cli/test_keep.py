"""verify, trash, restore, prune and resume --all, as a user calls them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tui_trainer.errors import ExitCode
from tui_trainer.record.run_folder import find_run
from tui_trainer.record.state import State

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import CommandLine


def test_verify_names_what_is_damaged_and_what_to_do(tui_trainer: CommandLine, runs: Path) -> None:
    sound = tui_trainer("verify", "--all")
    assert sound.returncode == 0
    assert re.search("^one/1: 7 files, [1-9] kB, as written$", sound.stdout, re.MULTILINE)
    assert re.search("^two/1: 4 files, [1-9] kB, as written$", sound.stdout, re.MULTILINE)
    (runs / "two/1/checkpoints/epoch-0002.pt").write_bytes(b"x")
    damaged = tui_trainer("verify", "one", "two")
    assert damaged.returncode == 1
    assert "damaged: two/1 checkpoints/epoch-0002.pt: its bytes are not those" in damaged.stdout
    assert "tui-trainer resume two/1 sets it aside" in damaged.stderr
    files = json.loads(tui_trainer("verify", "two", "--json").stdout)
    assert [(file["file"], bool(file["fault"])) for file in files] == [
        ("experiment.toml", False),
        ("epochs.jsonl", False),
        ("checkpoints/epoch-0001.pt", False),
        ("checkpoints/epoch-0002.pt", True),
    ]


@pytest.mark.parametrize("arguments", [(), ("one", "--all")])
def test_verify_wants_runs_or_all(tui_trainer: CommandLine, arguments: tuple[str, ...]) -> None:
    done = tui_trainer("verify", *arguments)
    assert done.returncode == ExitCode.USAGE
    assert "name the runs to verify, or give --all" in done.stderr


def test_trash_and_restore(tui_trainer: CommandLine, runs: Path) -> None:
    thrown = tui_trainer("trash", "three", "one")
    assert thrown.returncode == ExitCode.USAGE
    assert "there is no run `three`" in thrown.stderr
    assert "have it back: tui-trainer restore one/1" in thrown.stdout
    assert [run["run"] for run in tui_trainer.json("runs")] == ["two/1"]
    assert tui_trainer.json("restore") == [
        {"run": "one/1", "path": str(runs / ".trash" / "one" / "1")}
    ]
    assert tui_trainer("restore", "one").returncode == 0
    assert tui_trainer("restore").stdout == "the trash is empty\n"
    assert tui_trainer.look("one/1").state is State.FINISHED


def test_a_living_run_cannot_be_thrown_away(tui_trainer: CommandLine) -> None:
    fake = tui_trainer.fake(hang_at=1)
    fake("run", "one", "--detach")
    done = fake("trash", "one")
    assert done.returncode == ExitCode.OWNED
    assert "it was left where it is" in done.stderr
    assert "tui-trainer stop one/1" in done.stderr
    assert find_run(tui_trainer.folder / "runs", "one/1").path.is_dir()


def test_prune_shows_first_and_removes_when_told(tui_trainer: CommandLine, runs: Path) -> None:
    spare = [runs / f"one/1/checkpoints/epoch-000{number}.pt" for number in (1, 2, 3)]
    for arguments in ((), ("--yes", "--dry-run")):
        shown = tui_trainer("prune", *arguments)
        assert "243 bytes can be freed; nothing was removed: tui-trainer prune --yes" in (
            shown.stdout
        )
        assert "neither the best nor the last" in shown.stdout
        assert all(path.exists() for path in spare)
    items = tui_trainer.json("prune", "--yes")
    assert [(item["path"], item["removed"]) for item in items] == [
        (str(path), True) for path in spare
    ]
    assert not any(path.exists() for path in spare)
    assert tui_trainer("verify", "--all").returncode == 0
    assert tui_trainer("prune").stdout == "there is nothing to prune\n"


def test_resume_all_tells_one_line_each_and_goes_on_after_an_error(
    tui_trainer: CommandLine, runs: Path
) -> None:
    fake = tui_trainer.fake(seconds=0.01)
    for _ in range(2):
        tui_trainer.fake(seconds=0.01, crash_at=2)("run", "two")
    (runs / "two/1/experiment.toml").write_text("damaged")
    done = fake("resume", "--all", "--detach")
    assert done.returncode != ExitCode.DONE
    assert "experiment.toml" in done.stderr
    assert "two/3 started" in done.stdout
    run = tui_trainer.wait("two/3", lambda run: run.state is State.FINISHED)
    assert len(run.attempts) == 2


def test_a_rejected_checkpoint_is_seen_in_runs_and_show(
    tui_trainer: CommandLine, runs: Path
) -> None:
    from tui_trainer.record.events import CheckpointRejected, append_event

    event = CheckpointRejected(attempt=1, checkpoint="epoch-0002.pt", cause="it cannot be read")
    append_event(runs / "two/1/events.jsonl", event)
    assert "damaged, set aside: epoch-0002.pt" in tui_trainer("runs").stdout
    assert "set aside: epoch-0002.pt it cannot be read" in tui_trainer("show", "two").stdout
    assert tui_trainer.json("runs")[1]["damaged_checkpoints"] == ["epoch-0002.pt"]
