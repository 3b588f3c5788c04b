"""Commands that make files to show to others: plot, report."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from tui_trainer.cli.look import complete_runs, find
from tui_trainer.cli.project import complete_studies, runs_folder
from tui_trainer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from tui_trainer.record.index import Run
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.study.document import Block
    from tui_trainer.study.picture import Figure


class Kind(str, Enum):
    """What a figure shows."""

    CURVES = "curves"
    COMPARISON = "comparison"
    COMPLEXITY = "complexity"
    CORRUPTIONS = "corruptions"
    CONFUSION = "confusion"
    EFFECTS = "effects"

    @property
    def is_of_one_run(self) -> bool:
        """Whether it has room for a single run."""
        return self in {Kind.CORRUPTIONS, Kind.CONFUSION}


class Width(str, Enum):
    """How wide a figure is on paper."""

    COLUMN = "column"
    PAGE = "page"


RunsOrNoneArgument = Annotated[
    Optional[list[str]],  # noqa: UP045  typer evaluates this, also on Python 3.10
    typer.Argument(
        metavar="[RUN...]",
        help="Runs like cnn4/3; cnn4 alone is its newest.",
        autocompletion=complete_runs,
    ),
]
FilterOption = Annotated[
    str,
    typer.Option(
        "--filter",
        metavar="TERMS",
        help="In place of names: runs like this, as for tui-trainer runs.",
        show_default=False,
    ),
]
StudyOption = Annotated[
    str,
    typer.Option(
        "--study",
        metavar="NAME",
        help="In place of names: the runs of a study of experiments.toml.",
        autocompletion=complete_studies,
        show_default=False,
    ),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Write over a file that is not as tui-trainer made it.")
]


def plot(
    context: typer.Context,
    kind: Annotated[Kind, typer.Argument(help="What the figure shows.")],
    runs: RunsOrNoneArgument = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="A .png, .svg or .pdf file.")
    ] = Path("figure.pdf"),
    wanted: FilterOption = "",
    *,
    study: StudyOption = "",
    metric: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="comparison: validation, ood, loss, gap, …; effects: test, ood, …"
        ),
    ] = "",
    by: Annotated[
        str,
        typer.Option(
            metavar="AXIS", help="complexity: depth, parameters, flops, epochs, or a key."
        ),
    ] = "",
    target: Annotated[
        Optional[list[float]],  # noqa: UP045  as above
        typer.Option(metavar="SCORE", help="comparison: a height to reach, like 0.44."),
    ] = None,
    width: Annotated[Width, typer.Option(help="Of a paper.")] = Width.COLUMN,
    log: Annotated[bool, typer.Option("--log", help="A logarithmic axis of values.")] = False,
    force: ForceOption = False,
) -> None:
    """Draw runs into a file for a paper: PNG, SVG or PDF."""
    from tui_trainer.cli.words import results
    from tui_trainer.study import figures, plots
    from tui_trainer.study.seal import write_sealed

    file_format = output.suffix.lower().removeprefix(".")
    if file_format not in figures.FORMATS:
        raise UsageError(
            f"{output} is of no form that can be drawn", hint="-o FILE with .png, .svg or .pdf"
        )
    if kind is Kind.EFFECTS and not study:
        raise UsageError("effects are those of a study", hint="--study NAME")
    _check_is_meant(kind, {"--metric": metric, "--by": by, "--target": target, "--log": log})
    folders = _folders(context, runs or (), wanted, study, all_if_none=kind is Kind.COMPLEXITY)
    if kind.is_of_one_run and len(folders) != 1:
        raise UsageError(f"{kind.value} shows one run, not {len(folders)}")
    if kind is Kind.EFFECTS:
        figure = _effects_figure(context, study, folders, metric or "test")
    elif kind is Kind.COMPARISON and study:
        setups = _by_setup(_looks(folders), _setup_names(context, study))
        figure = plots.seed_means(setups, metric or "validation", target or (), log=log)
    else:
        figure = _figure(kind, _looks(folders), metric, by, target or (), log=log)
    inches = figures.PAGE_INCHES if width is Width.PAGE else figures.COLUMN_INCHES
    content = figures.draw(figure, file_format, inches=inches)
    write_sealed({output: content}, force=force)
    results.say(f"wrote {output}")


def report(
    context: typer.Context,
    runs: RunsOrNoneArgument = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="A .html or .md file.")
    ] = Path("report.html"),
    wanted: FilterOption = "",
    title: Annotated[
        str, typer.Option(metavar="TEXT", help="Its first line. Default: the project's name.")
    ] = "",
    *,
    study: StudyOption = "",
    force: ForceOption = False,
) -> None:
    """Write a report of runs, without names of all: one HTML file, or Markdown with figures."""
    from tui_trainer.cli.words import results
    from tui_trainer.study.rendering import render
    from tui_trainer.study.report import make_report
    from tui_trainer.study.seal import write_sealed

    if output.suffix.lower() not in {".html", ".md"}:
        raise UsageError(
            f"{output} is of no form that a report has", hint="-o FILE with .html or .md"
        )
    folders = _folders(context, runs or (), wanted, study, all_if_none=True)
    ablation = _ablation(context, study, folders) if study else ()
    names = _setup_names(context, study) if study else {}
    document = make_report(_looks(folders), title or _project_name(context), ablation, names)
    files = render(document, output)
    write_sealed(files, force=force)
    results.say("\n".join(f"wrote {path}" for path in files))


_MEANT: Mapping[str, Container[Kind]] = {
    "--metric": {Kind.COMPARISON, Kind.EFFECTS},
    "--by": {Kind.COMPLEXITY},
    "--target": {Kind.COMPARISON},
    "--log": {Kind.CURVES, Kind.COMPARISON},
}


def _check_is_meant(kind: Kind, options: Mapping[str, object]) -> None:
    """An option that would change nothing was meant for another figure."""
    for option, value in options.items():
        if value and kind not in _MEANT[option]:
            raise UsageError(f"{option} says nothing of {kind.value}")


def _effects_figure(
    context: typer.Context, study: str, folders: Sequence[RunFolder], metric: str
) -> Figure:
    from tui_trainer.cli.project import load
    from tui_trainer.cli.weigh import find_study, outcome_among
    from tui_trainer.spec.wording import listed, quote
    from tui_trainer.study.effects_figure import effects_figure
    from tui_trainer.study.metrics import Metric

    known = tuple(each.value for each in Metric)
    if metric not in known:
        raise UsageError(f"a study has no metric {quote(metric)}; there are {listed(known)}")
    project = load(context.obj)
    runs = list(_looks(folders))
    return effects_figure(outcome_among(runs, project, find_study(project, study), Metric(metric)))


def _figure(
    kind: Kind, looks: Iterable[Run], metric: str, by: str, targets: Sequence[float], *, log: bool
) -> Figure:
    from tui_trainer.study import cost_figure, grids, plots
    from tui_trainer.study.setups import result_of

    if kind is Kind.COMPLEXITY:
        return cost_figure.complexity([result_of(run) for run in looks], by or "depth")
    found = list(looks)
    if kind is Kind.CURVES:
        return plots.curves(found, log=log)
    if kind is Kind.COMPARISON:
        return plots.comparison(found, metric or "validation", targets, log=log)
    return (grids.corruptions if kind is Kind.CORRUPTIONS else grids.confusion)(found[0])


def _folders(
    context: typer.Context, names: Sequence[str], wanted: str, study: str, *, all_if_none: bool
) -> list[RunFolder]:
    """The runs that are named, like what is wanted, or a study's; or all where nothing is said."""
    from tui_trainer.record.run_folder import all_runs

    if sum(map(bool, (names, wanted, study))) > 1:
        raise UsageError("runs are named, or picked with --filter, or with --study")
    if names:
        return list(dict.fromkeys(find(context, name) for name in names))
    if not wanted and not study and not all_if_none:
        raise UsageError("no run is named", hint="the runs: tui-trainer runs")
    folders = list(all_runs(runs_folder(context.obj)))
    if study:
        return _of_study(context, folders, study)
    return _like(folders, wanted) if wanted else folders


