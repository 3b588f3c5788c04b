"""Each way of learning: it does what it says, and an interrupted run equals a whole one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from tests.train.conftest import (
    EVERY_STEP,
    events_of,
    experiment_of,
    new_run,
    train,
    without_times,
)
from tests.train.test_loop import StopAt, finish
from tui_trainer.errors import PreflightError, RunCrashedError
from tui_trainer.record.epochs import best_epoch, read_epochs
from tui_trainer.record.events import Alarmed
from tui_trainer.spec.training import Training as Settings
from tui_trainer.train import equipment, hardware, models, optim, randomness, stepping
from tui_trainer.train.checkpoint import weights_digest
from tui_trainer.train.equipment import Equipment
from tui_trainer.train.loop import Stopped
from tui_trainer.train.state import TrainingState
from tui_trainer.train.stepping import Stepping, Windows

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from tui_trainer.record.run_folder import RunFolder

CPU = torch.device("cpu")
LR = "torch.optim.lr_scheduler"
WAYS: dict[str, dict[str, Any]] = {
    "ema": {"ema": {"decay": 0.9}},
    "accumulate": {"training": {"accumulate": 3}},
    "clip_norm": {"training": {"gradient_clip_norm": 0.01}},
    "clip_value": {"training": {"gradient_clip_value": 1e-4}},
    "warmup": {"warmup": {"steps": 6, "start": 0.1}},
    "warmup_epochs": {"warmup": {"epochs": 1}},
    "plateau": {
        "scheduler": {"name": "reduce_lr_on_plateau", "patience": 0, "threshold": 1.0},
        "epochs": 4,
    },
    "rmsprop": {"optimizer": {"name": "rmsprop", "lr": 0.001, "momentum": 0.5, "centered": True}},
    "nadam": {"optimizer": {"name": "torch.optim.NAdam", "lr": 0.001, "betas": [0.8, 0.9]}},
    "polynomial": {"scheduler": {"name": f"{LR}.PolynomialLR", "total_iters": 3}},
    "cyclic": {
        "scheduler": {"name": f"{LR}.CyclicLR", "base_lr": 1e-3, "max_lr": 1e-2, "step_size_up": 3}
    },
    "class_weights": {"loss": {"class_weights": "balanced", "label_smoothing": 0.1}},
    "contiguous": {"training": {"layout": "contiguous"}},
    "fp16": {"training": {"precision": "fp16", "gradient_clip_norm": 0.5}},
    "all": {
        "ema": {"decay": 0.9},
        "warmup": {"steps": 2},
        "training": {"accumulate": 3, "precision": "fp16", "gradient_clip_norm": 0.5},
    },
}


@pytest.fixture(autouse=True)
def _fp16_on_this_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "check_precision", lambda *_: None)


def newest(folder: RunFolder) -> dict[str, Any]:
    path = max(folder.checkpoints.glob("epoch-*.pt"))
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content


def kept(folder: RunFolder) -> dict[str, Any]:
    """All of the newest checkpoint that must not depend on interruptions, to the bit."""
    content = newest(folder)
    return {
        "model": weights_digest(content["model"]),
        "trained": content["trained"] and weights_digest(content["trained"]),
        "scaler": content["scaler"],
        "scheduler": content["scheduler"],
        "gradients": content["gradients"],
        "optimizer": {
            (number, key): value.tolist() if isinstance(value, torch.Tensor) else value
            for number, values in content["optimizer"]["state"].items()
            for key, value in values.items()
        },
        "groups": content["optimizer"]["param_groups"],
        "epochs": without_times(read_epochs(folder.epochs_file)),
    }


@pytest.mark.parametrize("way", WAYS)
def test_stopped_after_every_step_and_resumed_is_as_uninterrupted(project: Path, way: str) -> None:
    whole, stopped = (new_run(project, **WAYS[way]) for _ in range(2))
    usual = new_run(project, epochs=WAYS[way].get("epochs", 2))
    train(whole)
    train(usual)
    assert kept(whole) != kept(usual), "the setting changes nothing"
    assert finish(stopped, at=3) >= 4
    assert kept(stopped) == kept(whole)


def test_a_checkpoint_within_an_accumulation_holds_the_gradients_that_wait(project: Path) -> None:
    folder = new_run(project, training={"accumulate": 3})
    with pytest.raises(Stopped):
        train(folder, StopAt(3))
    content = newest(folder)
    assert content["step"] == 2
    assert content["gradients"]
    assert all(gradient.abs().sum() > 0 for gradient in content["gradients"].values())
    train(folder)
    assert newest(folder)["gradients"] == {}


def test_accumulated_batches_are_one_large_batch(project: Path) -> None:
    plain: dict[str, Any] = {
        "model": {"name": "cnn", "depth": 2, "width": 4, "normalization": "none"},
        "augment": [],
        "optimizer": {"name": "sgd", "lr": 0.01},
    }
    large = new_run(project, **plain, batch_size=24)
    small = new_run(project, **plain, batch_size=8, training={"accumulate": 3})
    train(large)
    train(small)
    ours, theirs = newest(small)["model"], newest(large)["model"]
    for name, tensor in ours.items():
        assert torch.allclose(tensor, theirs[name], rtol=1e-4, atol=1e-6)
    pairs = zip(read_epochs(small.epochs_file), read_epochs(large.epochs_file), strict=True)
    for one, other in pairs:
        assert one.step == other.step
        assert one.grad_norm == pytest.approx(other.grad_norm, rel=1e-3)


def test_the_last_accumulation_of_an_epoch_is_weighed_by_its_own_images() -> None:
    windows = Windows([(0, 8), (8, 16), (16, 24), (24, 30)], accumulate=3)
    assert windows.count == 2
    assert [windows.is_complete(batch) for batch in range(4)] == [False, False, True, True]
    assert [windows.number(batch) for batch in range(4)] == [0, 0, 0, 1]
    assert [windows.share(batch) for batch in range(4)] == [1 / 3, 1 / 3, 1 / 3, 1.0]
    uneven = Windows([(0, 8), (8, 10)], accumulate=2)
    assert [uneven.share(0), uneven.share(1)] == [0.8, 0.2]


def test_averaging_does_not_touch_what_is_trained(project: Path) -> None:
    averaged, usual = new_run(project, ema={"decay": 0.9}), new_run(project)
    train(averaged)
    train(usual)
    content = newest(averaged)
    assert weights_digest(content["trained"]) == weights_digest(newest(usual)["model"])
    assert weights_digest(content["model"]) != weights_digest(content["trained"])
    losses = [read_epochs(folder.epochs_file)[-1] for folder in (averaged, usual)]
    assert losses[0].train_loss == losses[1].train_loss
    assert losses[0].validation_loss != losses[1].validation_loss


def test_the_average_moves_by_its_decay_and_counts_are_copied() -> None:
    network = nn.BatchNorm1d(2)
    averaged = stepping.averaged_copy(network)
    with torch.no_grad():
        network.weight.fill_(3.0)
        network.running_mean.fill_(2.0)  # type: ignore[union-attr]
        network.num_batches_tracked.fill_(7)  # type: ignore[union-attr]
    stepping.average(averaged, network, 0.75)
    state = averaged.state_dict()
    assert state["weight"].tolist() == [1.5, 1.5]
    assert state["running_mean"].tolist() == [0.5, 0.5]
    assert state["num_batches_tracked"] == 7
    assert not any(parameter.requires_grad for parameter in averaged.parameters())
    assert stepping.decay_at(0.999, 1) == 2 / 11
    assert stepping.decay_at(0.999, 10_000_000) == 0.999


def untrained_line() -> nn.Linear:
    line = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(line.weight)
    return line


def descent(network: nn.Module, scaler: torch.amp.GradScaler) -> TrainingState:
    """What takes steps of the gradient's own length."""
    experiment = experiment_of(optimizer={"name": "sgd", "lr": 1.0}, scheduler={"name": "none"})
    optimizer = optim.optimizer_for(experiment.optimizer, network.parameters())
    return TrainingState(network, optimizer, optim.Schedule(experiment, optimizer, 2), scaler, None)


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        (Settings(), [3.0, 4.0]),
        (Settings(gradient_clip_norm=1.0), [0.6, 0.8]),
        (Settings(gradient_clip_norm=10.0), [3.0, 4.0]),
        (Settings(gradient_clip_value=3.5), [3.0, 3.5]),
    ],
)
def test_gradients_are_clipped_and_their_norm_told_as_it_was(
    settings: Settings, wanted: list[float]
) -> None:
    network = untrained_line()
    state = descent(network, stepping.scaler_for("fp32", CPU))
    network.weight.grad = torch.tensor([[3.0, 4.0]])
    norm = Stepping(settings, 0.0, CPU).step(state, 1)
    assert norm.item() == pytest.approx(5.0)
    assert (-network.weight.detach()[0]).tolist() == pytest.approx(wanted, rel=1e-5)
    assert network.weight.grad is None


