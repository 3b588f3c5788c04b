"""What can be asked of a run: its state, its figures and what it was launched with, by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tui_trainer.record.plain_text import LONGEST_SHOWN_LINE, plain_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tui_trainer.record.index import Run
    from tui_trainer.record.state import State
    from tui_trainer.spec.summary import Setting

FRACTIONS = ("val", "train", "test", "ood", "gap", "best")
"""Figures that are fractions of 1; people say them in percent as well."""
FIGURES = (
    *(*FRACTIONS, "epoch", "best_epoch", "loss", "attempts", "eta", "seconds"),
    *("parameters", "flops", "score"),
)
"""Every figure: those of the newest epoch unless the name says otherwise; eta in seconds, and so
the time trained.

A score is what a leaderboard said, on a scale of its own.
"""

PROBE_NOTE: Final = "OOD of a run that is not evaluated yet: the newest epoch's probe"
"""What is to be known of `ood` and `gap` wherever they are shown."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A run in plain names and values; every text is safe to show."""

    name: str
    state: State
    cause: str
    launcher: str
    host: str
    """Where its newest attempt runs or ran."""
    job: str
    """The scheduler's id of that attempt."""
    tags: tuple[str, ...]
    note: str
    """In one line."""
    figures: Mapping[str, float | None]
    """By the names of `FIGURES`; None for what is not known."""
    settings: Mapping[str, Setting]
    """What it was launched with, by dotted keys."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """The newest of each leaderboard, the newest of all last."""


def facts_of(run: Run) -> Facts:
    """What is known of a run."""
    newest, best = (run.epochs[-1] if run.epochs else None), run.best
    attempt = max(run.attempts, key=lambda attempt: attempt.number, default=None)
    owner = None if attempt is None else attempt.owner
    launched, complexity = run.history.launched, run.complexity
    return Facts(
        name=plain_line(run.name),
        state=run.state,
        cause=plain_line(run.cause),
        launcher="" if launched is None else plain_line(launched.launcher),
        host="" if owner is None else plain_line(owner.host),
        job="" if owner is None else plain_line(owner.job_id),
        tags=tuple(map(plain_line, run.remarks.tags)),
        note=plain_line(run.remarks.note, LONGEST_SHOWN_LINE),
        figures={
            "epoch": len(run.epochs),
            "val": newest.validation_accuracy if newest else None,
            "train": newest.train_accuracy if newest else None,
            "loss": newest.validation_loss if newest else None,
            "test": run.clean_accuracy,
            "ood": run.ood_accuracy,
            "gap": run.ood_gap,
            "best": best.validation_accuracy if best else None,
            "best_epoch": best.epoch if best else None,
            "attempts": len(run.attempts),
            "eta": run.eta_seconds,
            "seconds": run.trained_seconds,
            "parameters": complexity.parameters if complexity else None,
            "flops": complexity.flops if complexity else None,
            "score": run.remarks.score,
        },
        settings={} if run.plan is None else run.plan.settings,
        scores={plain_line(score.board): score.value for score in run.remarks.scores},
    )


def final_figures(run: Run) -> dict[str, float | None]:
    """The figures that a run is weighed by in the end: the probe of an epoch is none."""
    figures = dict(facts_of(run).figures)
    if run.ood is None:
        figures |= {"ood": None, "gap": None}
    return figures


def settings_of(runs: Iterable[Facts]) -> frozenset[str]:
    """Every key that any of the runs was launched with."""
    return frozenset[str]().union(*(facts.settings for facts in runs))
