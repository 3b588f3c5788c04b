"""Commands that keep runs whole and disks free: verify, trash, restore, prune."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from tui_trainer.cli.look import RunsArgument, RunsOrAllArgument, find, names_below
from tui_trainer.cli.project import JsonOption, runs_folder
from tui_trainer.errors import ExitCode, TuiTrainerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tui_trainer.record.prune import Prunable
    from tui_trainer.record.verify import Verified


def complete_trash(context: typer.Context, incomplete: str) -> list[str]:
    """Names of runs in the trash for the shell's completion."""
    from tui_trainer.record.run_folder import TRASH

    return names_below(context, incomplete, TRASH)


def verify(
    context: typer.Context,
    runs: RunsOrAllArgument = None,
    every: Annotated[bool, typer.Option("--all", help="Every run of the project.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare checkpoints and results with the digests that were recorded."""
    from tui_trainer.cli.for_programs import print_json
    from tui_trainer.record.verify import verify as verify_run
    from tui_trainer.record.verify import verify_all

    if bool(runs) == every:
        raise UsageError(
            "name the runs to verify, or give --all, and not both", hint="tui-trainer runs"
        )
    named = [find(context, name) for name in runs or ()]
    each = ((folder.run, verify_run(folder)) for folder in named)
    verified = []
    for run, files in verify_all(runs_folder(context.obj)) if every else each:
        verified.extend(files)
        if not as_json:
            _tell_verified(run, files)
    if as_json:
        print_json([file.as_record() for file in verified])
    raise typer.Exit(1 if any(file.fault for file in verified) else 0)


def trash(context: typer.Context, runs: RunsArgument) -> None:
    """Move runs to the trash, from which restore brings them back."""
    from tui_trainer.record.trash import trash as trash_run

    def thrown(name: str) -> str:
        moved = trash_run(find(context, name))
        return f"{moved.run} is in the trash; have it back: tui-trainer restore {moved.run}"

    _each(thrown, runs)


def restore(
    context: typer.Context,
    runs: Annotated[
        Optional[list[str]],  # noqa: UP045  typer evaluates this, also on Python 3.10
        typer.Argument(
            metavar="[RUN...]",
            help="Runs in the trash; without one, what is in it.",
            autocompletion=complete_trash,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring runs back from the trash, or list what is in it."""
    from tui_trainer.record.trash import restore as restore_run

    known = runs_folder(context.obj)
    if runs:
        _each(lambda name: f"{(back := restore_run(known, name)).run}: {back.path}", runs)
    else:
        _list_trash(context, as_json=as_json)


def prune(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it. Default: only show it.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show it, also with --yes.")
    ] = False,
    trash_days: Annotated[
        float, typer.Option("--trash-days", help="Keep what is not in the trash for longer.", min=0)
    ] = 30.0,
    as_json: JsonOption = False,
) -> None:
    """Free space: spare checkpoints of finished runs, remains of kills and damage, old trash."""
    from tui_trainer.cli.for_programs import print_json
    from tui_trainer.record.prune import prunable

    items = list(prunable(runs_folder(context.obj), trash_days))
    removes = yes and not dry_run
    removed = [item.remove() if removes else False for item in items]
    if as_json:
        print_json(
            [
                {**item.as_record(), "removed": gone}
                for item, gone in zip(items, removed, strict=True)
            ]
        )
    else:
        _tell_pruned(items, removed, removes=removes)


def _each(do: Callable[[str], str], names: Sequence[str]) -> None:
    """Do it to each run, whatever becomes of the others; the last error decides the exit code."""
    codes = [_one(do, name) for name in names]
    raise typer.Exit(next(filter(None, reversed(codes)), ExitCode.DONE))


def _one(do: Callable[[str], str], name: str) -> ExitCode:
    from tui_trainer.cli.words import errors, results

    try:
        results.say(do(name))
    except TuiTrainerError as error:
        errors.tell(error)
        return error.exit_code
    return ExitCode.DONE


def _tell_verified(run: str, files: Sequence[Verified]) -> None:
    from tui_trainer.cli.words import errors, results

    faulty = [file for file in files if file.fault]
    for file in faulty:
        label = "unreadable: " if file.is_unreadable else "damaged: "
        results.say(f"{file.run} {file.file}: {file.fault}", label=label, style="bold red")
        errors.say(file.cure, label="hint: ", style="bold")
    if not faulty:
        results.say(f"{run}: {_sound(files)}")


def _sound(files: Sequence[Verified]) -> str:
    from tui_trainer.record.words import byte_size
    from tui_trainer.tui.figures import plural

    compared = [file for file in files if file.is_recorded]
    read = byte_size(sum(file.bytes for file in compared))
    sound = f"{plural(len(compared), 'file')}, {read}, as written"
    unknown = ", ".join(file.file for file in files if not file.is_recorded)
    parts = [sound * bool(compared), f"no digest recorded of {unknown}" * bool(unknown)]
    return "; ".join(filter(None, parts)) or "nothing is written yet that could be verified"


def _list_trash(context: typer.Context, *, as_json: bool) -> None:
    from tui_trainer.cli.for_programs import print_json
    from tui_trainer.cli.words import results
    from tui_trainer.record.trash import trashed

    found = list(trashed(runs_folder(context.obj)))
    if as_json:
        print_json([{"run": folder.run, "path": str(folder.path)} for folder in found])
    elif found:
        for folder in found:
            results.say(f"{folder.run}: {folder.path}")
    else:
        typer.echo("the trash is empty")


def _tell_pruned(items: Sequence[Prunable], removed: Sequence[bool], *, removes: bool) -> None:
    from tui_trainer.cli.words import print_table, results

    if not items:
        results.say("there is nothing to prune")
        return
    print_table([">bytes", "run", "file", "why"], list(_rows(items, removed, removes=removes)))
    done = sum(item.bytes for item, gone in zip(items, removed, strict=True) if gone)
    total = sum(item.bytes for item in items)
    if removes:
        results.say(f"{done:,} bytes were freed")
    else:
        results.say(f"{total:,} bytes can be freed; nothing was removed: tui-trainer prune --yes")


def _rows(
    items: Sequence[Prunable], removed: Sequence[bool], *, removes: bool
) -> Iterator[list[Any]]:
    for item, gone in zip(items, removed, strict=True):
        kept = "" if gone or not removes else "; kept, for the run goes on"
        file = item.paths[0].relative_to(item.folder.runs)
        yield [f"{item.bytes:,}", item.folder.run, str(file), f"{item.why}{kept}"]


COMMANDS = (verify, trash, restore, prune)