def test_a_step_whose_gradients_overflow_in_half_precision_is_left_out() -> None:
    network, scaler = untrained_line(), stepping.scaler_for("fp16", CPU)
    state = descent(network, scaler)
    taker = Stepping(Settings(precision="fp16"), 0.0, CPU)

    def step(number: int) -> float:
        with taker.autocast():
            loss = network(torch.tensor([[0.75, 1.0]])).sum()
        taker.backward(state, loss, 1.0)
        return taker.step(state, number).item()

    # The scale begins at 2**16, and half precision ends at 65504.
    assert scaler.get_scale() == 2**16
    assert step(1) == 0.0
    assert network.weight.tolist() == [[0.0, 0.0]]
    assert scaler.get_scale() == 2**15
    assert step(2) == pytest.approx(1.25)
    assert network.weight.tolist() == [[-0.75, -1.0]]


def test_half_precision_overflows_for_a_whole_epoch_and_no_weight_moves(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**100)
    monkeypatch.setattr(equipment, "scaler_for", lambda *_: scaler)
    model = {"name": "cnn", "depth": 1, "width": 2, "normalization": "none"}
    folder = new_run(project, training={"precision": "fp16"}, model=model, epochs=1)
    train(folder)
    randomness.reseed(0, "weights")
    untrained = models.build(experiment_of(model=model).model, 32, 10).state_dict()
    assert all(untrained[name].equal(last) for name, last in newest(folder)["model"].items())
    (epoch,) = read_epochs(folder.epochs_file)
    assert epoch.grad_norm == 0.0
    assert newest(folder)["scaler"]["scale"] == 2.0 ** (100 - epoch.step)


