"""A contender: our training core, which waits for its turn before each epoch and validation."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from contest.job import Job
from contest.turns import Turns

from tui_trainer.train import __main__ as door
from tui_trainer.train import loop

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tui_trainer.train.evaluate import Measured

TURNS, JOB = Turns(), Job.read()


class TakesTurns(loop.Training):
    """The training loop as it is, with clocks around it."""

    def _train_epoch(self) -> None:
        losses: list[Tensor] = []
        if JOB.in_order:
            self._keep_losses(losses)
        TURNS.wait_for("train")
        super()._train_epoch()
        sums = self.state.sums
        # Waits for the device, too.
        loss, correct, images, _ = sums.values.tolist()
        TURNS.done(
            int(images),
            loss=loss / images,
            accuracy=correct / images,
            losses=[loss.item() for loss in losses],
            images_per_second=images / sums.train_seconds,
            data_share=sums.data_seconds / sums.train_seconds,
        )

    def _keep_losses(self, losses: list[Tensor]) -> None:
        sums = self.state.sums
        added = sums.add

        def kept(loss: Tensor, *others: Any) -> None:
            losses.append(loss.detach())
            added(loss, *others)

        sums.add = kept

    def _measure_validation(self, network: nn.Module) -> Measured:
        TURNS.wait_for("evaluate")
        measured = super()._measure_validation(network)
        TURNS.done(measured.images, loss=measured.loss, accuracy=measured.accuracy)
        return measured


if __name__ == "__main__":
    loop.Training = TakesTurns  # type: ignore[misc]
    sys.exit(door.main())
