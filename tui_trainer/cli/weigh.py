"""Commands that weigh runs against each other: compare, study, scores."""

from __future__ import annotations

import sys
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from tui_trainer.cli.look import complete_runs, find, taken
from tui_trainer.cli.project import ChangesOption, JsonOption, complete_studies, runs_folder
from tui_trainer.errors import UsageError
from tui_trainer.study.metrics import Metric
from tui_trainer.study.scoreboard import By
from tui_trainer.study.tables import Format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from tui_trainer.record.index import Run
    from tui_trainer.spec.project import Project
    from tui_trainer.spec.study import Study
    from tui_trainer.study.compare import Comparison
    from tui_trainer.study.outcome import Outcome
    from tui_trainer.study.tables import Table

FormatOption = Annotated[
    Format,
    typer.Option("--format", help="What is printed; latex says which packages it wants."),
]
ColumnsOption = Annotated[
    str,
    typer.Option(
        "--columns",
        metavar="NAME,...",
        help="Only these, in this order. Default: all; of latex what a page has room for.",
        show_default=False,
    ),
]


class Part(str, Enum):
    """The tables of a study, by their titles."""

    POINTS = "points"
    EFFECTS = "effects"
    COMPLEXITY = "complexity"


def compare(
    context: typer.Context,
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Runs like cnn4/3; cnn4 alone is its newest. The first is the measure.",
            autocompletion=complete_runs,
        ),
    ],
    form: FormatOption = Format.TEXT,
    columns: ColumnsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show runs beside each other: their figures, and the settings that differ."""
    from tui_trainer.cli.for_programs import print_json
    from tui_trainer.record.index import RunReader, look_until_sure
    from tui_trainer.study.compare import compare as compare_runs
    from tui_trainer.study.facts import facts_of

    _check_columns(columns, is_json=as_json or form is Format.JSON)
    folders = dict.fromkeys(find(context, name) for name in runs)
    found = look_until_sure([RunReader(folder) for folder in folders])
    comparison = compare_runs([facts_of(run) for run in found])
    if as_json or form is Format.JSON:
        print_json(comparison.as_record())
    elif form is Format.TEXT and not columns:
        _print_comparison(comparison, found)
    else:
        print_tables([_chosen(comparison.table(), columns)], form)


def study(
    context: typer.Context,
    *,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A study of experiments.toml.",
            autocompletion=complete_studies,
        ),
    ],
    metric: Annotated[
        Metric, typer.Option("--metric", help="What its points are compared by.")
    ] = Metric.TEST,
    part: Annotated[
        Optional[Part],  # noqa: UP045  typer evaluates this, also on Python 3.10
        typer.Option("--table", help="Only this table. Default: all; of csv points."),
    ] = None,
    changes: ChangesOption = None,
    form: FormatOption = Format.TEXT,
    columns: ColumnsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show what a study found: its points over their seeds, effects against seed noise, sizes."""
    from tui_trainer.cli.for_programs import print_json
    from tui_trainer.cli.words import errors

    is_for_programs = as_json or form is Format.JSON
    if is_for_programs and part is not None:
        raise UsageError("JSON has every table; --table chooses among those for people")
    _check_columns(columns, is_json=is_for_programs)
    if columns and part is None:
        raise UsageError("--columns chooses among those of one table", hint="--table points")
    outcome = _outcome(context, name, metric, changes or ())
    if is_for_programs:
        print_json(outcome.as_record())
        return
    if part is None and form is Format.CSV:
        part = Part.POINTS
    tables = [_chosen(table, columns) for table in outcome.tables() if part in {None, table.title}]
    if form in {Format.MARKDOWN, Format.LATEX}:  # a table is pasted somewhere, talk is not
        tables[0] = tables[0].with_notes(f"beware: {each}" for each in outcome.warnings)
    print_tables(tables, form)
    for warning in outcome.warnings:
        errors.say(warning, label="beware: ", style="yellow")


def _outcome(context: typer.Context, name: str, metric: Metric, changes: Sequence[str]) -> Outcome:
    from tui_trainer.cli.project import load
    from tui_trainer.record.index import Index

    project = load(context.obj)
    known = find_study(project, name, changes)
    runs = Index(runs_folder(context.obj)).look_until_sure()
    return outcome_among(runs, project, known, metric)


def find_study(project: Project, name: str, changes: Sequence[str] = ()) -> Study:
    """The study of that name, also one with mistakes: what its points found stands all the same.

    Args:
        project: Whose it is.
        name: Its name.
        changes: `--set`, of which only a study without mistakes takes any.

    Raises:
        UsageError: There is none, or it is a search.
        InvalidExperimentsError: Nothing of it can be meant.
    """
    study = (not changes and project.studies.get(name)) or project.study(name, changes)
    if study.search is not None:
        raise UsageError(
            f"{name} is a search: its points are no experiment whose factors could be told apart",
            hint=f"what each came to: tui-trainer list --study {name}",
        )
    return study


