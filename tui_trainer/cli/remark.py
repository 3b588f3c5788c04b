"""Commands that say something of a run: tag, note, score."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from tui_trainer.cli.look import RunArgument, complete_runs, find
from tui_trainer.cli.project import JsonOption  # noqa: TC001  typer evaluates the annotations
from tui_trainer.errors import UsageError

if TYPE_CHECKING:
    from tui_trainer.record.run_folder import RunFolder


def tag(
    context: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN... [NAME...]",
            help="Runs like cnn4/3, and the tags they get; without a tag, those they have.",
            autocompletion=complete_runs,
        ),
    ],
    remove: Annotated[bool, typer.Option("--remove", help="Take the tags away.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Give runs tags, which lists, filters and groups know; or take them away."""
    from tui_trainer.record import remarks

    runs, tags = _runs_and_tags(context, names)
    if remove and not tags:
        raise UsageError("--remove wants the tags to take away", hint="tui-trainer tag RUN lists")
    for run in runs if tags else ():
        remarks.tag(run, **{"remove" if remove else "add": tags})
    told = [_told(run) for run in runs]
    _print(told if as_json else [f"{each['run']}: {_tags(each['tags'])}" for each in told], as_json)


def note(
    context: typer.Context,
    run: RunArgument,
    words: Annotated[
        Optional[list[str]],  # noqa: UP045  typer evaluates this, also on Python 3.10
        typer.Argument(metavar="[TEXT...]", help="Added to the note. Default: your editor."),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the note away.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a note about a run: a line more of it, or all of it in $EDITOR."""
    from tui_trainer.launch.note import write_note
    from tui_trainer.record import remarks

    folder = find(context, run)
    if remove and words:
        raise UsageError("--remove takes the whole note away; it wants no text")
    if remove:
        remarks.rewrite_note(folder, "", was=remarks.read_remarks(folder).note)
    elif words:
        remarks.add_to_note(folder, " ".join(words))
    elif sys.stdin.isatty() and sys.stdout.isatty() and not as_json:
        write_note(folder)
    told = _told(folder)
    _print(told if as_json else [told["note"]] if told["note"] else [], as_json)


def score(
    context: typer.Context,
    run: RunArgument,
    value: Annotated[
        Optional[float],  # noqa: UP045  typer evaluates this, also on Python 3.10
        typer.Argument(metavar="[VALUE]", help="What the leaderboard said. Default: list them."),
    ] = None,
    board: Annotated[
        str, typer.Option("--board", metavar="NAME", help="Which leaderboard, if there are more.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Record what a leaderboard said of a run's submission."""
    from tui_trainer.record import remarks

    folder = find(context, run)
    if value is not None:
        remarks.score(folder, value, board)
    scores = remarks.read_remarks(folder).scores
    lines = [f"{folder.run}: {each.words}" for each in scores] or [f"{folder.run}: no score"]
    _print(_told(folder) if as_json else lines, as_json)


def _runs_and_tags(context: typer.Context, names: list[str]) -> tuple[list[RunFolder], list[str]]:
    """The first names that name runs are runs; what has a slash is no tag."""
    runs, tags = [find(context, names[0])], names[1:]
    while tags and (run := _run_if_meant(context, tags[0])):
        runs.append(run)
        del tags[0]
    return list(dict.fromkeys(runs)), tags


def _run_if_meant(context: typer.Context, name: str) -> RunFolder | None:
    if "/" in name:
        return find(context, name)
    with contextlib.suppress(UsageError):
        return find(context, name)
    return None


def _told(folder: RunFolder) -> dict[str, Any]:
    from tui_trainer.record.remarks import read_remarks

    return {"run": folder.run, **read_remarks(folder).as_record()}


def _tags(tags: list[str]) -> str:
    return " ".join(tags) or "no tags"


def _print(told: Any, as_json: bool) -> None:
    from tui_trainer.cli.for_programs import print_json
    from tui_trainer.cli.words import results

    if as_json:
        print_json(told)
        return
    for line in told:
        results.say(line)


COMMANDS = (tag, note, score)