def _of_study(context: typer.Context, folders: Sequence[RunFolder], name: str) -> list[RunFolder]:
    """The runs that train what one of its points says, whatever they are called."""
    from tui_trainer.cli.project import load
    from tui_trainer.cli.weigh import find_study

    points = find_study(load(context.obj), name).points
    fingerprints = {point.experiment.fingerprint for point in points}
    taken = [
        run.folder
        for run in _looks(folders)
        if run.plan is not None and run.plan.fingerprint in fingerprints
    ]
    if not taken:
        raise UsageError(f"no run belongs to the study {name}", hint=f"tui-trainer run {name}")
    return taken


def _ablation(context: typer.Context, name: str, folders: Sequence[RunFolder]) -> list[Block]:
    """What the study found on clean test images, and out of distribution where that was asked."""
    from tui_trainer.cli.project import load
    from tui_trainer.cli.weigh import find_study, outcome_among
    from tui_trainer.study.metrics import Metric
    from tui_trainer.study.report_study import study_blocks

    project, runs = load(context.obj), list(_looks(folders))
    metrics = [Metric.TEST, *([Metric.OOD] if any(run.ood for run in runs) else [])]
    known = find_study(project, name)
    return study_blocks([outcome_among(runs, project, known, metric) for metric in metrics])


def _setup_names(context: typer.Context, name: str) -> dict[str, str]:
    from tui_trainer.cli.project import load
    from tui_trainer.cli.weigh import find_study
    from tui_trainer.study.trials import setup_names

    return setup_names(find_study(load(context.obj), name))


def _by_setup(looks: Iterable[Run], names: Mapping[str, str]) -> dict[str, list[Run]]:
    """The newest run of each seed, of finished ones where there are any, in the study's order."""
    from tui_trainer.record.state import State

    newest = {run.plan.fingerprint: run for run in looks if run.plan is not None}
    setups: dict[str, list[Run]] = {}
    for fingerprint, name in names.items():
        if fingerprint in newest:
            setups.setdefault(name, []).append(newest[fingerprint])
    done = {name: [r for r in its if r.state is State.FINISHED] for name, its in setups.items()}
    return {name: done[name] or its for name, its in setups.items()}


def _like(folders: Sequence[RunFolder], wanted: str) -> list[RunFolder]:
    from tui_trainer.study.facts import facts_of, settings_of
    from tui_trainer.study.filter import parse_filter

    known = [(run.folder, facts_of(run)) for run in _looks(folders)]
    takes = parse_filter(wanted, settings_of(facts for _, facts in known)).takes
    taken = [folder for folder, facts in known if takes(facts)]
    if not taken:
        raise UsageError(f"none of {len(folders)} runs is like that")
    return taken


def _looks(folders: Iterable[RunFolder]) -> Iterator[Run]:
    from tui_trainer.record.index import look_once

    return look_once(folders)


def _project_name(context: typer.Context) -> str:
    """What experiments.toml calls itself; a file that cannot be read has a folder all the same."""
    from tui_trainer.cli.project import load
    from tui_trainer.errors import InvalidExperimentsError

    try:
        return load(context.obj).name
    except InvalidExperimentsError:
        return runs_folder(context.obj).absolute().parent.name


COMMANDS = (plot, report)
