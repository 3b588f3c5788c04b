"""Rehearses the stages of a run on a batch or two, with objects of its own, in a scratch folder."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from msgspec import structs
from torch import nn

from tui_trainer.errors import PreflightError
from tui_trainer.record.finding import Finding
from tui_trainer.record.words import byte_size, percent
from tui_trainer.spec.learning import NoScheduler
from tui_trainer.spec.training import Warmup
from tui_trainer.train import health, optim, randomness
from tui_trainer.train.checkpoint import Checkpoints
from tui_trainer.train.dataset import Dataset
from tui_trainer.train.equipment import Equipment
from tui_trainer.train.evaluate import measure, predictions
from tui_trainer.train.ledger import Ledger
from tui_trainer.train.ood import OodSource, Tools, images_of, measure_ood
from tui_trainer.train.ood_files import LABELS, SEVERITIES
from tui_trainer.train.ood_results import SUBMISSION, submit
from tui_trainer.train.reporter import Reporter
from tui_trainer.train.result import Results
from tui_trainer.train.state import Sums, TrainingState
from tui_trainer.train.stepping import Windows, scaler_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torch import Tensor

    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.train.dataset import Split
    from tui_trainer.train.metrics import Predictions
    from tui_trainer.train.ood_files import OodFolder

# A processor takes seconds for more; an accelerator has its memory tried by a whole batch.
_MOST_TRAINED_ON_CPU = 128
_EVALUATED = 64
_OF_EACH_SEVERITY = 12
_PROBED = 16
# Adam's first step can raise the loss of a network that learns well; five do not.
_MOST_STEPS_TO_LOWER = 5
# Of a small network's steps several are needed to tell how long one takes.
_MOST_STEPS, _SECONDS_OF_STEPS = 8, 0.4
# Resizing on an accelerator may round otherwise for other batches.
_SKEW = 1e-5


@dataclass
class Pace:
    """How long things took; what a forecast is made of."""

    train: float = 0.0
    """Seconds per image."""
    evaluation: float = 0.0
    """Seconds per image."""
    save: float = 0.0
    """Seconds per checkpoint."""


class Witnessed(NamedTuple):
    """What a network would be shown of one image."""

    by: str
    image: Tensor


@dataclass
class Rehearsal:
    """The stages, to be called in this order; each returns what it found, or raises.

    Args:
        equipment: The run's; nothing of it is changed.
        scratch: A run folder that nobody keeps.
        fingerprint: The experiment's.
        go_on: Called between batches; what it raises ends the rehearsal.
    """

    equipment: Equipment
    scratch: RunFolder
    fingerprint: str
    go_on: Callable[[], None]
    pace: Pace = field(default_factory=Pace)

    @cached_property
    def small(self) -> Equipment:
        """The same equipment with few images, whose every batch makes a step at the full rate."""
        whole = self.equipment
        training = structs.replace(whole.experiment.training, accumulate=1, compile=False)
        small = Equipment(
            structs.replace(whole.experiment, training=training, warmup=Warmup()), whole.project
        )
        small.data = _few(whole)
        # As many steps as the run has, or a schedule could not be laid out.
        small.windows = Windows(whole.windows.spans, 1)
        small.pipeline, small.loss = whole.pipeline, whole.loss
        return small

    @cached_property
    def state(self) -> TrainingState:
        """What the stages train and save."""
        return self.small.initial_state()

    def network(self) -> Finding:
        """Build it and let it take the smallest batch."""
        self.equipment.check_network()
        count = sum(parameter.numel() for parameter in self.state.network.parameters())
        name, classes = self.equipment.experiment.model.name, self.equipment.data.classes
        found = f"{name}: {count:,} parameters, {classes:,} classes"
        return Finding("network", "ok", found)

    def pipeline(self) -> Finding:
        """Show one image to whatever looks at images, and compare what a network would see."""
        first, *others = self._witnessed()
        for other in others:
            if other.image.shape != first.image.shape:
                shapes = f"{tuple(other.image.shape)}, in {first.by} {tuple(first.image.shape)}"
                raise _skewed(f"one image is {shapes} in {other.by}")
            apart = float((other.image - first.image).abs().max())
            if apart > _SKEW:
                raise _skewed(f"one image differs by {apart:.3g} between {first.by} and {other.by}")
        shape = "x".join(map(str, first.image.shape))
        names = ", ".join(witnessed.by for witnessed in (first, *others))
        return Finding("pipeline", "ok", f"one image is the same {shape} tensor in {names}")

    def step(self) -> Finding:
        """Train on one batch until its loss is lower than before."""
        state, losses, seconds = self.state, list[float](), list[float]()
        state.network.train()
        while _wants_another(losses, seconds):
            state.sums = Sums.zero(self.equipment.device)
            began = time.monotonic()
            self.small.train_on(torch.arange(len(self.small.data.train)), state)
            losses.append(float(state.sums.values[0] / state.sums.values[2]))
            seconds.append(time.monotonic() - began)
            _check_gradients(state)
            self.go_on()
        # The first step also readies the libraries.
        self.pace.train = min(seconds[1:]) / len(self.small.data.train)
        count, lr = len(losses) - 1, state.sums.lr
        steps = "a step" if count == 1 else f"{count} steps"
        change = f"{losses[0]:.4g} -> {losses[-1]:.4g}"
        if _is_lowered(losses):
            return Finding("step", "ok", f"{steps} on one batch took its loss {change}")
        return Finding(
            "step",
            "warning",
            f"{steps} at a learning rate of {lr:.2g} did not lower the loss of one batch: {change}",
            "lower optimizer.lr, or see to it that it learns: tui-trainer model, alarms in show",
        )

    def validation(self) -> Finding:
        """Measure validation images, and the probe's where there is one."""
        network, split = self.state.evaluated, self.small.data.validation
        began = time.monotonic()
        measured = measure(network, split, self.small.pipeline, self.go_on)
        self.pace.evaluation = (time.monotonic() - began) / len(split)
        found = f"{measured.images} images: loss {measured.loss:.4g}"
        probe = self._small_probe()
        if probe is not None:
            accuracy = measure(network, probe, self.small.pipeline, self.go_on).accuracy
            found += f"; probe: {len(probe)} images, accuracy {percent(accuracy)}"
        return Finding("validation", "ok", found)

    @property
    def checkpoint_bytes(self) -> int:
        """What a checkpoint takes, as far as its tensors go; after a step, when all are there."""
        return _bytes_in(self.small.checkpoint(self.state, self.fingerprint))

    def checkpoint(self) -> Finding:
        """Save, reload into a fresh network, compare what both say."""
        checkpoints = Checkpoints(self._ledger, self.fingerprint)
        checkpoints.tidy()
        began = time.monotonic()
        name, content = self.state.name, self.small.checkpoint(self.state, self.fingerprint)
        checkpoints.save(name, content)
        self.pace.save = time.monotonic() - began
        size = (self.scratch.checkpoints / str(name)).stat().st_size
        loaded = checkpoints.newest()
        if loaded is None:
            raise PreflightError(
                "a checkpoint that was saved just now cannot be read back whole",
                hint=f"is the disk of {self.scratch.path.parent} failing?",
            )
        fresh = self.small.initial_state()
        fresh.restore(loaded.content)
        if not torch.equal(self._said_by(fresh).logits, self._said.logits):
            raise PreflightError(
                "a network that was reloaded from a checkpoint says something else than before",
                hint="what it learns must be in its state_dict, and nothing random in evaluation",
            )
        return Finding("checkpoint", "ok", f"{byte_size(size)}: saved, reloaded, the same logits")

    def test(self) -> Finding:
        """Write the result on test images."""
        self._results.write_clean(self._said)
        self._results.announce(self._results.clean_file)
        written = (self._results.clean_file, self._results.predictions_file)
        names = " and ".join(file.name for file in written)
        return Finding("test", "ok", f"{len(self._said.labels)} images: {names} written")

    def out_of_distribution(self) -> Finding:
        """Measure two corruptions, or parts of two files; or write a submission of them."""
        source, tools = self._small_ood(), self._tools(self.state.evaluated)
        if source.is_labelled:
            measured = measure_ood(source, tools)
            self._results.write_ood(measured)
            self._results.announce(self._results.ood_file())
            found = f"{measured['images']} images of {', '.join(measured['corruptions'])} measured"
            return Finding("ood", "ok", found)
        assert source.folder is not None  # noqa: S101  or it would have labels
        path, classes = self._results.place / SUBMISSION, self.small.data.classes
        submit(path, self._results, source.folder, classes, tools)
        found = f"{SUBMISSION}: {source.folder.images} rows written and checked"
        return Finding("submission", "ok", found)

    def _small_probe(self) -> Split | None:
        settings = self.equipment.experiment.ood
        if settings is None or not settings.probe:
            return None
        few = structs.replace(settings, folder=None, probe=min(settings.probe, _PROBED))
        return OodSource(few, self.small.data, self.equipment.project).probe()

    @cached_property
    def _ledger(self) -> Ledger:
        attempt = self.scratch.attempt(1)
        attempt.path.mkdir(parents=True)
        return Ledger(self.scratch, attempt.number, Reporter())

    @cached_property
    def _results(self) -> Results:
        return Results(self.scratch, 1, self.state.name, self.fingerprint)

    @cached_property
    def _said(self) -> Predictions:
        return self._said_by(self.state)

    def _said_by(self, state: TrainingState) -> Predictions:
        return predictions(state.evaluated, self.small.data.test, self.small.pipeline, self.go_on)

    def _tools(self, network: nn.Module) -> Tools:
        return Tools(network, self.small.pipeline, self.go_on, lambda _line: None)

    def _small_ood(self) -> OodSource:
        """The experiment's own, with a part of its corruptions or of its files."""
        settings, whole = self.equipment.experiment.ood, self.equipment.ood
        assert settings is not None  # noqa: S101  or nobody would ask
        assert whole is not None  # noqa: S101
        names = settings.names
        settings = structs.replace(
            settings,
            corruptions=tuple(dict.fromkeys((*names[:1], *names[-1:]))),
            severities=settings.severities[-1:],
        )
        if whole.folder is not None:
            folder = _part_of(whole.folder, self.scratch.path / "ood")
            settings = structs.replace(settings, folder=str(folder))
        return OodSource(settings, self.small.data, self.equipment.project)

    def _witnessed(self) -> Iterator[Witnessed]:
        """What a network sees of one training image wherever the run shows it images."""
        data, go_on = self.equipment.data, self.go_on
        one = data.train.only(torch.zeros(1, dtype=torch.int64))
        experiment = structs.replace(self.small.experiment, augment=(), scheduler=NoScheduler())
        plain = Equipment(experiment, self.equipment.project)
        plain.data = Dataset(one, one, one, data.classes)
        plain.windows, plain.pipeline = Windows([(0, 1)], 1), self.equipment.pipeline
        plain.loss = self.equipment.loss
        witness = _Witness(data.classes).to(self.equipment.device)
        plain.train_on(torch.zeros(1, dtype=torch.int64), _state_of(witness, plain))
        yield Witnessed("training", witness.seen)
        measure(witness, one, plain.pipeline, go_on)
        yield Witnessed("validation", witness.seen)
        predictions(witness, one, plain.pipeline, go_on)
        yield Witnessed("test", witness.seen)
        tools = Tools(witness, plain.pipeline, go_on, lambda _line: None)
        tools.predict(lambda start, stop: images_of(one, start, stop), 1)
        yield Witnessed("out of distribution", witness.seen)


