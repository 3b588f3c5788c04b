"""Reads runs incrementally: each look costs what changed since the last one."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tui_trainer.errors import InvalidExperimentsError
from tui_trainer.record.epochs import Epoch, Epochs, best_epoch
from tui_trainer.record.events import (
    Alarmed,
    AttemptEnded,
    Evaluated,
    end_told_in,
    telling_events,
)
from tui_trainer.record.fields import number
from tui_trainer.record.heartbeat import (
    SECONDS_PER_BEAT,
    SILENCE_SECONDS,
    Heartbeat,
    Progress,
    Usage,
)
from tui_trainer.record.owner import Presence
from tui_trainer.record.place import Place
from tui_trainer.record.remarks import Remarks
from tui_trainer.record.run_folder import RunFolder, all_runs
from tui_trainer.record.sighting import UNSEEN, Word
from tui_trainer.record.state import Attempt, Complexity, Evidence, History, State, Verdict, judge
from tui_trainer.record.tail import Tail, identity, read_json, read_small
from tui_trainer.spec.summary import Summary, read_summary

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tui_trainer.record.job import Job
    from tui_trainer.record.owner import Owner
    from tui_trainer.record.run_folder import AttemptFolder

# Epochs whose time predicts the next ones: enough to even out noise, few enough to follow a node
# that got busy.
EPOCHS_FOR_ETA = 5


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run as it was at one moment."""

    folder: RunFolder
    plan: Summary | None
    """What it is to run; None where the file that says so is damaged."""
    state: State
    cause: str
    epochs: Sequence[Epoch]
    """Finished epochs, in order."""
    newest_attempt: int
    """The attempt that this look judged; 0 before the first."""
    attempts: tuple[Attempt, ...]
    history: History = field(repr=False)
    unrecorded_end: AttemptEnded | None
    """How the newest attempt ended, where no event tells it; the history has it all the same."""
    progress: Progress | None
    """Where the core stands; None for a run that is not live."""
    usage: Usage | None
    """What the core uses of its machine; None for a run that is not live."""
    clean_accuracy: float | None
    """Test accuracy of the best epoch's weights, a fraction of 1."""
    ood: Mapping[str, Any] | None
    """results/ood.json: accuracies out of distribution."""
    skipped_lines: int
    """Lines of its files that could not be read."""
    remarks: Remarks
    """What people said of it."""
    queue: Place | None = None
    """Where it stands among those that wait for this machine; None where it does not."""
    awaited_job: Job | None = None
    """The scheduler's job that it waits for; None where it does not."""

    @property
    def name(self) -> str:
        """What people and commands call it: `cnn4/3`."""
        return self.folder.run

    @property
    def planned_epochs(self) -> int:
        """Epochs that it is to train; 0 where unknown."""
        return 0 if self.plan is None else self.plan.epochs

    @property
    def best(self) -> Epoch | None:
        """The epoch of highest validation accuracy."""
        return best_epoch(self.epochs)

    @property
    def ood_accuracy(self) -> float | None:
        """Accuracy out of distribution: the result, or else the newest epoch's probe."""
        if self.ood is not None:
            return number(self.ood, "accuracy")
        return self.epochs[-1].ood_accuracy if self.epochs else None

    @property
    def ood_gap(self) -> float | None:
        """How much lower that is than the accuracy on clean images of the same split."""
        if self.ood is not None:
            return number(self.ood, "gap")
        return self.epochs[-1].ood_gap if self.epochs else None

    @property
    def complexity(self) -> Complexity | None:
        """How large its network is; None where no training began, or before it was recorded."""
        return self.history.complexity

    @property
    def trained_seconds(self) -> float | None:
        """How long its epochs took, pauses between attempts left out; None before the first."""
        return sum(epoch.seconds or 0.0 for epoch in self.epochs) if self.epochs else None

    @property
    def past_alarms(self) -> list[Alarmed]:
        """Those that a later epoch has shown to be over."""
        return [alarm for alarm in self.history.alarms if _is_over(alarm, self.epochs)]

    @property
    def eta_seconds(self) -> float | None:
        """Predicted seconds until the last epoch ends; None where nothing is known."""
        recent = [epoch.seconds for epoch in self.epochs[-EPOCHS_FOR_ETA:] if epoch.seconds]
        stands_still = self.state in {State.QUEUED, State.STALLED}
        if not self.state.is_live or stands_still or not recent:
            return None
        left = self.planned_epochs * (1.0 - self.share_done)
        return left * sum(recent) / len(recent)

    @property
    def share_done(self) -> float:
        """How much of its epochs is trained, the one in progress counted by its steps; 0 to 1."""
        progress, started = self.progress, 0.0
        if progress and progress.steps > 0 and progress.epoch == len(self.epochs) + 1:
            started = progress.step / progress.steps
        return min(1.0, (len(self.epochs) + started) / max(1, self.planned_epochs))

    def summary(self) -> dict[str, Any]:
        """One object of `runs --json`."""
        newest, best = (self.epochs[-1] if self.epochs else None), self.best
        complexity = self.complexity
        return {
            "run": self.name,
            "experiment": self.folder.experiment_name,
            "state": self.state.value,
            "cause": self.cause,
            "epoch": newest.epoch if newest else 0,
            "epochs": self.planned_epochs,
            "attempts": len(self.attempts),
            "path": str(self.folder.path),
            "validation_accuracy": newest.validation_accuracy if newest else None,
            "clean_accuracy": self.clean_accuracy,
            "ood_accuracy": self.ood_accuracy,
            "ood_gap": self.ood_gap,
            "best": None
            if best is None
            else {"epoch": best.epoch, "validation_accuracy": best.validation_accuracy},
            "eta_seconds": self.eta_seconds,
            "trained_seconds": self.trained_seconds,
            "parameters": complexity.parameters if complexity else None,
            "flops": complexity.flops if complexity else None,
            "fingerprint": None if self.plan is None else self.plan.fingerprint,
            "skipped_lines": self.skipped_lines,
            "damaged_checkpoints": [event.checkpoint for event in self.history.rejected],
            **self.remarks.as_record(),
        }


