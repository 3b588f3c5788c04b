"""The story of a training: begin or resume, train epoch by epoch, keep each one, evaluate."""

from __future__ import annotations

import contextlib
import math
import time
from typing import TYPE_CHECKING, NoReturn

from tui_trainer.errors import RunCrashedError
from tui_trainer.record import own_files
from tui_trainer.record.durable import sweep
from tui_trainer.record.epochs import Epoch, best_epoch
from tui_trainer.record.events import TrainingBegan
from tui_trainer.record.experiment_file import read_experiment_to_train, was_edited
from tui_trainer.record.fields import number, table
from tui_trainer.record.heartbeat import Progress
from tui_trainer.record.words import epoch_line, percent
from tui_trainer.train import hardware, health, own, preflight, randomness
from tui_trainer.train.alarms import EPOCHS_BETWEEN_COUNTS, Alarms, Firing
from tui_trainer.train.checkpoint import Checkpoints
from tui_trainer.train.checks import Interrupted
from tui_trainer.train.equipment import Equipment
from tui_trainer.train.evaluate import Measured, measure, predictions
from tui_trainer.train.ledger import Ledger
from tui_trainer.train.ood import Tools
from tui_trainer.train.ood_results import judge_ood, words_beside
from tui_trainer.train.result import Results, keep_former_results
from tui_trainer.train.staging import Stage
from tui_trainer.train.state import load_weights
from tui_trainer.train.writer import writer_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from torch import nn

    from tui_trainer.record.experiment_file import LaunchedExperiment
    from tui_trainer.record.run_folder import CheckpointName, RunFolder
    from tui_trainer.train.checkpoint import Loaded
    from tui_trainer.train.metrics import Predictions
    from tui_trainer.train.reporter import Reporter
    from tui_trainer.train.signals import Requests


class Stopped(Exception):  # noqa: N818  somebody asked for it
    """The run ends as it was asked to; what is trained is saved."""


def run(folder: RunFolder, attempt: int, requests: Requests, reporter: Reporter) -> None:
    """Bring a run to its end, from wherever it stands.

    Raises:
        Stopped: It was asked to stop and can be resumed.
        PreflightError: Something that it needs is not there.
        InvalidExperimentsError: Its experiment cannot be read.
        UsageError: It is no longer what the run was launched with.
        OwnedByAnotherError: Another attempt owns the run.
    """
    launched, ledger = read_experiment_to_train(folder), Ledger(folder, attempt, reporter)
    if was_edited(folder):
        ledger.warn(
            f"{folder.experiment_file.name} was changed since the launch, in nothing that decides "
            "the result; what stands there now counts"
        )

    def go_on_preparing() -> None:
        reporter.progress(Progress(stage="preparing"))
        if requests.stop:
            raise Interrupted

    stage = Stage(reporter.say, ledger.warn, go_on_preparing)
    equipment = Equipment(launched.experiment, folder.project, stage)
    preflight.before(launched, equipment, ledger, requests, reporter)
    try:
        Training(launched, equipment, ledger, requests, reporter).run()
    except Interrupted:
        reporter.say(f"stopped as asked, before anything was trained; {_how_to_resume(folder)}")
        raise Stopped from None