def test_half_precision_scales_the_loss_and_keeps_weights_in_single_precision(
    project: Path,
) -> None:
    folder = new_run(project, training={"precision": "fp16"})
    train(folder)
    content = newest(folder)
    assert content["scaler"]["scale"] >= 1.0
    assert content["scaler"]["_growth_tracker"] > 0
    assert all(tensor.dtype != torch.float16 for tensor in content["model"].values())


def test_compiled_networks_have_the_same_checkpoints(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[nn.Module] = []

    def compile_(network: nn.Module) -> None:
        compiled.append(network)

    monkeypatch.setattr(nn.Module, "compile", compile_)
    folder, usual = new_run(project, training={"compile": True}), new_run(project)
    train(folder)
    assert len(compiled) == 1
    train(usual)
    assert len(compiled) == 1
    assert newest(folder)["model"].keys() == newest(usual)["model"].keys()


def test_class_weights_multiply_the_loss_of_each_image() -> None:
    logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 1, 2])
    settings = experiment_of(loss={"class_weights": [1, 2, 0.5]}).loss
    weights = optim.class_weights(settings, labels, 3)
    log = -logits.log_softmax(1)[torch.arange(4), labels]
    wanted = (log * torch.tensor([1, 2, 2, 0.5])).mean()
    assert torch.allclose(optim.loss_for(settings, weights)(logits, labels), wanted)


def test_balanced_weights_are_scikit_learns() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    labels = torch.tensor([0, 0, 0, 1, 2, 2])
    settings = experiment_of(loss={"class_weights": "balanced"}).loss
    weights = optim.class_weights(settings, labels, 3)
    assert weights is not None
    wanted = compute_class_weight("balanced", classes=torch.arange(3).numpy(), y=labels.numpy())
    assert weights.tolist() == pytest.approx(wanted.tolist())


def test_weights_for_another_number_of_classes_are_missed_before_training(project: Path) -> None:
    with pytest.raises(PreflightError, match="has 2 weights, but the data set has 10 classes"):
        train(new_run(project, loss={"class_weights": [1, 2]}))


