"""Rehearses the stages of a run on a batch or two, with objects of its own, in a scratch folder."""

from __future__ import annotations

import math
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
from tui_trainer.spec.learning import CrossEntropy, NoScheduler
from tui_trainer.spec.training import Warmup
from tui_trainer.train import models, optim, randomness, remains
from tui_trainer.train.checkpoint import Checkpoints
from tui_trainer.train.dataset import Dataset
from tui_trainer.train.equipment import Equipment
from tui_trainer.train.evaluate import measure, predictions
from tui_trainer.train.ledger import Ledger
from tui_trainer.train.ood import OodSource, Tools, images_of, measure_ood
from tui_trainer.train.ood_files import DISTORTION_NAME, LABELS, SEVERITIES
from tui_trainer.train.ood_results import SUBMISSION, submit_all
from tui_trainer.train.reporter import Reporter
from tui_trainer.train.result import Results
from tui_trainer.train.state import Sums, TrainingState, load_weights
from tui_trainer.train.stepping import Windows, scaler_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

    from tui_trainer.record.finding import Level
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.spec.ood import Ood
    from tui_trainer.train.dataset import Split
    from tui_trainer.train.metrics import Predictions
    from tui_trainer.train.ood_files import OodFolder

# A processor takes seconds for more; an accelerator has its memory tried by a whole batch.
_MOST_TRAINED_ON_CPU = 128
_EVALUATED = 64
_OF_EACH_SEVERITY = 12
_PROBED = 16
# A learning rate that is right for a training can be too high for its first step.
_HALVINGS = (0, 4, 8)
_HARMLESS = 60
# Colours that happen to be turned down, a box that happens to be large.
_LOST_BY_CHANCE = 0.1
# Of a small network's steps several are needed to tell how long one takes.
_MOST_STEPS, _SECONDS_OF_STEPS = 8, 0.4
# Resizing on an accelerator may round otherwise for other batches.
_SKEW = 1e-5


