"""Lays what an experiment says over what it inherits, and remembers who said what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from tui_trainer.spec.check import default_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tui_trainer.spec.problem import Problem
    from tui_trainer.spec.wording import Keys


class Layer(Struct, frozen=True):
    """What one place says: a table of the file, or a change from the command line."""

    tree: dict[str, Any]
    keys: Keys = ()
    """Where the table stands in the file."""
    change: str = ""
    """The change as it was typed, or empty for a table of the file."""
    within: Keys = ()
    """The keys that lead to what stands there, where it is less than an experiment's table."""

    def written_at(self, keys: Keys) -> Keys:
        """Where a key of the experiment is written, if it is written here."""
        return (*self.keys, *keys[len(self.within) :])


class Place(Struct, frozen=True):
    """Where a key was written."""

    keys: Keys
    """From the top of the file; for a change, from the top of the experiment."""
    change: str
    depth: int
    """How many layers lie below: the higher, the nearer to the experiment itself."""


class Layers(Struct, frozen=True):
    """Layers and the tree they add up to; trees share what they inherit and are never altered."""

    layers: tuple[Layer, ...] = ()
    tree: dict[str, Any] = {}

    def with_layer(self, layer: Layer) -> Layers:
        """These layers with one more on top."""
        tree = _merged(self.tree, layer.tree, default_names())
        return Layers((*self.layers, layer), tree)

    def holds(self, keys: Keys) -> bool:
        """Whether anybody says anything about a key."""
        return _holds(self.tree, keys)

    def value_above(self, tree: Mapping[str, Any]) -> Keys:
        """Where a tree of one key would have to pass through a value, or nothing."""
        here: Any = self.tree
        keys: Keys = ()
        step: Any = tree
        while isinstance(step, dict) and isinstance(here, dict) and len(step) == 1:
            key, step = next(iter(step.items()))
            keys, here = (*keys, key), here.get(key, {})
        return keys if isinstance(step, dict) and not isinstance(here, dict) else ()

    def place_of(self, keys: Keys) -> Place:
        """Where a key was written; a key that is missing belongs to the table it is missing in."""
        known = keys
        while known and not _holds(self.tree, known):
            known = known[:-1]
        while True:
            for depth in range(len(self.layers) - 1, -1, -1):
                layer = self.layers[depth]
                if _holds(layer.tree, known):
                    return Place(layer.written_at(keys), layer.change, depth)
            known = known[:-1]


def placed(problem: Problem, layers: Layers) -> Problem:
    """The problem at the place where its key was written, in the file or in a change."""
    places = [layers.place_of(keys) for keys in (problem.keys, *problem.related)]
    # A rule that binds several keys is broken by whoever spoke last.
    place = max(places, key=lambda candidate: candidate.depth)
    return structs.replace(problem, keys=place.keys, related=(), change=place.change)


def _merged(
    below: Mapping[str, Any], above: Mapping[str, Any], names: Mapping[str, str]
) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        inherited = merged.get(key)
        if isinstance(value, dict) and isinstance(inherited, dict):
            same = _same_name(inherited, value, names.get(key))
            merged[key] = _merged(inherited, value, {}) if same else value
        else:
            merged[key] = value
    return merged


def _same_name(below: Mapping[str, Any], above: Mapping[str, Any], default: str | None) -> bool:
    """Whether two tables speak of the same kind: a resnet18 has no use for a cnn's depth."""
    inherited = below.get("name", default)
    return bool(above.get("name", inherited) == inherited)


def _holds(tree: object, keys: Keys) -> bool:
    for key in keys:
        table = dict(enumerate(tree)) if isinstance(tree, list) else tree
        if not isinstance(table, dict) or key not in table:
            return False
        tree = table[key]
    return True
