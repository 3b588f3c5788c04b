"""Commands about the project: init, list, doctor, and what happens without a command."""

from __future__ import annotations

import contextlib
import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from tui_trainer.errors import ExitCode, TuiTrainerError, UsageError
from tui_trainer.tui.terminal import terminal_can_show_app

if TYPE_CHECKING:
    from tui_trainer.spec.project import Project

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
ChangesOption = Annotated[
    Optional[list[str]],  # noqa: UP045  typer evaluates this, also on Python 3.10
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key for this time: epochs=5, model.activation=gelu.",
    ),
]


def open_or_list(folder: Path, *, mouse: bool, bell: bool) -> None:
    """Open the app on a terminal; anywhere else print the list and how to run."""
    if terminal_can_show_app():
        # What imports make stays: to look for garbage in it takes a tenth of the start, and a
        # part of every later collection.
        gc.disable()
        from tui_trainer.tui.app import run_app

        gc.freeze()
        gc.enable()
        run_app(folder, mouse=mouse, bell=bell)
        return
    code = print_experiments(load(folder), as_json=False)
    typer.echo("\nrun one: tui-trainer run EXPERIMENT    all commands: tui-trainer --help")
    raise typer.Exit(code)


def load(folder: Path) -> Project:
    """The project around a folder.

    Raises:
        UsageError: neither the folder nor one above it has an experiments.toml.
        InvalidExperimentsError: the file cannot be read at all.
    """
    from tui_trainer.spec.find import find_project
    from tui_trainer.spec.project import load_project

    return load_project(find_project(folder))


def runs_folder(folder: Path) -> Path:
    """Where the project's runs are; needs no experiments.toml that can be read."""
    from tui_trainer.spec.find import find_project

    return find_project(folder).parent / "runs"


def init(context: typer.Context) -> None:
    """Write a commented experiments.toml into this folder."""
    from tui_trainer.record.durable import write_once
    from tui_trainer.spec.template import read_template

    target = Path(context.obj) / "experiments.toml"
    try:
        write_once(target, read_template().encode())
    except FileExistsError as error:
        raise UsageError(f"{target} exists; it is left as it is") from error
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror}") from error
    typer.echo(f"wrote {target}\nnext: tui-trainer list, then tui-trainer run digits-cnn2")


def project_at_prompt(context: typer.Context) -> Project | None:
    """Whose names the shell completes; None where it cannot be read."""
    folder = context.find_root().params.get("folder") or Path.cwd()
    with contextlib.suppress(TuiTrainerError):  # a prompt is no place for errors
        return load(Path(folder))
    return None


def complete_studies(context: typer.Context, incomplete: str) -> list[str]:
    """Names of studies for the shell's completion."""
    project = project_at_prompt(context)
    return [] if project is None else [n for n in project.studies if n.startswith(incomplete)]


def list_(
    context: typer.Context,
    name: Annotated[
        Optional[str],  # noqa: UP045  typer evaluates this, also on Python 3.10
        typer.Argument(
            metavar="[STUDY]",
            help="With --study: one of them. Default: all.",
            autocompletion=complete_studies,
            show_default=False,
        ),
    ] = None,
    study: Annotated[
        bool,
        typer.Option(
            "--study", help="List the points of studies: how each stands, what is still to come."
        ),
    ] = False,
    changes: ChangesOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the experiments and studies that experiments.toml defines."""
    project = load(context.obj)
    if name is not None and not study:
        hint = f"tui-trainer list --study {name}"
        raise UsageError("a name is for the points of a study", hint=hint)
    if changes and name is None:
        raise UsageError("--set changes a study: list --study NAME --set KEY=VALUE")
    if study:
        from tui_trainer.cli.points import print_points

        raise typer.Exit(print_points(project, name, changes or (), as_json=as_json))
    raise typer.Exit(print_experiments(project, as_json=as_json))


def print_experiments(project: Project, *, as_json: bool) -> ExitCode:
    """Print the good experiments, then what is wrong with the others."""
    from tui_trainer.cli.for_programs import print_json
    from tui_trainer.cli.words import errors, print_table, results

    rows = [_experiment_row(project, name) for name in project.experiments]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(
            ["experiment", "base", "model", "data", ">epochs", ">runs", "description"],
            [[str(value) for value in row.values()] for row in rows],
        )
    else:
        results.say(f"{project.path} defines no experiment that can be run")
    if project.studies and not as_json:
        from tui_trainer.cli.points import print_studies

        print_studies(project)
    for problem in project.problem_lines:
        errors.say(problem)
    return ExitCode.USAGE if project.problems else ExitCode.DONE


def doctor(context: typer.Context, as_json: JsonOption = False) -> None:
    """Check this machine: packages, cores, disk, terminal, data, schedulers."""
    from tui_trainer.cli.doctor import examine
    from tui_trainer.cli.for_programs import print_json
    from tui_trainer.cli.words import print_findings

    findings = examine(Path(context.obj))
    if as_json:
        print_json([finding.as_record() for finding in findings])
    else:
        print_findings(findings)
    raise typer.Exit(1 if any(finding.level == "error" for finding in findings) else 0)


def _experiment_row(project: Project, name: str) -> dict[str, Any]:
    from tui_trainer.record.run_folder import all_runs

    experiment = project.experiments[name]
    runs = [run for run in all_runs(project.folder / "runs") if run.experiment_name == name]
    return {
        "experiment": name,
        "base": project.bases.get(name) or "",
        "model": _model_words(experiment.model),
        "data": experiment.data.name,
        "epochs": experiment.epochs,
        "runs": len(runs),
        "description": experiment.description,
    }


def _model_words(model: Any) -> str:
    depth = getattr(model, "depth", None)
    return model.name if depth is None else f"{model.name} depth {depth}"


COMMANDS = (init, list_, doctor)
