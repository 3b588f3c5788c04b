"""What a run is trained with: each piece built from its experiment, once, when it is asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import torch

from tui_trainer.spec.table import plain
from tui_trainer.train import (
    augment,
    consistency,
    hardware,
    mixing,
    models,
    optim,
    randomness,
    sources,
)
from tui_trainer.train.ood import OodSource
from tui_trainer.train.pipeline import ImagePipeline
from tui_trainer.train.staging import Stage
from tui_trainer.train.state import TrainingState
from tui_trainer.train.stepping import Stepping, Windows, averaged_copy, scaler_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

    from tui_trainer.record.state import Complexity
    from tui_trainer.spec.experiment import Experiment
    from tui_trainer.train.dataset import Dataset, Split

_LAYOUTS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
_UNHEARD: Final = Stage()


class Equipment:
    """The pieces; none of them changes while it is trained with.

    Args:
        experiment: What is trained.
        project: The folder that relative paths begin at.
        stage: Copies data to the node, where the experiment wants that.

    Raises:
        PreflightError: By each piece that is asked for and is missing, damaged or no fit.
    """

    def __init__(self, experiment: Experiment, project: Path, stage: Stage = _UNHEARD) -> None:
        self.experiment = experiment
        self.project = project
        self._stage = stage

    @cached_property
    def device(self) -> torch.device:
        """Where it is trained, settled for that."""
        hardware.settle()
        device = hardware.choose_device(self.experiment.resources.device)
        hardware.check_precision(self.experiment.training.precision, device)
        return device

    @cached_property
    def circumstances(self) -> hardware.Circumstances:
        """What, apart from the experiment, decides the bits of the result."""
        return hardware.Circumstances.of(self.device)

    @cached_property
    def data(self) -> Dataset:
        """The images, on the device."""
        size = self.experiment.pipeline.size
        loaded = sources.load(self.experiment.data, self.project, size, self._stage)
        return loaded.to(self.device)

    @cached_property
    def pipeline(self) -> ImagePipeline:
        """How bytes become tensors."""
        return ImagePipeline(self.experiment.pipeline, self.device, self.layout)

    @property
    def layout(self) -> torch.memory_format:
        """How images and weights lie in memory."""
        return _LAYOUTS[self.experiment.training.layout]

    @cached_property
    def ood(self) -> OodSource | None:
        """What is measured besides the clean test images."""
        settings, size = self.experiment.ood, self.experiment.pipeline.size
        return OodSource(settings, self.data, self.project, size) if settings else None

    @cached_property
    def probe(self) -> Split | None:
        """What is measured after every epoch besides the validation images."""
        return self.ood.probe() if self.ood else None

    @cached_property
    def windows(self) -> Windows:
        """The batches of an epoch and the steps that they make."""
        batches = spans(len(self.data.train), self.experiment.batch_size)
        return Windows(list(batches), self.experiment.training.accumulate)

    @cached_property
    def loss(self) -> Callable[[Tensor, Tensor], Tensor]:
        """What training minimises."""
        settings, data = self.experiment.loss, self.data
        return optim.loss_for(
            settings, optim.class_weights(settings, data.train.labels, data.classes)
        )

    @cached_property
    def stepping(self) -> Stepping:
        """How steps are taken."""
        return Stepping(self.experiment.training, self.experiment.ema.decay, self.device)

    def check_network(self) -> None:
        """Make sure that the network can be trained on the smallest batch of an epoch.

        Raises:
            PreflightError: It cannot.
        """
        smallest = min(stop - start for start, stop in self.windows.spans)
        size, classes = self.experiment.pipeline.size, self.data.classes
        models.check_batch(self.experiment.model, size, classes, smallest, self.project)

    @property
    def complexity(self) -> Complexity | None:
        """How large the network is; None where that cannot be counted."""
        # It costs a sixth of a second to import.
        from tui_trainer.train.anatomy import complexity

        return complexity(self.experiment, self.project, self.data.classes)

    def initial_state(self) -> TrainingState:
        """That of a training that has not begun, a new one each time."""
        experiment = self.experiment
        randomness.reseed(experiment.seed, "weights")
        size = experiment.pipeline.size
        network = models.build(experiment.model, size, self.data.classes, self.project)
        network.to(self.device, memory_format=self.layout)  # type: ignore[call-overload]
        averaged = averaged_copy(network) if experiment.ema.decay else None
        optimizer = optim.optimizer_for(experiment.optimizer, network.parameters())
        schedule = optim.Schedule(experiment, optimizer, self.windows.count)
        if experiment.training.compile:
            network.compile()
        scaler = scaler_for(experiment.training.precision, self.device)
        return TrainingState(network, optimizer, schedule, scaler, averaged)

    def train_on(self, indices: Tensor, state: TrainingState) -> None:
        """Train on these images at the state's epoch and step; its sums take in what came of it."""
        moment = (self.experiment.seed, "dropout", state.epoch, state.steps)
        with state.sums.data_clock():
            images, targets = self.augmented(indices, state)
        randomness.reseed(*moment)
        with self.stepping.autocast():
            logits = state.network(images)
            loss = self.loss(logits, targets)
        self.stepping.backward(state, loss, self.windows.share(state.steps))
        is_step = self.windows.is_complete(state.steps)
        norm = self._optimizer_step(state) if is_step else None
        correct = mixing.right_answers(logits[: len(indices)], targets)
        state.sums.add(loss, correct, len(indices), norm)

    def augmented(self, indices: Tensor, state: TrainingState) -> tuple[Tensor, Tensor]:
        """What the network sees at the state's epoch and step, and what it shall answer."""
        images, targets = self.drawn(indices, state.epoch, state.steps)
        return self.pipeline.normalise(images), targets

    def drawn(self, indices: Tensor, epoch: int, batch: int) -> tuple[Tensor, Tensor]:
        """As `augmented`, on [0, 1]; where the loss compares views, one view after the other."""
        generator = randomness.generator(self.experiment.seed, "augment", epoch, batch)
        train, steps = self.data.train, self.experiment.augment
        labels = train.labels[indices]
        if self.experiment.loss.jsd:
            return consistency.views(train, indices, steps, self.pipeline, generator), labels
        drawn = augment.draw(steps, len(indices), self.pipeline.size, generator)
        images = augment.augmented(train, indices, drawn, self.pipeline)
        return images, augment.targets(drawn, labels, self.data.classes)

    def checkpoint(
        self, state: TrainingState, fingerprint: str, own_files: Mapping[str, Any]
    ) -> dict[str, Any]:
        """All that a checkpoint of this moment holds.

        Args:
            state: What is kept.
            fingerprint: The experiment's.
            own_files: The user's own code and data, by their digests.
        """
        return {
            **state.content(self.circumstances),
            "fingerprint": fingerprint,
            "circumstances": {**self.circumstances.as_record(), "own_files": own_files},
            "pipeline": plain(self.experiment.pipeline),
        }

    def _optimizer_step(self, state: TrainingState) -> Tensor:
        before = (state.epoch - 1) * self.windows.count + self.windows.number(state.steps)
        norm = self.stepping.step(state, before + 1)
        state.sums.lr = state.schedule.lr
        state.schedule.after_step()
        return norm


def spans(count: int, batch_size: int) -> Iterator[tuple[int, int]]:
    """The batches of an epoch as ranges of its order.

    Every image is used. A single image left over joins the batch before it, because batch
    normalisation cannot take the variance of one value.
    """
    start = 0
    while start < count:
        stop = min(start + batch_size, count)
        stop = count if count - stop == 1 and batch_size > 1 else stop
        yield start, stop
        start = stop
