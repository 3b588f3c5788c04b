"""What a run is measured on besides clean images: corruptions computed here, or a folder."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from msgspec import Meta

from tui_trainer.spec.choices import CorruptionName
from tui_trainer.spec.table import Table

CORRUPTIONS: Final[tuple[CorruptionName, ...]] = get_args(CorruptionName)
Severity = Annotated[int, Meta(ge=1, le=5)]


class Ood(Table, frozen=True):
    """Images out of distribution: corrupted in the style of CIFAR-100-C (arXiv:1903.12261).

    A `folder`, from the project's, holds `labels.npy` and a file for each corruption; or
    `distortion00.npy` and so on without labels, whose predictions become submission_ood.csv.
    """

    corruptions: Literal["all"] | tuple[CorruptionName, ...] = "all"
    """Their published strengths are for images of 32 pixels. Others are brought to 32 first where
    `pipeline.size` is 32, and refused where it is not; CIFAR and digits are of 32 whatever it is.
    The draws follow from corruption, severity and image alone."""
    severities: Annotated[tuple[Severity, ...], Meta(min_length=1)] = (1, 2, 3, 4, 5)
    """Of the corruptions; 5 is the harshest."""
    split: Literal["test", "validation"] = "test"
    """Whose images are corrupted for the result."""
    probe: Annotated[int, Meta(ge=0, le=100_000)] = 0
    """Validation images that are corrupted, each once, and looked at after every epoch."""
    folder: Annotated[str, Meta(min_length=1)] | None = None
    """Files of the form of CIFAR-10-C, or unlabelled ones, in place of `split`'s corruptions."""
    adapt_batch_norm: Annotated[int, Meta(ge=0, le=100_000)] = 0
    """Also measure with batch normalisation that takes its statistics from the images measured, at
    least so many at a time, of one corruption and severity (arXiv:2006.16971, arXiv:2006.10963).
    Only meaningful for images that come so: neither mixed nor sorted by class. 0: do not."""
    adapt_prior: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """For as many images training's own statistics then count. 0: not at all."""

    @property
    def names(self) -> tuple[CorruptionName, ...]:
        """Every corruption that is meant."""
        return CORRUPTIONS if self.corruptions == "all" else self.corruptions