class RunReader:
    """Looks at one run again and again.

    Args:
        folder: The run.
        now: A monotonic clock in seconds; ages are counted by it alone.
    """

    def __init__(self, folder: RunFolder, now: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self._now = now
        self._events = Tail(folder.events_file)
        self._epochs = Tail(folder.epochs_file)
        self._history = History()
        self._said = Tail(folder.remarks_file)
        self._remarks = Remarks()
        self._epochs_read = Epochs()
        self._plan: Summary | None = None
        self._results: dict[str, tuple[Evaluated, Mapping[str, Any]]] = {}
        self._beat: tuple[int, str, int] | None = None
        self._beat_seen_at = now()
        self._beat_changed = False
        self._over: Run | None = None
        self._traces: object = None
        traced = (folder.events_file, folder.epochs_file, folder.experiment_file)
        self._traced = (*traced, folder.remarks_file)

    def look(self) -> Run:
        """The run as it is now; for one that is over a few stats, unless something changed."""
        traces = self._read_traces()
        if self._over is None or traces != self._traces:
            run = self._look()
            if not run.state.is_live and not self._has_recorded_end(run):
                # Whoever is found dead may have recorded the end after the events were read.
                run = self._look()
            self._over, self._traces = run if self._has_recorded_end(run) else None, traces
            return run
        return self._over

    def _look(self) -> Run:
        self._read_events()
        self._read_epochs()
        self._read_remarks()
        self._read_plan()
        heartbeat = Heartbeat.read(self.folder.heartbeat_file)
        attempt = self.folder.newest_attempt()
        number = 0 if attempt is None else attempt.number
        owner = None if attempt is None else attempt.owner()
        ended = None if attempt is None else self._unrecorded_end(attempt, owner, heartbeat)
        history = self._history if ended is None else self._history.and_then(ended)
        verdict = judge(
            Evidence(
                is_there=self.folder.path.is_dir(),
                was_prepared=self.folder.experiment_file.exists(),
                history=history,
                newest_attempt=number,
                owner=owner,
                heartbeat=heartbeat,
                is_beating=self._is_beating(number, heartbeat),
                stop_request=None if attempt is None else attempt.stop_request(),
                sighting=history.job.sighting() if history.job else UNSEEN,
            )
        )
        beat = _own(heartbeat, number) if verdict.state.is_live else None
        return Run(
            folder=self.folder,
            plan=self._extended_plan(),
            state=verdict.state,
            cause=verdict.cause,
            epochs=self._epochs_read,
            newest_attempt=number,
            attempts=tuple(history.attempts.values()),
            history=history,
            unrecorded_end=ended,
            progress=beat.progress if beat else None,
            usage=beat.usage if beat else None,
            clean_accuracy=self._read_clean_accuracy(),
            ood=self._read_result("ood"),
            skipped_lines=self._events.skipped + self._epochs.skipped + self._said.skipped,
            remarks=self._remarks,
            queue=self._read_place(verdict),
            awaited_job=history.job if verdict.awaits_job else None,
        )

    def _read_place(self, verdict: Verdict) -> Place | None:
        waits_here = verdict.state is State.QUEUED and not verdict.awaits_job
        return Place.read(self.folder.queue_file) if waits_here else None

    def _unrecorded_end(
        self, attempt: AttemptFolder, owner: Owner | None, heartbeat: Heartbeat | None
    ) -> AttemptEnded | None:
        """How it ended where its supervisor found no room to record it, or was killed before."""
        known = self._history.attempts.get(attempt.number)
        if known is not None and known.exit_code is not None:
            return None
        if heartbeat and heartbeat.ended and heartbeat.ended.attempt == attempt.number:
            return heartbeat.ended
        if owner is None or owner.presence() is not Presence.DEAD:
            return None
        told = end_told_in(attempt.core_ended_file, attempt.number)
        if told is None:
            return None
        return (
            replace(told, cause=f"{told.cause}; its supervisor was killed") if told.cause else told
        )

    def _read_traces(self) -> object:
        """What a resume, an evaluation, a remark or an edit of the run cannot leave as it is."""
        return [self.folder.attempts_claimed, *map(identity, self._traced)]

    def _has_recorded_end(self, run: Run) -> bool:
        """Whether its state rests on a record, and not on what /proc said at one moment."""
        if run.awaited_job is not None:
            return False
        attempt = self._history.attempts.get(run.newest_attempt)
        return attempt is not None and attempt.exit_code is not None

    def needs_watching(self) -> bool:
        """Whether the owner is out of sight and its heartbeat has not told yet that it lives."""
        attempt = self.folder.newest_attempt()
        if attempt is None or self._beat_changed:
            return False
        told = self._history.attempts.get(attempt.number)
        owner = attempt.owner()
        return (
            (told is None or told.exit_code is None)
            and (owner is None or owner.presence() is Presence.OUT_OF_SIGHT)
            and self._now() - self._beat_seen_at <= SILENCE_SECONDS
        )

    def _read_events(self) -> None:
        for records, anew in self._events.batches():
            if anew:
                self._history = History()
            for event in telling_events(records):
                self._history.apply(event)

    def _read_epochs(self) -> None:
        for records, anew in self._epochs.batches():
            if anew:
                self._epochs_read = Epochs()
            if records:
                self._epochs_read = self._epochs_read.with_newer(records)

    def _read_remarks(self) -> None:
        for records, anew in self._said.batches():
            if anew:
                self._remarks = Remarks()
            for record in records:
                self._remarks = self._remarks.and_then(record)

    def _read_plan(self) -> None:
        if self._plan is not None:
            return
        content = read_small(self.folder.experiment_file)
        if content is not None:
            with contextlib.suppress(InvalidExperimentsError):
                self._plan = read_summary(content.decode(errors="replace"))

    def _extended_plan(self) -> Summary | None:
        extended = self._history.extended
        if self._plan is None or extended is None:
            return self._plan
        return self._plan.extended(extended.epochs)

    def _read_clean_accuracy(self) -> float | None:
        return number(self._read_result("test") or {}, "accuracy")

    def _read_result(self, split: str) -> Mapping[str, Any] | None:
        """The run's result on a split: what the newest evaluation wrote, which never changes."""
        evaluated = self._history.evaluations.get(split)
        if evaluated is None:
            return None
        known = self._results.get(split)
        if known is None or known[0] != evaluated:
            result = read_json(self._result_file(split))
            if result is None:
                return None
            known = self._results[split] = evaluated, result
        return known[1]

    def _result_file(self, split: str) -> Path:
        is_clean = split == "test"
        return self.folder.clean_results_file if is_clean else self.folder.ood_results_file

    def _is_beating(self, attempt: int, heartbeat: Heartbeat | None) -> bool | None:
        """Whether the newest attempt beats; its silence counts from when it was first seen."""
        token, count = (heartbeat.owner.token, heartbeat.beat) if heartbeat else ("", 0)
        beat = (attempt, token, count)
        if beat != self._beat:
            self._beat_changed = self._beat is not None and self._beat[0] == attempt
            self._beat, self._beat_seen_at = beat, self._now()
        if self._now() - self._beat_seen_at > SILENCE_SECONDS:
            return False
        return True if self._beat_changed else None


class Index:
    """Looks at every run of a project again and again."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self._readers: dict[Path, RunReader] = {}

    def look_at(self, folder: RunFolder) -> Run:
        """One run as it is now; the next `look` reads what is new in it since."""
        return self._readers.setdefault(folder.path, RunReader(folder)).look()

    def look(self) -> list[Run]:
        """Every run as it is now, by experiment name and number."""
        folders = list(all_runs(self.runs))
        self._readers = {
            folder.path: self._readers.get(folder.path) or RunReader(folder) for folder in folders
        }
        return [reader.look() for reader in self._readers.values()]

    def look_until_sure(self) -> list[Run]:
        """As `look`, after having watched the heartbeats of runs on other hosts for a while.

        Takes no time where every run is over or lives on this host, about two seconds where runs
        elsewhere beat, and `SILENCE_SECONDS` where one is silent.
        """
        self.look()
        return look_until_sure(self._readers.values())


def has_a_job(run: Run) -> bool:
    """Whether a scheduler has a job for the run that nothing of the run itself can end."""
    job = run.history.job
    if job is None or run.awaited_job is not None:
        return job is not None
    attempt = run.history.attempts.get(run.newest_attempt)
    is_over = attempt is not None and attempt.exit_code is not None
    if run.state.is_live or (is_over and run.newest_attempt > job.awaited_after):
        return False
    return job.sighting().word in {Word.WAITS, Word.HELD, Word.CANNOT, Word.BEGUN}


def _is_over(alarm: Alarmed, epochs: Sequence[Epoch]) -> bool:
    end = alarm.over_above
    if alarm.over_after and epochs and epochs[-1].epoch >= alarm.over_after:
        return True
    return end is not None and any(
        epoch.epoch > alarm.epoch and (epoch.validation_accuracy or 0.0) > end
        for epoch in reversed(epochs)
    )


def look_until_sure(readers: Collection[RunReader]) -> list[Run]:
    """What the readers see, after heartbeats on other hosts were watched for long enough."""
    runs = [reader.look() for reader in readers]
    while any(reader.needs_watching() for reader in readers):
        time.sleep(SECONDS_PER_BEAT / 2)
        runs = [reader.look() for reader in readers]
    return runs


def look_once(folders: Iterable[RunFolder]) -> Iterator[Run]:
    """Each run as it is now, none of them kept here; last those that were watched for it."""
    unsure = list[RunReader]()
    for folder in folders:
        reader = RunReader(folder)
        run = reader.look()
        if reader.needs_watching():
            unsure.append(reader)
        else:
            yield run
    yield from look_until_sure(unsure)


def _own(heartbeat: Heartbeat | None, attempt: int) -> Heartbeat | None:
    """The beat of this attempt; one of an earlier one says nothing of it."""
    return heartbeat if heartbeat is not None and heartbeat.attempt == attempt else None