class Training:
    """One attempt's work on a run."""

    def __init__(
        self,
        launched: LaunchedExperiment,
        equipment: Equipment,
        ledger: Ledger,
        requests: Requests,
        reporter: Reporter,
    ) -> None:
        self.experiment = launched.experiment
        self.equipment = equipment
        self.fingerprint = launched.fingerprint
        self.plan = launched.plan
        self.provenance = launched.provenance
        self.ledger = ledger
        self.requests = requests
        self.reporter = reporter
        self.checkpoints = Checkpoints(ledger, launched.fingerprint)

    def run(self) -> None:
        """From preparation to the result."""
        self._prepare()
        with contextlib.closing(self.writer):
            self._resume()
            while self.state.epoch <= self.plan.epochs:
                self._try_epoch()
            self.writer.finish()
            self._evaluate()

    def _try_epoch(self) -> None:
        try:
            self._obey()
            self._train_epoch()
            self._close_epoch(self._validate())
        except health.Diverged as diverged:
            self._recover(diverged)

    def _prepare(self) -> None:
        """Ask for everything that the experiment names; all that can be missing is missed here."""
        self._show("preparing")
        equipment = self.equipment
        self.circumstances, self.data = equipment.circumstances, equipment.data
        self.writer = writer_for(equipment.device)
        self.pipeline, self.windows = equipment.pipeline, equipment.windows
        self.ood, self.probe = equipment.ood, equipment.probe
        equipment.check_network()
        self.alarms = Alarms(self.ledger, self.plan.epochs, self.data.classes)
        self.state = equipment.initial_state()
        self._tools()  # for what it refuses
        self.reporter.say(f"{self._named()} on {self.circumstances.device}; {self.data}")

    def _resume(self) -> None:
        """Go on from the newest checkpoint that can be trusted, or begin."""
        ledger = self.ledger
        keep_former_results(ledger.folder, ledger.attempt, ledger.check_ownership)
        self.checkpoints.tidy()
        sweep(self.ledger.folder.results)
        loaded = self._restore_newest()
        if loaded is not None:
            self.checkpoints.announce(loaded)
            self._announce_differences(loaded)
        self._take_stock_of_own_files(loaded)
        self.ledger.rewrite_epochs(self.state.epochs)
        self._note_saved()
        self.alarms.judge(self.state.epochs)
        if self.state.epoch <= self.plan.epochs:
            self._announce_start(loaded)

    def _recover(self, diverged: health.Diverged) -> None:
        """Begin the epoch again with half the learning rate, where the experiment wants that.

        The way back is to a whole epoch, whatever was saved since, so that a run that was
        interrupted takes the same way.
        """
        self.writer.finish()
        epoch, reloads = self.state.epoch, self.state.schedule.reloads + 1
        where = f"{diverged} in epoch {epoch}"
        if self.experiment.training.on_nan == "stop" or reloads > health.MOST_RELOADS:
            tried = f", after {reloads - 1} reloads" if reloads > 1 else ""
            self.alarms.nan(epoch, f"{where}{tried}: training ends")
            reload = "" if reloads > 1 else ', or training.on_nan = "reload"'
            raise RunCrashedError(f"{where}{tried}", hint=f"{health.ADVICE}{reload}")
        self.checkpoints.forget_within()
        again = f"the epoch begins again with the learning rate x {0.5**reloads}"
        self.alarms.nan(epoch, f"{where}: {again}")
        self.state = self.equipment.initial_state()
        self._restore_newest()
        self.ledger.rewrite_epochs(self.state.epochs)
        self._note_saved()

    def _restore_newest(self) -> Loaded | None:
        """Go back to the newest checkpoint that can be trusted, if there is one."""
        loaded = self.checkpoints.newest()
        if loaded is not None:
            self.state.restore(loaded.content)
        if self.experiment.training.on_nan == "reload" and not self.state.steps:
            # Checkpoints of whole epochs are older than the reloads that led back to them.
            told = self.alarms.told("nan", self.state.epoch)
            reloads = min(told, health.MOST_RELOADS)
            self.state.schedule.reloads = max(self.state.schedule.reloads, reloads)
        return loaded

    def _train_epoch(self) -> None:
        state, seed = self.state, self.experiment.seed
        order = randomness.permutation(seed, state.epoch, len(self.data.train))
        order = order.to(self.data.train.labels.device)
        state.network.train()
        for start, stop in self.windows.spans[state.steps :]:
            with state.sums.clock(training=True):
                self.equipment.train_on(order[start:stop], state)
            state.steps += 1
            if state.steps % health.STEPS_BETWEEN_LOOKS == 0:
                health.check_loss(state)
            self._show("training", self._images_per_second(stop))
            self._obey()

    def _validate(self) -> Measured:
        self._show("validating")
        health.check(self.state)
        network, firing = self.state.evaluated, Firing()
        with self.state.sums.clock(training=False):
            if self.state.epoch % EPOCHS_BETWEEN_COUNTS != 1 or self.experiment.training.compile:
                return self._measure_validation(network)
            with firing.watch(network):
                measured = self._measure_validation(network)
        self.alarms.dead_units(self.state.epoch, firing)
        return measured

    def _measure_validation(self, network: nn.Module) -> Measured:
        return measure(network, self.data.validation, self.pipeline, self._between_validations)

    def _between_validations(self) -> None:
        self._show("validating")
        self._obey()

    def _close_epoch(self, validation: Measured) -> None:
        """Keep the epoch: first its checkpoint, durably, then its line."""
        state = self.state
        epoch = self._epoch_record(validation)
        state.schedule.after_epoch(validation.loss, validation.accuracy)
        state.end_epoch(epoch)
        self._save(lambda: self._publish(epoch))
        self.alarms.judge(state.epochs)

    def _publish(self, epoch: Epoch) -> None:
        """Show an epoch, whose checkpoint is durable."""
        self.ledger.epoch(epoch)
        self.reporter.say(epoch_line(epoch, self.plan.epochs))

    def _evaluate(self) -> None:
        """Measure the best epoch's weights on the test images, once for all."""
        self._show("evaluating")
        loaded = self.checkpoints.best(self.state.epochs)
        load_weights(self.state.network, loaded.content["model"])
        self.ledger.check_ownership()
        results = Results(
            self.ledger.folder,
            self.ledger.attempt,
            loaded.name,
            self.plan.fingerprint,
            check_ownership=self.ledger.check_ownership,
        )
        tools = self._tools()
        if not results.clean_file.exists():
            predicted = self._predictions(tools.network)
            results.write_clean(predicted, self._beside(tools), self.data.names)
        result = results.announce(results.clean_file)
        accuracy = percent(number(result, "accuracy"))
        self.reporter.say(
            f"done: epoch {result.get('epoch')} is the best, test accuracy {accuracy}"
        )
        for line in words_beside(result):
            self.reporter.say(f"test images {line}")
        if self.ood is not None:
            judge_ood(results, self.ood, self.data.classes, tools)

    def _tools(self) -> Tools:
        """What the network is looked at with, in every way that the experiment wants."""
        network, say = self.state.network, self.reporter.say
        return Tools.of(self.experiment, network, self.pipeline, self._go_on, say)

    def _predictions(self, network: nn.Module) -> Predictions:
        return predictions(network, self.data.test, self.pipeline, self._go_on)

    def _beside(self, tools: Tools) -> dict[str, Predictions]:
        """What ways to look that any images can be looked at in say of the test images."""
        ways = tools.beside.items()
        return {name: self._predictions(way.network) for name, way in ways if not way.together}

    def _go_on_preparing(self) -> None:
        """Between two files of a folder that may hold a million."""
        self._show("preparing")
        if self.requests.stop:
            raise Interrupted

    def _go_on(self) -> None:
        """Between two batches of an evaluation, which can be longer than a run may be silent."""
        self._show("evaluating")
        if self.requests.stop:
            self._stop()

    def _probe(self) -> float | None:
        if self.probe is None:
            return None
        return measure(self.state.evaluated, self.probe, self.pipeline, self._obey).accuracy

    def _obey(self) -> None:
        """Do what was asked for; called between batches, where everything is consistent."""
        self.writer.look()
        stop = self.requests.stop
        minutes = (time.monotonic() - self.saved_at) / 60
        if stop or self.requests.checkpoint or minutes > self.experiment.checkpoint_minutes:
            self.requests.checkpoint = False
            self._save()
        if stop:
            self._stop()

    def _stop(self) -> NoReturn:
        self.writer.finish()
        self.reporter.say(f"stopped as asked; {_how_to_resume(self.ledger.folder)}")
        raise Stopped

    def _save(self, then: Callable[[], None] = lambda: None) -> None:
        """Save this moment, unless it is saved already; once it is durable, go on with `then`."""
        name = self.state.name
        if name != self.saved:
            health.check(self.state)
            self._show("saving")
            content = self.equipment.checkpoint(self.state, self.fingerprint, self.own_files)
            best = best_epoch(self.state.epochs)

            def durable(content: Mapping[str, Any]) -> None:
                self._keep(name, content)
                then()
                self.checkpoints.retain(best.epoch if best else None)

            self.writer.write(content, durable)
        self._note_saved()

    def _keep(self, name: CheckpointName, content: Mapping[str, Any]) -> None:
        try:
            self.checkpoints.save(name, content)
        except OSError as error:
            self.ledger.warn(f"{name} could not be saved, older checkpoints stand: {error}")
            raise

    def _note_saved(self) -> None:
        self.saved, self.saved_at = self.state.name, time.monotonic()

    def _epoch_record(self, validation: Measured) -> Epoch:
        sums = self.state.sums
        loss, correct, images, norm = sums.values.tolist()
        return Epoch(
            epoch=self.state.epoch,
            attempt=self.ledger.attempt,
            step=self.state.epoch * self.windows.count,
            train_loss=_finite(loss / images),
            train_accuracy=correct / images,
            validation_loss=_finite(validation.loss),
            validation_accuracy=validation.accuracy,
            ood_accuracy=self._probe(),
            lr=sums.lr,
            grad_norm=_finite(norm / self.windows.count),
            seconds=round(sums.seconds, 3),
            images_per_second=round(images / max(sums.train_seconds, 1e-9), 1),
            time=time.time(),
            data_seconds=round(sums.data_seconds, 3),
            compute_seconds=round(max(sums.train_seconds - sums.data_seconds, 0.0), 3),
            peak_memory_bytes=hardware.peak_memory(self.equipment.device),
        )

    def _announce_start(self, loaded: Loaded | None) -> None:
        name = str(loaded.name) if loaded else ""
        # What a run resumes with is as large as what it began with.
        counted = None if loaded else self.equipment.complexity
        self.ledger.event(
            TrainingBegan(
                attempt=self.ledger.attempt,
                epoch=self.state.epoch,
                step=self.state.steps,
                checkpoint=name,
                parameters=counted.parameters if counted else 0,
                flops=counted.flops if counted else 0,
            )
        )
        if loaded:
            self.reporter.say(
                f"resumed from {name}: epoch {self.state.epoch}, step {self.state.steps}"
            )
        laid_out, schedule = self.experiment.epochs, self.state.schedule
        if self.state.epoch > laid_out and schedule.has_ended():
            self.ledger.warn(
                f"{self.experiment.scheduler.name} was laid out for {laid_out} epochs and has "
                f"ended: the learning rate stays at {schedule.scheduled:.3g}"
            )

    def _announce_differences(self, loaded: Loaded) -> None:
        before = loaded.content["circumstances"]
        compiled = ["kernels are compiled anew"] if self.experiment.training.compile else []
        differences = ", ".join([*self.circumstances.differences(before), *compiled])
        if differences:
            self.ledger.warn(
                f"resumed from {loaded.name} under other conditions ({differences}): the result "
                "may differ in its last bits from an uninterrupted run's"
            )

    def _take_stock_of_own_files(self, loaded: Loaded | None) -> None:
        """Note the user's own code and data, and say what of it has changed."""
        project = self.ledger.folder.project
        trained_with = loaded.content["circumstances"].get("own_files") if loaded else None
        before = table(self.provenance, "own_files") if trained_with is None else trained_with
        names = {*own_files.named_by(self.experiment, project), *own.imported(project), *before}
        self.own_files = own_files.digests(project, names, self._go_on_preparing)
        changes = ", ".join(own_files.changes(before, self.own_files))
        if changes and loaded:
            self.ledger.warn(
                f"resumed from {loaded.name}, but {changes} since: the result will be of both, and "
                "not that of an uninterrupted run"
            )
        elif changes:
            self.ledger.warn(
                f"{changes} since the launch: the run is trained with what is there now"
            )

    def _show(self, stage: str, images_per_second: float | None = None) -> None:
        state = getattr(self, "state", None)
        self.reporter.progress(
            Progress(
                stage=stage,
                epoch=min(state.epoch, self.plan.epochs) if state else 0,
                step=state.steps if state else 0,
                steps=len(self.windows.spans) if state else 0,
                images_per_second=images_per_second,
            )
        )

    def _images_per_second(self, images: int) -> float:
        return round(images / max(self.state.sums.train_seconds, 1e-9), 1)

    @property
    def _run(self) -> str:
        return self.ledger.folder.run

    def _named(self) -> str:
        threads = self.circumstances.threads
        return f"{self._run}: {self.experiment.model.name} with {threads} threads"


def _how_to_resume(folder: RunFolder) -> str:
    return f"resume: tui-trainer resume {folder.run}"


def _finite(value: float) -> float | None:
    """As records hold it: None for what is no number."""
    return value if math.isfinite(value) else None
