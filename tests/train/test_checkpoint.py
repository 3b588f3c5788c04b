from __future__ import annotations

import errno
import hashlib
import os
import re
import resource
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.train.conftest import events_of, new_run, train
from tests.train.test_cifar import Payload
from tui_trainer.errors import RunCrashedError
from tui_trainer.record.digest import file_digest
from tui_trainer.record.epochs import read_epochs, write_epochs
from tui_trainer.record.events import CheckpointRejected, CheckpointSaved, Warned
from tui_trainer.record.experiment_file import read_experiment
from tui_trainer.record.run_folder import CheckpointName, RunFolder
from tui_trainer.record.verify import verify
from tui_trainer.train import checkpoint
from tui_trainer.train.checkpoint import Checkpoints, weights_digest
from tui_trainer.train.ledger import Ledger
from tui_trainer.train.reporter import Reporter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EPOCHS = 4


def checkpoints_of(folder: RunFolder) -> Checkpoints:
    newest = folder.newest_attempt()
    assert newest is not None
    ledger = Ledger(folder, newest.number, Reporter())
    return Checkpoints(ledger, read_experiment(folder).fingerprint)


def names_in(folder: RunFolder) -> list[str]:
    return sorted(path.name for path in folder.checkpoints.iterdir())


@pytest.fixture
def trained(project: Path) -> RunFolder:
    folder = new_run(project, epochs=EPOCHS)
    train(folder)
    return folder


def test_the_newest_two_and_the_best_are_kept_with_their_digests(trained: RunFolder) -> None:
    best = max(read_epochs(trained.epochs_file), key=lambda e: e.validation_accuracy or 0).epoch
    wanted = {f"epoch-{epoch:04d}.pt" for epoch in {best, EPOCHS - 1, EPOCHS}}
    assert set(names_in(trained)) == wanted | {f"{name}.sha256" for name in wanted}


def test_an_old_best_epoch_is_kept(trained: RunFolder) -> None:
    checkpoints = checkpoints_of(trained)
    content = checkpoints.newest()
    assert content is not None
    for epoch in range(5, 9):
        checkpoints.save(CheckpointName(epoch, 0), {**content.content, "epoch": epoch})
        checkpoints.save(CheckpointName(epoch, 3), {**content.content, "epoch": epoch, "step": 3})
        checkpoints.retain(EPOCHS)
    kept = ["epoch-0004.pt", "epoch-0007.pt", "epoch-0008.pt", "epoch-0009-step-000003.pt"]
    assert [name for name in names_in(trained) if name.endswith(".pt")] == kept


def test_sha256sum_agrees_with_the_digests(trained: RunFolder) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", *sorted(trained.checkpoints.glob("*.sha256"))],  # noqa: S607
        cwd=trained.checkpoints,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_events_name_digests_of_file_and_weights(trained: RunFolder) -> None:
    saved = [event for event in events_of(trained) if isinstance(event, CheckpointSaved)]
    assert [event.epoch for event in saved] == [1, 2, 3, 4]
    file = trained.checkpoints / saved[-1].checkpoint
    assert saved[-1].sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    weights = torch.load(file, weights_only=True)["model"]
    assert saved[-1].weights_sha256 == weights_digest(weights)


def test_a_checkpoint_says_what_it_is_of(trained: RunFolder) -> None:
    content = torch.load(trained.checkpoints / "epoch-0004.pt", weights_only=True)
    assert content["fingerprint"] == read_experiment(trained).fingerprint
    assert content["circumstances"]["threads"] == 1
    assert content["versions"]["torch"] == torch.__version__
    assert content["pipeline"]["size"] == 32
    assert [epoch["epoch"] for epoch in content["epochs"]] == [1, 2, 3, 4]


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def zero_a_page(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:8192] = bytes(4096)
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def swap(path: Path) -> None:
    path.write_bytes(path.with_name("epoch-0003.pt").read_bytes())


def swap_with_digest(path: Path) -> None:
    swap(path)
    digest = path.with_name("epoch-0003.pt.sha256").read_text()
    path.with_name("epoch-0004.pt.sha256").write_text(digest.replace("0003", "0004"))


def lose_digest(path: Path) -> None:
    path.with_name(f"{path.name}.sha256").unlink()