def test_an_epoch_tells_where_its_time_and_memory_went(project: Path) -> None:
    folder = new_run(project)
    train(folder)
    for epoch in read_epochs(folder.epochs_file):
        assert epoch.data_seconds is not None
        assert epoch.compute_seconds is not None
        assert epoch.seconds is not None
        assert 0 < epoch.data_seconds + epoch.compute_seconds <= epoch.seconds + 0.002
        assert epoch.peak_memory_bytes is not None
        assert epoch.peak_memory_bytes > 10_000_000


def spoil(monkeypatch: pytest.MonkeyPatch, epoch: int, reloads: int) -> None:
    """Let a batch of an epoch be NaN until training was begun again so many times."""
    original = Equipment.augmented

    def augmented(self: Equipment, indices: Tensor, state: TrainingState) -> tuple[Tensor, Tensor]:
        images, targets = original(self, indices, state)
        bad = state.epoch == epoch and state.steps == 1 and state.schedule.reloads < reloads
        return (images * math.nan if bad else images), targets

    monkeypatch.setattr(Equipment, "augmented", augmented)


def nan_alarms(folder: RunFolder) -> list[str]:
    events = (event for event in events_of(folder) if isinstance(event, Alarmed))
    return [event.message for event in events if event.kind == "nan"]


def test_a_loss_that_is_not_finite_ends_the_training_with_its_cause(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, epoch=2, reloads=99)
    folder = new_run(project)
    for _ in range(2):
        with pytest.raises(RunCrashedError, match="no longer a finite number in epoch 2") as error:
            train(folder)
        assert "gradient_clip_norm" in error.value.hint
    assert [epoch.epoch for epoch in read_epochs(folder.epochs_file)] == [1]
    assert [path.name for path in folder.checkpoints.glob("*.pt")] == ["epoch-0001.pt"]
    (message,) = nan_alarms(folder)
    assert message.endswith("training ends")


def test_weights_that_are_not_finite_never_become_a_checkpoint(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = new_run(project, epochs=1)
    original = Stepping.step

    def step(self: Stepping, state: TrainingState, number: int) -> Tensor:
        norm = original(self, state, number)
        if number == 4:  # the last of the epoch: no loss will show it
            with torch.no_grad():
                next(state.network.parameters())[0] = math.inf
        return norm

    monkeypatch.setattr(Stepping, "step", step)
    with pytest.raises(RunCrashedError, match="the weights are no longer finite"):
        train(folder)
    assert not list(folder.checkpoints.glob("*.pt"))


@pytest.mark.parametrize("epoch", [1, 2])
def test_reloading_begins_the_epoch_again_with_half_the_learning_rate(
    project: Path, monkeypatch: pytest.MonkeyPatch, epoch: int
) -> None:
    changes: dict[str, Any] = {
        "training": {"on_nan": "reload"},
        "scheduler": {"name": "none"},
        "ema": {"decay": 0.9},
    }
    spoil(monkeypatch, epoch, reloads=2)
    whole = new_run(project, **changes)
    train(whole)
    rates = [line.lr for line in read_epochs(whole.epochs_file)]
    assert rates == [0.01 if epoch == 2 else 0.0025, 0.0025]
    assert all(line.train_loss is not None for line in read_epochs(whole.epochs_file))
    assert len(nan_alarms(whole)) == 2
    stopped, saving = new_run(project, **changes), new_run(project, **changes, **EVERY_STEP)
    finish(stopped, at=3)
    train(saving)
    assert kept(stopped) == kept(whole)
    assert kept(saving) == kept(whole)


def test_reloading_gives_up_after_three_times(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, epoch=2, reloads=99)
    folder = new_run(project, training={"on_nan": "reload"})
    with pytest.raises(RunCrashedError, match="in epoch 2, after 3 reloads"):
        train(folder)
    assert len(nan_alarms(folder)) == 4
    best = best_epoch(read_epochs(folder.epochs_file))
    assert best is not None
    assert best.epoch == 1


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_precision_that_the_device_lacks_is_refused(
    monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    hardware.check_precision("fp32", CPU)
    with pytest.raises(PreflightError, match=f"training.precision is {precision}"):
        hardware.check_precision(precision, CPU)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    hardware.check_precision("bf16", CPU)
