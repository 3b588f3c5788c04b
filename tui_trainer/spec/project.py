"""An experiments.toml: the experiments that can be run, and what is wrong with the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, structs

from tui_trainer.errors import InvalidExperimentsError, UsageError
from tui_trainer.spec.changes import change_layer, parse_change, refused
from tui_trainer.spec.check import check_experiment, check_part
from tui_trainer.spec.cluster import Cluster
from tui_trainer.spec.loader import Loader, located
from tui_trainer.spec.toml_file import TomlDocument, read
from tui_trainer.spec.wording import listed, quote, show_keys, suggestion

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tui_trainer.spec.experiment import Experiment
    from tui_trainer.spec.layers import Layers
    from tui_trainer.spec.loader import Resolved
    from tui_trainer.spec.problem import Problem
    from tui_trainer.spec.study import Point, Study


class Project(Struct, frozen=True):
    """An experiments.toml as it was when it was loaded."""

    path: Path
    name: str
    on_end: str
    """A shell command for the end of each run; empty for none."""
    experiments: dict[str, Experiment]
    """Those without a problem, in the order of the file."""
    bases: dict[str, str | None]
    """Every experiment of the file, good or bad, and what it inherits from."""
    clusters: dict[str, Cluster]
    """Those without a problem, by name; the one of `[cluster]` has an empty one."""
    studies: dict[str, Study]
    """Those whose base can be run; what is wrong with one, it says itself."""
    points: dict[str, Point]
    """Those of all studies, by their names."""
    problems: tuple[Problem, ...]
    """Each mistake once, at the line where it was written."""
    _document: TomlDocument
    _resolved: dict[str, Resolved]
    _resolved_points: dict[str, Resolved]
    _study_problems: dict[str, list[Problem]]

    @property
    def folder(self) -> Path:
        """The folder that paths in the file start from."""
        return self.path.parent

    @property
    def text(self) -> str:
        """What the file says, whatever its newlines are."""
        return self._document.text

    @property
    def problem_lines(self) -> tuple[str, ...]:
        """The problems as the user reads them."""
        return tuple(problem.text(self.path.name) for problem in self.problems)

    def line_of(self, name: str) -> int:
        """The line on which the table of an experiment, or of a point's study, begins; else 1."""
        point = self.points.get(name)
        place = ("experiments", name) if point is None else ("studies", point.study)
        return self._document.line_of(place)

    def runnable(self, name: str) -> Experiment | None:
        """The experiment or point of that name, if it can be run as it is."""
        point = self.points.get(name)
        return self.experiments.get(name) if point is None else point.experiment

    def experiment(self, name: str, changes: Sequence[str] = ()) -> Experiment:
        """One experiment or point of a study, with `--set` changes laid over it in order.

        Raises:
            UsageError: There is none of that name.
            InvalidExperimentsError: The experiment or a change is wrong.
        """
        resolved = self._resolved.get(name) or self._resolved_points.get(name)
        if resolved is None:
            raise self._unknown(name, "experiment", (*self.bases, *self._study_problems))
        layers, refusals = _all_changed(resolved.layers, changes)
        checked = (check_experiment if resolved.whole else check_part)(layers.tree)
        if checked.table is None or resolved.problems or refusals:
            own = (located(problem, layers, self._document) for problem in checked.problems)
            problems = (*resolved.problems, *own)
            lines = (problem.text(self.path.name) for problem in problems)
            raise InvalidExperimentsError([*refusals, *lines])
        return checked.table

    def cluster_for(self, experiment: Experiment) -> Cluster:
        """The cluster that an experiment's launcher means.

        Raises:
            UsageError: The file has none of that name and kind, or several that could be meant.
        """
        kind, wanted = experiment.launcher, experiment.resources.cluster
        fitting = {name: each for name, each in self.clusters.items() if each.kind == kind}
        if wanted is not None and wanted not in fitting:
            raise UsageError(
                f"{self.path.name} has no cluster {quote(wanted)} of the kind {kind}",
                hint=f'name it in a table: [clusters.{wanted}] kind = "{kind}"',
            )
        if wanted is None and len(fitting) > 1 and "" not in fitting:
            raise UsageError(
                f"several clusters are of the kind {kind}: {listed(tuple(fitting))}",
                hint="say which is meant: --set resources.cluster=NAME",
            )
        if kind == "local":
            raise UsageError("the launcher is local; no cluster is meant")
        if wanted is None and not fitting:
            return Cluster(kind=kind)
        return fitting[wanted or ("" if "" in fitting else next(iter(fitting)))]

    def defines_study(self, name: str) -> bool:
        """Whether the file has a study of that name, good or bad."""
        return name in self._study_problems

    def study(self, name: str, changes: Sequence[str] = ()) -> Study:
        """One study, with `--set` changes laid over each of its points.

        Raises:
            UsageError: There is no such study.
            InvalidExperimentsError: The study or a change is wrong.
        """
        problems = self._study_problems.get(name)
        if problems is None:
            raise self._unknown(name, "study", tuple(self._study_problems))
        if problems or name not in self.studies:
            raise InvalidExperimentsError([each.text(self.path.name) for each in problems])
        study = self.studies[name]
        _refuse_varied(study, changes)
        return structs.replace(study, points=self._changed(study, changes)) if changes else study

    def _changed(self, study: Study, changes: Sequence[str]) -> tuple[Point, ...]:
        points = tuple(
            structs.replace(point, experiment=self.experiment(point.name, changes))
            for point in study.points
        )
        first: dict[str, Point] = {}
        for point in points:
            twin = first.setdefault(point.experiment.fingerprint, point)
            if twin is not point:
                both = f"{twin.name} and {point.name} would train the same"
                raise InvalidExperimentsError(
                    [f"{study.name} varies what --set changes: {both}"],
                    hint="a key that a study varies is changed in the file",
                )
        return points

    def _unknown(self, name: str, what: str, names: tuple[str, ...]) -> UsageError:
        known = f"known: {listed(names)}" if names else f"{self.path.name} has none"
        near = suggestion(name, names) or ";"
        return UsageError(f"there is no {what} {quote(name)}{near} {known}")


