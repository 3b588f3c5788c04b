"""Commands about data sets: data list, data fetch, data verify."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from tui_trainer.cli.project import JsonOption, load
from tui_trainer.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from tui_trainer.spec.data import Data

app = typer.Typer(
    name="data",
    help="List, fetch and verify data sets.",
    rich_markup_mode=None,
    no_args_is_help=True,
)
NameArgument = Annotated[str, typer.Argument(metavar="cifar10|cifar100")]
RootOption = Annotated[
    Optional[Path],  # noqa: UP045  typer evaluates this, also on Python 3.10
    typer.Option(
        "--root", metavar="FOLDER", help="Where it lies. Default: as experiments.toml says."
    ),
]


@app.command("list")
def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the data sets that the experiments name, and whether they are there."""
    from tui_trainer.cli.for_programs import print_json
    from tui_trainer.cli.words import print_table

    project = load(context.obj)
    sets = {_place(item.data, project.folder): item.data for item in project.experiments.values()}
    rows: list[dict[str, Any]] = [
        {"data": data.name, "place": str(place or "scikit-learn"), "there": _there(place)}
        for place, data in sets.items()
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(
            ["data", "there", "place"],
            [[row["data"], "yes" if row["there"] else "no", row["place"]] for row in rows],
        )


@app.command()
def fetch(
    context: typer.Context, name: NameArgument, root: RootOption = None, as_json: JsonOption = False
) -> None:
    """Fetch a data set with torchvision's code; what was cut off goes on."""
    _ask("fetch", context, name, root, as_json=as_json)


@app.command()
def verify(
    context: typer.Context, name: NameArgument, root: RootOption = None, as_json: JsonOption = False
) -> None:
    """Compare a data set's files with their published digests."""
    _ask("verify", context, name, root, as_json=as_json)


def _ask(
    command: str, context: typer.Context, name: str, root: Path | None, *, as_json: bool
) -> None:
    from tui_trainer.cli.for_programs import print_json
    from tui_trainer.cli.words import errors, results
    from tui_trainer.launch.core_question import ask_core
    from tui_trainer.spec.choices import CIFAR_FOLDER

    if name not in CIFAR_FOLDER:
        raise UsageError(f"{name} cannot be fetched or verified", hint="cifar10 or cifar100 can")
    place = (root or _root(context, name)).absolute()
    files = ask_core("data_files", command, name, str(place))
    if as_json:
        print_json(files)
    else:
        for file in files:
            results.say(f"{file['path']} {file['fault'] or 'is as published'}")
    faulty = any(file["fault"] for file in files)
    if faulty:
        where = f" --root {shlex.quote(str(root))}" if root else ""
        errors.say(f"tui-trainer data fetch {name}{where}", label="hint: ", style="bold")
    raise typer.Exit(ExitCode.PREFLIGHT if faulty else ExitCode.DONE)


def _root(context: typer.Context, name: str) -> Path:
    """Where the first experiment that names the data set looks for it."""
    from tui_trainer.spec.data import Cifar

    project = load(context.obj)
    named = (item.data for item in project.experiments.values() if item.data.name == name)
    roots = [project.folder / data.root for data in named if isinstance(data, Cifar)]
    return roots[0] if roots else project.folder / "data"


def _place(data: Data, folder: Path) -> Path | None:
    """The file or folder that a data set is read from; None for the digits of scikit-learn."""
    from tui_trainer.spec.data import OwnData, place_of

    if isinstance(data, OwnData):
        return (folder / data.name.partition(":")[0].replace(".", "/")).with_suffix(".py")
    return place_of(data, folder)


def _there(place: Path | None) -> bool:
    return place is None or place.exists()
