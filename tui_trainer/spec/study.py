"""A study: one experiment varied by a plan, and the points that this makes, each to be run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct

from tui_trainer.spec.experiment import Experiment
from tui_trainer.spec.problem import Problem
from tui_trainer.spec.table import PathText, Seed, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_POINTS = 1000
# They are laid out and checked within a second or two.
MOST_POINTS_IN_ALL = 4000
Design = Literal["grid", "ablate", "random", "search"]


SearchMetric = Literal["val", "ood", "loss"]


class Factor(Struct, frozen=True):
    """One key that a study varies."""

    key: str
    """Dotted, as `--set` takes it: `model.depth`."""
    values: tuple[Any, ...]
    """What it is varied over, as TOML has it; nothing where it is drawn from a range."""
    labels: tuple[str, ...]
    """What people call each value."""
    design: Design


class Point(Struct, frozen=True):
    """One experiment of a study."""

    name: str
    """Stable, and safe for shells and folders: `depth.depth-4.seed-1`."""
    study: str
    changes: Mapping[str, Any]
    """What it changes of the base, by dotted key; the seed is told apart."""
    labels: Mapping[str, str]
    """What people call each changed value, by dotted key."""
    seed: int
    is_base: bool
    """Whether it trains what the base does, but for the seed."""
    experiment: Experiment


class Search(Struct, frozen=True):
    """How a study finds its points by itself."""

    table: SearchTable
    space: Mapping[str, tuple[Any, ...] | Range]
    words: Mapping[str, tuple[str, ...]]
    """What stands for each value of an array, in the records of the search."""

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """What is better of the metric."""
        default: Literal["maximize", "minimize"]
        default = "minimize" if self.table.metric == "loss" else "maximize"
        return self.table.direction or default


class Study(Struct, frozen=True):
    """One experiment varied by a plan."""

    name: str
    description: str
    base: str
    factors: tuple[Factor, ...]
    seeds: tuple[int, ...]
    points: tuple[Point, ...]
    """Those without a mistake, in the order they are run: every setting once, then again with the
    next seed."""
    search: Search | None = None
    """How it finds its points by itself, one after the other; None where it does not."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with it; nothing is started of a study that has any."""

    @property
    def designs(self) -> tuple[Design, ...]:
        """By which plans it varies its factors; none where only seeds differ."""
        return tuple(dict.fromkeys(factor.design for factor in self.factors))


class Range(Table, frozen=True, kw_only=True):
    """What a key of a `space` may be drawn from, in place of an array of values."""

    low: float
    """The smallest value; where both bounds are integers, integers are drawn."""
    high: float
    """The largest value."""
    log: bool = False
    """Whether each factor of ten is as likely as the next, as learning rates want it."""


class RandomTable(Table, frozen=True, kw_only=True):
    """Points drawn at random, each by its own number: a larger `n` leaves the others alone."""

    n: Annotated[int, Meta(ge=1, le=MOST_POINTS)]
    """How many points."""
    space: dict[str, Any]
    """What each key is drawn from: an array of values, or `{ low, high, log }`."""
    seed: Seed = 0
    """Another seed draws other points."""


class SearchTable(Table, frozen=True, kw_only=True):
    """Points that Optuna chooses by what others came to; one that does badly is stopped early."""

    trials: Annotated[int, Meta(ge=1, le=MOST_POINTS)]
    """How many points; more of them go on with the same search."""
    space: dict[str, Any]
    """What each key is chosen from: an array of values, or `{ low, high, log }`."""
    metric: SearchMetric = "val"
    """`val`: the best validation accuracy; `ood`: accuracy out of distribution; `loss`: the lowest
    of validation."""
    direction: Literal["maximize", "minimize"] | None = None
    """Default: `minimize` for a loss."""
    sampler: Literal["tpe", "random"] = "tpe"
    pruner: Literal["median", "successive_halving", "hyperband", "none"] = "median"
    """Stops a run whose metric after an epoch is below what others had; `none` lets all go on."""
    at_once: Annotated[int, Meta(ge=1, le=64)] = 1
    """Runs under way at a time; each knows less of the others."""
    seed: Seed = 0
    """Of the sampler."""


class StudyTable(Table, frozen=True, kw_only=True):
    """What `[studies.NAME]` may say."""

    description: str = ""
    """One line for lists."""
    base: PathText
    """The experiment that is varied."""
    grid: dict[str, Any] | None = None
    """Every combination of the values of its keys: `{ "model.depth" = [2, 4, 8] }`."""
    ablate: dict[str, Any] | None = None
    """One change at a time, beside the base itself: `{ augment = [[]], epochs = [50, 100] }`."""
    random: RandomTable | None = None
    """Points drawn at random."""
    search: SearchTable | None = None
    """Points that are searched for, in place of all other plans."""
    seeds: Annotated[int, Meta(ge=1, le=100)] | tuple[Seed, ...] | None = None
    """Each point is trained with each of these; a number counts from the base's seed on. Default:
    the base's seed alone."""
    exclude: tuple[dict[str, Any], ...] = ()
    """Points to leave out: those that have all the values of one of these tables; `seed` may be
    among its keys."""
    labels: dict[str, Any] | None = None
    """What people call the values of a key: a text for each, in their order."""
