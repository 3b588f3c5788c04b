"""Claims have one winner; names are read as they are written."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import claim_next
from tui_trainer.errors import OwnedByAnotherError, UsageError
from tui_trainer.record.owner import Owner
from tui_trainer.record.run_folder import (
    CheckpointName,
    all_runs,
    claim_run,
    find_run,
)

CLAIM_RUN = """
import sys
from pathlib import Path
from tui_trainer.record.run_folder import claim_run
print("ready", flush=True)
sys.stdin.readline()
print(claim_run(Path(sys.argv[1]), "cnn4").number)
"""
CLAIM_ATTEMPT = """
import os, sys
from pathlib import Path
from tui_trainer.errors import OwnedByAnotherError
from tui_trainer.record.owner import Owner
from tui_trainer.record.run_folder import RunFolder
owner = Owner.of_process(os.getpid())
folder = RunFolder(Path(sys.argv[1]))
newest = folder.newest_attempt()
after = newest.number if newest else 0
print("ready", flush=True)
sys.stdin.readline()
try:
    print(folder.claim_attempt(owner, after=after).number)
except OwnedByAnotherError:
    print("lost")
"""


def at_once(script: str, argument: Path, count: int) -> list[str]:
    """What `count` processes that start at the same moment print."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(argument)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate(timeout=120)[0].strip() for process in processes]


def test_runs_begun_in_the_same_moment_get_folders_of_their_own(tmp_path: Path) -> None:
    numbers = at_once(CLAIM_RUN, tmp_path, 8)
    assert sorted(map(int, numbers)) == list(range(1, 9))


def test_of_claims_in_the_same_moment_exactly_one_wins(tmp_path: Path) -> None:
    folder = claim_run(tmp_path, "cnn4")
    for attempt in range(1, 9):
        answers = at_once(CLAIM_ATTEMPT, folder.path, 4)
        assert sorted(answers) == [str(attempt), "lost", "lost", "lost"]


def test_a_claim_names_its_owner_from_its_first_moment(tmp_path: Path) -> None:
    folder = claim_run(tmp_path, "cnn4")
    owner = Owner.of_process(os.getpid())
    attempt = claim_next(folder, owner)
    assert attempt.owner() == owner
    assert sorted(path.name for path in folder.attempts.iterdir()) == ["1"]


def test_a_claim_is_lost_to_whoever_claimed_since_the_last_look(tmp_path: Path) -> None:
    folder = claim_run(tmp_path, "cnn4")
    winner = claim_next(folder, Owner.of_process(os.getpid())).owner()
    with pytest.raises(OwnedByAnotherError, match=f"pid {os.getpid()}"):
        folder.claim_attempt(Owner.of_process(1), after=0)
    assert folder.attempt(1).owner() == winner
    assert [path.name for path in folder.attempts.iterdir()] == ["1"]


def test_a_claim_whose_answer_was_lost_is_still_a_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As NFS does it: the rename is done, its answer is lost, its repetition finds nothing."""
    folder, owner = claim_run(tmp_path, "cnn4"), Owner.of_process(os.getpid())
    rename = type(tmp_path).rename

    def rename_and_lose_the_answer(self: Path, target: Path) -> Path:
        rename(self, target)
        raise FileNotFoundError(2, "No such file or directory", str(self))

    monkeypatch.setattr(type(tmp_path), "rename", rename_and_lose_the_answer)
    assert folder.claim_attempt(owner, after=0).owner() == owner


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user to try as")
def test_a_folder_that_may_not_be_listed_is_an_error_and_no_endless_search(tmp_path: Path) -> None:
    (tmp_path / "cnn4" / "1").mkdir(parents=True)
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(0o711)
    (tmp_path / "cnn4").chmod(0o733)
    script = (
        "import os, sys; from pathlib import Path\n"
        "from tui_trainer.record.run_folder import claim_run\n"
        "os.setuid(65534)\n"
        "claim_run(Path(sys.argv[1]), 'cnn4')"
    )
    claimed = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "PermissionError" in claimed.stderr


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("epoch-0007.pt", CheckpointName(7, 0)),
        ("epoch-0008-step-000120.pt", CheckpointName(7, 120)),
        ("epoch-12345.pt", CheckpointName(12345, 0)),
        ("epoch-0007.pt.sha256", None),
        ("epoch-7.pt", None),
        ("best.pt", None),
    ],
)
def test_checkpoint_names_say_how_far_they_are(name: str, says: CheckpointName | None) -> None:
    assert CheckpointName.parse(name) == says
    if says is not None:
        assert str(says) == name


def test_a_later_checkpoint_is_greater() -> None:
    names = ["epoch-0007.pt", "epoch-0008-step-000002.pt", "epoch-0008.pt"]
    parsed = [CheckpointName.parse(name) for name in names]
    assert parsed == sorted(filter(None, parsed))


def test_a_name_without_number_is_the_newest_run(tmp_path: Path) -> None:
    first, second = claim_run(tmp_path, "cnn4"), claim_run(tmp_path, "cnn4")
    assert find_run(tmp_path, "cnn4") == second
    assert find_run(tmp_path, "cnn4/1") == first
    assert list(all_runs(tmp_path)) == [first, second]


@pytest.mark.parametrize(
    "name", ["", "/", "..", "../cnn4", "cnn4/0", "cnn4/x", "cnn4/1/2", "cnn4/9", "absent"]
)
def test_what_names_no_run_is_refused(tmp_path: Path, name: str) -> None:
    claim_run(tmp_path, "cnn4")
    with pytest.raises(UsageError):
        find_run(tmp_path, name)


def test_a_stop_at_once_overrules_a_gentle_one(tmp_path: Path) -> None:
    attempt = claim_next(claim_run(tmp_path, "cnn4"), Owner.of_process(os.getpid()))
    assert attempt.stop_request() is None
    attempt.ask_to_stop(at_once=False)
    assert attempt.stop_request() is False
    attempt.ask_to_stop(at_once=True)
    attempt.ask_to_stop(at_once=False)
    assert attempt.stop_request() is True


def test_a_stop_that_cannot_be_made_one_at_once_stays_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk without room for another byte, and without inodes."""
    attempt = claim_next(claim_run(tmp_path, "cnn4"), Owner.of_process(os.getpid()))
    attempt.ask_to_stop(at_once=False)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    monkeypatch.setattr(Path, "touch", full)
    with pytest.raises(OSError, match="No space"):
        attempt.ask_to_stop(at_once=True)
    assert attempt.stop_request() is False
    monkeypatch.undo()
    attempt.ask_to_stop(at_once=True)
    assert attempt.stop_request() is True
