"""What can be done to runs, the same for commands and app: rehearse, launch, resume, stop."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
from typing import TYPE_CHECKING

from tui_trainer.errors import OwnedByAnotherError, TuiTrainerError, UsageError
from tui_trainer.launch.clusters.submission import cancel, submit
from tui_trainer.launch.clusters.submission import preview as preview_of_job
from tui_trainer.launch.core_question import Question
from tui_trainer.launch.local import start_supervisor
from tui_trainer.launch.provenance import provenance
from tui_trainer.launch.unattended import begin
from tui_trainer.record.claim import check_free
from tui_trainer.record.durable import write_once
from tui_trainer.record.events import Extended, Launched, LaunchFailed, append_event
from tui_trainer.record.experiment_file import read_experiment, read_experiment_to_train
from tui_trainer.record.heartbeat import Heartbeat
from tui_trainer.record.index import RunReader, has_a_job, look_until_sure
from tui_trainer.record.owner import Owner, Presence
from tui_trainer.record.place import Place
from tui_trainer.record.run_folder import AttemptFolder, RunFolder, claim_run, give_back, next_run
from tui_trainer.record.state import State
from tui_trainer.spec.learning import CosineAnnealingLR
from tui_trainer.spec.snapshot import experiment_to_toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tui_trainer.launch.clusters.submission import Preview
    from tui_trainer.launch.unattended import Answer, What
    from tui_trainer.record.job import Job
    from tui_trainer.spec.experiment import Experiment
    from tui_trainer.spec.project import Project


def launch(
    project: Project,
    name: str,
    changes: Sequence[str] = (),
    *,
    preflight: bool = True,
    queue: bool = True,
) -> RunFolder:
    """Start a new run of an experiment.

    Args:
        project: The project whose experiments.toml defines the experiment.
        name: The experiment.
        changes: `KEY=VALUE` texts that apply on top of what the file says.
        preflight: Whether its attempts begin with one.
        queue: Whether it waits for its turn.

    Raises:
        UsageError: there is no such experiment.
        InvalidExperimentsError: the experiment or a change is wrong.
        RunCrashedError: the supervisor did not come to life.
    """
    experiment = project.experiment(name, changes)
    return launch_as(project, name, experiment, preflight=preflight, queue=queue)


def launch_as(
    project: Project,
    name: str,
    experiment: Experiment,
    *,
    preflight: bool = True,
    queue: bool = True,
) -> RunFolder:
    """Start a new run of what no experiments.toml needs to say.

    Args:
        project: Where its paths begin.
        name: What its runs are called.
        experiment: What it trains.
        preflight: As for `launch`.
        queue: As for `launch`.

    Raises:
        RunCrashedError: the supervisor did not come to life.
    """
    folder = prepare(project, name, experiment, preflight=preflight)
    _start(folder, queue=queue)
    return folder


def rehearse(
    project: Project, name: str, experiment: Experiment, talk: int | None = None
) -> Question:
    """The preflight of an experiment without a run, to be asked of the core.

    Args:
        project: Where its paths begin.
        name: What its runs will be called.
        experiment: What is to be rehearsed.
        talk: Where goes what the user's own modules print, as for `Question`.
    """
    text = experiment_to_toml(experiment, {})
    return Question("preflight", str(project.folder), name, text=text, talk=talk)


def preview_schedule(project: Project, experiment: Experiment, talk: int | None = None) -> Question:
    """The learning rate of each step of an experiment, to be asked of the core.

    Args:
        project: Where its paths begin.
        experiment: What would be trained.
        talk: As for `rehearse`.
    """
    text = experiment_to_toml(experiment, {})
    return Question("schedule", str(project.folder), text=text, talk=talk)


def prepare(
    project: Project, name: str, experiment: Experiment, *, preflight: bool = True
) -> RunFolder:
    """Claim a run folder and write down what is to run there."""
    origin = {**provenance(project.folder, experiment), "preflight": preflight}
    content = experiment_to_toml(experiment, origin).encode()
    launched = Launched(
        launcher=experiment.launcher,
        owner=Owner.of_process(os.getpid()),
        experiment_sha256=hashlib.sha256(content).hexdigest(),
    )
    folder = claim_run(project.folder / "runs", name)
    try:
        write_once(folder.experiment_file, content)
        Place.at_the_end().write(folder.queue_file)
        append_event(folder.events_file, launched)
    except OSError:
        give_back(folder)
        raise
    return folder


def resume(folder: RunFolder, *, queue: bool = True) -> None:
    """Start the next attempt of a run that is not finished, at the place in the queue that it had.

    Args:
        folder: The run.
        queue: Whether it waits for its turn.

    Raises:
        UsageError: the run is finished, or its experiment was changed since the launch.
        InvalidExperimentsError: its experiment cannot be read.
        OwnedByAnotherError: the run has a living owner.
        RunCrashedError: the supervisor did not come to life.
    """
    # Whether it has a living owner is for the supervisor to find out, which claims it.
    run = RunReader(folder).look()
    if run.state is State.FINISHED:
        raise UsageError(
            f"{run.name} is finished; there is nothing to resume",
            hint=f"more epochs: tui-trainer resume {run.name} --epochs N; "
            f"a new run of it: tui-trainer run {folder.experiment_name}",
        )
    read_experiment_to_train(folder)
    _start(folder, queue=queue)


def extend(folder: RunFolder, epochs: int, *, queue: bool = True) -> None:
    """Go on with a run that is over to more epochs than it was to have, in all.

    What it was launched with stays as it was written; a schedule that was laid out for its epochs
    keeps its length, and then its last learning rate.

    Args:
        folder: The run.
        epochs: In all.
        queue: Whether it waits for its turn.

    Raises:
        UsageError: it has not begun, is to have as many epochs already, its schedule has come
            to a learning rate of 0, or its experiment was changed since the launch.
        InvalidExperimentsError: its experiment cannot be read.
        OwnedByAnotherError: the run has a living owner.
        RunCrashedError: the supervisor did not come to life.
    """
    launched = read_experiment_to_train(folder)
    run, planned = look_until_sure([RunReader(folder)])[0], launched.plan.epochs
    if not run.newest_attempt:
        raise UsageError(
            f"{run.name} has not begun",
            hint=f"tui-trainer run {folder.experiment_name} --set epochs={epochs}",
        )
    if run.state.is_live:
        raise OwnedByAnotherError(
            f"{run.name} is {run.state.value}; only a run that is over can be given more epochs",
            hint=f"wait for its end, or: tui-trainer stop {run.name}",
        )
    if epochs <= planned:
        raise UsageError(
            f"{run.name} has {len(run.epochs)} epochs of {planned}, which {epochs} does not extend",
            hint=f"--epochs counts all of them: more than {planned}",
        )
    scheduler = launched.experiment.scheduler
    if isinstance(scheduler, CosineAnnealingLR) and scheduler.ends_at_zero:
        raise UsageError(
            f"{run.name} cannot be extended: its learning rate is 0 after the "
            f"{launched.experiment.epochs} epochs that {scheduler.name} was laid out for",
            hint=f"tui-trainer run {folder.experiment_name} --set epochs={epochs}; "
            "scheduler.eta_min or scheduler.T_max would leave something to learn with",
        )
    append_event(folder.events_file, Extended(after=run.newest_attempt, epochs=epochs))
    _start(folder, queue=queue)


def stop(folder: RunFolder, *, at_once: bool = False) -> None:
    """Ask a run to stop: after a checkpoint, or `at_once` without one; cancel a job that waits.

    Raises:
        RefusedError: its scheduler does not cancel its job.
        UnreachableError: its scheduler does not answer; its job ends once it begins.
        UsageError: the run is not running, or there is no room to ask and nobody here to signal.
    """
    run = look_until_sure([RunReader(folder)])[0]
    if has_a_job(run) and run.history.job:
        _stop_job(folder, run.history.job)
        return
    attempt = folder.newest_attempt()
    if run.state.is_live and attempt is None:
        raise UsageError(f"{run.name} waits for its supervisor", hint="try again in a moment")
    if not run.state.is_live or attempt is None:
        raise UsageError(f"{run.name} is {run.state.value}; there is nothing to stop")
    try:
        asked = _ask_newest(folder, attempt, at_once=at_once)
    except OSError as error:
        _signal_instead(folder, folder.newest_attempt() or attempt, error, at_once=at_once)
    else:
        _wake(folder, asked)
        _signal_where_nobody_obeys(folder, asked, at_once=at_once)


def assess(
    folders: Sequence[RunFolder], what: What, images: Path | None = None
) -> Iterator[Answer]:
    """Begin to evaluate or to predict, run after run, in a process that outlives this one.

    Args:
        folders: The runs.
        what: Which of the two.
        images: The folder to look at in place of what the runs name.

    Returns:
        How it went with each of them; whoever asks for the next one waits for it.

    Raises:
        OSError: The process could not be started.
    """
    return begin(folders, what, images).answers()


def _ask_newest(folder: RunFolder, attempt: AttemptFolder, *, at_once: bool) -> AttemptFolder:
    """Ask the attempt, and those claimed meanwhile: one that is over looks at no request."""
    attempt.ask_to_stop(at_once=at_once)
    newest = folder.newest_attempt()
    if newest is None or newest.number == attempt.number:
        return attempt
    return _ask_newest(folder, newest, at_once=at_once)


def _wake(folder: RunFolder, attempt: AttemptFolder) -> None:
    """Let those go on that SIGSTOP holds on this host: nobody else can hear what was asked."""
    beat, owner = Heartbeat.read(folder.heartbeat_file), attempt.owner()
    core = beat.core if beat and beat.attempt == attempt.number else None
    for held in (core, owner):
        if held is not None and held.is_suspended():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(held.pid, signal.SIGCONT)


def _signal_where_nobody_obeys(folder: RunFolder, attempt: AttemptFolder, *, at_once: bool) -> None:
    """A core without a supervisor, started by hand or left behind, hears signals alone."""
    beat, owner = Heartbeat.read(folder.heartbeat_file), attempt.owner()
    is_supervised = beat is not None and beat.attempt == attempt.number
    core = beat.core if beat and is_supervised else owner
    has_supervisor = is_supervised and owner is not None and owner.presence() is Presence.ALIVE
    if core is not None and not has_supervisor and core.presence() is Presence.ALIVE:
        with contextlib.suppress(ProcessLookupError):
            os.kill(core.pid, signal.SIGKILL if at_once else signal.SIGTERM)


def _signal_instead(
    folder: RunFolder, attempt: AttemptFolder, error: OSError, *, at_once: bool
) -> None:
    """Where a request cannot be written, as on a full disk, those of this host hear signals."""
    beat, owner = Heartbeat.read(folder.heartbeat_file), attempt.owner()
    core = beat.core if beat and beat.attempt == attempt.number else None
    here = [each for each in (owner, core) if each and each.presence() is Presence.ALIVE]
    if not here:
        raise UsageError(
            f"{folder.run} cannot be asked to stop: {attempt.stop_file}: {error.strerror}",
            hint=f"make room and try again, or end it where it runs: kill -TERM of {owner}",
        ) from error
    # The supervisor first, so that it does not start a core again that somebody ended.
    with contextlib.suppress(ProcessLookupError):
        os.kill(here[0].pid, signal.SIGTERM)
        if at_once and core in here:
            os.kill(here[-1].pid, signal.SIGKILL)


def preview(project: Project, name: str, changes: Sequence[str] = ()) -> Preview:
    """The script of the job that `launch` would submit, and the command that would submit it.

    Raises:
        UsageError: there is no such experiment or cluster, or it is launched on this machine.
        InvalidExperimentsError: the experiment or a change is wrong.
    """
    experiment = project.experiment(name, changes)
    if experiment.launcher == "local":
        raise UsageError(
            f"{name} is launched on this machine; no job would be submitted",
            hint="as a job: --launcher slurm, or --launcher grid_engine",
        )
    cluster = project.cluster_for(experiment)
    return preview_of_job(next_run(project.folder / "runs", name), experiment, cluster)


def _stop_job(folder: RunFolder, job: Job) -> None:
    """Take a run out of its scheduler's queue, whatever has become of its job meanwhile."""
    cancel(folder, job)
    if RunReader(folder).look().state.is_live:
        attempt = folder.newest_attempt()
        if attempt is not None:
            attempt.ask_to_stop(at_once=False)


def _start(folder: RunFolder, *, queue: bool = True) -> None:
    experiment = read_experiment(folder).experiment
    if experiment.launcher != "local":
        check_free(look_until_sure([RunReader(folder)])[0])
        submit(folder, experiment)
        return
    if not folder.queue_file.exists():
        # One of before there was a queue, or of another machine, is no older than those that wait.
        Place.at_the_end().write(folder.queue_file)
    try:
        start_supervisor(folder, queue=queue)
    except TuiTrainerError as error:
        if folder.newest_attempt() is None:
            append_event(folder.events_file, LaunchFailed(cause=error.message))
        raise
