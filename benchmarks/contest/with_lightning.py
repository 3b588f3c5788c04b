"""Two contenders: Lightning's Trainer with the plain script's loader, or with our batches."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

import lightning
import torch
from contest.job import LEARNING_RATE, MOMENTUM, SEED, Job
from contest.plain_script import loaders, network_for
from contest.turns import Turns
from lightning.pytorch.loggers import CSVLogger
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

OURS = "our-batches"


class Classifier(lightning.LightningModule):
    """As Lightning's own introduction writes one."""

    def __init__(self, network: nn.Module, *, fused: bool) -> None:
        super().__init__()
        self.network = network
        self.fused = fused
        self.losses: list[Tensor] = []
        self.accuracies: list[Tensor] = []

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """The loss of a batch."""
        images, labels = batch
        logits = self.network(images)
        loss = functional.cross_entropy(logits, labels)
        accuracy = (logits.argmax(1) == labels).float().mean()
        self.log("train_loss", loss)
        self.log("train_accuracy", accuracy)
        self.losses.append(loss.detach())
        self.accuracies.append(accuracy)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """As the plain script's."""
        return torch.optim.SGD(
            self.network.parameters(),
            lr=LEARNING_RATE,
            momentum=MOMENTUM,
            fused=self.fused or None,
        )


class TakesTurns(lightning.Callback):
    """An epoch is a turn."""

    def __init__(self, turns: Turns, batch: int) -> None:
        self._turns = turns
        self._batch = batch

    def on_train_epoch_start(self, trainer: lightning.Trainer, module: Classifier) -> None:
        """Wait."""
        del trainer
        self._turns.wait_for("train")
        module.losses, module.accuracies = [], []

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Classifier) -> None:
        """Say how it went."""
        del trainer
        # All batches are of one size, so that means of means are means.
        losses, accuracy = torch.stack(module.losses), torch.stack(module.accuracies).mean()
        self._turns.done(
            len(losses) * self._batch,
            loss=losses.mean().item(),
            accuracy=accuracy.item(),
            losses=losses.tolist(),
        )


class OurBatches:
    """What our training loop makes of the data set, for somebody else's loop."""

    def __init__(self, job: Job) -> None:
        from contest.experiment import experiment_for

        from tui_trainer.train import hardware, sources
        from tui_trainer.train.equipment import spans
        from tui_trainer.train.pipeline import ImagePipeline

        hardware.settle()
        self.experiment = experiment_for(job)
        device = hardware.choose_device(job.device)
        self.data = sources.load(self.experiment.data, job.folder).to(device)
        self.pipeline = ImagePipeline(self.experiment.pipeline, device)
        self.spans = list(spans(len(self.data.train), job.batch))
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.spans)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        from tui_trainer.train import augment, randomness

        self.epoch += 1
        train, side = self.data.train, self.pipeline.size
        order = randomness.permutation(SEED, self.epoch, len(train)).to(train.labels.device)
        for step, (start, stop) in enumerate(self.spans):
            indices = order[start:stop]
            lots = randomness.generator(SEED, "augment", self.epoch, step)
            drawn = augment.draw(self.experiment.augment, len(indices), side, lots)
            images = augment.augmented(train, indices, drawn, self.pipeline)
            yield self.pipeline.normalise(images), train.labels[indices]


def main() -> None:
    """Fit."""
    turns, job, ours = Turns(), Job.read(), OURS in sys.argv
    warnings.filterwarnings("ignore", module="lightning")
    network = network_for(job)
    if ours:
        network.to(memory_format=torch.channels_last)
    options: dict[str, Any] = {
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "logger": CSVLogger(job.folder / "lightning"),
    }
    trainer = lightning.Trainer(
        max_epochs=job.epochs,
        accelerator="gpu" if job.device == "cuda" else "cpu",
        devices=1,
        callbacks=[TakesTurns(turns, job.batch)],
        **options,
    )
    batches = OurBatches(job) if ours else loaders(job)[0]
    trainer.fit(Classifier(network, fused=ours), batches)


if __name__ == "__main__":
    main()
