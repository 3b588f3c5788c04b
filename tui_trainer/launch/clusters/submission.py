"""Submits a run as a job, finds a submission again whose submitter died, and takes one back.

Before a scheduler is asked, the run's events tell with which token; what the scheduler answered is
told after. Whoever finds the one without the other looks the token up.
"""

from __future__ import annotations

import hashlib
import os
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from tui_trainer.errors import UsageError
from tui_trainer.launch.clusters.grid_engine import GridEngine
from tui_trainer.launch.clusters.job_script import script_name, script_of_job
from tui_trainer.launch.clusters.scheduler import (
    NotHereError,
    Order,
    RefusedError,
    UnreachableError,
)
from tui_trainer.launch.clusters.slurm import Slurm
from tui_trainer.record.durable import write_once
from tui_trainer.record.events import (
    JobCancelled,
    JobEnded,
    JobRequested,
    JobSubmitted,
    append_event,
)
from tui_trainer.record.owner import Owner
from tui_trainer.record.plain_text import plain_line
from tui_trainer.spec.find import find_project
from tui_trainer.spec.project import load_project

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tui_trainer.launch.clusters.scheduler import Scheduler
    from tui_trainer.record.job import Job
    from tui_trainer.record.run_folder import JobFolder, RunFolder
    from tui_trainer.spec.cluster import Cluster
    from tui_trainer.spec.experiment import Experiment

SCHEDULERS: Final[Mapping[str, type[Slurm | GridEngine]]] = MappingProxyType(
    {Slurm.kind: Slurm, GridEngine.kind: GridEngine}
)
# Of a job's name: Grid Engine takes neither spaces nor a digit at its beginning.
_NAME_BEGINS = "tt"
_LONGEST_NAME = 48


class Preview(NamedTuple):
    """What would be submitted."""

    script: str
    command: tuple[str, ...]


def scheduler_of(kind: str) -> Scheduler:
    """The scheduler of a kind.

    Raises:
        UsageError: This version knows none of it.
    """
    if kind in SCHEDULERS:
        return SCHEDULERS[kind]()
    raise UsageError(f"this version knows no scheduler called {kind!r}")


def name_of_answers(scheduler: Scheduler) -> str:
    """Which scheduler it is, among all that this user has jobs with."""
    place = hashlib.sha256(scheduler.place.encode(errors="surrogateescape")).hexdigest()
    return f"{scheduler.kind}-{place[:8]}"


def preview(folder: RunFolder, experiment: Experiment, cluster: Cluster) -> Preview:
    """What `submit` would do for a run that need not exist."""
    scheduler, job, token = scheduler_of(experiment.launcher), folder.job(1), "0" * 16
    order = _order(job, name_of_job(folder.run, token), experiment, cluster)
    script = script_of_job(scheduler, order, folder, job, token)
    return Preview(script, tuple(scheduler.command(script_name(folder, job))))


def submit(folder: RunFolder, experiment: Experiment, after_job: str = "") -> str:
    """Submit the run's next attempt; returns the job's id.

    Args:
        folder: The run.
        experiment: What it trains, and with which resources.
        after_job: The job that has to end before; empty for none.

    Raises:
        RefusedError: The scheduler does not take it.
        UnreachableError: It gave no answer. Whether it has the job is found out once it answers.
        UsageError: experiments.toml has no such cluster.
        OwnedByAnotherError: Another process submits it at this moment.
    """
    cluster = load_project(find_project(folder.project)).cluster_for(experiment)
    scheduler, token = scheduler_of(experiment.launcher), os.urandom(8).hex()
    job = folder.claim_job()
    order = _order(job, name_of_job(folder.run, token), experiment, cluster, after_job)
    write_once(job.script, script_of_job(scheduler, order, folder, job, token).encode())
    requested = JobRequested(
        token=token,
        kind=scheduler.kind,
        scheduler=name_of_answers(scheduler),
        name=order.name,
        number=job.number,
        after=folder.attempts_claimed,
        owner=Owner.of_process(os.getpid()),
        seconds=_seconds(experiment, cluster),
    )
    append_event(folder.events_file, requested)
    try:
        job_id = scheduler.submit(script_name(folder, job), folder.path)
    except (RefusedError, NotHereError) as error:
        refused = JobEnded(token=token, outcome="refused", cause=error.message)
        append_event(folder.events_file, refused)
        raise
    except UnreachableError as error:
        job_id = _looked_up(scheduler, order.name, error, folder)
    append_event(folder.events_file, JobSubmitted(token=token, job_id=job_id))
    return job_id


def cancel(folder: RunFolder, job: Job) -> None:
    """Take a job out of its queue; should it begin all the same, it ends at once.

    Raises:
        RefusedError: It may not be cancelled.
        UnreachableError: The scheduler gave no answer; the job still ends once it begins.
    """
    append_event(folder.events_file, JobCancelled(token=job.token))
    try:
        _cancel(scheduler_of(job.requested.kind), job)
    except UnreachableError as error:
        hint = "it may still stand in that queue; should it begin, it ends at once"
        raise UnreachableError(error.message, hint=hint) from error


def _cancel(scheduler: Scheduler, job: Job) -> None:
    if name_of_answers(scheduler) != job.requested.scheduler:
        raise UnreachableError(f"{job} is of another cluster than the one that is known here")
    for seen in scheduler.poll():
        if seen.name == job.name:
            scheduler.cancel(seen.job_id)
        elif seen.job_id == job.job_id:
            raise RefusedError(f"{job} is another job by now, called {plain_line(seen.name)}")


def _order(
    job: JobFolder, name: str, experiment: Experiment, cluster: Cluster, after_job: str = ""
) -> Order:
    return Order(
        name=name,
        log=job.log_file.relative_to(job.path.parents[1]).as_posix(),
        resources=experiment.resources,
        cluster=cluster,
        after=after_job,
    )


def _seconds(experiment: Experiment, cluster: Cluster) -> float | None:
    wall = experiment.resources.wall_seconds
    return None if wall is None else wall - cluster.notice_seconds(wall)


def name_of_job(run: str, token: str) -> str:
    """`tt-cnn4-3-0123456789abcdef`, in what every scheduler takes."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "-", run)[:_LONGEST_NAME]
    return f"{_NAME_BEGINS}-{plain}-{token}"


def _looked_up(scheduler: Scheduler, name: str, error: UnreachableError, folder: RunFolder) -> str:
    """The id of a job that the scheduler may have taken without an answer."""
    try:
        job_id = _id_of(scheduler, name)
    except UnreachableError:
        job_id = ""
    if job_id:
        return job_id
    raise UnreachableError(
        error.message,
        hint=error.hint or f"whether it has the job is asked again: tui-trainer show {folder.run}",
    ) from error


def _id_of(scheduler: Scheduler, name: str) -> str:
    return next((seen.job_id for seen in scheduler.poll() if seen.name == name), "")