class _Witness(nn.Module):
    """Stands where a network would, and keeps what it was shown last."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(1, classes))
        self.seen = torch.empty(0)

    def forward(self, images: Tensor) -> Tensor:
        """Nothing about them, (count, classes)."""
        self.seen = images[0].detach().clone()
        return self.logits.expand(len(images), -1)


def _state_of(network: nn.Module, equipment: Equipment) -> TrainingState:
    optimizer = torch.optim.SGD(network.parameters(), lr=0.0)
    schedule = optim.Schedule(equipment.experiment, optimizer, 1)
    scaler = scaler_for(equipment.experiment.training.precision, equipment.device)
    return TrainingState(network, optimizer, schedule, scaler, None)


def _few(whole: Equipment) -> Dataset:
    """The images of the run's first batch, and some of each other split."""
    data, count = whole.data, whole.windows.spans[0][1]
    if whole.device.type == "cpu":
        count = min(count, _MOST_TRAINED_ON_CPU)
    order = randomness.permutation(whole.experiment.seed, 1, len(data.train))
    return Dataset(
        data.train.only(order[:count].to(whole.device)),
        data.validation.only(_beginning(data.validation)),
        data.test.only(_beginning(data.test)),
        data.classes,
    )


def _beginning(split: Split) -> Tensor:
    return torch.arange(min(len(split), _EVALUATED), device=split.labels.device)


