"""A search as Optuna keeps it, in a file: what it chose, what that came to, what is next.

One process at a time may have a search open. Whatever ended the last one, each trial that was asked
for and not told of is still under way, with the values that were chosen for it.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tui_trainer.errors import TuiTrainerError, UsageError
from tui_trainer.spec.addition import written
from tui_trainer.spec.point_names import point_name
from tui_trainer.spec.study import Point, Range
from tui_trainer.spec.summary import in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from types import ModuleType

    import optuna

    from tui_trainer.record.epochs import Epoch
    from tui_trainer.record.index import Run
    from tui_trainer.spec.experiment import Experiment
    from tui_trainer.spec.project import Project
    from tui_trainer.spec.study import Search, SearchMetric, Study

_PRUNED = "pruned"
STATES = {"RUNNING": "under way", "COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed"}


class Trial(NamedTuple):
    """A point that was chosen."""

    number: int
    """From 1."""
    changes: dict[str, Any]
    """By dotted key, as TOML has them."""
    state: str
    """`under way`, `done`, `pruned` or `failed`."""
    value: float | None
    """What it came to."""
    is_to_be_pruned: bool
    """Whether it was decided to stop it."""

    @property
    def words(self) -> str:
        """What it changes, for people."""
        return ", ".join(f"{key} {_short(value)}" for key, value in self.changes.items())


def open_trials(name: str, search: Search, base: Experiment, folder: Path) -> Trials:
    """Go on with a search, or begin it; only for who drives it, and is alone.

    Args:
        name: The study's.
        search: What is searched.
        base: What it changes; a search over another base, in another space or by another metric
            is another search, which begins anew beside the old one.
        folder: Where its file is.

    Raises:
        UsageError: Optuna is not installed.
        TuiTrainerError: The file cannot be read.
    """
    optuna, path = _optuna(), folder / f"{name}.jsonl"
    _cut_torn_end(path)
    with _unreadable(path):
        study = optuna.create_study(
            study_name=_digest(search, base),
            storage=_storage(path),
            load_if_exists=True,
            direction=search.direction,
            pruner=_pruner(search),
        )
    return Trials(search, study)


def recorded_trials(name: str, search: Search, base: Experiment, folder: Path) -> list[Trial]:
    """What a search chose so far, whoever drives it meanwhile.

    Args:
        name: As for `open_trials`.
        search: As there.
        base: As there.
        folder: As there.

    Raises:
        UsageError: Optuna is not installed.
        TuiTrainerError: The file cannot be read.
    """
    path = folder / f"{name}.jsonl"
    if not path.exists():
        return []
    optuna = _optuna()
    with _unreadable(path):
        storage, wanted = _storage(path), _digest(search, base)
        if wanted not in optuna.get_all_study_names(storage):
            return []
        return Trials(search, optuna.load_study(study_name=wanted, storage=storage)).all()


def point_of(project: Project, study: Study, trial: Trial, changes: Sequence[str] = ()) -> Point:
    """What a trial trains.

    Args:
        project: Whose the search is.
        study: The search.
        trial: One of its trials.
        changes: `--set`, which makes another search of it.

    Raises:
        InvalidExperimentsError: The values that were chosen are not allowed together.
    """
    own = [f"{key}={written(value)}" for key, value in trial.changes.items()]
    experiment = project.experiment(study.base, [*changes, *own])
    return Point(
        name=point_name(study.name, [f"t{trial.number:03d}"]),
        study=study.name,
        changes=trial.changes,
        labels={key: in_words(value) for key, value in trial.changes.items()},
        seed=experiment.seed,
        is_base=False,
        experiment=experiment,
    )


class Trials:
    """The trials of a search.

    Args:
        search: What is searched.
        study: Optuna's own record of it.
    """

    def __init__(self, search: Search, study: optuna.Study) -> None:
        self._search = search
        self._study = study

    def all(self) -> list[Trial]:
        """Every trial, in order."""
        return [self._trial(each) for each in self._study.get_trials(deepcopy=False)]

    def under_way(self) -> list[Trial]:
        """Those that were asked for and not told of."""
        from optuna.trial import TrialState

        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        # Who was killed while it chose may not have chosen all.
        return [self._chosen(self._live(each.number + 1)) for each in running]

    def ask(self) -> Trial | None:
        """The next one; None where all were asked for."""
        asked = len(self._study.get_trials(deepcopy=False))
        if asked >= self._search.table.trials:
            return None
        self._study.sampler = _sampler(self._search, asked)
        return self._chosen(self._study.ask())

    def report(self, number: int, epochs: Sequence[Epoch]) -> None:
        """Take in what a trial's epochs measured."""
        trial = self._live(number)
        known = self._study.get_trials(deepcopy=False)[number - 1].intermediate_values
        for epoch in epochs:
            value = _measured(self._search.table.metric, epoch)
            if value is not None and epoch.epoch not in known:
                trial.report(value, epoch.epoch)

    def should_prune(self, number: int) -> bool:
        """Whether to stop a trial, by what was reported; that is remembered."""
        trial = self._live(number)
        if not trial.should_prune():
            return False
        trial.set_user_attr(_PRUNED, True)
        return True

    def tell_done(self, number: int, run: Run) -> float | None:
        """Tell what a finished run came to; None, and a failure, where it has no such metric."""
        value = value_of(self._search.table.metric, run)
        if value is None:
            self.tell_failed(number)
        else:
            self._study.tell(number - 1, value)
        return value

    def tell_pruned(self, number: int) -> None:
        """Tell that a trial was stopped for doing badly."""
        from optuna.trial import TrialState

        self._study.tell(number - 1, state=TrialState.PRUNED)

    def tell_failed(self, number: int) -> None:
        """Tell that a trial came to nothing."""
        from optuna.trial import TrialState

        self._study.tell(number - 1, state=TrialState.FAIL)

    def best(self) -> Trial | None:
        """The one that came to most, or least of a loss."""
        return best_of(self._search, self.all())

    def _live(self, number: int) -> optuna.trial.Trial:
        from optuna.trial import Trial as Live

        frozen = self._study.get_trials(deepcopy=False)[number - 1]
        return Live(self._study, frozen._trial_id)  # noqa: SLF001  the only way back to a trial

    def _chosen(self, trial: optuna.trial.Trial) -> Trial:
        # By its number: who goes on with a search must not draw anew what was drawn first.
        self._study.sampler = _sampler(self._search, trial.number)
        for key, within in self._search.space.items():
            if not isinstance(within, Range):
                trial.suggest_categorical(key, self._search.words[key])
            elif isinstance(within.low, int) and isinstance(within.high, int):
                trial.suggest_int(key, within.low, within.high, log=within.log)
            else:
                trial.suggest_float(key, within.low, within.high, log=within.log)
        return self._trial(self._study.get_trials(deepcopy=False)[trial.number])

    def _trial(self, frozen: optuna.trial.FrozenTrial) -> Trial:
        changes = {key: self._written(key, value) for key, value in frozen.params.items()}
        return Trial(
            frozen.number + 1,
            changes,
            STATES.get(frozen.state.name, frozen.state.name.lower()),
            frozen.value if frozen.state.name == "COMPLETE" else None,
            bool(frozen.user_attrs.get(_PRUNED)),
        )

    def _written(self, key: str, chosen: Any) -> Any:
        within = self._search.space[key]
        if isinstance(within, Range):
            return chosen
        return within[self._search.words[key].index(chosen)]


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else in_words(value)


