"""The one door: reads the command line, runs a command, turns errors into words and exit codes."""

from __future__ import annotations

import io
import signal
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from tui_trainer import __version__
from tui_trainer.cli import (
    assess,
    data,
    export,
    keep,
    look,
    manage,
    model,
    new,
    preflight,
    project,
    prove,
    queue,
    remark,
    report,
    samples,
    schedule,
    serve,
    weigh,
)
from tui_trainer.errors import TuiTrainerError, told

app = typer.Typer(
    name="tui-trainer",
    help="Train image classifiers over SSH: define, launch, watch and resume experiments.",
    epilog="Without a command it opens the app. Exit codes: 0 done, 1 crashed, 2 usage or invalid "
    "experiments.toml, 3 refused before training, 4 owned by another, 75 stopped but resumable.",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    # Boxes around the help cost as much start-up as all the rest together.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS = (
    *project.COMMANDS,
    *new.COMMANDS,
    *model.COMMANDS,
    *samples.COMMANDS,
    *schedule.COMMANDS,
    *preflight.COMMANDS,
    *manage.COMMANDS,
    *assess.COMMANDS,
    *look.COMMANDS,
    *weigh.COMMANDS,
    *remark.COMMANDS,
    *report.COMMANDS,
    *keep.COMMANDS,
    *export.COMMANDS,
    *prove.COMMANDS,
    *serve.COMMANDS,
)
for command in COMMANDS:
    app.command(command.__name__.removesuffix("_").replace("_", "-"))(command)
app.add_typer(data.app)
app.add_typer(queue.app)


@app.callback(invoke_without_command=True)
def open_app(
    context: typer.Context,
    folder: Annotated[
        Optional[Path],  # noqa: UP045  typer evaluates this, also on Python 3.10
        typer.Option(
            "--project",
            "-C",
            metavar="FOLDER",
            help="The project: a folder with experiments.toml. Default: this one or one above it.",
        ),
    ] = None,
    mouse: Annotated[
        bool,
        typer.Option(
            " /--no-mouse", show_default=False, help="Leave the mouse to the terminal, for copying."
        ),
    ] = True,
    bell: Annotated[
        bool,
        typer.Option(
            " /--no-bell", show_default=False, help="Tell the terminal nothing when a run ends."
        ),
    ] = True,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Open the app; without a terminal, list what is there."""
    context.obj = folder or Path.cwd()
    if version:
        typer.echo(f"tui-trainer {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        project.open_or_list(context.obj, mouse=mouse, bell=bell)


def main() -> None:
    """Run the command line and exit."""
    # Like any filter: gone with the reader of its pipe, without a word. Runs do not notice.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        # A terminal without UTF-8 gets question marks for marks, not a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app(prog_name="tui-trainer")
    except (TuiTrainerError, OSError) as error:
        said = told(error)
        _tell(said)
        sys.exit(said.exit_code)


def _tell(error: TuiTrainerError) -> None:
    from tui_trainer.cli.words import errors

    errors.tell(error)
