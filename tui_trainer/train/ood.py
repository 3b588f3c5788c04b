"""Measures a network out of distribution: on corruptions computed here, or on a labelled folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch.nn import functional

from tui_trainer.errors import PreflightError
from tui_trainer.train.corruptions import SIDE, corrupted
from tui_trainer.train.dataset import Split
from tui_trainer.train.evaluate import BATCH_SIZE
from tui_trainer.train.ood_files import SEVERITIES, OodFolder, open_folder
from tui_trainer.train.ways import ways_beside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from tui_trainer.spec.choices import CorruptionName
    from tui_trainer.spec.experiment import Experiment
    from tui_trainer.spec.ood import Ood
    from tui_trainer.train.dataset import Dataset
    from tui_trainer.train.pipeline import ImagePipeline

Reader: TypeAlias = "Callable[[int, int], NDArray[np.uint8]]"
# What several ways to look may share: 10,000 images of 32 pixels are 31 MB.
_HELD_BYTES = 1 << 28
KIND = "corruptions in the style of CIFAR-100-C, computed by tui-trainer"


@dataclass(frozen=True)
class Part:
    """The images of one corruption at one severity."""

    corruption: str
    severity: int
    labels: NDArray[np.int64]
    read: Reader
    """Images from the first number to before the second, (count, side, side, 3)."""


@dataclass(frozen=True)
class Tools:
    """What it takes to look at images with a trained network."""

    network: nn.Module
    """With the checkpoint's weights; left in evaluation mode."""
    pipeline: ImagePipeline
    """The run's own."""
    after_batch: Callable[[], None]
    """Called after each batch; what it raises ends the work, and nothing half is left."""
    tell: Callable[[str], None]
    """Hears lines for people."""
    together: int = 0
    """The least number of images of one kind that are shown together; 0 where that is the same."""
    beside: Mapping[str, Tools] = field(default_factory=dict)
    """Other ways to look, by what they are called in the results."""

    @classmethod
    def of(
        cls,
        experiment: Experiment,
        network: nn.Module,
        pipeline: ImagePipeline,
        after_batch: Callable[[], None],
        tell: Callable[[str], None],
    ) -> Tools:
        """All that the experiment wants to know of a network; the other arguments as in `Tools`.

        Raises:
            PreflightError: The network is none that can be looked at in these ways.
        """
        beside = {
            name: cls(other, pipeline, after_batch, tell, together)
            for name, (other, together) in ways_beside(experiment, network).items()
        }
        return cls(network, pipeline, after_batch, tell, beside=beside)

    def predict(self, read: Reader, count: int, kinds: int = 1) -> NDArray[np.int64]:
        """The likeliest class of each of `count` images, (count,).

        Args:
            read: Gives images from the first number to before the second.
            count: How many there are.
            kinds: Corruptions and severities among them, after each other, as many of each.
        """
        self.network.eval()
        device = next(self.network.parameters()).device
        guesses = np.empty(count, np.int64)
        with torch.inference_mode():
            for start, stop in self._batches(count, kinds):
                logits = self.network(self.pipeline(_tensor(read(start, stop), device)))
                guesses[start:stop] = logits.argmax(1).cpu().numpy()
                self.after_batch()
        return guesses

    def _batches(self, count: int, kinds: int) -> Iterator[tuple[int, int]]:
        if not self.together:
            yield from pairwise([*range(0, count, BATCH_SIZE), count])
            return
        of_kind = count // kinds
        groups = max(1, of_kind // self.together)
        for first in range(0, count, of_kind):
            bounds = [first + of_kind * group // groups for group in range(groups + 1)]
            yield from pairwise(bounds)


class OodSource:
    """What an experiment is measured on besides clean images, checked before it trains.

    Args:
        settings: The experiment's.
        data: Its data set; labels of a folder are its classes.
        project: The folder that `settings.folder` begins at.
        size: The pipeline's.

    Raises:
        PreflightError: The folder is missing or damaged, or the images are neither of the size that
            the corruptions are defined for nor shown to the network at it.
    """

    def __init__(self, settings: Ood, data: Dataset, project: Path, size: int) -> None:
        self.settings = settings
        self._data = data
        self.folder: OodFolder | None = None
        if settings.folder is not None:
            self.folder = open_folder(project / settings.folder, data.classes)
        if self.corrupts_at_another_size and size != SIDE:
            raise PreflightError(
                f"corruptions are defined for images of {SIDE} pixels, not of {data.test.side}",
                hint=f"with pipeline.size = {SIDE} images are brought to {SIDE} pixels first; "
                "or measure on files instead: ood.folder, with ood.probe = 0",
            )

    @property
    def corrupts_at_another_size(self) -> bool:
        """Whether images are computed, and of another size than they lie in the data set."""
        computes = self.folder is None or bool(self.settings.probe)
        return computes and self._data.test.side != SIDE

    @property
    def is_labelled(self) -> bool:
        """Whether there is an accuracy to measure."""
        return self.folder is None or self.folder.labels is not None

    @property
    def split(self) -> Split:
        """The clean images that the others are compared with."""
        is_test = self.folder is not None or self.settings.split == "test"
        return self._data.test if is_test else self._data.validation

    def parts(self) -> Iterator[Part]:
        """Every corruption at every severity."""
        if self.folder is None:
            return self._computed_parts()
        labels = self.folder.labels
        return iter(()) if labels is None else labelled_parts(self.folder, labels)

    @property
    def images_of_part(self) -> int:
        """How many each corruption has at each severity."""
        return len(self.split) if self.folder is None else self.folder.files[0].count

    def probe(self) -> Split | None:
        """Some validation images, corrupted in turn by everything that is declared; or None."""
        pairs = [(n, s) for n in self.settings.names for s in self.settings.severities]
        validation = self._data.validation
        count = min(self.settings.probe, len(validation))
        if not count or not pairs:
            return None
        clean = to_corrupt(validation, 0, count)
        probed = [
            corrupted(clean[at : at + 1], [at], *pairs[at % len(pairs)]) for at in range(count)
        ]
        device = validation.labels.device
        labels = validation.labels[:count].cpu().numpy()
        return Split.pack(np.concatenate(probed), labels).to(device)

    def describe(self) -> dict[str, Any]:
        """What results/ood.json says of where the images are from."""
        if self.folder is None:
            kind = KIND
            if self.corrupts_at_another_size:
                kind += f", of images brought from {self._data.test.side} to {SIDE} pixels"
            return {"images_are": kind, "split": self.settings.split}
        return {"images_are": f"files of {self.settings.folder}", "split": "test"}

    def _computed_parts(self) -> Iterator[Part]:
        split = self.split
        labels = split.labels.cpu().numpy()
        for name in self.settings.names:
            for severity in self.settings.severities:
                yield Part(name, severity, labels, _corrupter(split, name, severity))


def labelled_parts(folder: OodFolder, all_labels: NDArray[np.int64]) -> Iterator[Part]:
    """The parts of a folder with labels."""
    for file in folder.files:
        images = file.open()
        for severity in range(1, SEVERITIES + 1):
            begin = (severity - 1) * file.count
            labels = all_labels[begin : begin + file.count]
            yield Part(file.name, severity, labels, _reader(images, begin))


def measure_ood(source: OodSource, tools: Tools) -> dict[str, Any]:
    """Accuracy on every part of a labelled source, their means, and the gap to clean images.

    Ways to look beside the plain one have a table each, below the name that `tools` gives them.
    """
    ways = {"": tools, **tools.beside}
    tables: dict[str, dict[str, dict[str, float]]] = {name: {} for name in ways}
    for part in source.parts():
        if part.corruption not in tables[""]:
            tools.tell(f"measuring {part.corruption}")
        read = _read_once(part) if tools.beside else part.read
        for name, way in ways.items():
            guesses = way.predict(read, len(part.labels))
            row = tables[name].setdefault(part.corruption, {})
            row[str(part.severity)] = float((guesses == part.labels).mean())
    plain, *others = (
        _summary(table, _clean_accuracy(source.split, ways[name])) for name, table in tables.items()
    )
    images = sum(map(len, tables[""].values())) * source.images_of_part
    return {
        **source.describe(),
        "images": images,
        **plain,
        **dict(zip(tools.beside, others, strict=True)),
    }


def _clean_accuracy(split: Split, tools: Tools) -> float:
    guesses = tools.predict(partial(images_of, split), len(split))
    return float((guesses == split.labels.cpu().numpy()).mean())


def _summary(table: dict[str, dict[str, float]], clean: float) -> dict[str, Any]:
    means = {name: sum(row.values()) / len(row) for name, row in table.items()}
    accuracy = sum(means.values()) / len(means)
    return {
        "accuracy": accuracy,
        "clean_accuracy": clean,
        "gap": clean - accuracy,
        "corruptions": {name: {**row, "mean": means[name]} for name, row in table.items()},
    }


def _read_once(part: Part) -> Reader:
    """A reader for several ways to look, as corrupting may cost more than looking."""
    count = len(part.labels)
    first = part.read(0, 1)
    if first.nbytes * count > _HELD_BYTES:
        return part.read
    # In batches, as it would be read otherwise: the memory for corrupting grows with their size.
    starts = range(0, count, BATCH_SIZE)
    held = np.concatenate([part.read(s, min(s + BATCH_SIZE, count)) for s in starts])
    return _reader(held, 0)


def images_of(split: Split, start: int, stop: int) -> NDArray[np.uint8]:
    """A range of a split as an array, (count, side, side, 3)."""
    indices = torch.arange(start, stop, device=split.labels.device)
    images: NDArray[np.uint8] = split.take(indices).permute(0, 2, 3, 1).cpu().numpy()
    return images


def to_corrupt(split: Split, start: int, stop: int) -> NDArray[np.uint8]:
    """A range of a split at the corruptions' size, resized as the pipeline does it."""
    images = images_of(split, start, stop)
    if split.side == SIDE:
        return images
    planes = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    resized = functional.interpolate(planes, size=(SIDE, SIDE), mode="bilinear", antialias=True)
    resized_bytes = resized.round_().clamp_(0, 255).to(torch.uint8)
    array: NDArray[np.uint8] = resized_bytes.permute(0, 2, 3, 1).contiguous().numpy()
    return array


def _tensor(images: NDArray[np.uint8], device: torch.device) -> Tensor:
    # A mapped file cannot be written to, and torch warns of such memory.
    return torch.from_numpy(np.array(images)).to(device).permute(0, 3, 1, 2)


def _corrupter(split: Split, name: CorruptionName, severity: int) -> Reader:
    def read(start: int, stop: int) -> NDArray[np.uint8]:
        return corrupted(to_corrupt(split, start, stop), range(start, stop), name, severity)

    return read


def _reader(images: NDArray[np.uint8], begin: int) -> Reader:
    def read(start: int, stop: int) -> NDArray[np.uint8]:
        return images[begin + start : begin + stop]

    return read
