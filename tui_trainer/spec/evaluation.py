"""How test images are looked at besides plainly."""

from __future__ import annotations

from tui_trainer.spec.table import Table


class Evaluation(Table, frozen=True):
    """Test-time augmentation: the same every time, and never in place of the plain figures.

    Each figure stands beside the plain one, in results/clean.json, in results/ood.json, and for
    images without labels in a file of its own.
    """

    flip: bool = False
    """Also the mean of the network's probabilities for an image and its mirror image."""
