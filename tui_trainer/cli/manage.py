"""Commands that change what runs: run, resume, stop."""

from __future__ import annotations

import shlex
from functools import partial
from typing import TYPE_CHECKING, Annotated, Optional, Protocol

import typer

from tui_trainer.cli.ends import exit_code, worst
from tui_trainer.cli.look import RunArgument, RunsOrAllArgument, find
from tui_trainer.cli.project import ChangesOption, load, project_at_prompt, runs_folder
from tui_trainer.errors import ExitCode, TuiTrainerError, UsageError, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.spec.project import Project
    from tui_trainer.spec.study import Study


class Job(Protocol):
    """Something to be done to its end, while interrupts are noted."""

    def __call__(self, *, interrupts: Sequence[int]) -> ExitCode:
        """Do it; how it went."""


# As many as experiments.toml may ask for.
MOST_EPOCHS = 1_000_000


def complete_experiments(context: typer.Context, incomplete: str) -> list[str]:
    """Names of experiments for the shell's completion."""
    project = project_at_prompt(context)
    return [] if project is None else _beginning(incomplete, project.experiments)


def complete_launchable(context: typer.Context, incomplete: str) -> list[str]:
    """Names of experiments and studies for the shell's completion."""
    project = project_at_prompt(context)
    if project is None:
        return []
    return _beginning(incomplete, (*project.experiments, *project.studies))


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


ExperimentArgument = Annotated[
    str, typer.Argument(metavar="EXPERIMENT", autocompletion=complete_experiments)
]
DetachOption = Annotated[
    bool, typer.Option("--detach", "-d", help="Start it and return; it goes on by itself.")
]
NoQueueOption = Annotated[
    bool,
    typer.Option("--no-queue", help="Begin at once, whoever has the slots of this machine."),
]


