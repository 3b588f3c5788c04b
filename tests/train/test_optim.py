from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.optim import lr_scheduler

from tests.train.conftest import experiment_of
from tui_trainer.spec import learning as spec
from tui_trainer.spec.table import plain
from tui_trainer.train import optim

if TYPE_CHECKING:
    from tui_trainer.spec.experiment import Experiment

STEPS = 5
SCHEDULERS: list[dict[str, Any]] = [
    {"name": "none"},
    {"name": "step_lr", "step_size": 2},
    {"name": "multi_step_lr", "milestones": [1, 3]},
    {"name": "cosine_annealing_lr"},
    {"name": "one_cycle_lr", "max_lr": 0.2},
]


def parameters() -> list[torch.nn.Parameter]:
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.grad = torch.ones(3)
    return [parameter]


def walk(experiment: Experiment, epochs: range, state: tuple[Any, Any] | None = None) -> Any:
    """The learning rates of all steps of some epochs, and the state at their end."""
    optimizer = optim.optimizer_for(experiment.optimizer, parameters())
    schedule = optim.Schedule(experiment, optimizer, STEPS)
    if state:
        optimizer.load_state_dict(state[0])
        schedule.restore(state[1])
    rates: list[float] = []
    for _ in epochs:
        for _ in range(STEPS):
            with schedule.at(len(rates) + 1):
                optimizer.step()
            rates.append(schedule.lr)
            schedule.after_step()
        schedule.after_epoch(loss=1.0, accuracy=0.5)
    return rates, (optimizer.state_dict(), schedule.state())


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (spec.Sgd(lr=0.3, momentum=0.9, nesterov=True, weight_decay=1e-4), torch.optim.SGD),
        (spec.Adam("adam", betas=(0.8, 0.9)), torch.optim.Adam),
        (spec.Adam("adamw"), torch.optim.AdamW),
    ],
)
def test_optimizers_get_the_parameters_that_the_experiment_names(settings: Any, kind: Any) -> None:
    optimizer = optim.optimizer_for(settings, parameters())
    assert type(optimizer) is kind
    group = optimizer.param_groups[0]
    for name, value in plain(settings).items():
        if name != "name":
            assert group[name] == pytest.approx(value)


def test_weight_decay_left_out_is_pytorchs() -> None:
    for name, decay in (("adam", 0), ("adamw", 0.01)):
        settings = spec.Adam(name)  # type: ignore[arg-type]
        assert optim.optimizer_for(settings, parameters()).param_groups[0]["weight_decay"] == decay


def test_step_lr_steps_by_epochs() -> None:
    experiment = experiment_of(
        epochs=4, optimizer={"name": "sgd", "lr": 1.0}, scheduler=SCHEDULERS[1]
    )
    rates, _ = walk(experiment, range(4))
    assert rates == pytest.approx([1.0] * 2 * STEPS + [0.1] * 2 * STEPS)


def test_cosine_reaches_its_minimum_after_the_experiments_epochs() -> None:
    experiment = experiment_of(
        epochs=4, optimizer={"name": "sgd", "lr": 1.0}, scheduler=SCHEDULERS[3]
    )
    _, (optimizer, _) = walk(experiment, range(4))
    assert optimizer["param_groups"][0]["lr"] == pytest.approx(0.0)


def test_one_cycle_steps_by_batches_and_ends_with_the_run() -> None:
    experiment = experiment_of(
        epochs=4, optimizer={"name": "sgd", "lr": 1.0}, scheduler={"name": "one_cycle_lr"}
    )
    rates, _ = walk(experiment, range(4))
    assert max(rates) == pytest.approx(1.0, rel=0.05)
    assert rates[-1] == pytest.approx(1.0 / 25 / 1e4)
    assert len(set(rates)) > 3 * STEPS


def test_one_cycle_leaves_a_momentum_of_zero_alone() -> None:
    for momentum, cycled in ((0.0, False), (0.9, True)):
        experiment = experiment_of(
            optimizer={"name": "sgd", "lr": 1.0, "momentum": momentum}, scheduler=SCHEDULERS[4]
        )
        _, (optimizer, _) = walk(experiment, range(1))
        assert (optimizer["param_groups"][0]["momentum"] != momentum) is cycled


