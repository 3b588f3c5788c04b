"""The command that rehearses experiments without a run: preflight."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from tui_trainer.cli.manage import complete_experiments
from tui_trainer.cli.project import ChangesOption, JsonOption, load
from tui_trainer.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tui_trainer.record.preflight import Preflight
    from tui_trainer.spec.project import Project


def preflight(
    context: typer.Context,
    experiments: Annotated[
        list[str],
        typer.Argument(
            metavar="EXPERIMENT...",
            help="One or more; one after the other.",
            autocompletion=complete_experiments,
        ),
    ],
    changes: ChangesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rehearse every stage of a run on a batch or two, and leave nothing behind."""
    project = load(context.obj)
    for name in experiments:
        project.experiment(name, changes or ())
    failed = False
    with _printing(as_json=as_json) as print_table:
        for name in experiments:
            table = _asked(project, name, changes or ())
            print_table(name, table)
            failed |= bool(table.errors)
    raise typer.Exit(ExitCode.PREFLIGHT if failed else ExitCode.DONE)


@contextmanager
def _printing(*, as_json: bool) -> Iterator[Callable[[str, Preflight], None]]:
    """How one experiment's table is printed, for people or for programs."""
    from tui_trainer.cli.for_programs import json_list

    if not as_json:
        yield _print
        return
    with json_list() as print_element:
        yield lambda name, table: print_element({"experiment": name, **table.as_record()})


def _asked(project: Project, name: str, changes: Sequence[str]) -> Preflight:
    from tui_trainer.launch.launcher import rehearse
    from tui_trainer.record.preflight import Preflight

    question = rehearse(project, name, project.experiment(name, changes))
    return Preflight.from_record(question.answer())


def _print(name: str, table: Preflight) -> None:
    from tui_trainer.cli.words import print_findings, results

    results.say(f"{name}: {_verdict(table)}, {table.seconds:.0f} s")
    print_findings(table.findings)


def _verdict(table: Preflight) -> str:
    from tui_trainer.tui.figures import plural

    counted = ((table.errors, "error"), (table.warnings, "warning"))
    return ", ".join(plural(len(some), word) for some, word in counted if some) or "ready to run"


COMMANDS = (preflight,)