def run(  # noqa: PLR0917  typer's parameters are options
    context: typer.Context,
    experiments: Annotated[
        list[str],
        typer.Argument(
            metavar="EXPERIMENT|STUDY...",
            help="One or more; they run one after the other.",
            autocompletion=complete_launchable,
        ),
    ],
    changes: ChangesOption = None,
    no_preflight: Annotated[
        bool, typer.Option("--no-preflight", help="Train without a rehearsal of every stage.")
    ] = False,
    detach: DetachOption = False,
    no_queue: NoQueueOption = False,
    launcher: Annotated[
        Optional[str],  # noqa: UP045  typer evaluates this, also on Python 3.10
        typer.Option(
            "--launcher",
            metavar="local|slurm|grid_engine",
            help="Where: on this machine, or as a job; as --set launcher=...",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the job's script and command, and submit nothing."),
    ] = False,
) -> None:
    """Launch a new run of each experiment, or what a study lacks, and show it to its end."""
    from tui_trainer.cli.words import errors
    from tui_trainer.launch.launcher import launch
    from tui_trainer.launch.slots import warning_of_cpu_slots

    chosen = () if launcher is None else (f"launcher={launcher}",)
    project, wanted = load(context.obj), (*(changes or ()), *chosen)
    studies = {
        name: project.study(name, wanted) for name in experiments if project.defines_study(name)
    }
    if dry_run:
        _print_jobs(project, [name for name in experiments if name not in studies], wanted)
        return
    for name in experiments:
        if name not in studies:
            project.experiment(name, wanted)
    if studies and no_queue:
        raise UsageError(
            "--no-queue would begin all points of a study at once",
            hint="name one of them: tui-trainer list --study " + next(iter(studies)),
        )
    if project.problems:
        errors.say(f"{project.path.name} has mistakes elsewhere; tui-trainer list names them")
    if warning := warning_of_cpu_slots():
        errors.say(warning, label="beware: ", style="yellow")
    rehearses = not no_preflight
    start = partial(launch, project, changes=wanted, preflight=rehearses, queue=not no_queue)
    jobs: list[Job] = [
        _of_study(project, studies[name], wanted, preflight=rehearses, detach=detach)
        if name in studies
        else partial(_one, partial(start, name), detach=detach)
        for name in experiments
    ]
    raise typer.Exit(_each(jobs))


def resume(  # noqa: PLR0917  as run
    context: typer.Context,
    runs: RunsOrAllArgument = None,
    all_dead: Annotated[
        bool, typer.Option("--all", help="Every run that crashed, was lost or interrupted.")
    ] = False,
    epochs: Annotated[
        Optional[int],  # noqa: UP045  typer evaluates this, also on Python 3.10
        typer.Option(
            "--epochs",
            metavar="N",
            min=1,
            max=MOST_EPOCHS,
            help="Go on to N epochs in all, also with a finished run.",
        ),
    ] = None,
    detach: DetachOption = False,
    no_queue: NoQueueOption = False,
) -> None:
    """Go on with a run from its last good checkpoint."""
    from tui_trainer.launch.launcher import extend
    from tui_trainer.launch.launcher import resume as go_on

    if bool(runs) == all_dead:
        raise UsageError(
            "name the runs to resume, or give --all, and not both", hint="tui-trainer runs"
        )
    if all_dead and epochs is not None:
        raise UsageError("--epochs is for runs that are named", hint="tui-trainer runs")
    folders = _dead(context) if all_dead else [find(context, name) for name in runs or ()]
    if not folders:
        typer.echo("no run crashed, was lost or interrupted")
    go_on = partial(go_on, queue=not no_queue)
    resume_run = go_on if epochs is None else partial(extend, epochs=epochs, queue=not no_queue)
    starts = [partial(_resumed, folder, resume_run) for folder in folders]
    raise typer.Exit(_each([partial(_one, start, detach=detach) for start in starts]))


def stop(
    context: typer.Context,
    run: RunArgument,
    now: Annotated[
        bool,
        typer.Option("--now", help="End it at once, without a checkpoint."),
    ] = False,
) -> None:
    """Ask a run to save a checkpoint and end, and wait until it has."""
    from tui_trainer.cli.follow import follow_silently
    from tui_trainer.cli.words import closing_line, errors, results
    from tui_trainer.launch.launcher import stop as stop_run
    from tui_trainer.record.index import RunReader
    from tui_trainer.record.state import State

    folder = find(context, run)
    is_stalled = RunReader(folder).look().state is State.STALLED
    stop_run(folder, at_once=now)
    if is_stalled and not now:
        errors.say(
            f"{folder.run} is stalled; if it saves no checkpoint: tui-trainer stop {run} --now"
        )
    seen = follow_silently(folder)
    results.say(closing_line(seen))
    code = exit_code(seen)
    raise typer.Exit(ExitCode.DONE if code is ExitCode.STOPPED else code)


def _print_jobs(project: Project, experiments: Sequence[str], changes: Sequence[str]) -> None:
    from tui_trainer.cli.words import results
    from tui_trainer.launch.launcher import preview

    if not experiments:
        raise UsageError(
            "each point of a study is a job of its own",
            hint="name one of them: tui-trainer list --study NAME",
        )
    for name in experiments:
        previewed = preview(project, name, changes)
        results.say(previewed.script)
        results.say(f"submitted by: {shlex.join(previewed.command)}")


def _each(jobs: Sequence[Job]) -> ExitCode:
    """Do one after the other, whatever becomes of each; the worst exit code of all.

    A Ctrl-C while a run is being launched counts for that run; after it none is started.
    """
    from tui_trainer.cli.follow import interrupts_noted

    with interrupts_noted() as interrupts:
        return worst([job(interrupts=interrupts) for job in jobs if not interrupts])


def _of_study(
    project: Project, study: Study, changes: Sequence[str], *, preflight: bool, detach: bool
) -> Job:
    """What there is to be done for a study."""
    if study.search is None:
        from tui_trainer.cli.run_study import run_study

        return partial(run_study, project, study, changes, preflight=preflight, detach=detach)
    if detach:
        raise UsageError(
            f"{study.name} is a search, which this command drives to its end",
            hint="in tmux, or with nohup; killed at any moment, the same command goes on with it",
        )
    from tui_trainer.cli.run_search import run_search

    return partial(run_search, project, study, changes, preflight=preflight)


def _one(start: Callable[[], RunFolder], *, interrupts: Sequence[int], detach: bool) -> ExitCode:
    from tui_trainer.cli.follow import follow, tell_end
    from tui_trainer.cli.words import errors

    try:
        folder = start()
    except (TuiTrainerError, OSError) as error:
        said = told(error)
        errors.tell(said)
        return said.exit_code
    if detach:
        typer.echo(f"{folder.run} started; files: {folder.path}")
        return ExitCode.DONE
    errors.say(f"{folder.run}: {folder.path}")
    run = follow(folder, interrupts)
    tell_end(run)
    return exit_code(run)


def _resumed(folder: RunFolder, resume_run: Callable[[RunFolder], None]) -> RunFolder:
    resume_run(folder)
    return folder


def _dead(context: typer.Context) -> list[RunFolder]:
    """Runs that died, in the order in which they stood in the queue."""
    from tui_trainer.record.index import Index
    from tui_trainer.record.place import Place

    runs = Index(runs_folder(context.obj)).look_until_sure()
    dead = [run.folder for run in runs if run.state.has_died]
    return sorted(dead, key=lambda folder: Place.read(folder.queue_file).key)


COMMANDS = (run, resume, stop)
