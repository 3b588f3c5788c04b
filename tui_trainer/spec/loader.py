"""Goes through experiments.toml once: what it defines, who inherits from whom, what is wrong."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final

from msgspec import Meta, Struct, structs

from tui_trainer.spec.check import check, check_experiment, check_part, is_certain
from tui_trainer.spec.cluster import Cluster
from tui_trainer.spec.layers import Layer, Layers, placed
from tui_trainer.spec.problem import Problem
from tui_trainer.spec.study import MOST_POINTS_IN_ALL
from tui_trainer.spec.study_points import Base, lay_out
from tui_trainer.spec.wording import escape, listed, quote, show, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tui_trainer.spec.experiment import Experiment
    from tui_trainer.spec.study import Point, Study
    from tui_trainer.spec.toml_file import TomlDocument
    from tui_trainer.spec.wording import Keys

MAX_EXPERIMENTS: Final = 1000
MAX_STUDIES: Final = 200

# A name becomes a folder's name and a word of command lines, on any file system and in any shell.
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")
_NAME_RULE = (
    "a name has 1 to 64 ASCII letters, digits, `.`, `_` or `-`, begins with a letter or digit "
    "and does not end in `.`"
)
_TOP_LEVEL = ("project", "cluster", "clusters", "defaults", "experiments", "studies")
_LATER = {
    "studies": "an experiment has no studies; a study stands in [studies.NAME]",
    "script": "scripts of your own cannot be run by this version",
}


def name_problem(name: str) -> str:
    """Why an experiment cannot have this name, or an empty text."""
    return "" if _NAME.fullmatch(name) else f"{quote(name)} cannot be a name: {_NAME_RULE}"


class Resolved(Struct, frozen=True):
    """An experiment over everything it inherits, or why that cannot be said."""

    layers: Layers
    problems: tuple[Problem, ...] = ()
    whole: bool = True
    """Whether the layers are all there are, down to the defaults."""


# No program takes a NUL among its arguments; lines and tabs are a script's.
ShellCommand = Annotated[str, Meta(pattern=r"\A[^\x00-\x08\x0b-\x1f\x7f]*\Z")]


class ProjectTable(Struct, frozen=True):
    """What `[project]` may say."""

    name: str = ""
    on_end: ShellCommand = ""


class Loader:
    """Reads one document from top to bottom and gathers what is wrong.

    Args:
        document: An experiments.toml.
    """

    def __init__(self, document: TomlDocument) -> None:
        self.project = ProjectTable()
        self.bases: dict[str, str | None] = {}
        self.resolved: dict[str, Resolved] = {}
        self.experiments: dict[str, Experiment] = {}
        self.clusters: dict[str, Cluster] = {}
        self.studies: dict[str, Study] = {}
        self.study_problems: dict[str, list[Problem]] = {}
        self.points: dict[str, Resolved] = {}
        self._document = document
        self._problems: dict[tuple[Keys, str], Problem] = {}
        self._told: set[Keys] = set()
        self._defaults = Layers()
        self._tables: dict[str, dict[str, Any]] = {}
        self._names: dict[str, str] = {}
        self._own_problems: dict[str, list[Problem]] = {}
        self._rootless: set[str] = set()
        self._read()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every problem once, in the order of the file."""
        return tuple(sorted(self._problems.values(), key=lambda problem: problem.line))

    def _read(self) -> None:
        self._read_top_level()
        self._read_project()
        self._read_clusters()
        self._read_defaults()
        self._read_experiments()
        for name in self._tables:
            self._resolve(name)
        # Bases first: what is wrong in one is told in the words that fit it.
        good = {name: self._check(name) for name in self.resolved}
        for name in self._tables:
            experiment = good[name]
            if experiment is not None:
                self.experiments[name] = experiment
        self._read_studies()

    def _read_top_level(self) -> None:
        unknown = (key for key in self._document.tree if key not in _TOP_LEVEL)
        for key in islice(unknown, MAX_EXPERIMENTS):
            near = suggestion(key, _TOP_LEVEL) or ";"
            known = f"unknown key{near} known keys: {listed(_TOP_LEVEL)}"
            self._report((key,), _LATER.get(key, known))

    def _read_project(self) -> None:
        checked = check(ProjectTable, self._table(("project",)))
        for problem in checked.problems:
            self._report(("project", *problem.keys), problem.message)
        self.project = checked.table or self.project

    def _read_clusters(self) -> None:
        """`[cluster]` is the one that has no name; a bad table leaves its name unknown."""
        if "cluster" in self._document.tree:
            self._read_cluster("", ("cluster",))
        for name in islice(self._table(("clusters",)), MAX_EXPERIMENTS):
            self._read_cluster(name, ("clusters", name))

    def _read_cluster(self, name: str, keys: tuple[str, ...]) -> None:
        checked = check(Cluster, self._table(keys))
        for problem in checked.problems:
            self._report((*keys, *problem.keys), problem.message)
        if checked.table is not None:
            self.clusters[name] = checked.table

    def _read_defaults(self) -> None:
        table = dict(self._table(("defaults",)))
        if "base" in table:
            del table["base"]
            self._report(("defaults", "base"), "only an experiment has a base")
        self._defaults = Layers().with_layer(Layer(table, ("defaults",)))
        for problem in check_experiment(table, also_known=("base",)).problems:
            # What the defaults leave out, an experiment may still say.
            if is_certain(problem, table):
                self._report(("defaults", *problem.keys), problem.message)

    def _read_experiments(self) -> None:
        experiments = self._table(("experiments",))
        if len(experiments) > MAX_EXPERIMENTS:
            self._report(("experiments",), f"only the first {MAX_EXPERIMENTS} are read")
        for name in islice(experiments, MAX_EXPERIMENTS):
            self._own_problems[name] = []
            self._tables[name] = dict(self._table(("experiments", name), owner=name))
            if not isinstance(experiments[name], dict):
                self._rootless.add(name)
            self._read_name(name)
            self._read_later_keys(name)
            self._read_base(name)

    def _read_name(self, name: str) -> None:
        # On macOS and on many shared file systems these two would be one folder.
        message = name_problem(name) or self._taken(name)
        self._names.setdefault(name.lower(), f"`{escape(name)}`")
        if message:
            self._report(("experiments", name), message, owner=name)

    def _taken(self, name: str) -> str:
        """Why nothing else can have this name, or an empty text."""
        twin = self._names.get(name.lower(), "")
        return f"differs from {twin} only in upper and lower case" if twin else ""

    def _read_later_keys(self, name: str) -> None:
        for key in _LATER.keys() & self._tables[name].keys():
            del self._tables[name][key]
            self._report(("experiments", name, key), _LATER[key], owner=name)

    def _read_base(self, name: str) -> None:
        base = self._tables[name].pop("base", None)
        self.bases[name] = base if isinstance(base, str) else None
        if base is not None and not isinstance(base, str):
            self._rootless.add(name)
            message = f"must be the name of an experiment, not {show(base)}"
            self._report(("experiments", name, "base"), message, owner=name)

    def _resolve(self, name: str) -> None:
        """Lay an experiment over its bases, from the lowest that is not resolved yet upwards."""
        chain: dict[str, None] = {}
        below: str | None = name
        while below in self._tables and below not in self.resolved and below not in chain:
            chain[below] = None
            below = self.bases[below]
        members = tuple(chain)
        circle = members[members.index(below) :] if below in chain else ()
        self._check_base(members, below)
        inherited = Resolved(self._defaults)
        if below is not None:
            inherited = self.resolved.get(below, Resolved(Layers(), whole=False))
        for member in reversed(members):
            # In a circle nobody can say who lies below whom.
            cut = member in circle or member in self._rootless
            below_it = Layers() if cut else inherited.layers
            inherited = Resolved(
                below_it.with_layer(Layer(self._tables[member], ("experiments", member))),
                (*inherited.problems, *self._own_problems[member]),
                whole=inherited.whole and not cut,
            )
            self.resolved[member] = inherited

    def _check_base(self, chain: tuple[str, ...], base: str | None) -> None:
        """Report a base that does not exist, or that inherits from its own heir."""
        if base is None or base in self.resolved:
            return
        if base in chain:
            circle = (*chain[chain.index(base) :], base)
            path = " → ".join(escape(member) for member in circle)
            keys = ("experiments", base, "base")
            # Reported once, but no member of the circle, nor any heir, can be run.
            self._report(keys, f"inherits from itself: {path}", owner=chain[-1])
        else:
            keys = ("experiments", chain[-1], "base")
            self._report(keys, self._no_experiment(base), owner=chain[-1])

    def _check(self, name: str) -> Experiment | None:
        resolved = self.resolved[name]
        checking = check_experiment if resolved.whole else check_part
        checked = checking(resolved.layers.tree, also_known=("base",))
        for problem in checked.problems:
            self._keep(located(problem, resolved.layers, self._document), whole=resolved.whole)
        return None if resolved.problems else checked.table

    def _read_studies(self) -> None:
        studies = self._table(("studies",))
        if len(studies) > MAX_STUDIES:
            self._report(("studies",), f"only the first {MAX_STUDIES} are read")
        names = tuple(islice(studies, MAX_STUDIES))
        self.study_problems = {name: [] for name in names}
        for name in names:
            self._read_study_name(name)
        for name in names:
            self._read_study(name)

    def _read_study_name(self, name: str) -> None:
        message = name_problem(name) or self._taken_by_another(name)
        self._names.setdefault(name.lower(), f"the study `{escape(name)}`")
        if message:
            self._report_of_study(name, Problem(("studies", name), message))

    def _taken_by_another(self, name: str) -> str:
        twin = self._names.get(name.lower(), "")
        return f"{quote(name)} cannot be told from {twin}" if twin else ""

    def _read_study(self, name: str) -> None:
        tree = self._document.tree["studies"][name]
        if not isinstance(tree, dict):
            message = f"must be a table, not {show(tree)}"
            self._report_of_study(name, Problem(("studies", name), message))
            return
        base = self._study_base(name, tree)
        laid = lay_out(name, tree, base, room=MOST_POINTS_IN_ALL - len(self.points))
        for problem in laid.study.problems:
            self._report_of_study(name, problem)
        if base.experiment is None or name_problem(name):
            return
        points = [point for point in laid.study.points if self._has_free_name(point)]
        self.points |= {point.name: Resolved(laid.layers[point.name]) for point in points}
        problems = tuple(self.study_problems[name])
        self.studies[name] = structs.replace(laid.study, points=tuple(points), problems=problems)

    def _study_base(self, name: str, tree: Mapping[str, Any]) -> Base:
        """The experiment that a study varies; whatever is wrong with that is told."""
        base, place = tree.get("base"), ("studies", name, "base")
        resolved = self.resolved.get(base) if isinstance(base, str) else None
        if not isinstance(base, str) or resolved is None:
            if isinstance(base, str) and base:
                self._report_of_study(name, Problem(place, self._no_experiment(base)))
            return Base(str(base), Layers(), None, is_whole=False)
        experiment = self.experiments.get(base)
        if experiment is None:
            message = f"{quote(base)} cannot be run itself: its own mistakes come first"
            self._report_of_study(name, Problem(place, message))
        return Base(base, resolved.layers, experiment, resolved.whole)

    def _has_free_name(self, point: Point) -> bool:
        message = self._taken_by_another(point.name)
        if message:
            place = ("studies", point.study)
            self._report_of_study(point.study, Problem(place, f"its point {message}"))
        self._names.setdefault(point.name.lower(), f"a point of the study `{point.study}`")
        return not message

    def _report_of_study(self, name: str, problem: Problem) -> None:
        there = structs.replace(problem, line=self._document.line_of(problem.keys))
        self._keep(there)
        self.study_problems[name].append(there)

    def _no_experiment(self, base: str) -> str:
        names = tuple(self._tables)
        near = suggestion(base, names) or ";"
        return f"there is no experiment {quote(base)}{near} known: {listed(names)}"

    def _table(self, keys: tuple[str, ...], *, owner: str | None = None) -> dict[str, Any]:
        value: Any = self._document.tree
        for key in keys:
            value = value.get(key, {}) if isinstance(value, dict) else {}
        if isinstance(value, dict):
            return value
        self._report(keys, f"must be a table, not {show(value)}", owner=owner)
        return {}

    def _report(self, keys: Keys, message: str, *, owner: str | None = None) -> None:
        problem = Problem(keys, message, line=self._document.line_of(keys))
        self._keep(problem)
        if owner is not None:
            self._own_problems[owner].append(problem)

    def _keep(self, problem: Problem, *, whole: bool = True) -> None:
        # Where the kind of a table is not known, heirs may word one mistake in several ways.
        if not whole and problem.keys in self._told:
            return
        self._told.add(problem.keys)
        self._problems.setdefault((problem.keys, problem.message), problem)


def located(problem: Problem, layers: Layers, document: TomlDocument) -> Problem:
    """The problem at the place and the line where its key was written, in the file or a change."""
    there = placed(problem, layers)
    line = 0 if there.change else document.line_of(there.keys)
    return structs.replace(there, line=line)
