from __future__ import annotations

import hashlib
import json
import os
import platform
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.conftest import claim_next
from tests.train.cifar_files import write_cifar
from tests.train.conftest import events_of, new_run, train, without_times
from tui_trainer.errors import (
    InvalidExperimentsError,
    OwnedByAnotherError,
    PreflightError,
    UsageError,
)
from tui_trainer.record.epochs import best_epoch, read_epochs, write_epochs
from tui_trainer.record.events import (
    Alarmed,
    CheckpointSaved,
    Evaluated,
    Launched,
    TrainingBegan,
    Warned,
    append_event,
)
from tui_trainer.record.index import RunReader
from tui_trainer.record.owner import Owner
from tui_trainer.train import hardware
from tui_trainer.train.checkpoint import weights_digest
from tui_trainer.train.equipment import spans
from tui_trainer.train.ledger import Ledger
from tui_trainer.train.loop import Stopped
from tui_trainer.train.reporter import Reporter
from tui_trainer.train.signals import Requests

if TYPE_CHECKING:
    from pathlib import Path

    from tui_trainer.record.run_folder import RunFolder

REAL_TORCH, REAL_PYTHON = str(torch.__version__), platform.python_version()
STEPS = 4
"""Of an epoch of the small experiment: 32 images in batches of 8."""


class StopAt(Requests):
    """Asks to stop at the n-th time that the loop looks."""

    looks = 0

    def __init__(self, at: int) -> None:
        self.at = at
        self.checkpoint = False

    @property
    def stop(self) -> bool:  # type: ignore[override]
        self.looks += 1
        return self.looks >= self.at


def digest_of(folder: RunFolder, name: str = "epoch-0002.pt") -> str:
    content = torch.load(folder.checkpoints / name, weights_only=True)
    return weights_digest(content["model"])


def assert_same(run: RunFolder, other: RunFolder) -> None:
    """Bit for bit the same weights and the same epochs."""
    assert digest_of(run) == digest_of(other)
    epochs, others = read_epochs(run.epochs_file), read_epochs(other.epochs_file)
    assert without_times(epochs) == without_times(others)
    assert [epoch.epoch for epoch in epochs] == [1, 2]
    assert len(run.epochs_file.read_text().splitlines()) == 2


def finish(folder: RunFolder, at: int) -> int:
    """Resume until it is done; how often it was stopped."""
    for stops in range(100):
        try:
            train(folder, StopAt(at))
        except Stopped:
            continue
        return stops
    raise AssertionError("it never came to its end")


@pytest.fixture
def whole(project: Path) -> RunFolder:
    """A run that nothing interrupted."""
    folder = new_run(project)
    train(folder)
    return folder


def test_a_run_leaves_epochs_checkpoints_result_and_events(whole: RunFolder) -> None:
    epochs = read_epochs(whole.epochs_file)
    assert [(epoch.epoch, epoch.attempt, epoch.step) for epoch in epochs] == [(1, 1, 4), (2, 1, 8)]
    for epoch in epochs:
        assert None not in {epoch.train_loss, epoch.validation_loss, epoch.lr, epoch.grad_norm}
        assert epoch.validation_accuracy in {count / 8 for count in range(9)}
    assert (whole.checkpoints / "epoch-0002.pt").exists()
    kinds = [type(event) for event in events_of(whole) if not isinstance(event, Alarmed)]
    assert kinds == [TrainingBegan, CheckpointSaved, CheckpointSaved, Evaluated]


def test_how_large_the_network_is_is_recorded_once(project: Path, whole: RunFolder) -> None:
    content = torch.load(whole.checkpoints / "epoch-0002.pt", weights_only=True)["model"]
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    weights = [tensor for name, tensor in content.items() if not name.endswith(buffers)]
    counted = RunReader(whole).look().complexity
    assert counted is not None
    assert counted.parameters == sum(tensor.numel() for tensor in weights)
    assert counted.flops > 2 * counted.parameters

    stopped = new_run(project)
    with pytest.raises(Stopped):
        train(stopped, StopAt(8))
    train(stopped)
    began = [event for event in events_of(stopped) if isinstance(event, TrainingBegan)]
    assert [event.parameters for event in began] == [counted.parameters, 0]
    assert RunReader(stopped).look().complexity == counted