def plant_payload(path: Path) -> None:
    torch.save(Payload(path.parent / "trace"), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")


def take_from_another_experiment(path: Path) -> None:
    content = torch.load(path, weights_only=True)
    torch.save({**content, "fingerprint": "0" * 16}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")


DAMAGES = [
    flip_a_bit,
    zero_a_page,
    truncate,
    empty,
    swap,
    swap_with_digest,
    lose_digest,
    plant_payload,
    take_from_another_experiment,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda function: function.__name__)
def test_damage_is_noticed_and_the_previous_checkpoint_used(
    trained: RunFolder, damage: Callable[[Path], None]
) -> None:
    path = trained.checkpoints / "epoch-0004.pt"
    damage(path)
    loaded = checkpoints_of(trained).newest()
    assert loaded is not None
    assert loaded.name == (3, 0)
    assert path.with_name("epoch-0004.pt.corrupt").exists()
    assert not path.exists()
    assert not (path.parent / "trace").exists()
    (rejected,) = (e for e in events_of(trained) if isinstance(e, CheckpointRejected))
    assert rejected.checkpoint == "epoch-0004.pt"
    assert rejected.cause
    (warned,) = (e for e in events_of(trained) if isinstance(e, Warned))
    assert warned.message.endswith("from epoch-0003.pt, epoch 4 is trained again")


def test_every_single_byte_counts(trained: RunFolder) -> None:
    path = trained.checkpoints / "epoch-0004.pt"
    content = path.read_bytes()
    for position in range(0, len(content), len(content) // 50):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        checkpoints = checkpoints_of(trained)
        assert checkpoints.load(CheckpointName(4, 0)) is None
        digest = hashlib.sha256(content).hexdigest()
        path.with_name("epoch-0004.pt.sha256").write_text(f"{digest}  epoch-0004.pt\n")


def test_without_any_good_checkpoint_it_begins_anew_and_says_so(trained: RunFolder) -> None:
    for path in trained.checkpoints.glob("*.pt"):
        truncate(path)
    assert checkpoints_of(trained).newest() is None
    warned = [event for event in events_of(trained) if isinstance(event, Warned)]
    assert "from the start, epochs 1 to 4 " in warned[-1].message


def test_the_next_best_is_taken_where_the_best_is_damaged(trained: RunFolder) -> None:
    checkpoints = checkpoints_of(trained)
    epochs = read_epochs(trained.epochs_file)
    first = checkpoints.best(epochs)
    flip_a_bit(trained.checkpoints / str(first.name))
    assert checkpoints.best(epochs).name != first.name
    for path in trained.checkpoints.glob("*.pt"):
        truncate(path)
    with pytest.raises(RunCrashedError, match="no checkpoint is left"):
        checkpoints.best(epochs)


def test_what_a_killed_attempt_left_is_swept(trained: RunFolder) -> None:
    before = names_in(trained)
    (trained.checkpoints / ".epoch-0005.pt.1.ab.tmp").touch()
    (trained.checkpoints / "epoch-0005.pt.sha256").touch()
    checkpoints_of(trained).tidy()
    assert names_in(trained) == before


def test_a_full_disk_leaves_the_old_checkpoints_and_nothing_else(trained: RunFolder) -> None:
    checkpoints, before = checkpoints_of(trained), names_in(trained)
    loaded = checkpoints.newest()
    assert loaded is not None
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            checkpoints.save(CheckpointName(5, 0), loaded.content)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    assert names_in(trained) == before


def test_a_checkpoint_of_another_network_is_refused_by_name_and_shape(project: Path) -> None:
    folder = new_run(project, epochs=1)
    train(folder)
    path = folder.checkpoints / "epoch-0001.pt"
    content: dict[str, Any] = torch.load(path, weights_only=True)
    content["model"]["another.weight"] = content["model"].pop("head.weight")
    content["model"]["head.bias"] = torch.zeros(3)
    torch.save(content, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")
    write_epochs(folder.epochs_file, [])
    with pytest.raises(RunCrashedError, match="does not fit the network") as error:
        train(folder)
    for words in ("head.weight", "another.weight", r"size mismatch for head.bias"):
        assert words in error.value.message


def save_as(path: Path, content: dict[str, Any]) -> None:
    """Another checkpoint in its place, with the digest that it must have."""
    torch.save(content, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")


@pytest.mark.parametrize(
    ("gone", "other", "words"),
    [
        (["sums"], {}, "sums is missing"),
        ([], {"momenta": {}}, "momenta has no place"),
        (["step"], {"steps": 0}, "step is missing, steps has no place"),
        ([], {"epochs": {}}, "epochs is dict, not list"),
        ([], {"sums": torch.zeros(5)}, r"sums has shape \(5,\), not \(4,\)"),
        ([], {"versions": None}, "another version of tui-trainer, that is not named"),
    ],
)
def test_a_checkpoint_of_another_version_is_refused_and_left_where_it_is(
    project: Path, gone: list[str], other: dict[str, Any], words: str
) -> None:
    folder = new_run(project, epochs=2)
    train(folder)
    path = folder.checkpoints / "epoch-0002.pt"
    content: dict[str, Any] = torch.load(path, weights_only=True)
    content["versions"]["tui-trainer"] = "0.0.9\x1b[2J"
    save_as(path, {key: value for key, value in content.items() if key not in gone} | other)
    before = {file: file.read_bytes() for file in folder.checkpoints.iterdir()}
    shown = folder.epochs_file.read_bytes()
    with pytest.raises(RunCrashedError, match=words) as error:
        train(folder)
    assert "\x1b" not in error.value.message
    assert "nothing was changed" in error.value.hint
    assert {file: file.read_bytes() for file in folder.checkpoints.iterdir()} == before
    assert folder.epochs_file.read_bytes() == shown
    save_as(path, content)
    train(folder)
    assert len(read_epochs(folder.epochs_file)) == 2


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of checkpoints that the disk does not give."""
    names: set[str] = set()

    def read(path: Path) -> str:
        if path.name in names:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return file_digest(path)

    monkeypatch.setattr(checkpoint, "file_digest", read)
    return names


def test_what_cannot_be_read_now_is_passed_over_and_left_where_it_is(
    project: Path, trained: RunFolder, failing: set[str]
) -> None:
    straight = weights_digest(torch.load(trained.checkpoints / "epoch-0004.pt")["model"])
    folder = new_run(project, epochs=EPOCHS)
    train(folder)
    path = folder.checkpoints / "epoch-0004.pt"
    failing.add(path.name)
    before = path.read_bytes()
    checkpoints = checkpoints_of(folder)
    loaded = checkpoints.newest()
    assert loaded is not None
    assert loaded.name == (3, 0)
    assert path.read_bytes() == before
    warned = [event.message for event in events_of(folder) if isinstance(event, Warned)]
    assert "epoch-0004.pt cannot be read and is left as it is: Input/output error" in warned
    assert "epoch-0004.pt cannot be read: training goes on from epoch-0003.pt" in warned[-1]
    checkpoints.save(CheckpointName(3, 2), {**loaded.content, "step": 2})
    checkpoints.retain(None)
    assert {"epoch-0004-step-000002.pt", path.name} < set(names_in(folder))
    failing.clear()
    train(folder)
    assert weights_digest(torch.load(path)["model"]) == straight


def test_where_none_can_be_read_nothing_begins_anew(trained: RunFolder, failing: set[str]) -> None:
    before = names_in(trained)
    failing.update(before)
    with pytest.raises(OSError, match="Input/output error"):
        checkpoints_of(trained).newest()
    with pytest.raises(OSError, match="Input/output error"):
        checkpoints_of(trained).best(read_epochs(trained.epochs_file))
    assert names_in(trained) == before


class TestWeightsDigest:
    def test_it_is_over_name_shape_type_and_bytes(self) -> None:
        weights = {"b": torch.arange(6.0).view(2, 3), "a": torch.tensor(1)}
        digest = hashlib.sha256(b"a () torch.int64\n" + (1).to_bytes(8, "little"))
        digest.update(b"b (2, 3) torch.float32\n" + weights["b"].numpy().tobytes())
        assert weights_digest(weights) == digest.hexdigest()

    def test_neither_order_nor_layout_matter(self) -> None:
        image = torch.rand(2, 3, 4, 4)
        last = image.contiguous(memory_format=torch.channels_last)
        other = torch.ones(1)
        assert weights_digest({"x": image, "y": other}) == weights_digest({"y": other, "x": last})

    @pytest.mark.parametrize(
        "other",
        [
            {"y": torch.zeros(4)},
            {"x": torch.zeros(2, 2)},
            {"x": torch.zeros(4, dtype=torch.int32)},
            {"x": torch.tensor([0, 0, 0, -0.0])},
        ],
    )
    def test_all_else_does(self, other: dict[str, torch.Tensor]) -> None:
        assert weights_digest({"x": torch.zeros(4)}) != weights_digest(other)


def test_a_name_that_was_saved_anew_is_told_though_a_kill_came_in_between(
    trained: RunFolder,
) -> None:
    checkpoints = checkpoints_of(trained)
    loaded = checkpoints.newest()
    assert loaded is not None
    before = trained.events_file.read_bytes()
    checkpoints.save(loaded.name, {**loaded.content, "seconds": loaded.content["seconds"] + 1})
    trained.events_file.write_bytes(before)
    for _ in range(2):
        checkpoints.announce(loaded)
    saved = [event for event in events_of(trained) if isinstance(event, CheckpointSaved)]
    file = trained.checkpoints / str(loaded.name)
    assert saved[-1].sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert len(saved) == EPOCHS + 1


def test_epochs_that_another_version_spelled_otherwise_are_told_anew_at_a_resume(
    trained: RunFolder,
) -> None:
    """A resume writes epochs.jsonl anew, and `verify` compares it with what was told last."""
    told = re.sub(r'"epochs_sha256":"\w+"', '"epochs_sha256":"0"', trained.events_file.read_text())
    trained.events_file.write_text(told)
    assert [file.file for file in verify(trained) if file.fault] == ["epochs.jsonl"]
    checkpoints = checkpoints_of(trained)
    loaded = checkpoints.newest()
    assert loaded is not None
    for _ in range(2):
        checkpoints.announce(loaded)
    assert [file.file for file in verify(trained) if file.fault] == []
    saved = [event for event in events_of(trained) if isinstance(event, CheckpointSaved)]
    assert len(saved) == EPOCHS + 1
