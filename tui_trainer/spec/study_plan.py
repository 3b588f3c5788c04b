"""Reads what a `[studies.NAME]` says, part by part, and names everything that is wrong with it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import structs

from tui_trainer.spec.check import check
from tui_trainer.spec.point_names import value_words
from tui_trainer.spec.problem import Problem
from tui_trainer.spec.study import MOST_POINTS, Factor, Range, SearchTable, StudyTable
from tui_trainer.spec.summary import in_words
from tui_trainer.spec.wording import counted, listed, quote, show, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tui_trainer.spec.study import Design
    from tui_trainer.spec.wording import Keys

MOST_TOLD = 50
"""Mistakes of one kind that are told; nobody reads more of them."""
_MOST_FINDINGS = 300  # of all kinds, in one study
_DEEPEST_KEY = 8  # no key of an experiment lies deeper
_LARGEST_SEED = 2**63 - 1
_DESIGNS: tuple[tuple[Design, tuple[str, ...]], ...] = (
    ("grid", ("grid",)),
    ("ablate", ("ablate",)),
    ("random", ("random", "space")),
    ("search", ("search", "space")),
)
_DRAWN = ("random", "search")
_PLANS = ("grid", "ablate", "random", "seeds", "search")


class Value(NamedTuple):
    """One value of a factor."""

    written: Any
    label: str
    word: str
    """What stands for it in the names of points."""
    place: Keys
    """Where it stands in the file."""
    key_place: Keys
    """Where its key does."""


class Varied(NamedTuple):
    """A key that is varied, and where that is said."""

    factor: Factor
    values: tuple[Value, ...]
    place: Keys
    range: Range | None = None


class Plan(NamedTuple):
    """What a study says, as far as it can be meant."""

    name: str
    description: str
    varied: Mapping[str, Varied]
    seeds: tuple[int, ...]
    names_seeds: bool
    exclusions: tuple[tuple[int, Mapping[str, Any]], ...]
    """Where each stands in its list, and what it asks for by dotted key."""
    has_base: bool
    """Whether the base itself is one of the points."""
    draws: int
    draws_seed: int
    search: SearchTable | None
    broken: frozenset[Design]
    """Designs of which a key cannot be read: what the others make of them is no point."""

    def of(self, design: Design) -> dict[str, tuple[Value, ...]]:
        """The values of each key that one design varies."""
        return {key: each.values for key, each in self.varied.items() if _is_of(each, design)}


class Findings:
    """What is wrong with a study, each mistake once.

    Args:
        at: Where the study stands in the file.
    """

    def __init__(self, at: Keys) -> None:
        self.at = at
        self._problems: dict[tuple[Keys, str], Problem] = {}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """In the order in which they were found."""
        return tuple(self._problems.values())

    @property
    def are_many(self) -> bool:
        """Whether more of them would tell nobody anything."""
        return len(self._problems) >= _MOST_FINDINGS

    def tell(self, place: Keys, message: str) -> None:
        """Note what is wrong at a place in the study."""
        self.tell_at((*self.at, *place), message)

    def tell_at(self, keys: Keys, message: str) -> None:
        """Note what is wrong at a place in the file; beyond some hundreds nobody reads it."""
        if not self.are_many:
            self._problems.setdefault((keys, message), Problem(keys, message))

    def has(self, *place: str | int) -> bool:
        """Whether something is wrong at a place in the study, or in it."""
        keys = (*self.at, *place)
        return any(told[: len(keys)] == keys for told, _ in self._problems)


def read_plan(name: str, tree: Mapping[str, Any], first_seed: int, findings: Findings) -> Plan:
    """What a table says.

    Args:
        name: What the study is called.
        tree: Its table.
        first_seed: The seed of its base.
        findings: Where to put what is wrong with it.
    """
    return _Reader(name, tree, first_seed, findings).plan()


def comparable(value: Any) -> Any:
    """A value of TOML as something that equals another one only if the two mean the same."""
    if isinstance(value, dict):
        return frozenset((key, comparable(each)) for key, each in value.items())
    if isinstance(value, list):
        return tuple(map(comparable, value))
    return (isinstance(value, bool), value)


class _Reader:
    def __init__(
        self, name: str, tree: Mapping[str, Any], first_seed: int, findings: Findings
    ) -> None:
        self._name = name
        self._tree = tree
        self._first_seed = first_seed
        self._findings = findings
        self._tell = findings.tell
        self._varied: dict[str, Varied] = {}
        leaves = islice(_leaves(self._table("labels"), ("labels",)), MOST_POINTS)
        self._labels = {key: (place, labels) for key, place, labels in leaves}

    def plan(self) -> Plan:
        self._check_table()
        for design, place in _DESIGNS:
            self._read_design(design, place)
        self._read_labels()
        random, description = self._table("random"), self._tree.get("description", "")
        is_drawn = "random" in self._tree and not self._findings.has("random")
        return Plan(
            name=self._name,
            description=description if isinstance(description, str) else "",
            varied=self._varied,
            seeds=self._seeds(),
            names_seeds="seeds" in self._tree,
            exclusions=tuple(self._exclusions()),
            has_base="ablate" in self._tree or not {"grid", "random", "search"} & self._tree.keys(),
            draws=random["n"] if is_drawn else 0,
            draws_seed=random.get("seed", 0) if is_drawn else 0,
            search=self._search(),
            broken=frozenset(
                design
                for design, place in _DESIGNS
                if design != "ablate" and self._findings.has(*place)
            ),
        )

    def _search(self) -> SearchTable | None:
        """The search, where it can be meant."""
        if "search" not in self._tree or self._findings.has("search"):
            return None
        return check(SearchTable, self._tree["search"]).table

    def _check_table(self) -> None:
        for problem in check(StudyTable, self._tree).problems:
            self._tell(problem.keys, problem.message)
        plans = [plan for plan in _PLANS if plan in self._tree]
        if not plans:
            self._tell((), f"varies nothing: give it one of {listed(_PLANS)}")
        elif "search" in plans and len(plans) > 1:
            others = listed(tuple(plans[:-1]))
            self._tell(("search",), f"goes with no other plan: take {others} into a study apart")

    def _table(self, *keys: str) -> dict[str, Any]:
        """A table in the study's; an empty one where there is none, which was told already."""
        value: Any = self._tree
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value if isinstance(value, dict) else {}

    def _read_design(self, design: Design, place: tuple[str, ...]) -> None:
        table = self._table(*place)
        if not table and place[0] in self._tree and not self._findings.has(*place):
            self._tell(place, "is empty: name a key and its values")
        for key, keys, value in islice(_leaves(table, place), MOST_POINTS):
            self._read_factor(design, key, keys, value)

    def _read_factor(self, design: Design, key: str, place: Keys, value: Any) -> None:
        parts = key.split(".")
        if not all(parts) or len(parts) > _DEEPEST_KEY:
            self._tell(place, "is no key of an experiment, which are like `model.depth`")
        elif key == "seed":
            self._tell(place, "cannot be varied so: `seeds` says which seeds a study has")
        elif key in self._varied:
            self._tell(place, f"is varied by `{self._varied[key].factor.design}` already")
        elif isinstance(value, dict) and design in _DRAWN:
            self._read_range(design, key, place, value)
        elif not isinstance(value, list):
            wanted = "an array of values" + ", or { low, high, log }" * (design in _DRAWN)
            self._tell(place, f"must be {wanted}, not {show(value)}")
        elif not value:
            self._tell(place, "must be an array of values, not empty")
        elif len(value) > MOST_POINTS:
            self._tell(place, f"must have at most {MOST_POINTS} values")
        elif not self._tell_twins(place, value):
            self._add(design, key, place, value)

    def _read_range(self, design: Design, key: str, place: Keys, value: dict[str, Any]) -> None:
        checked = check(Range, value)
        for problem in checked.problems:
            self._tell((*place, *problem.keys), problem.message)
        if checked.table is None:
            return
        if checked.table.low >= checked.table.high:
            self._tell((*place, "low"), "must be less than `high`")
        elif checked.table.log and checked.table.low <= 0:
            self._tell((*place, "low"), "must be > 0 on a logarithmic scale")
        else:
            # As they were written: between two integers lie integers.
            bounds = structs.replace(checked.table, low=value["low"], high=value["high"])
            self._varied[key] = Varied(Factor(key, (), (), design), (), self._at(place), bounds)

    def _tell_twins(self, place: Keys, values: Sequence[Any]) -> int:
        """Tell the values that are listed twice; how many that are."""
        first: dict[Any, int] = {}
        twins = [
            (position, first[same])
            for position, value in enumerate(values)
            if first.setdefault(same := comparable(value), position) != position
        ]
        for position, earlier in twins[:MOST_TOLD]:
            self._tell((*place, position), f"is the same as value {earlier + 1} of its array")
        return len(twins)

    def _add(self, design: Design, key: str, place: Keys, written: Sequence[Any]) -> None:
        given = self._given_labels(key, len(written))
        labels = given or tuple(map(in_words, written))
        words = value_words(written, given)
        keys = self._at(place)
        values = tuple(
            Value(value, label, word, (*keys, position), keys)
            for position, (value, label, word) in enumerate(
                zip(written, labels, words, strict=True)
            )
        )
        self._varied[key] = Varied(Factor(key, tuple(written), labels, design), values, keys)

    def _given_labels(self, key: str, count: int) -> tuple[str, ...]:
        """The labels of a key where they are as they must be; what is wrong is told later."""
        said = self._labels.get(key, (None, None))[1]
        if not isinstance(said, list) or not all(map(_is_label, said)):
            return ()
        return tuple(said) if len(said) == len(set(said)) == count else ()

    def _read_labels(self) -> None:
        for key, (place, labels) in self._labels.items():
            if key not in self._varied:
                self._tell_not_varied(key, place)
            elif self._varied[key].range is not None:
                self._tell(place, "is drawn from a range, whose values have no labels")
            elif not isinstance(labels, list):
                self._tell(place, f"must be an array of texts in quotes, not {show(labels)}")
            else:
                self._check_labels(place, labels, len(self._varied[key].values))

    def _check_labels(self, place: Keys, labels: list[Any], count: int) -> None:
        if len(labels) != count:
            wanted = counted(count, "label")
            self._tell(place, f"must have {wanted}, one for each value, not {len(labels)}")
        for position, label in enumerate(labels[:MOST_POINTS]):
            if not _is_label(label):
                message = f"must be a non-empty text in quotes, not {show(label)}"
                self._tell((*place, position), message)
            elif label in labels[:position]:
                self._tell((*place, position), f"{quote(label)} is another value's label already")

    def _tell_not_varied(self, key: str, place: Keys) -> None:
        """Tell that a key is none of the study's, unless it was meant to be and is told there."""
        if self._findings.are_many or any(self._findings.has(*at, key) for _, at in _DESIGNS):
            return
        known = tuple(self._varied)
        near = suggestion(key, known) or ";"
        self._tell(place, f"{quote(key)} is not varied here{near} varied: {listed(known)}")

    def _seeds(self) -> tuple[int, ...]:
        said = self._tree.get("seeds")
        if self._findings.has("seeds"):
            return ()
        if said is None:
            return (self._first_seed,)
        if isinstance(said, int):
            if self._first_seed + said - 1 > _LARGEST_SEED:
                self._tell(("seeds",), f"counts on from the base's seed, {self._first_seed}")
                return ()
            return tuple(range(self._first_seed, self._first_seed + said))
        if not said:
            self._tell(("seeds",), "must be an array of seeds, not empty, or their number")
        for position, seed in enumerate(said):
            if seed in said[:position]:
                self._tell(("seeds", position), f"{seed} is listed twice")
        return tuple(dict.fromkeys(said))

    def _exclusions(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        if self._findings.has("exclude"):
            return
        for position, table in enumerate(self._tree.get("exclude", [])):
            pairs = dict(self._pairs(table, ""))
            unknown = [key for key in pairs if key not in self._varied and key != "seed"]
            for key in unknown[:MOST_TOLD]:
                self._tell_not_varied(key, ("exclude", position))
            if not pairs:
                self._tell(("exclude", position), "is empty: name a key and its value")
            elif not unknown:
                yield position, pairs

    def _pairs(self, table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
        """What an exclusion asks for by dotted key; a value of a factor may be a table itself."""
        for key, value in table.items():
            dotted = f"{prefix}{key}"
            if isinstance(value, dict) and value and dotted not in self._varied:
                yield from self._pairs(value, f"{dotted}.")
            else:
                yield dotted, value

    def _at(self, place: Keys) -> Keys:
        return (*self._findings.at, *place)


def _leaves(table: Mapping[str, Any], place: Keys) -> Iterator[tuple[str, Keys, Any]]:
    """Keys, dotted, however they are written: `"model.depth" = [2]` or `model.depth = [2]`."""
    for key, value in table.items():
        if isinstance(value, dict) and value and not {"low", "high"} & value.keys():
            for inner, keys, leaf in _leaves(value, (*place, key)):
                yield f"{key}.{inner}", keys, leaf
        else:
            yield key, (*place, key), value


def _is_of(varied: Varied, design: Design) -> bool:
    return varied.factor.design == design


def _is_label(label: object) -> bool:
    return isinstance(label, str) and bool(label.strip()) and label.isprintable()
