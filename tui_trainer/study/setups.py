"""Runs that differ in nothing but their seed, as one: what each found, its mean and its spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_trainer.record.plain_text import plain_line
from tui_trainer.record.state import State
from tui_trainer.spec.summary import decides
from tui_trainer.study.effects import Spread
from tui_trainer.study.facts import final_figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tui_trainer.record.index import Run
    from tui_trainer.record.remarks import Score
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.spec.summary import Setting

_SEED = "seed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What one run came to: a few numbers, so that thousands of them fit into memory."""

    folder: RunFolder
    name: str
    setup: str
    """What it and its like with other seeds are called."""
    state: State
    cause: str
    fingerprint: str
    settings: Mapping[str, Setting]
    planned: int
    epochs: int
    best_epoch: int | None
    validation: float | None
    """At the best epoch, as are the three below."""
    validation_loss: float | None
    train: float | None
    """While it was trained: of augmented images, and of weights that still changed."""
    probe: float | None
    last_validation: float | None
    test: float | None
    ood: float | None
    """Of the result; the probe of an epoch is another thing."""
    gap: float | None
    seconds: float | None
    """Of all its epochs together."""
    parameters: int | None
    flops: int | None
    scores: tuple[Score, ...]

    @property
    def is_done(self) -> bool:
        """Whether it came to its end, so that it counts."""
        return self.state is State.FINISHED

    @property
    def generalisation_gap(self) -> float | None:
        """How much lower test accuracy is than that of training."""
        return None if self.train is None or self.test is None else self.train - self.test


@dataclass(frozen=True)
class Setup:
    """What was trained, and with which seeds."""

    name: str
    """Where several experiments trained alike, the first one's."""
    settings: Mapping[str, Setting]
    results: tuple[Result, ...]

    @property
    def counted(self) -> tuple[Result, ...]:
        """Finished runs, one of each seed: a repetition gives the same numbers once more."""
        newest = {each.fingerprint or each.name: each for each in self.results if each.is_done}
        return tuple(newest.values())

    @property
    def shown(self) -> Result:
        """The run that stands for all: of those that count the best by validation."""
        return max(self.counted or self.results, key=lambda each: each.validation or 0.0)

    def spread(self, measure: Callable[[Result], float | None]) -> Spread | None:
        """Mean and spread of what was measured; None where it was not."""
        return Spread.of(map(measure, self.counted))


def result_of(run: Run) -> Result:
    """What of a run is kept once its epochs were seen."""
    best, newest = run.best, (run.epochs[-1] if run.epochs else None)
    complexity, plan, figures = run.complexity, run.plan, final_figures(run)
    settings = {} if plan is None else plan.settings
    return Result(
        folder=run.folder,
        name=plain_line(run.name),
        setup=_without_seed(plain_line(run.folder.experiment_name), settings),
        state=run.state,
        cause=plain_line(run.cause),
        fingerprint="" if plan is None else plain_line(plan.fingerprint),
        settings=settings,
        planned=run.planned_epochs,
        epochs=len(run.epochs),
        best_epoch=best.epoch if best else None,
        validation=best.validation_accuracy if best else None,
        validation_loss=best.validation_loss if best else None,
        train=best.train_accuracy if best else None,
        probe=best.ood_accuracy if best else None,
        last_validation=newest.validation_accuracy if newest else None,
        test=run.clean_accuracy,
        ood=figures["ood"],
        gap=figures["gap"],
        seconds=run.trained_seconds,
        parameters=complexity.parameters if complexity else None,
        flops=complexity.flops if complexity else None,
        scores=run.remarks.scores,
    )


def setups_of(results: Iterable[Result]) -> list[Setup]:
    """The results by what was trained, in the order in which that comes first."""
    groups = dict[object, list[Result]]()
    for result in results:
        groups.setdefault(_identity(result), []).append(result)
    return [Setup(group[0].setup, group[0].settings, tuple(group)) for group in groups.values()]


def deciding(settings: Mapping[str, Setting]) -> dict[str, Setting]:
    """What decides the result but the seed; where data lie, say, splits no setup."""
    return {key: value for key, value in settings.items() if key != _SEED and decides(key)}


def _without_seed(experiment: str, settings: Mapping[str, Setting]) -> str:
    """A mean over seeds would be called after one of them: `depth.depth-4.seed-1`."""
    return experiment.removesuffix(f".seed-{settings.get(_SEED)}")


def _identity(result: Result) -> object:
    """What was trained; a run of which that is unknown stands alone."""
    return tuple(deciding(result.settings).items()) or result.name