def _refuse_varied(study: Study, changes: Sequence[str]) -> None:
    """Let nobody change for all points what makes them differ, and what they are named after."""
    varied = {factor.key for factor in study.factors}
    for change in changes:
        if ".".join(parse_change(change)[0]) in varied:
            raise refused(change, f"the study {study.name} varies this key; change it in the file")


def checked_over(layers: Layers, changes: Sequence[str]) -> Experiment:
    """What layers that come from no file say, with `--set` changes laid over them in order.

    Raises:
        InvalidExperimentsError: A change is wrong.
    """
    layers, refusals = _all_changed(layers, changes)
    checked = check_experiment(layers.tree)
    if checked.table is None or refusals:
        nowhere = TomlDocument("experiment.toml", "", {})
        own = (located(problem, layers, nowhere) for problem in checked.problems)
        raise InvalidExperimentsError([*refusals, *(each.text(nowhere.name) for each in own)])
    return checked.table


def load_project(path: Path) -> Project:
    """Load an experiments.toml; one bad experiment does not hide the good ones.

    Raises:
        UsageError: The file cannot be opened.
        InvalidExperimentsError: The file as a whole is no TOML.
    """
    document = read(path)
    loader = Loader(document)
    return Project(
        path=path,
        name=loader.project.name or path.absolute().parent.name,
        on_end=loader.project.on_end,
        experiments=loader.experiments,
        bases=loader.bases,
        clusters=loader.clusters,
        studies=loader.studies,
        points={point.name: point for study in loader.studies.values() for point in study.points},
        problems=loader.problems,
        _document=document,
        _resolved=loader.resolved,
        _resolved_points=loader.points,
        _study_problems=loader.study_problems,
    )


def _all_changed(layers: Layers, changes: Sequence[str]) -> tuple[Layers, list[str]]:
    """The layers with all changes that can be meant, and what is wrong with the others."""
    refusals: list[str] = []
    for change in changes:
        layers, refused_ones = _changed_if_meant(layers, change)
        refusals += refused_ones
    return layers, refusals


def _changed_if_meant(layers: Layers, change: str) -> tuple[Layers, tuple[str, ...]]:
    try:
        return _changed(layers, change), ()
    except InvalidExperimentsError as error:
        return layers, error.problems


def _changed(layers: Layers, change: str) -> Layers:
    layer = change_layer(change)
    if "base" in layer.tree:
        raise refused(change, "the base cannot be changed on the command line, only in the file")
    blocked = layers.value_above(layer.tree)
    if blocked:
        raise refused(change, f"{show_keys(blocked)} is not a table")
    return layers.with_layer(layer)