def best_of(search: Search, trials: Iterable[Trial]) -> Trial | None:
    """The trial that came to most, or least of a loss; None where none came to anything."""
    done = [trial for trial in trials if trial.value is not None and trial.state == "done"]
    sign = 1.0 if search.direction == "maximize" else -1.0
    return max(done, key=lambda trial: sign * (trial.value or 0.0), default=None)


def value_of(metric: SearchMetric, run: Run) -> float | None:
    """What a finished run came to."""
    if metric == "ood":
        return run.ood_accuracy
    if metric == "val":
        return None if run.best is None else run.best.validation_accuracy
    losses = [epoch.validation_loss for epoch in run.epochs if epoch.validation_loss is not None]
    return min(losses, default=None)


def _measured(metric: SearchMetric, epoch: Epoch) -> float | None:
    if metric == "ood":
        return epoch.ood_accuracy
    return epoch.validation_accuracy if metric == "val" else epoch.validation_loss


def _digest(search: Search, base: Experiment) -> str:
    """What tells one search from another: all but how long it is to go on."""
    asked = (search.table.metric, search.direction)
    space = {
        key: msgspec.to_builtins(within) if isinstance(within, Range) else within
        for key, within in search.space.items()
    }
    said = msgspec.json.encode([base.fingerprint, asked, space], order="sorted")
    return hashlib.sha256(said).hexdigest()[:16]


def _optuna() -> ModuleType:
    try:
        import optuna
    except ImportError as error:
        raise UsageError(
            "a search needs Optuna, which is not installed here",
            hint="pip install 'tui-trainer[search]'",
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


@contextmanager
def _unreadable(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise TuiTrainerError(
            f"{path} cannot be read as the record of a search: {error}",
            hint="move it away and the search begins anew; runs that are done count again",
        ) from error


def _storage(path: Path) -> optuna.storages.JournalStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    class HeldAlready(JournalFileOpenLock):
        """Whoever has the search open is alone; a lock file would outlive a kill."""

        def acquire(self) -> bool:
            return True

        def release(self) -> None:
            """Nothing was taken."""

    return JournalStorage(JournalFileBackend(str(path), lock_obj=HeldAlready(str(path))))


def _sampler(search: Search, number: int) -> optuna.samplers.BaseSampler:
    from optuna import samplers

    digest = hashlib.sha256(f"{search.table.seed}:{number}".encode()).digest()
    seed = int.from_bytes(digest[:4], "big")
    if search.table.sampler == "random":
        return samplers.RandomSampler(seed=seed)
    return samplers.TPESampler(seed=seed)


def _pruner(search: Search) -> optuna.pruners.BasePruner:
    from optuna import pruners

    if search.table.pruner == "median":
        return pruners.MedianPruner()
    if search.table.pruner == "successive_halving":
        return pruners.SuccessiveHalvingPruner()
    return pruners.NopPruner() if search.table.pruner == "none" else pruners.HyperbandPruner()


def _cut_torn_end(path: Path) -> None:
    """Take off what a kill left of a last line, behind which no other could be read."""
    try:
        with path.open("r+b") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                file.truncate(whole)
                os.fsync(file.fileno())
    except FileNotFoundError:
        return
