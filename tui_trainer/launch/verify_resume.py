"""Proves that a run which was killed and resumed equals one that was not, to the last bit."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tui_trainer.errors import RunCrashedError, UsageError
from tui_trainer.launch.launcher import prepare, resume
from tui_trainer.record.digest import file_digest
from tui_trainer.record.events import CheckpointSaved, TrainingBegan, Warned, read_events
from tui_trainer.record.heartbeat import Heartbeat
from tui_trainer.record.index import RunReader
from tui_trainer.record.owner import Presence
from tui_trainer.record.run_folder import VERIFICATIONS
from tui_trainer.record.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from random import Random

    from tui_trainer.record.epochs import Epoch
    from tui_trainer.record.index import Run
    from tui_trainer.record.owner import Owner
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.spec.project import Project

_SECONDS_PER_LOOK = 0.05
# A step of a large network on a slow CPU takes three; a save under one.
_SECONDS_TO_SAVE = 60.0


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a run came to."""

    folder: RunFolder
    epochs: tuple[Epoch, ...]
    weights: dict[int, str]
    """Digest of the weights after each epoch."""
    resumed_from: tuple[str, ...]
    """Checkpoints that attempts went on from; empty text for one that began at the start."""
    result_sha256: str
    """Of results/clean.json."""
    warnings: tuple[str, ...]

    @property
    def weights_sha256(self) -> str:
        """Of the last epoch."""
        return self.weights.get(len(self.epochs), "")

    @classmethod
    def of(cls, run: Run) -> Trained:
        """What a finished run left."""
        saved, began = dict[int, str](), list[str]()
        for event in read_events(run.folder.events_file):
            if isinstance(event, CheckpointSaved) and not event.step:
                saved[event.epoch] = event.weights_sha256
            elif isinstance(event, TrainingBegan):
                began.append(event.checkpoint)
        return cls(
            folder=run.folder,
            epochs=tuple(run.epochs),
            weights=saved,
            resumed_from=tuple(began[1:]),
            result_sha256=file_digest(run.folder.clean_results_file),
            warnings=tuple(w.message for w in run.history.warnings if isinstance(w, Warned)),
        )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A run that nothing interrupted beside one that was killed."""

    straight: Trained
    killed: Trained
    kills: int
    """That hit it."""
    kills_asked: int

    def epochs(self) -> Iterator[dict[str, Any]]:
        """Of each epoch, whether what it measured and the weights after it are the same."""
        numbers = range(1, max(len(self.straight.epochs), len(self.killed.epochs)) + 1)
        ours, theirs = (
            {epoch.epoch: epoch.result() for epoch in trained.epochs}
            for trained in (self.straight, self.killed)
        )
        for number in numbers:
            weights, others = self.straight.weights.get(number), self.killed.weights.get(number)
            yield {
                "epoch": number,
                "measured_equal": number in ours and ours.get(number) == theirs.get(number),
                "weights_equal": weights is not None and weights == others,
            }

    @property
    def is_equal(self) -> bool:
        """Whether weights, epochs and result are the same, to the last bit."""
        return (
            all(epoch["measured_equal"] and epoch["weights_equal"] for epoch in self.epochs())
            and self.straight.result_sha256 == self.killed.result_sha256
        )

    def as_record(self) -> dict[str, Any]:
        """What `verify-resume --json` prints."""
        return {
            "equal": self.is_equal,
            "kills": self.kills,
            "kills_asked": self.kills_asked,
            "resumed_from": list(self.killed.resumed_from),
            "weights_sha256": [self.straight.weights_sha256, self.killed.weights_sha256],
            "results_equal": self.straight.result_sha256 == self.killed.result_sha256,
            "epochs": list(self.epochs()),
            "warnings": list(self.killed.warnings),
        }


def verify_resume(  # noqa: PLR0917  one experiment, and how it is tried
    project: Project,
    name: str,
    changes: Sequence[str],
    kills: int,
    moment: Random,
    tell: Callable[[str], None],
) -> Comparison:
    """Train an experiment twice, the second time with kills, and compare.

    The runs stand among the hidden ones until they are found equal; those that differ stay.

    Args:
        project: Whose experiments.toml defines the experiment.
        name: The experiment.
        changes: `KEY=VALUE` texts that apply on top.
        kills: How often the second run is killed, at the most.
        moment: Draws the moments.
        tell: Is told what happens.

    Raises:
        UsageError: There is no such experiment, or it ends before it can be killed.
        InvalidExperimentsError: The experiment or a change is wrong.
        RunCrashedError: A run did not come to its end.
    """
    # On this machine, wherever its own runs are trained: what is proved is proved here.
    experiment = project.experiment(name, [*changes, "launcher=local"])
    straight, killed = (
        prepare(project, VERIFICATIONS, experiment, preflight=False) for _ in range(2)
    )
    try:
        tell(f"{straight.run}: trains without interruption")
        resume(straight)
        first = Trained.of(_finished(straight))
        tell(f"{killed.run}: trains, is killed and resumed")
        resume(killed)
        made = _train_with_kills(killed, kills, _shortest_epoch(first), moment, tell)
        second = Trained.of(_finished(killed))
    except BaseException:
        for folder in (straight, killed):
            _kill(folder)
        raise
    comparison = Comparison(straight=first, killed=second, kills=made, kills_asked=kills)
    if comparison.is_equal:
        for folder in (straight, killed):
            shutil.rmtree(folder.path)
    if not made:
        raise UsageError(
            f"{name} was done before it could be killed",
            hint=f"let it train for longer: --set epochs={10 * experiment.epochs}",
        )
    return comparison


def _train_with_kills(
    folder: RunFolder, kills: int, seconds: float, moment: Random, tell: Callable[[str], None]
) -> int:
    """Kill a run at moments that spread over its epochs; how often it was before it finished."""
    for made in range(kills):
        planned = _wait(folder, _trains).planned_epochs
        epochs, part = divmod(planned * (made + moment.random()) / (kills + 1), 1)
        if not _lives_until(folder, int(epochs), part * seconds):
            return made
        # Every second time out of the middle of an epoch, where no checkpoint would be otherwise.
        if made % 2:
            _save_now(folder)
        _kill(folder)
        run = _wait(folder, lambda run: not run.state.is_live)
        if run.state is State.FINISHED:
            return made
        tell(f"{folder.run}: killed after epoch {len(run.epochs)}")
        resume(folder)
    return kills


def _trains(run: Run) -> bool:
    """Whether the newest attempt has begun to train, or will not."""
    attempt = run.history.attempts.get(run.newest_attempt)
    return not run.state.is_live or bool(attempt and attempt.began_at_epoch)


def _lives_until(folder: RunFolder, epochs: int, seconds: float) -> bool:
    """Whether the run still is live so long after so many epochs are finished."""
    _wait(folder, lambda run: len(run.epochs) >= epochs or not run.state.is_live)
    end = time.monotonic() + seconds
    return _wait(folder, lambda run: time.monotonic() > end or not run.state.is_live).state.is_live


def _save_now(folder: RunFolder) -> None:
    """Ask for a checkpoint, and wait until it stands."""
    attempt, before = folder.newest_attempt(), RunReader(folder).look().history.checkpoint
    owner = attempt and attempt.owner()
    end = time.monotonic() + _SECONDS_TO_SAVE
    if owner:
        _send(owner, signal.SIGUSR1)
        _wait(
            folder,
            lambda run: (
                run.history.checkpoint != before or not run.state.is_live or time.monotonic() > end
            ),
        )


def _kill(folder: RunFolder) -> None:
    """SIGKILL the supervisor and then the core, which would save and end without it."""
    attempt, beat = folder.newest_attempt(), Heartbeat.read(folder.heartbeat_file)
    for owner in (attempt and attempt.owner(), beat and beat.core):
        if owner:
            _send(owner, signal.SIGKILL)


def _send(owner: Owner, number: signal.Signals) -> None:
    if owner.presence() is Presence.ALIVE:
        with contextlib.suppress(ProcessLookupError):
            os.kill(owner.pid, number)


def _finished(folder: RunFolder) -> Run:
    run = _wait(folder, lambda run: not run.state.is_live)
    if run.state is not State.FINISHED:
        raise RunCrashedError(
            f"{run.name} {run.state.value}: {run.cause}", hint=f"tui-trainer logs {run.name}"
        )
    return run


def _wait(folder: RunFolder, until: Callable[[Run], bool]) -> Run:
    reader = RunReader(folder)
    while not until(run := reader.look()):
        time.sleep(_SECONDS_PER_LOOK)
    return run


def _shortest_epoch(trained: Trained) -> float:
    return min((epoch.seconds or 0.0 for epoch in trained.epochs), default=0.0)
