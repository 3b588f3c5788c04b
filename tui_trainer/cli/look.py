"""Commands that look at runs: runs, show, logs."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from tui_trainer.cli.project import JsonOption, runs_folder
from tui_trainer.errors import InvalidExperimentsError, TuiTrainerError, UsageError
from tui_trainer.record.durable import TEMPORARY_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tui_trainer.record.index import Run
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.record.state import Attempt


def complete_runs(context: typer.Context, incomplete: str) -> list[str]:
    """Names of runs for the shell's completion."""
    return names_below(context, incomplete, "")


def names_below(context: typer.Context, incomplete: str, place: str) -> list[str]:
    """Names of the runs in a place below the project's runs, as far as they begin like that."""
    from tui_trainer.record.run_folder import all_runs

    folder = context.find_root().params.get("folder") or Path.cwd()
    with contextlib.suppress(TuiTrainerError):  # a prompt is no place for errors
        names = (run.run for run in all_runs(runs_folder(Path(folder)) / place))
        return [name for name in names if name.startswith(incomplete)]
    return []


RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run like cnn4/3; cnn4 alone is its newest.",
        autocompletion=complete_runs,
    ),
]

_RUNS = typer.Argument(
    metavar="RUN...",
    help="Runs like cnn4/3; cnn4 alone is its newest.",
    autocompletion=complete_runs,
)
RunsArgument = Annotated[list[str], _RUNS]
RunsOrAllArgument = Annotated[
    Optional[list[str]],  # noqa: UP045  typer evaluates this, also on Python 3.10
    _RUNS,
]


def find(context: typer.Context, name: str) -> RunFolder:
    """The run of that name in the project.

    Raises:
        UsageError: there is none.
    """
    from tui_trainer.record.run_folder import find_run

    return find_run(runs_folder(context.obj), name)