def _wants_another(losses: list[float], seconds: list[float]) -> bool:
    if len(losses) < 2:
        return True
    if not _is_lowered(losses):
        return len(losses) <= _MOST_STEPS_TO_LOWER
    return len(losses) < _MOST_STEPS and sum(seconds) < _SECONDS_OF_STEPS


def _is_lowered(losses: list[float]) -> bool:
    return min(losses[1:]) < losses[0]


def _check_gradients(state: TrainingState) -> None:
    try:
        health.check(state)
    except health.Diverged as diverged:
        raise PreflightError(f"{diverged} after a step", hint=health.ADVICE) from diverged
    # A scaler leaves steps out until it knows how much the gradients can bear.
    if not float(state.sums.values[3]) and not state.scaler.is_enabled():
        raise PreflightError(
            "no gradient reaches the weights",
            hint="what the network returns must be computed from its parameters, undetached",
        )


def _part_of(folder: OodFolder, place: Path) -> Path:
    """The beginnings of the first and the last file, as a folder of the same form."""
    place.mkdir(parents=True, exist_ok=True)
    for file in dict.fromkeys((folder.files[0], folder.files[-1])):
        chosen = _of_each_severity(file.count)
        np.save(place / file.path.name, file.open()[chosen])
        if folder.labels is not None:
            np.save(place / LABELS, folder.labels[chosen])
    return place


def _of_each_severity(count: int) -> list[int]:
    few = min(count, _OF_EACH_SEVERITY)
    return [severity * count + n for severity in range(SEVERITIES) for n in range(few)]


def _bytes_in(content: object) -> int:
    """Of the tensors in a table of tables."""
    if isinstance(content, torch.Tensor):
        return content.nbytes
    if isinstance(content, dict):
        return sum(map(_bytes_in, content.values()))
    return sum(map(_bytes_in, content)) if isinstance(content, (list, tuple)) else 0


def _skewed(found: str) -> PreflightError:
    return PreflightError(
        f"images are not prepared alike: {found}",
        hint="what is trained on and what is measured must go through one pipeline",
    )
