"""What every table of experiments.toml is made of: keys checked, numbers with a range."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct, structs

Positive = Annotated[float, Meta(gt=0)]


NonNegative = Annotated[float, Meta(ge=0)]


Fraction = Annotated[float, Meta(ge=0, lt=1)]


Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]


# No file system takes a NUL, and no terminal should be shown the others.
PathText = Annotated[str, Meta(min_length=1, pattern=r"\A[^\x00-\x1f\x7f-\x9f]+\Z")]


OPEN = "parameters"
"""The key of tables that stand for any class of PyTorch: what the class takes. In TOML its
parameters stand in the table itself."""
BESIDE_THE_RESULT: Final = (
    *("description", "checkpoint_minutes", "launcher", "resources"),
    *("data.root", "data.verify", "data.stage"),
)
"""Keys and tables that decide nothing of a result: no fingerprint knows them."""


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of experiments.toml: immutable, keys checked."""


@lru_cache(maxsize=256)
def fields_of(kind: type[Struct]) -> tuple[structs.FieldInfo, ...]:
    """The keys of a table; msgspec reads its annotations anew each time, which takes a while."""
    return structs.fields(kind)


def plain(table: Struct) -> dict[str, Any]:
    """The table as TOML and JSON can hold it: no tuples, keys without a value left out."""
    tree: dict[str, Any] = msgspec.to_builtins(table)
    return _without_none(tree)


def _without_none(tree: dict[str, Any]) -> dict[str, Any]:
    flat = {**tree, **tree.get(OPEN, {})}
    flat.pop(OPEN, None)
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in flat.items()
        if value is not None
    }