def runs(
    context: typer.Context,
    wanted: Annotated[
        str,
        typer.Option(
            "--filter",
            metavar="TERMS",
            help="Only those like this: 'state:crashed ood>0.4 model.depth=4 -name:cnn'.",
            show_default=False,
        ),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """List the runs and the state each is in."""
    from tui_trainer.cli.for_programs import print_json
    from tui_trainer.launch.clusters.watch import look_and_ask
    from tui_trainer.record.index import Index

    found = look_and_ask(Index(runs_folder(context.obj)).look_until_sure)
    listed = taken(found, wanted)
    if as_json:
        print_json([run.summary() for run in listed])
    elif listed:
        _print_runs(listed)
    elif found:
        typer.echo(f"none of {len(found)} runs is like that")
    else:
        typer.echo("no runs yet: tui-trainer run EXPERIMENT")


def show(context: typer.Context, run: RunArgument, as_json: JsonOption = False) -> None:
    """Show one run whole."""
    from tui_trainer.cli.for_programs import print_json
    from tui_trainer.launch.clusters.watch import look_and_ask
    from tui_trainer.record.index import RunReader, look_until_sure

    reader = RunReader(find(context, run))
    found = look_and_ask(lambda: look_until_sure([reader]))[0]
    if as_json:
        print_json(_whole(found))
    else:
        _print_whole(found)


def logs(
    context: typer.Context,
    run: RunArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
    attempt: Annotated[
        Optional[int],  # noqa: UP045  typer evaluates this, also on Python 3.10
        typer.Option("--attempt", help="The attempt, from 1. Default: the newest.", min=1),
    ] = None,
) -> None:
    """Print what a run printed."""
    from tui_trainer.cli.follow import follow_log
    from tui_trainer.cli.words import errors
    from tui_trainer.record.index import RunReader

    folder = find(context, run)
    source = folder.newest_attempt() if attempt is None else folder.attempt(attempt)
    if source is None or not source.path.is_dir():
        raise UsageError(f"{folder.run} has no attempt{'' if attempt is None else f' {attempt}'}")
    follow_log(folder, source, sys.stdout, until_end=follow)
    seen = RunReader(folder).look()
    if seen.cause and seen.newest_attempt == (attempt or seen.newest_attempt):
        errors.say(f"{seen.name} {seen.state.value}: {seen.cause}")


def taken(found: list[Run], wanted: str) -> list[Run]:
    """The runs that the filter takes."""
    from tui_trainer.study.facts import facts_of, settings_of
    from tui_trainer.study.filter import parse_filter

    facts = [facts_of(run) for run in found]
    takes = parse_filter(wanted, settings_of(facts)).takes
    return [run for run, known in zip(found, facts, strict=True) if takes(known)]


def _print_runs(found: list[Run]) -> None:
    from tui_trainer.cli.words import print_table, state_text, time_left
    from tui_trainer.record.words import percent, points

    has_ood = any(run.ood_accuracy is not None for run in found)
    ood_titles = [">ood", ">gap"] if has_ood else []
    print_table(
        ["run", "state", ">epoch", ">validation", ">test", ">best", *ood_titles, ">eta", "cause"],
        [
            [
                run.name,
                state_text(run),
                f"{len(run.epochs)}/{run.planned_epochs or '?'}",
                percent(run.epochs[-1].validation_accuracy if run.epochs else None),
                percent(run.clean_accuracy),
                _best_words(run),
                *([percent(run.ood_accuracy), points(run.ood_gap)] if has_ood else []),
                time_left(run),
                _story(run),
            ]
            for run in found
        ],
    )


def _story(run: Run) -> str:
    """Why it is no longer running, and which of its checkpoints could not be trusted."""
    damaged = ", ".join(event.checkpoint for event in run.history.rejected)
    unread = "" if run.plan else "experiment.toml cannot be read: tui-trainer verify"
    return "; ".join(
        filter(None, [run.cause, unread, f"damaged, set aside: {damaged}" * bool(damaged)])
    )


def _best_words(run: Run) -> str:
    from tui_trainer.record.words import ABSENT, percent

    return f"{percent(run.best.validation_accuracy)} @{run.best.epoch}" if run.best else ABSENT


def _whole(run: Run) -> dict[str, Any]:
    """One object of `show --json`: the summary, and everything behind it."""
    from dataclasses import asdict

    from tui_trainer.record.experiment_file import read_experiment
    from tui_trainer.record.imported import Imported
    from tui_trainer.spec.table import plain

    checkpoint, imported = run.history.checkpoint, Imported.of(run.folder)
    launched = None
    with contextlib.suppress(InvalidExperimentsError):
        launched = read_experiment(run.folder)
    return {
        **run.summary(),
        "weights_sha256": None if checkpoint is None else checkpoint.weights_sha256,
        "checkpoint": None if checkpoint is None else checkpoint.checkpoint,
        "experiment_resolved": None if launched is None else plain(launched.experiment),
        "provenance": None if launched is None else launched.provenance,
        "imported": None if imported is None else imported.as_record(),
        "progress": None if run.progress is None else run.progress.as_record(),
        "usage": None if run.usage is None else run.usage._asdict(),
        "job": _job(run),
        "epochs_measured": [epoch.as_record() for epoch in run.epochs],
        "attempts_made": [asdict(attempt) for attempt in run.attempts],
        "evaluations": {name: asdict(event) for name, event in run.history.evaluations.items()},
        "rejected": [asdict(event) for event in run.history.rejected],
        "warnings": [warning.message for warning in run.history.warnings],
        "alarms": [
            {"kind": alarm.kind, "epoch": alarm.epoch, "message": alarm.message}
            for alarm in run.history.alarms
        ],
        "files": [str(path.relative_to(run.folder.path)) for path in _files(run.folder)],
    }


def _job(run: Run) -> dict[str, str] | None:
    job = run.history.job
    if job is None:
        return None
    script = run.folder.job(job.requested.number).script
    return {
        "id": job.job_id,
        "kind": job.requested.kind,
        "name": job.name,
        "script": str(script.relative_to(run.folder.path)),
    }


def _print_whole(run: Run) -> None:
    from tui_trainer.cli.words import closing_line, results, state_text
    from tui_trainer.record.words import epoch_line

    results.print(state_text(run), end="  ")
    results.say(closing_line(run))
    for line in _own_lines(run):
        results.say(line)
    for attempt in run.attempts:
        owner = attempt.owner or "owner unknown"
        results.say(f"attempt {attempt.number}: {owner}, {_life(attempt, run)}")
    for rejected in run.history.rejected:
        results.say(
            f"{rejected.checkpoint} {rejected.cause}", label="set aside: ", style="bold red"
        )
    for alarm in run.history.alarms:
        results.say(alarm.message, label=f"alarm in epoch {alarm.epoch}: ", style="yellow")
    for warning in run.history.warnings:
        if warning not in run.history.alarms:
            results.say(warning.message, label="warning: ", style="yellow")
    for epoch in run.epochs:
        results.say(epoch_line(epoch, run.planned_epochs))
    for line in _ood_lines(run):
        results.say(line)
    for path in _files(run.folder):
        with contextlib.suppress(FileNotFoundError):  # pruned since it was listed
            results.say(f"{path.stat().st_size:>12,} {path.relative_to(run.folder.path)}")


def _own_lines(run: Run) -> Iterator[str]:
    """What it was launched with, in a word, where it came from, and what people said of it."""
    from tui_trainer.record.imported import Imported
    from tui_trainer.record.words import amount, moment

    if run.plan is not None:
        yield f"fingerprint {run.plan.fingerprint}"
    if run.complexity is not None:
        operations = f"{amount(run.complexity.flops)} FLOPs for an image"
        yield f"{run.complexity.parameters:,} parameters, {operations}"
    imported = Imported.of(run.folder)
    if imported is not None:
        yield f"imported {moment(imported.time)}: it was {imported.words}"
    remarks = run.remarks
    if remarks.tags:
        yield f"tags: {' '.join(remarks.tags)}"
    for score in reversed(remarks.scores):
        yield f"score: {score.words}"
    if remarks.note:
        yield f"note: {remarks.note}"


def _life(attempt: Attempt, run: Run) -> str:
    """How long an attempt took and how it ended; since when it runs; or what is known instead."""
    from tui_trainer.record.state import exit_cause
    from tui_trainer.record.words import ABSENT, moment
    from tui_trainer.tui.figures import duration

    if attempt.exit_code is not None:
        took = duration(attempt.seconds) if attempt.seconds else ABSENT
        return f"{took}, {attempt.cause or exit_cause(attempt.exit_code) or 'done'}"
    if attempt.number != run.newest_attempt:
        return "no end recorded"
    if run.state.is_live:
        return f"runs since {moment(attempt.started)}"
    return run.cause or "no end recorded"


def _ood_lines(run: Run) -> Iterator[str]:
    """Accuracy out of distribution, and of each corruption its mean, the worst first."""
    from tui_trainer.record.fields import number, table
    from tui_trainer.record.words import percent, points

    if run.ood_accuracy is None:
        return
    source = "" if run.ood is not None else f" (probe of epoch {run.epochs[-1].epoch})"
    accuracy, gap = percent(run.ood_accuracy), points(run.ood_gap)
    yield f"out of distribution{source}: accuracy {accuracy}, gap to clean {gap}"
    for way in filter(lambda key: key.startswith("with_"), run.ood or {}):
        other = table(run.ood or {}, way)
        accuracy, gap = percent(number(other, "accuracy")), points(number(other, "gap"))
        yield f"  {way.replace('_', ' ')}: accuracy {accuracy}, gap to clean {gap}"
    corruptions = table(run.ood or {}, "corruptions")
    means = {name: number(table(corruptions, name), "mean") or 0.0 for name in corruptions}
    for name in sorted(means, key=lambda name: means[name]):
        yield f"{percent(means[name]):>12} {name}"


def _files(folder: RunFolder) -> list[Path]:
    """Every file of the run but those that are being written at this moment."""
    return sorted(
        path
        for path in folder.path.rglob("*")
        if path.is_file()
        and not any(part.endswith(TEMPORARY_SUFFIX) for part in path.relative_to(folder.path).parts)
    )


COMMANDS = (runs, show, logs)
