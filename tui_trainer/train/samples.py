"""Pictures of what a run would be trained and tested on, before it is launched.

python -m tui_trainer.train.samples PROJECT, with the experiment as JSON `{"experiment": TOML}` on
the first line of standard input and a question on each further one; an answer for every line.
"""

from __future__ import annotations

import base64
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from tui_trainer.errors import ExitCode, UsageError
from tui_trainer.spec.ood import CORRUPTIONS, Ood
from tui_trainer.spec.snapshot import experiment_from_toml
from tui_trainer.train import randomness
from tui_trainer.train.answer import answer
from tui_trainer.train.corruptions import corrupted
from tui_trainer.train.equipment import Equipment
from tui_trainer.train.ood import OodSource, to_corrupt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from tui_trainer.spec.experiment import Experiment

# Of what is drawn, not computed on, more pixels than this are never seen in a terminal.
LARGEST_SIDE = 64
SEVERITIES = (1, 2, 3, 4, 5)
# Of several classes that were mixed, a share below this is not worth its word.
_LEAST_SHARE = 0.05


class Samples:
    """Answers questions about one experiment; its data is read once."""

    def __init__(self, experiment: Experiment, project: Path) -> None:
        self._experiment = experiment
        self._equipment = Equipment(experiment, project)
        data = self._equipment.data
        self._names = data.names or tuple(map(str, range(data.classes)))

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """The pictures that a question asks for.

        Raises:
            UsageError: There is no such epoch, batch, image or corruption.
            PreflightError: Something that it needs is not there.
        """
        side = int(question.get("side", LARGEST_SIDE))
        kind = question.get("kind", "augmented")
        if kind == "augmented":
            return self._augmented(question["epoch"], question["batch"], question["count"], side)
        if kind == "corrupted":
            return self._corrupted(
                question["corruption"], question["first"], question["count"], side
            )
        return self._table(question["first"], side)

    def _augmented(self, epoch: int, batch: int, count: int, side: int) -> dict[str, Any]:
        """The first images of a training batch, and what the network is shown in their place."""
        spans = self._equipment.windows.spans
        _check("epoch", epoch, self._experiment.epochs)
        _check("batch", batch, len(spans))
        train, (start, stop) = self._equipment.data.train, spans[batch - 1]
        order = randomness.permutation(self._experiment.seed, epoch, len(train))
        indices = order[start:stop].to(train.labels.device)
        images, targets = self._equipment.drawn(indices, epoch, batch - 1)
        originals = self._equipment.pipeline.to_unit(train.take(indices[:count]))
        views = [images[at : at + count] for at in range(0, len(images), len(indices))]
        names = ["as trained"] if len(views) == 1 else ["as trained", "view 2", "view 3"]
        rows = zip(["original", *names], [originals, *views], strict=True)
        return {
            "epochs": self._experiment.epochs,
            "batches": len(spans),
            "rows": [_row(name, _bytes(pictures), side) for name, pictures in rows],
            "labels": [self._label(target) for target in targets[:count]],
        }

    def _corrupted(self, corruption: str, first: int, count: int, side: int) -> dict[str, Any]:
        """Some test images, plain and with one corruption at each severity."""
        chosen = next((name for name in CORRUPTIONS if name == corruption), None)
        if chosen is None:
            known = ", ".join(CORRUPTIONS)
            raise UsageError(f"there is no corruption {corruption}", hint=f"there are: {known}")
        test = self._source().split
        _check("image", first + 1, len(test))
        numbers = range(first, min(first + count, len(test)))
        plain = to_corrupt(test, numbers.start, numbers.stop)
        rows = [_row("original", plain, side)]
        for severity in SEVERITIES:
            changed = corrupted(plain, numbers, chosen, severity)
            rows.append(_row(f"{corruption} {severity}", changed, side))
        labels = test.labels[numbers.start : numbers.stop].tolist()
        return {"images": len(test), "rows": rows, "labels": [self._names[at] for at in labels]}

    def _table(self, first: int, side: int) -> dict[str, Any]:
        """One test image with every corruption at each severity."""
        test = self._source().split
        _check("image", first + 1, len(test))
        plain = to_corrupt(test, first, first + 1)
        ood = self._experiment.ood
        rows = []
        for name in ood.names if ood else CORRUPTIONS:
            row = [plain, *(corrupted(plain, [first], name, severity) for severity in SEVERITIES)]
            rows.append(_row(name, np.concatenate(row), side))
        return {
            "images": len(test),
            "rows": rows,
            "labels": [self._names[int(test.labels[first])], *map(str, SEVERITIES)],
        }

    def _source(self) -> OodSource:
        """Whose images are corrupted, checked to be of a size that corruptions are defined for."""
        settings, size = self._experiment.ood or Ood(), self._experiment.pipeline.size
        return OodSource(settings, self._equipment.data, self._equipment.project, size)

    def _label(self, target: Tensor) -> str:
        """The class's name; of a mixture both, with their shares."""
        if target.ndim == 0:
            return self._names[int(target)]
        shares, classes = target.topk(min(2, len(target)))
        parts = [
            f"{self._names[at]} {round(100 * share)}%"
            for share, at in zip(shares.tolist(), classes.tolist(), strict=True)
            if share >= _LEAST_SHARE
        ]
        return " + ".join(parts) if len(parts) > 1 else self._names[int(classes[0])]


def _check(what: str, number: int, last: int) -> None:
    if not 1 <= number <= last:
        raise UsageError(f"there is no {what} {number}", hint=f"there are 1 to {last}")


def _bytes(unit: Tensor) -> NDArray[np.uint8]:
    """Images on [0, 1] as (count, side, side, 3) bytes."""
    scaled = unit.detach().float().mul(255).round().clamp(0, 255).to(torch.uint8)
    pictures: NDArray[np.uint8] = scaled.permute(0, 2, 3, 1).cpu().numpy()
    return pictures


def _row(name: str, pictures: NDArray[np.uint8], largest: int) -> dict[str, Any]:
    pictures = _shrunk(pictures, largest)
    pixels = base64.b64encode(np.ascontiguousarray(pictures).tobytes()).decode()
    return {"name": name, "side": pictures.shape[1], "pixels": pixels}


def _shrunk(pictures: NDArray[np.uint8], largest: int) -> NDArray[np.uint8]:
    if pictures.shape[1] <= largest:
        return pictures
    unit = torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float()
    size = (largest, largest)
    return _bytes(functional.interpolate(unit, size=size, mode="area") / 255)


def _converse(lines: Iterable[str], project: Path) -> ExitCode:
    """Answer each line on one of its own; the code is the last answer's."""
    samples: Samples | None = None

    def said(record: dict[str, Any]) -> dict[str, Any]:
        nonlocal samples
        if samples is None:
            samples = Samples(experiment_from_toml(record["experiment"])[0], project)
            return {}
        return samples.answer(record)

    code = ExitCode.DONE
    for line in lines:
        code = answer(partial(said, json.loads(line)))
        sys.stdout.write("\n")
        sys.stdout.flush()
        if code and samples is None:
            break
    return code


def main(arguments: Sequence[str]) -> ExitCode:
    """Answer until the asker has no more questions."""
    return _converse(sys.stdin, Path(arguments[0]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