def test_the_result_is_the_best_epochs_on_the_test_images(whole: RunFolder) -> None:
    best = best_epoch(read_epochs(whole.epochs_file))
    assert best is not None
    result = json.loads(whole.clean_results_file.read_text())
    assert result["epoch"] == best.epoch
    assert result["checkpoint"] == f"epoch-{best.epoch:04d}.pt"
    assert (result["split"], result["images"]) == ("test", 10)
    assert result["accuracy"] in {count / 10 for count in range(11)}
    evaluated = events_of(whole)[-1]
    assert isinstance(evaluated, Evaluated)
    assert (evaluated.file, evaluated.accuracy) == ("results/clean.json", result["accuracy"])
    digest = hashlib.sha256(whole.clean_results_file.read_bytes()).hexdigest()
    assert evaluated.sha256 == digest


def test_two_runs_of_one_experiment_are_the_same(project: Path, whole: RunFolder) -> None:
    again, other = new_run(project), new_run(project, seed=1)
    train(again)
    train(other)
    assert_same(again, whole)
    assert digest_of(other) != digest_of(whole)


# The loop looks before each of 2 epochs, after each of their 4 steps and after each batch of
# validation and test.
@pytest.mark.parametrize("at", range(1, 14))
def test_stopped_anywhere_and_resumed_is_as_uninterrupted(
    project: Path, whole: RunFolder, at: int
) -> None:
    folder = new_run(project)
    with pytest.raises(Stopped):
        train(folder, StopAt(at))
    train(folder)
    assert_same(folder, whole)
    assert json.loads(folder.clean_results_file.read_text()) == json.loads(
        whole.clean_results_file.read_text()
    )


def test_stopped_after_every_step_it_still_comes_to_its_end(
    project: Path, whole: RunFolder
) -> None:
    folder = new_run(project)
    assert finish(folder, at=3) >= STEPS
    assert_same(folder, whole)
    began = [event for event in events_of(folder) if isinstance(event, TrainingBegan)]
    assert began[0].checkpoint == ""
    assert all(event.checkpoint for event in began[1:])


def test_a_checkpoint_within_an_epoch_goes_once_a_later_whole_one_stands(project: Path) -> None:
    folder = new_run(project)
    with pytest.raises(Stopped):
        train(folder, StopAt(4))
    assert list(folder.checkpoints.glob("*-step-*.pt"))
    train(folder)
    assert not list(folder.checkpoints.glob("*-step-*"))


def test_a_requested_checkpoint_is_saved_and_training_goes_on(
    project: Path, whole: RunFolder
) -> None:
    class Once(Requests):
        stop = False
        looks = 0

        @property
        def checkpoint(self) -> bool:
            self.looks += 1
            return self.looks == 3

        @checkpoint.setter
        def checkpoint(self, value: bool) -> None:
            pass

        def __init__(self) -> None:
            pass

    folder = new_run(project)
    train(folder, Once())
    saved = [event for event in events_of(folder) if isinstance(event, CheckpointSaved)]
    assert next(event.checkpoint for event in saved) == "epoch-0001-step-000002.pt"
    assert_same(folder, whole)


def test_long_epochs_are_saved_in_between(project: Path) -> None:
    often, never = (new_run(project, epochs=1, checkpoint_minutes=each) for each in (1e-9, 60))
    train(often)
    train(never)
    steps = [
        [event.step for event in events_of(folder) if isinstance(event, CheckpointSaved)]
        for folder in (often, never)
    ]
    assert steps == [[1, 2, 3, 4, 0], [0]]


def test_checkpoints_within_an_epoch_do_not_pile_up(project: Path) -> None:
    folder = new_run(project, epochs=2, checkpoint_minutes=1e-9)
    with pytest.raises(Stopped):
        train(folder, StopAt(5))
    standing = sorted(path.name for path in folder.checkpoints.glob("*.pt"))
    within = [name for name in standing if "step" in name]
    assert 1 <= len(within) <= 2
    assert within == standing[-len(within) :]


def test_an_epoch_whose_line_a_kill_prevented_is_repaired(
    project: Path, whole: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_ledger: Ledger, _epoch: object) -> None:
        raise KeyboardInterrupt

    folder = new_run(project)
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            train(folder)
    assert not folder.epochs_file.exists()
    assert (folder.checkpoints / "epoch-0001.pt").exists()
    train(folder)
    assert_same(folder, whole)