@dataclass
class Pace:
    """How long things took, in seconds; what a forecast is made of."""

    steps: list[float] = field(default_factory=list)
    """Each step of training."""
    images: int = 1
    """In such a step."""
    evaluation: float = 0.0
    """For an image."""

    @property
    def training(self) -> float:
        """For an image; the first step also readies the libraries."""
        return min(self.steps[1:], default=0.0) / self.images


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
        self.pace.images = len(small.data.train)
        return small

    @cached_property
    def state(self) -> TrainingState:
        """What the stages train and save."""
        return self.small.initial_state()

    def network(self) -> Finding:
        """Build it and let it take the smallest batch."""
        whole, few = self.equipment, min(2, len(self.small.data.train))
        whole.check_network()
        model, size, classes = (
            whole.experiment.model,
            whole.experiment.pipeline.size,
            whole.data.classes,
        )
        models.check_gradients(model, size, classes, few, whole.project)
        self._tools(self.state.evaluated)  # for what it refuses
        count = sum(parameter.numel() for parameter in self.state.network.parameters())
        found = f"{model.name}: {count:,} parameters, {classes:,} classes"
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

    def augmentation(self) -> Finding:
        """Augment some images of the first batch, and see what is left of them."""
        steps, train = self.equipment.experiment.augment, self.small.data.train
        if not steps:
            return Finding("augmentation", "ok", "none")
        images = train.only(torch.arange(_EVALUATED, device=train.labels.device) % len(train))
        pipeline, seed = self.equipment.pipeline, self.equipment.experiment.seed
        gone = remains.lost(steps, images, pipeline, seed)
        count = len(images)
        found = f"nothing is left of {gone} of {count} images"
        if not gone:
            return Finding("augmentation", "ok", f"something is left of each of {count} images")
        if gone < _LOST_BY_CHANCE * count:
            return Finding("augmentation", "ok", found)
        worst = max(steps, key=lambda step: remains.lost((step,), images, pipeline, seed))
        found += "; their labels are trained on all the same"
        level: Level = "error" if gone == count else "warning"
        return Finding("augmentation", level, found, f"is it {worst.name}? weaken it")

    def step(self) -> Finding:
        """Let a step lower the loss of one batch: at the run's learning rate, or far below it."""
        start = {name: entry.clone() for name, entry in self.state.network.state_dict().items()}
        self.state.network.train()
        for halvings in _HALVINGS:
            before, after = self._step_from(start, halvings)
            if after < before:
                break
        else:
            raise PreflightError(
                f"no step lowers the loss of one batch: {before:.4g} -> {after:.4g} even at "
                f"1/{2**halvings} of the learning rate",
                hint="does the optimizer minimise, and its learning rate change anything?",
            )
        self._load(start)
        while len(self.pace.steps) < _MOST_STEPS and sum(self.pace.steps) < _SECONDS_OF_STEPS:
            self._timed_step(_HARMLESS)
        self._load(start)
        rate = f" at 1/{2**halvings} of the learning rate" if halvings else ""
        return Finding("step", "ok", f"the loss of one batch: {before:.4g} -> {after:.4g}{rate}")

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
        return _bytes_in(self.small.checkpoint(self.state, self.fingerprint, {}))

    def checkpoint(self) -> Finding:
        """Save, reload into a fresh network, compare what both say."""
        checkpoints = Checkpoints(self._ledger, self.fingerprint)
        checkpoints.tidy()
        name, content = self.state.name, self.small.checkpoint(self.state, self.fingerprint, {})
        checkpoints.save(name, content)
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
        classes = self.small.data.classes
        submit_all(self._results, source.folder, classes, tools)
        found = f"{SUBMISSION}: {source.folder.images} rows written and checked"
        return Finding("submission", "ok", found)

    def _small_probe(self) -> Split | None:
        settings = self.equipment.experiment.ood
        if settings is None or not settings.probe:
            return None
        few = structs.replace(settings, folder=None, probe=min(settings.probe, _PROBED))
        return self._source_of(few).probe()

    def _step_from(self, start: Mapping[str, Tensor], halvings: int) -> tuple[float, float]:
        """The loss before and after a step from these weights, infinite where it is no number."""
        self._load(start)
        self.state.optimizer.state.clear()
        before = self._timed_step(halvings)
        # A scaler leaves steps out until it knows how much the gradients can bear.
        if not float(self.state.sums.values[3]) and not self.state.scaler.is_enabled():
            raise PreflightError(
                "no gradient reaches the weights",
                hint="what the network returns must be computed from its parameters, undetached",
            )
        if not math.isfinite(before):
            raise PreflightError(
                "the loss of the first batch is no finite number",
                hint="are the images and the network's first weights finite?",
            )
        after = self._timed_step(halvings)
        return before, after if math.isfinite(after) else math.inf

    def _timed_step(self, halvings: int) -> float:
        """Train on the batch and return the loss that it had."""
        state, count = self.state, len(self.small.data.train)
        state.schedule.reloads = halvings
        state.sums = Sums.zero(self.equipment.device)
        began = time.monotonic()
        self.small.train_on(torch.arange(count, device=self.equipment.device), state)
        loss = float(state.sums.values[0] / count)  # waits for an accelerator
        self.pace.steps.append(time.monotonic() - began)
        state.schedule.reloads = 0
        self.go_on()
        return loss

    def _load(self, weights: Mapping[str, Tensor]) -> None:
        load_weights(self.state.network, weights)
        if self.state.averaged is not None:
            load_weights(self.state.averaged, weights)

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
        experiment, pipeline = self.small.experiment, self.small.pipeline
        return Tools.of(experiment, network, pipeline, self.go_on, lambda _line: None)

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
        return self._source_of(settings)

    def _source_of(self, settings: Ood) -> OodSource:
        size = self.equipment.experiment.pipeline.size
        return OodSource(settings, self.small.data, self.equipment.project, size)

    def _witnessed(self) -> Iterator[Witnessed]:
        """What a network sees of one training image wherever the run shows it images."""
        data, go_on = self.equipment.data, self.go_on
        one = data.train.only(torch.zeros(1, dtype=torch.int64))
        experiment = structs.replace(
            self.small.experiment, augment=(), scheduler=NoScheduler(), loss=CrossEntropy()
        )
        plain = Equipment(experiment, self.equipment.project)
        plain.data = Dataset(one, one, one, data.classes)
        plain.windows, plain.pipeline = Windows([(0, 1)], 1), self.equipment.pipeline
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


def _part_of(folder: OodFolder, place: Path) -> Path:
    """The beginnings of the first and the last file, as a folder of the same form."""
    place.mkdir(parents=True, exist_ok=True)
    for number, file in enumerate(dict.fromkeys((folder.files[0], folder.files[-1]))):
        chosen = _of_each_severity(file.count)
        name = DISTORTION_NAME.format(number) if folder.labels is None else file.path.name
        np.save(place / name, file.open()[chosen])
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
