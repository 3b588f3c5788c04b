"""What of a run other tools are given: settings, figures by epoch, results; names safe anywhere."""

from __future__ import annotations

import hashlib
import re
import time
from typing import TYPE_CHECKING, Any

from tui_trainer.record.fields import number, table
from tui_trainer.record.plain_text import plain_line, plain_text
from tui_trainer.record.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tui_trainer.record.epochs import Epoch
    from tui_trainer.record.index import Run
    from tui_trainer.spec.summary import Setting

# By the name that the tools show; a name before a slash is a group of plots in all of them.
_FIGURES = {
    "train/loss": "train_loss",
    "train/accuracy": "train_accuracy",
    "validation/loss": "validation_loss",
    "validation/accuracy": "validation_accuracy",
    "ood/accuracy": "ood_accuracy",
    "lr": "lr",
    "grad_norm": "grad_norm",
    "time/seconds": "seconds",
    "time/data_seconds": "data_seconds",
    "time/compute_seconds": "compute_seconds",
    "time/images_per_second": "images_per_second",
    "peak_memory_bytes": "peak_memory_bytes",
}
# Long enough for any name of ours, short enough for a file's name with something around it.
_LONGEST_NAME = 100


def figures(epoch: Epoch) -> dict[str, float]:
    """What an epoch measured, by name; what is not known is left out."""
    values = {name: getattr(epoch, field) for name, field in _FIGURES.items()}
    return {name: value for name, value in values.items() if value is not None}


def results(run: Run) -> dict[str, float]:
    """What the run came to, by name; what is not known is left out."""
    best, tested = run.best, run.history.evaluations.get("test")
    values = {
        "result/best_epoch": best.epoch if best else None,
        "result/best_validation_accuracy": best.validation_accuracy if best else None,
        "result/test_accuracy": run.clean_accuracy,
        "result/test_loss": tested.loss if tested else None,
        **_out_of_distribution(run),
        "result/parameters": run.complexity.parameters if run.complexity else None,
        "result/flops": run.complexity.flops if run.complexity else None,
        "result/score": run.remarks.score,
    }
    return {name: value for name, value in values.items() if value is not None}


def settings(run: Run) -> Mapping[str, Setting]:
    """What the run was launched with, by dotted keys."""
    return {} if run.plan is None else run.plan.settings


def about(run: Run) -> dict[str, str]:
    """What the run is, in words; what is not known is left out."""
    attempt = max(run.attempts, key=lambda attempt: attempt.number, default=None)
    words = {
        "run": run.name,
        "experiment": run.folder.experiment_name,
        "state": run.state.value,
        "cause": run.cause,
        "fingerprint": run.plan.fingerprint if run.plan else "",
        "description": run.plan.description if run.plan else "",
        "host": attempt.owner.host if attempt and attempt.owner else "",
        "launched": _moment(began(run)),
    }
    return {key: plain_line(word) for key, word in words.items() if word}


def note(run: Run) -> str:
    """What people wrote of the run."""
    return plain_text(run.remarks.note)


def began(run: Run) -> float:
    """When the run was launched, in seconds since 1970; 0 where nobody knows."""
    return run.history.launched.time if run.history.launched else 0.0


def ended(run: Run) -> float:
    """When something was last heard of the run."""
    times = [attempt.ended for attempt in run.attempts if attempt.ended]
    times += [epoch.time for epoch in run.epochs[-1:] if epoch.time]
    return max(times, default=began(run))


def went_wrong(run: Run) -> bool:
    """Whether the run came to an end that nobody wanted."""
    return run.state.has_died or run.state is State.FAILED


def identifier(run: Run) -> str:
    """A name of this one run that no other has, the same at each export."""
    words = f"{run.name} {began(run)} {run.plan.fingerprint if run.plan else ''}"
    return hashlib.sha256(words.encode(errors="surrogatepass")).hexdigest()[:16]


def file_name(text: str) -> str:
    """The text as a name of one file or folder; what was changed stays told apart by a digest."""
    return _safe(text, r"[^A-Za-z0-9._-]")


def key_name(text: str) -> str:
    """The text as a key in any of the tools, which know groups (`a/b`) and dots."""
    parts = [_safe(part, r"[^A-Za-z0-9._ -]") for part in text.split("/")]
    return "/".join(parts)


def _moment(seconds: float) -> str:
    """`2026-11-25T15:40:00Z`; a word of its own, for tools that compare or sort by it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) if seconds else ""


def _safe(text: str, foreign: str) -> str:
    # A name that begins with a dot is hidden, and `..` leads elsewhere.
    safe = re.sub(foreign, "_", text)[:_LONGEST_NAME]
    safe = f"_{safe[1:]}" if safe.startswith(".") else safe
    if safe == text and safe:
        return safe
    return f"{safe}-{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:8]}"


def _out_of_distribution(run: Run) -> dict[str, Any]:
    if run.ood is None:
        return {}
    corruptions = table(run.ood, "corruptions")
    means = {f"result/ood/{name}": number(table(corruptions, name), "mean") for name in corruptions}
    return {"result/ood_accuracy": run.ood_accuracy, "result/ood_gap": run.ood_gap, **means}
