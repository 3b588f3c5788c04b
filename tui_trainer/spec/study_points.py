"""Lays out the points of a study: what each trains, which are left out, what is wrong with them."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import structs

from tui_trainer.spec.check import UNKNOWN_KEY, check_experiment, check_part
from tui_trainer.spec.layers import Layer, Layers, placed
from tui_trainer.spec.point_names import point_name, short_keys
from tui_trainer.spec.random_points import random_points
from tui_trainer.spec.study import MOST_POINTS, MOST_POINTS_IN_ALL, Point, Search, Study
from tui_trainer.spec.study_plan import MOST_TOLD, Findings, Value, comparable, read_plan
from tui_trainer.spec.summary import in_words
from tui_trainer.spec.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tui_trainer.spec.experiment import Experiment
    from tui_trainer.spec.problem import Problem
    from tui_trainer.spec.study_plan import Plan, Varied
    from tui_trainer.spec.wording import Keys

_BASE = ("base",)


class Base(NamedTuple):
    """The experiment that a study varies, as far as it is known."""

    name: str
    layers: Layers
    experiment: Experiment | None
    """None where it cannot be run itself."""
    is_whole: bool


class LaidOut(NamedTuple):
    """What a table makes of a base."""

    study: Study
    layers: Mapping[str, Layers]
    """What each point says, by its name."""


class _Cell(NamedTuple):
    """What a point changes of the base, whatever its seed."""

    changes: tuple[tuple[str, Value], ...]
    parts: tuple[str, ...]
    """The words of its name between the study's and the seed's."""
    is_point: bool = True
    """Whether it is more than a way to look at values of a design that cannot be laid out."""


class _Settled(NamedTuple):
    """A cell that can be trained."""

    cell: _Cell
    layers: Layers
    experiment: Experiment


def lay_out(name: str, tree: Mapping[str, Any], base: Base, room: int) -> LaidOut:
    """The study that a table describes, with everything that is wrong with it.

    Args:
        name: What the study is called.
        tree: Its table.
        base: What it varies.
        room: How many points it may have.
    """
    findings = Findings(("studies", name))
    first_seed = 0 if base.experiment is None else base.experiment.seed
    plan = read_plan(name, tree, first_seed, findings)
    settled = _in_order(_Settler(plan, base, findings).settled(room))
    _tell_unmeasured(plan, base, findings)
    layers: dict[str, Layers] = {}
    points = []
    for seed in plan.seeds:
        for each in settled:
            if not _is_excluded(plan, each.cell, seed):
                point = _point(plan, base, each, seed)
                own = {"seed": seed, "description": point.experiment.description}
                layers[point.name] = each.layers.with_layer(Layer(own, findings.at))
                points.append(point)
    study = Study(
        name=name,
        description=plan.description,
        base=base.name,
        factors=tuple(varied.factor for varied in plan.varied.values()),
        seeds=plan.seeds,
        points=tuple(points),
        search=_search(plan),
        problems=findings.problems,
    )
    return LaidOut(study, layers)


def _tell_unmeasured(plan: Plan, base: Base, findings: Findings) -> None:
    """Tell that a search goes by what none of its trials would measure."""
    if plan.search is None or plan.search.metric != "ood" or base.experiment is None:
        return
    is_chosen = any(key.split(".")[0] == "ood" for key in plan.of("search"))
    if base.experiment.ood is None and not is_chosen:
        message = (
            f"`ood` is measured of no trial: give `{base.name}` an `ood`, or use another metric"
        )
        findings.tell(("search", "metric"), message)


def _search(plan: Plan) -> Search | None:
    if plan.search is None:
        return None
    varied = {key: plan.varied[key] for key in plan.of("search")}
    return Search(
        table=plan.search,
        space={key: each.range or each.factor.values for key, each in varied.items()},
        words={key: tuple(value.word for value in each.values) for key, each in varied.items()},
    )


def _in_order(settled: Iterator[_Settled]) -> list[_Settled]:
    """The base first: it is what the others are measured by."""
    return sorted(settled, key=lambda each: bool(each.cell.changes))


def _point(plan: Plan, base: Base, settled: _Settled, seed: int) -> Point:
    cell, experiment = settled.cell, settled.experiment
    own_seed = (f"seed-{seed}",) if plan.names_seeds else ()
    labels = {key: value.label for key, value in cell.changes}
    return Point(
        name=point_name(plan.name, (*cell.parts, *own_seed)),
        study=plan.name,
        changes={key: value.written for key, value in cell.changes},
        labels=labels,
        seed=seed,
        is_base=base.experiment is not None
        and base.experiment.fingerprint == experiment.fingerprint,
        experiment=structs.replace(experiment, seed=seed, description=_described(labels, seed)),
    )


def _described(labels: Mapping[str, str], seed: int) -> str:
    """What lists say of a point: `model.depth 4, seed 1`."""
    changes = [f"{key} {label}" for key, label in labels.items()] or ["the base"]
    return ", ".join([*changes, f"seed {seed}"])


def _is_excluded(plan: Plan, cell: _Cell, seed: int) -> bool:
    return any(_matches(pairs, cell, seed) for _, pairs in plan.exclusions)


def _matches(pairs: Mapping[str, Any], cell: _Cell, seed: int) -> bool:
    own = {key: value.written for key, value in cell.changes} | {"seed": seed}
    return all(key in own and comparable(own[key]) == comparable(pairs[key]) for key in pairs)


class _Settler:
    """Finds out which cells can be trained, and what is wrong with the others."""

    def __init__(self, plan: Plan, base: Base, findings: Findings) -> None:
        self._plan = plan
        self._base = base
        self._findings = findings

    def settled(self, room: int) -> Iterator[_Settled]:
        """The cells that can be trained, each setting once."""
        cells = self._kept(list(self._cells())) if self._has_room(room) else []
        wrong: dict[Keys, tuple[str, list[_Cell]]] = {}
        known: dict[str, _Cell] = {}
        for cell in cells:
            layers = self._layers(cell)
            checked = (check_experiment if self._base.is_whole else check_part)(layers.tree)
            for problem in checked.problems:
                keys = _place(problem, layers, cell)
                wrong.setdefault(keys, (problem.message, []))[1].append(cell)
            if checked.table is None or self._base.experiment is None or not cell.is_point:
                continue
            twin = known.setdefault(checked.table.fingerprint, cell)
            if twin is cell:
                yield _Settled(cell, layers, checked.table)
            elif cell.parts != _BASE:  # a base that is a point of the grid is that one
                self._tell_twins(twin, cell)
        for keys, (message, those) in list(wrong.items())[:MOST_TOLD]:
            self._findings.tell_at(keys, message + self._where(keys, those, cells))

    def _has_room(self, room: int) -> bool:
        seeds, cells = len(self._plan.seeds), self._count()
        if cells * seeds > MOST_POINTS:
            many = f"{cells} settings" if cells < 10**9 else "settings without number"
            message = f"has {many} for {counted(seeds, 'seed')}, those left out counted; at most "
            self._findings.tell((), f"{message}{MOST_POINTS} points are possible")
        elif cells * seeds > room:
            message = "has too many points with those of the studies above it: all studies of a "
            self._findings.tell((), f"{message}file may have {MOST_POINTS_IN_ALL}")
        return cells * seeds <= min(room, MOST_POINTS)

    def _count(self) -> int:
        grid, ablate = self._plan.of("grid"), self._plan.of("ablate")
        combinations = math.prod(map(len, grid.values())) if grid else 0
        changes = sum(map(len, ablate.values()))
        return combinations + changes + self._plan.has_base + self._plan.draws

    def _cells(self) -> Iterator[_Cell]:
        grid, short = self._plan.of("grid"), short_keys(tuple(self._plan.varied))
        for values in product(*grid.values()) if grid else ():
            changes = tuple(zip(grid, values, strict=True))
            parts = tuple(f"{short[key]}-{value.word}" for key, value in changes)
            yield _Cell(changes, parts, is_point="grid" not in self._plan.broken)
        if self._plan.has_base:
            yield _Cell((), _BASE)
        for key, values in self._plan.of("ablate").items():
            for value in values:
                yield _Cell(((key, value),), (f"{short[key]}-{value.word}",))
        if self._plan.draws:
            yield from self._drawn_cells()
        yield from self._ends_of_search()

    def _drawn_cells(self) -> Iterator[_Cell]:
        varied = {key: self._plan.varied[key] for key in self._plan.of("random")}
        space = {key: each.range or each.values for key, each in varied.items()}
        points = random_points(space, self._plan.draws, self._plan.draws_seed)
        if len(points) < self._plan.draws:
            found = f"only {counted(len(points), 'point')} that differ"
            self._findings.tell(("random", "n"), f"is too much for this space: {found}")
        for number, drawn in enumerate(points, 1):
            changes = tuple(
                (
                    key,
                    value if isinstance(value, Value) else _of_range(varied[key], value),
                )
                for key, value in drawn.items()
            )
            yield _Cell(changes, (f"r{number:02d}",))

    def _ends_of_search(self) -> Iterator[_Cell]:
        """Each value that a search may choose, and both ends of what lies between two."""
        for key in self._plan.of("search"):
            varied = self._plan.varied[key]
            ends = (varied.range.low, varied.range.high) if varied.range else ()
            for value in (*varied.values, *(_of_range(varied, end) for end in ends)):
                yield _Cell(((key, value),), (), is_point=False)

    def _kept(self, cells: list[_Cell]) -> list[_Cell]:
        """The cells that are left for any seed; an exclusion without effect is told."""
        plan, tell = self._plan, self._findings.tell
        everything = [(cell, seed) for cell in cells for seed in plan.seeds]
        for position, pairs in plan.exclusions:
            if everything and not any(_matches(pairs, *each) for each in everything):
                tell(("exclude", position), "leaves out nothing: no point has these values")
        kept = {id(cell) for cell, seed in everything if not _is_excluded(plan, cell, seed)}
        if everything and not kept:
            tell(("exclude",), "leaves no point")
        return [cell for cell in cells if id(cell) in kept]

    def _layers(self, cell: _Cell) -> Layers:
        layers = self._base.layers
        for key, value in cell.changes:
            within = tuple(key.split("."))
            tree = value.written
            for part in reversed(within):
                tree = {part: tree}
            layers = layers.with_layer(Layer(tree, value.place, within=within))
        return layers

    def _where(self, keys: Keys, those: Sequence[_Cell], cells: Sequence[_Cell]) -> str:
        """In which points a value is wrong; nothing where it is so by itself."""
        having = [cell for cell in cells if any(_lies_at(keys, v) for _, v in cell.changes)]
        if len(those) >= len(having) or not those[0].parts:
            return ""
        more = f" and {len(those) - 1} more" if len(those) > 1 else ""
        return f"; so it is in {point_name(self._plan.name, those[0].parts)}{more}"

    def _tell_twins(self, twin: _Cell, cell: _Cell) -> None:
        """Tell that two cells train the same, at the value that makes no difference."""
        name = point_name(self._plan.name, cell.parts)
        other = point_name(self._plan.name, twin.parts)
        why = ", since the base has this value" if twin.parts == _BASE else ""
        message = f"{name} trains the same as {other}{why}; leave it out"
        self._findings.tell_at(cell.changes[-1][1].place, message)


def _of_range(varied: Varied, value: float) -> Value:
    return Value(value, in_words(value), "", varied.place, varied.place)


def _place(problem: Problem, layers: Layers, cell: _Cell) -> Keys:
    """Where a problem was written; one of a key stands at the key, not at each of its values."""
    keys = placed(problem, layers).keys
    if not problem.message.startswith(UNKNOWN_KEY):
        return keys
    return next((value.key_place for _, value in cell.changes if value.place == keys), keys)


def _lies_at(keys: Keys, value: Value) -> bool:
    return keys[: len(value.place)] == value.place