def outcome_among(runs: Sequence[Run], project: Project, study: Study, metric: Metric) -> Outcome:
    """What the study found in these runs."""
    from tui_trainer.study.outcome import outcome_of
    from tui_trainer.study.points import standings
    from tui_trainer.study.trials import reference_of, trials_of

    trials = trials_of(study, standings(study, runs))
    return outcome_of(study.name, trials, metric, reference_of(project, study))


def scores(
    context: typer.Context,
    *,
    by: Annotated[
        Optional[By],  # noqa: UP045  typer evaluates this, also on Python 3.10
        typer.Option("--by", help="What ranks them. Default: ood; with --board its score."),
    ] = None,
    board: Annotated[
        Optional[str],  # noqa: UP045  typer evaluates this, also on Python 3.10
        typer.Option("--board", metavar="NAME", help="Rank by the scores of this leaderboard."),
    ] = None,
    lowest_first: Annotated[
        bool, typer.Option("--lowest-first", help="The lowest is the best, as of an error.")
    ] = False,
    wanted: Annotated[
        str,
        typer.Option(
            "--filter",
            metavar="TERMS",
            help="Only runs like this, as for runs.",
            show_default=False,
        ),
    ] = "",
    form: FormatOption = Format.TEXT,
    columns: ColumnsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Rank runs by accuracy out of distribution, another figure, or what a leaderboard said."""
    from tui_trainer.cli.for_programs import print_json
    from tui_trainer.cli.words import errors
    from tui_trainer.record.index import Index
    from tui_trainer.study.facts import facts_of
    from tui_trainer.study.scoreboard import scoreboard
    from tui_trainer.tui.figures import plural

    if board is not None and by not in {None, By.SCORE}:
        raise UsageError(f"--board ranks by its scores, and --by {by.value} does not")
    by = by or By.OOD
    _check_columns(columns, is_json=as_json or form is Format.JSON)
    found = taken(Index(runs_folder(context.obj)).look_until_sure(), wanted)
    ranked = scoreboard([facts_of(run) for run in found], by, board, lowest_first=lowest_first)
    table = _chosen(ranked.table(), columns)
    if as_json or form is Format.JSON:
        print_json(table.records())
    else:
        print_tables([table], form)
    if ranked.without:
        what = "score of that leaderboard" if board is not None else by.value
        errors.say(f"without a rank: {plural(ranked.without, 'run')} of which no {what} is known")


def _check_columns(columns: str, *, is_json: bool) -> None:
    if columns and is_json:
        raise UsageError("JSON has every column; --columns chooses among those for people")


def _chosen(table: Table, columns: str) -> Table:
    """The table with the columns that were asked for, or as it is."""
    names = [name.strip() for name in columns.split(",") if name.strip()]
    return table.with_columns(names) if names else table


def print_tables(tables: Sequence[Table], form: Format) -> None:
    """Print tables one below the other; where there are several, people are told which is which."""
    from tui_trainer.study.tables import as_csv, as_latex, as_markdown

    headings = [table.title if len(tables) > 1 else "" for table in tables]
    if form is Format.TEXT:
        for heading, table in zip(headings, tables, strict=True):
            _print_as_text(table, heading)
    elif form is Format.MARKDOWN:
        above = [f"## {heading}\n\n" * bool(heading) for heading in headings]
        written = [as_markdown(table) for table in tables]
        sys.stdout.write("\n".join(map("".join, zip(above, written, strict=True))))
    else:
        write = as_latex if form is Format.LATEX else as_csv
        sys.stdout.write("\n".join(map(write, tables)))


def _print_as_text(table: Table, heading: str = "", states: Sequence[Text] = ()) -> None:
    """States in their colours, where given."""
    from tui_trainer.cli.words import print_table, results

    if heading:
        results.say("", label=heading, style="bold underline")
    table = table.for_people()
    titles = [f"{'>' * column.is_figure}{column.title}" for column in table.columns]
    rows: list[list[str | Text]] = [[cell.said for cell in row] for row in table.rows]
    for row, state in zip(rows, states, strict=False):
        row[titles.index("state")] = state
    if rows:
        print_table(titles, rows)
    else:
        results.say(f"no {table.title} yet")
    for note in table.notes:
        results.say(note, style="dim")
    if heading:
        results.say("")


def _print_comparison(comparison: Comparison, found: list[Run]) -> None:
    from tui_trainer.cli.words import print_table, results, state_text

    _print_as_text(comparison.figures(), states=[state_text(run) for run in found])
    results.say("")
    if comparison.differences:
        names = (each.name for each in comparison.runs)
        rows = [[each.key, *each.values] for each in comparison.differences]
        print_table(["setting", *names], rows)
    else:
        results.say("all were launched with the same settings")


COMMANDS = (compare, study, scores)