@pytest.mark.parametrize("scheduler", SCHEDULERS, ids=lambda table: table["name"])
@pytest.mark.parametrize("epochs_before", range(5))
def test_a_restored_schedule_goes_on_exactly(scheduler: Any, epochs_before: int) -> None:
    experiment = experiment_of(epochs=5, scheduler=scheduler)
    whole, _ = walk(experiment, range(5))
    before, state = walk(experiment, range(epochs_before))
    after, _ = walk(experiment, range(epochs_before, 5), state)
    assert before + after == whole


def test_the_state_of_a_schedule_is_plain() -> None:
    for scheduler in SCHEDULERS:
        _, (_, state) = walk(experiment_of(scheduler=scheduler), range(1))
        assert all(type(value) in {int, float, list} for value in state.values())


def test_every_scheduler_of_the_schema_is_pytorchs() -> None:
    for table in SCHEDULERS[1:]:
        experiment = experiment_of(scheduler=table)
        optimizer = optim.optimizer_for(experiment.optimizer, parameters())
        scheduler = optim.Schedule(experiment, optimizer, STEPS)._scheduler
        assert type(scheduler) is getattr(lr_scheduler, type(experiment.scheduler).__name__)


def test_the_loss_is_cross_entropy_with_smoothing() -> None:
    logits, labels = torch.randn(4, 5), torch.arange(4)
    plain, smooth = (optim.loss_for(spec.CrossEntropy(label_smoothing=s)) for s in (0.0, 0.1))
    log = logits.log_softmax(1)
    assert torch.allclose(plain(logits, labels), -log[labels, labels].mean())
    wanted = -(0.9 * log[labels, labels] + 0.1 * log.mean(1)).mean()
    assert torch.allclose(smooth(logits, labels), wanted)


def test_a_warm_up_multiplies_what_the_scheduler_says() -> None:
    for scheduler in SCHEDULERS:
        usual, _ = walk(experiment_of(epochs=3, scheduler=scheduler), range(3))
        for warmup, length in (({"epochs": 2}, 10), ({"steps": 7, "start": 0.2}, 7)):
            experiment = experiment_of(epochs=3, scheduler=scheduler, warmup=warmup)
            rates, _ = walk(experiment, range(3))
            start = experiment.warmup.start
            factors = [start + (1 - start) * min(1, n / length) for n in range(1, len(rates) + 1)]
            wanted = [rate * factor for rate, factor in zip(usual, factors, strict=True)]
            assert rates == pytest.approx(wanted)
            assert rates[length:] == usual[length:]


@pytest.mark.parametrize(
    ("monitor", "loss", "accuracy"),
    [("loss", [3, 2, 2, 2, 1, 1], [0] * 6), ("accuracy", [0] * 6, [0.1, 0.2, 0.2, 0.2, 0.3, 0.3])],
)
def test_the_rate_falls_on_a_plateau_of_what_is_monitored(
    monitor: str, loss: list[float], accuracy: list[float]
) -> None:
    table = {"name": "reduce_lr_on_plateau", "monitor": monitor, "patience": 1, "factor": 0.5}
    experiment = experiment_of(optimizer={"name": "sgd", "lr": 1.0}, scheduler=table)
    optimizer = optim.optimizer_for(experiment.optimizer, parameters())
    schedule, rates = optim.Schedule(experiment, optimizer, STEPS), []
    for values in zip(loss, accuracy, strict=True):
        schedule.after_epoch(*values)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5]


@pytest.mark.parametrize("scheduler", [SCHEDULERS[3], SCHEDULERS[4]], ids=lambda t: t["name"])
def test_a_longer_run_keeps_the_schedule_that_was_begun_and_then_its_last_rate(
    scheduler: Any,
) -> None:
    short, long = (experiment_of(epochs=epochs, scheduler=scheduler) for epochs in (4, 9))
    whole, _ = walk(short, range(4))
    for done in (2, 4):
        before, state = walk(short, range(done))
        after, _ = walk(long, range(done, 9), state)
        assert (before + after)[: 4 * STEPS] == whole
        last = min(whole) if scheduler["name"] == "one_cycle_lr" else 0.0
        assert after[(4 - done) * STEPS :] == pytest.approx([last] * 5 * STEPS, abs=1e-12)


def test_one_cycle_uses_momentum_only_where_the_optimizer_has_it() -> None:
    for name in ("rmsprop", "torch.optim.Adagrad", "torch.optim.NAdam"):
        experiment = experiment_of(optimizer={"name": name, "lr": 0.5}, scheduler=SCHEDULERS[4])
        _, (optimizer, _) = walk(experiment, range(1))
        assert optimizer["param_groups"][0].get("momentum", 0) == 0
