"""Lists what an experiment says, key by key, and which of it is as where nobody says anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import NODEFAULT, UNSET, Struct, structs

from tui_trainer.spec.data import own_pipeline
from tui_trainer.spec.experiment import Experiment
from tui_trainer.spec.table import OPEN, fields_of, plain

if TYPE_CHECKING:
    from collections.abc import Iterator


class Setting(NamedTuple):
    """One key of an experiment and its value."""

    key: str
    """Dotted, as experiments.toml takes it: `optimizer.lr`."""
    value: Any
    is_default: bool
    """Whether the key has this value where nobody says anything."""


def settings_of(table: Struct, prefix: str = "", usual: object = None) -> Iterator[Setting]:
    """Every setting of a table that has a value, in the order of the schema, names first.

    Args:
        table: An experiment, or a table in it.
        prefix: What its keys begin with.
        usual: The table that stands there where nobody says anything; of another kind than this
            one, it only tells that this one's name was chosen.
    """
    said = plain(table)
    for field in sorted(fields_of(type(table)), key=lambda field: field.name != "name"):
        key, value = f"{prefix}{field.encode_name}", getattr(table, field.name)
        if isinstance(value, Struct):
            yield from settings_of(value, f"{key}.", _usual(table, field))
        elif field.name == OPEN:
            for parameter, entry in value.items():
                yield Setting(f"{prefix}{parameter}", entry, is_default=False)
        elif field.name == "name":
            yield Setting(key, value, value == getattr(usual, "name", None))
        elif field.encode_name in said:
            default = _default(field)
            default = getattr(usual, field.name, UNSET) if default is UNSET else default
            yield Setting(key, said[field.encode_name], value == default)


def _usual(table: Struct, field: structs.FieldInfo) -> object:
    """The table that stands there where nobody says anything; the pipeline's is the data set's."""
    if isinstance(table, Experiment) and field.name == "pipeline":
        return own_pipeline(table.data.name)
    return _default(field)


def _default(field: structs.FieldInfo) -> Any:
    if field.default is not NODEFAULT:
        return field.default
    return UNSET if field.default_factory is NODEFAULT else field.default_factory()