def test_lines_beyond_the_checkpoint_are_taken_back(project: Path, whole: RunFolder) -> None:
    folder = new_run(project)
    train(folder)
    folder.clean_results_file.unlink()
    (folder.checkpoints / "epoch-0002.pt").write_bytes(b"damaged")
    with pytest.raises(Stopped):
        train(folder, StopAt(2))
    assert len(read_epochs(folder.epochs_file)) == 1
    train(folder)
    assert_same(folder, whole)


def test_what_is_taken_back_is_told_by_its_epoch_where_a_line_is_missing(project: Path) -> None:
    folder = new_run(project)
    train(folder)
    attempt = claim_next(folder, Owner.of_process(os.getpid()))
    first, second = read_epochs(folder.epochs_file)
    write_epochs(folder.epochs_file, [second])
    Ledger(folder, attempt.number, Reporter()).rewrite_epochs([first])
    assert read_epochs(folder.epochs_file) == [first]
    assert read_epochs(attempt.epochs_taken_back_file) == [second]


def test_an_epoch_is_shown_only_after_its_checkpoint_is_durable(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def checked(ledger: Ledger, epoch: Any) -> None:
        assert (ledger.folder.checkpoints / f"epoch-{epoch.epoch:04d}.pt").exists()
        assert (ledger.folder.checkpoints / f"epoch-{epoch.epoch:04d}.pt.sha256").exists()
        shown.append(epoch.epoch)

    shown: list[int] = []
    monkeypatch.setattr(Ledger, "epoch", checked)
    train(new_run(project))
    assert shown == [1, 2]


def test_a_fully_trained_run_goes_straight_to_evaluation(whole: RunFolder) -> None:
    before = {path.name: path.read_bytes() for path in whole.checkpoints.iterdir()}
    whole.clean_results_file.unlink()
    train(whole)
    assert {path.name: path.read_bytes() for path in whole.checkpoints.iterdir()} == before
    assert whole.clean_results_file.exists()
    assert sum(isinstance(event, TrainingBegan) for event in events_of(whole)) == 1


def test_a_result_that_stands_is_kept_and_told_once(whole: RunFolder) -> None:
    whole.clean_results_file.write_text('{"accuracy": 0.5}')
    train(whole)
    assert whole.clean_results_file.read_text() == '{"accuracy": 0.5}'
    assert sum(isinstance(event, Evaluated) for event in events_of(whole)) == 1


def test_a_result_that_a_kill_kept_from_the_events_is_told(whole: RunFolder) -> None:
    lines = whole.events_file.read_text().splitlines(keepends=True)
    whole.events_file.write_text("".join(lines[:-1]))
    train(whole)
    assert isinstance(events_of(whole)[-1], Evaluated)


def test_who_lost_the_run_writes_nothing_more(project: Path) -> None:
    class Overtaken(Requests):
        """Another process takes the run over after a few steps."""

        looks = 0

        def __init__(self, folder: RunFolder) -> None:
            self.folder = folder
            self.checkpoint = False

        @property
        def stop(self) -> bool:  # type: ignore[override]
            self.looks += 1
            if self.looks == 4:
                claim_next(self.folder, Owner.of_process(1))
                self.before = contents(self.folder)
            return False

    def contents(folder: RunFolder) -> dict[str, bytes]:
        files = (path for path in folder.path.rglob("*") if path.is_file())
        return {str(path): path.read_bytes() for path in files}

    folder = new_run(project)
    requests = Overtaken(folder)
    with pytest.raises(OwnedByAnotherError, match="attempt 2 took small/1 over"):
        train(folder, requests)
    assert contents(folder) == requests.before


def test_other_conditions_at_a_resume_are_announced(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = new_run(project)
    with pytest.raises(Stopped):
        train(folder, StopAt(3))
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(torch, "__version__", "9.8.7")
    monkeypatch.setattr(platform, "python_version", lambda: "4.5.6")
    monkeypatch.setattr(hardware, "_processor", lambda: "an abacus")
    train(folder)
    (warned,) = (event for event in events_of(folder) if isinstance(event, Warned))
    assert "threads was 1, is 2" in warned.message
    assert f"torch version was {REAL_TORCH}, is 9.8.7" in warned.message
    assert f"python version was {REAL_PYTHON}, is 4.5.6" in warned.message
    assert ", is an abacus" in warned.message
    assert "may differ in its last bits" in warned.message


def test_compiled_kernels_are_announced_at_a_resume(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.nn.Module, "compile", lambda _module: None)
    folder = new_run(project, training={"compile": True})
    with pytest.raises(Stopped):
        train(folder, StopAt(3))
    train(folder)
    (warned,) = (event for event in events_of(folder) if isinstance(event, Warned))
    assert "(kernels are compiled anew)" in warned.message


def test_the_same_conditions_are_not(project: Path) -> None:
    folder = new_run(project)
    with pytest.raises(Stopped):
        train(folder, StopAt(3))
    train(folder)
    assert not [event for event in events_of(folder) if isinstance(event, Warned)]


def test_a_folder_without_an_experiment_is_no_run(project: Path) -> None:
    folder = new_run(project)
    folder.experiment_file.unlink()
    with pytest.raises(InvalidExperimentsError, match="cannot be read"):
        train(folder)


def test_a_gpu_that_is_not_there_is_missed_before_training(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(PreflightError, match="sees no GPU"):
        train(new_run(project, resources={"device": "cuda"}))


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [
        (10, 5, [5, 5]),
        (11, 4, [4, 4, 3]),
        (11, 5, [5, 6]),
        (3, 8, [3]),
        (1, 8, [1]),
        (3, 1, [1, 1, 1]),
        (9, 8, [9]),
    ],
)
def test_every_image_is_used_and_none_is_left_alone(
    count: int, batch_size: int, sizes: list[int]
) -> None:
    ranges = list(spans(count, batch_size))
    assert [stop - start for start, stop in ranges] == sizes
    assert [start for start, _ in ranges] == [0, *(stop for _, stop in ranges[:-1])]


# Measured with torch 2.15 on a CPU with AVX-512. Other CPUs sum in another order: AVX2, SSE4.1 and
# two threads differed by 2e-7. 1e-4 leaves room for CPUs not tried and for no change of the loop.
GOLDEN_TRAIN = [4.963134964652683, 5.066173238339632]
GOLDEN_VALIDATION = [5.987977834848257, 5.848972613994892]


def test_the_losses_of_two_epochs_are_what_they_were(tmp_path: Path) -> None:
    write_cifar(tmp_path / "data", "cifar100", train=256, test=10)
    folder = new_run(
        tmp_path,
        data={"name": "cifar100", "verify": "shape"},
        model={"name": "cnn", "depth": 3, "width": 8, "dropout": 0.1},
        optimizer={"name": "sgd", "lr": 0.02, "momentum": 0.9},
        batch_size=32,
    )
    train(folder)
    epochs = read_epochs(folder.epochs_file)
    assert [e.train_loss for e in epochs] == pytest.approx(GOLDEN_TRAIN, rel=1e-4)
    assert [e.validation_loss for e in epochs] == pytest.approx(GOLDEN_VALIDATION, rel=1e-4)


def note_launch(folder: RunFolder) -> None:
    """Record the digest of its experiment, as a launch does."""
    digest = hashlib.sha256(folder.experiment_file.read_bytes()).hexdigest()
    owner = Owner.of_process(os.getpid())
    launched = Launched(launcher="local", owner=owner, experiment_sha256=digest)
    append_event(folder.events_file, launched)


def edit(folder: RunFolder, before: str, after: str) -> None:
    text = folder.experiment_file.read_text()
    assert before in text
    folder.experiment_file.write_text(text.replace(before, after))


def test_a_run_whose_settings_were_changed_since_the_launch_is_not_trained(project: Path) -> None:
    folder = new_run(project)
    note_launch(folder)
    edit(folder, "batch_size = ", "batch_size = 1")
    with pytest.raises(UsageError, match=r"experiment\.toml was changed since the launch"):
        train(folder)
    edit(folder, "batch_size = 1", "batch_size = ")
    train(folder)
    assert len(read_epochs(folder.epochs_file)) == 2


def test_a_change_that_does_not_decide_the_result_is_told_and_counts(project: Path) -> None:
    folder = new_run(project)
    note_launch(folder)
    edit(folder, "max_restarts = ", "max_restarts = 1")
    train(folder)
    (told,) = [e.message for e in events_of(folder) if isinstance(e, Warned)]
    assert told.startswith("experiment.toml was changed since the launch, in nothing that decides")
