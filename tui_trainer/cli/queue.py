"""Commands about runs that wait: queue, queue hold, queue release, queue move, queue priority."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from tui_trainer.cli.ends import worst
from tui_trainer.cli.look import RunArgument, RunsArgument, find
from tui_trainer.cli.project import JsonOption, runs_folder
from tui_trainer.errors import ExitCode, TuiTrainerError, UsageError, told
from tui_trainer.record.place import MOST_PRIORITY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tui_trainer.launch.queue import Standing
    from tui_trainer.record.index import Run
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.study.queue_forecast import Outlook
    from tui_trainer.tui.queued import Queued

app = typer.Typer(
    name="queue",
    help="List the runs that wait and when all will be done; hold, release and move them.",
    rich_markup_mode=None,
    invoke_without_command=True,
)


@app.callback()
def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the runs that have slots or wait for some, and when all will be done."""
    if context.invoked_subcommand is not None:
        return
    from tui_trainer.cli.for_programs import print_json
    from tui_trainer.cli.words import errors
    from tui_trainer.launch.queue import standing
    from tui_trainer.launch.slots import Pool, warning_of_cpu_slots
    from tui_trainer.record.index import Index
    from tui_trainer.study.queue_forecast import outlook

    if warning := warning_of_cpu_slots():
        errors.say(warning, label="beware: ", style="yellow")

    now, here = standing(Pool.here()), runs_folder(context.obj)
    runs = now.with_runs_from_elsewhere(Index(here).look())
    ends = outlook(runs, now.taken, now.line, now.room)
    if as_json:
        print_json(_document(now, runs, ends))
    else:
        _print(now, runs, ends, here)


@app.command()
def hold(context: typer.Context, runs: RunsArgument) -> None:
    """Let all others go by runs that wait."""
    from tui_trainer.launch.queue import hold as hold_run

    _each(context, runs, hold_run, "held")


@app.command()
def release(context: typer.Context, runs: RunsArgument) -> None:
    """Let runs that were held go on, each at the place that it had."""
    from tui_trainer.launch.queue import release as release_run

    _each(context, runs, release_run, "released")


@app.command()
def move(
    context: typer.Context,
    run: RunArgument,
    first: Annotated[bool, typer.Option("--first", help="Before all others.")] = False,
    last: Annotated[bool, typer.Option("--last", help="Behind all others.")] = False,
    before: Annotated[
        Optional[str],  # noqa: UP045  typer evaluates this, also on Python 3.10
        typer.Option("--before", metavar="RUN", help="Right before that one."),
    ] = None,
) -> None:
    """Give a run that waits another place in the queue."""
    from tui_trainer.launch import queue

    if first + last + (before is not None) != 1:
        raise UsageError("say where to: --first, --last or --before RUN, and one of them only")
    folder = find(context, run)
    if before is not None:
        queue.move_before(folder, find(context, before))
    elif first:
        queue.move_first(folder)
    else:
        queue.move_last(folder)
    typer.echo(f"{folder.run} moved; the order: tui-trainer queue")


@app.command()
def priority(
    context: typer.Context,
    run: RunArgument,
    value: Annotated[
        int,
        typer.Argument(
            metavar="N", min=-MOST_PRIORITY, max=MOST_PRIORITY, help="Who has more goes first."
        ),
    ],
) -> None:
    """Give a run that waits a priority; a launch gives 0. A negative one stands behind `--`."""
    from tui_trainer.launch.queue import prioritise

    folder = find(context, run)
    prioritise(folder, value)
    typer.echo(f"{folder.run} has priority {value}; the order: tui-trainer queue")


def _each(
    context: typer.Context, names: Sequence[str], do: Callable[[RunFolder], None], done: str
) -> None:
    """Do it to each run, whatever becomes of the others."""
    folders = [find(context, name) for name in names]
    raise typer.Exit(worst([_one(folder, do, done) for folder in folders]))


def _one(folder: RunFolder, do: Callable[[RunFolder], None], done: str) -> ExitCode:
    from tui_trainer.cli.words import errors

    try:
        do(folder)
    except (TuiTrainerError, OSError) as error:
        said = told(error)
        errors.tell(said)
        return said.exit_code
    typer.echo(f"{folder.run} {done}")
    return ExitCode.DONE


def _row(each: Queued) -> dict[str, Any]:
    run, want, seconds = each.run, each.want, each.ends_in
    return {
        "run": run.name,
        "project": str(run.folder.project),
        "state": run.state.value,
        "cause": run.cause,
        "position": each.position,
        "priority": None if run.queue is None else run.queue.priority,
        "held": each.is_held,
        "cpu_slots": 0 if want is None else want.cpus,
        "gpus": 0 if want is None else want.gpus,
        "ends_in_seconds": None if seconds is None else round(seconds, 1),
    }


def _document(now: Standing, runs: dict[Path, Run], ends: Outlook) -> dict[str, Any]:
    from tui_trainer.tui.queued import queued

    latest = None if ends.by_wall_time is None else ends.by_wall_time.all_done
    return {
        "slots": [
            {
                "slot": slot.name,
                "run": slot.holder.run if slot.holder else None,
                "project": str(slot.holder.project) if slot.holder else None,
            }
            for slot in now.slots
        ],
        "runs": list(map(_row, queued(now, runs, ends))),
        "done_in_seconds": ends.expected.all_done,
        "done_in_seconds_by_wall_time": latest,
    }


def _print(now: Standing, runs: dict[Path, Run], ends: Outlook, here: Path) -> None:
    from tui_trainer.cli.words import print_table, results, state_text
    from tui_trainer.record.words import clock
    from tui_trainer.tui.queued import all_done, queued, slots_in_words

    every = list(queued(now, runs, ends))
    if every:
        print_table(
            [">", "run", "state", "slots", "done", "priority", "cause"],
            [
                [
                    "" if each.position is None else str(each.position),
                    each.run.name + _elsewhere(each.run.folder.project, here),
                    state_text(each.run),
                    slots_in_words(each.want),
                    clock(each.ends_in),
                    str(each.priority or ""),
                    each.run.cause,
                ]
                for each in every
            ],
        )
    else:
        results.say("nothing runs and nothing waits")
    free = [slot for slot in now.slots if slot.holder is None]
    words = f"{len(now.slots) - len(free)} of {len(now.slots)} slots taken"
    done = all_done(ends, held=sum(each.is_held for each in every)) if every else ""
    results.say(f"{words}{done and '; '}{done}")


def _elsewhere(project: Path, here: Path) -> str:
    return "" if project == here.parent else f" ({project})"
