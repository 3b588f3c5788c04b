"""Commands that carry runs elsewhere and bring them back: export, import."""

from __future__ import annotations

import shlex
from enum import Enum
from pathlib import Path  # noqa: TC003  typer evaluates this
from typing import TYPE_CHECKING, Annotated, Optional, get_args

import typer

from tui_trainer.cli.look import RunsOrAllArgument, find
from tui_trainer.cli.project import runs_folder
from tui_trainer.errors import UsageError

if TYPE_CHECKING:
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.study.export.target import Target


class Tool(str, Enum):
    """Where runs can go, as typer checks and completes it."""

    TENSORBOARD = "tensorboard"
    WANDB = "wandb"
    MLFLOW = "mlflow"
    CSV = "csv"
    PARQUET = "parquet"
    BUNDLE = "bundle"


class Choice(str, Enum):
    """Which checkpoints go along, as typer checks and completes it."""

    NEEDED = "needed"
    ALL = "all"
    NONE = "none"


def export(  # noqa: PLR0917  each is a word of the command line
    context: typer.Context,
    tool: Annotated[
        Tool, typer.Argument(metavar="TOOL", help=", ".join(tool.value for tool in Tool))
    ],
    destination: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DEST", help="What to write: a name of its own."),
    ],
    runs: RunsOrAllArgument = None,
    every: Annotated[bool, typer.Option("--all", help="Every run of the project.")] = False,
    checkpoints: Annotated[
        Optional[Choice],  # noqa: UP045  typer evaluates this, also on Python 3.10
        typer.Option(
            "--checkpoints",
            help="Which go into a bundle. Default: needed: the best, and the newest of a run that "
            "is not finished.",
        ),
    ] = None,
) -> None:
    """Write runs for another tool, or one run into a file that import takes."""
    from tui_trainer.cli.words import errors, results
    from tui_trainer.record.run_folder import all_runs
    from tui_trainer.study.export.target import export as write

    if bool(runs) == every:
        raise UsageError(
            "name the runs to export, or give --all, and not both", hint="tui-trainer runs"
        )
    target = _target(tool, checkpoints)
    named = dict.fromkeys(find(context, name) for name in runs or ())
    write(target, all_runs(runs_folder(context.obj)) if every else named, destination)
    results.say(str(destination))
    if target.then:
        errors.say(target.then.format(shlex.quote(str(destination))), label="next: ", style="bold")


def import_(
    context: typer.Context,
    bundle: Annotated[
        Path, typer.Argument(metavar="FILE", help="What export bundle wrote, on any machine.")
    ],
) -> None:
    """Take a run out of a bundle into this project, under a number of its own."""
    from tui_trainer.cli.words import closing_line, errors, results
    from tui_trainer.record.imported import Imported, same_imports
    from tui_trainer.record.index import RunReader
    from tui_trainer.record.verify import verify
    from tui_trainer.study.export.unbundle import import_run

    folder = import_run(bundle, runs_folder(context.obj))
    run = RunReader(folder).look()
    results.say(closing_line(run))
    origin = Imported.of(folder)
    errors.say(f"it was {origin.words if origin else ''}")
    for twin in same_imports(folder, runs_folder(context.obj)):
        errors.say(
            f"the same bundle is {twin.run} already; to have it once: tui-trainer trash {run.name}",
            label="beware: ",
            style="yellow",
        )
    for file in verify(folder):
        if file.fault:
            errors.say(f"{file.file}: {file.fault}", label="damaged: ", style="bold red")
    if run.state.is_resumable and _has_checkpoint(folder):
        errors.say(
            f"tui-trainer resume {run.name}, where its data and its own code are",
            label="next: ",
            style="bold",
        )


def _target(tool: Tool, checkpoints: Choice | None) -> Target:
    from tui_trainer.study.export.bundle import Checkpoints
    from tui_trainer.study.export.targets import TOOLS, bundle

    if tool is Tool.BUNDLE:
        chosen = (checkpoints or Choice.NEEDED).value
        return bundle(next(each for each in get_args(Checkpoints) if each == chosen))
    if checkpoints is not None:
        raise UsageError(f"--checkpoints is about a bundle; {tool.value} takes none along")
    return TOOLS[tool.value]


def _has_checkpoint(folder: RunFolder) -> bool:
    return any(folder.checkpoints.glob("*.pt"))


COMMANDS = (export, import_)
