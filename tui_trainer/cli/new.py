"""The command that writes a new experiment from a run or an experiment: new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tui_trainer.cli.look import find
from tui_trainer.cli.manage import complete_experiments
from tui_trainer.cli.project import ChangesOption, load
from tui_trainer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.spec.experiment import Experiment
    from tui_trainer.spec.project import Project


def new(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="RUN|EXPERIMENT",
            help="What it is to be like: an experiment, or a run such as cnn4/3.",
            autocompletion=complete_experiments,
        ),
    ],
    changes: ChangesOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the table and write nothing.")
    ] = False,
) -> None:
    """Write a new experiment into experiments.toml: only what differs, at the end of the file."""
    from tui_trainer.cli.words import errors, results
    from tui_trainer.launch.new_experiment import write_experiment
    from tui_trainer.spec.addition import addition

    project = load(context.obj)
    base, wanted = _wanted(context, project, source, changes or ())
    added = addition(project, name, base, wanted)
    if not dry_run:
        write_experiment(project, added)
        errors.say(f"wrote {project.path}; next: tui-trainer run {name}")
    results.say(added.text.rstrip("\n"))


def _wanted(
    context: typer.Context, project: Project, source: str, changes: Sequence[str]
) -> tuple[str, Experiment]:
    """What it is said over, and all that it is to say."""
    if source in project.bases:
        return source, project.experiment(source, changes)
    from tui_trainer.record.experiment_file import read_experiment
    from tui_trainer.spec.draft import changed_over

    folder = _run(context, project, source)
    launched = read_experiment(folder).experiment
    return folder.experiment_name, changed_over(launched, changes)


def _run(context: typer.Context, project: Project, source: str) -> RunFolder:
    try:
        return find(context, source)
    except UsageError:
        if "/" not in source:
            project.experiment(source)  # which says what experiments there are
        raise


COMMANDS = (new,)
