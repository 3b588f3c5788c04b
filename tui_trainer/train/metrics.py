"""What a network's logits say about it: accuracy, calibration, confusion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

BINS = 15
"""Of the calibration error, as in the paper that proposed to measure networks by it."""
_WORST = 5
# A larger matrix would make a file of megabytes; predictions.npz has what it is made of.
_MOST_CLASSES_IN_CONFUSION = 400


@dataclass(frozen=True)
class Predictions:
    """What a network said about images whose labels are known."""

    logits: Tensor
    """(count, classes)."""
    labels: Tensor
    """(count,)."""

    @property
    def loss(self) -> float:
        """Mean cross entropy, never smoothed, in the natural logarithm."""
        return float(functional.cross_entropy(self.logits.double(), self.labels))

    def top(self, count: int) -> float:
        """Share of images whose label is among the `count` likeliest classes."""
        count = min(count, self.logits.shape[1])
        likeliest = self.logits.topk(count, dim=1).indices
        # argmax and topk may break ties differently, and top-1 is argmax's everywhere else.
        likeliest[:, 0] = self.logits.argmax(1) if count == 1 else likeliest[:, 0]
        return float((likeliest == self.labels[:, None]).any(1).double().mean())

    def calibration_error(self) -> float:
        """Expected calibration error over 15 equal bins (Guo et al., 2017, arXiv:1706.04599).

        The mean over images of how far the confidence of their bin is from its accuracy.
        """
        confidence, predicted = self.logits.double().softmax(1).max(1)
        right = (predicted == self.labels).double()
        # The bins are open below and closed above.
        bins = (confidence * BINS).ceil().long().clamp(1, BINS) - 1
        apart = torch.zeros(BINS, dtype=torch.float64).index_add_(0, bins, right - confidence)
        return float(apart.abs().sum() / len(right))

    def confusion(self) -> NDArray[np.int64]:
        """How many images of class i (row) were taken for class j (column), (classes, classes)."""
        classes = self.logits.shape[1]
        places = self.labels * classes + self.logits.argmax(1)
        return torch.bincount(places, minlength=classes**2).view(classes, classes).numpy()

    def figures(self) -> dict[str, float]:
        """The few figures that stand for all of them."""
        return {
            "loss": self.loss,
            "accuracy": self.top(1),
            "top5_accuracy": self.top(5),
            "calibration_error": self.calibration_error(),
        }

    def as_record(self) -> dict[str, Any]:
        """What results/clean.json says of them."""
        confusion = self.confusion()
        counts = confusion.sum(1)
        by_class = [
            int(right) / int(count) if count else None
            for right, count in zip(confusion.diagonal(), counts, strict=True)
        ]
        measured = [label for label, accuracy in enumerate(by_class) if accuracy is not None]
        is_small = len(confusion) <= _MOST_CLASSES_IN_CONFUSION
        return {
            "images": len(self.labels),
            **self.figures(),
            "class_accuracy": by_class,
            "worst_classes": sorted(measured, key=lambda label: by_class[label] or 0.0)[:_WORST],
            "confusion": confusion.tolist() if is_small else None,
        }
