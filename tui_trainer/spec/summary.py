"""The few facts that a list of runs shows of the experiment that a run was started with."""

from __future__ import annotations

import hashlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tui_trainer.errors import InvalidExperimentsError
from tui_trainer.spec.table import BESIDE_THE_RESULT, plain
from tui_trainer.spec.toml_file import TomlDocument, parse
from tui_trainer.spec.wording import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tui_trainer.spec.experiment import Experiment

SNAPSHOT_NAME: Final = "experiment.toml"
SNAPSHOT_HINT: Final = "the snapshot was edited, or written by another version of tui-trainer"

Setting = bool | int | float | str
_NO_SETTINGS = ("fingerprint", "description")


class Summary(NamedTuple):
    """What a list of runs needs of a snapshot; read without loading or checking the rest."""

    fingerprint: str
    epochs: int
    description: str
    settings: Mapping[str, Setting] = MappingProxyType({})
    """Every key that it trains with by its dotted name; arrays as a text: `rotation degrees=10`."""

    def extended(self, epochs: int) -> Summary:
        """The same with more epochs; as another schedule leads there, by another fingerprint."""
        if epochs <= self.epochs:
            return self
        named = f"{self.fingerprint} extended to {epochs} epochs"
        fingerprint = hashlib.sha256(named.encode()).hexdigest()[:16]
        settings = {**self.settings, "epochs": epochs}
        return self._replace(fingerprint=fingerprint, epochs=epochs, settings=settings)


def read_summary(text: str) -> Summary:
    """The few facts that a list of runs shows.

    Raises:
        InvalidExperimentsError: The snapshot is damaged.
    """
    settings = snapshot_table(parse(text, SNAPSHOT_NAME), "experiment")
    epochs = settings.get("epochs")
    if not isinstance(epochs, int):
        raise InvalidExperimentsError(
            [f"{SNAPSHOT_NAME}: experiment.epochs is missing"], hint=SNAPSHOT_HINT
        )
    return Summary(
        fingerprint=str(settings.get("fingerprint", "")),
        epochs=epochs,
        description=str(settings.get("description", "")),
        settings={key: value for key, value in _flat(settings, "") if key not in _NO_SETTINGS},
    )


def summary_of(experiment: Experiment) -> Summary:
    """The same facts of an experiment that was not launched yet."""
    return Summary(
        fingerprint=experiment.fingerprint,
        epochs=experiment.epochs,
        description=experiment.description,
        settings={k: value for k, value in _flat(plain(experiment), "") if k not in _NO_SETTINGS},
    )


def decides(key: str) -> bool:
    """Whether what is set there decides anything of a result."""
    return not any(key == each or key.startswith(f"{each}.") for each in BESIDE_THE_RESULT)


def snapshot_table(document: TomlDocument, name: str) -> dict[str, Any]:
    """A top-level table of a snapshot.

    Raises:
        InvalidExperimentsError: The snapshot has none of that name.
    """
    value = document.tree.get(name)
    if isinstance(value, dict):
        return value
    raise InvalidExperimentsError([f"{SNAPSHOT_NAME}: has no [{name}] table"], hint=SNAPSHOT_HINT)


def said(setting: Setting) -> str:
    """A setting as experiments.toml may have it, texts without quotes: `true`, `4`, `0.1`."""
    if isinstance(setting, bool):
        return str(setting).lower()
    return str(setting).removesuffix(".0") if isinstance(setting, float) else str(setting)


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Setting]]:
    for key, value in table.items():
        name = prefix + escape(key)
        if isinstance(value, dict):
            yield from _flat(value, f"{name}.")
        else:
            yield name, value if isinstance(value, bool | int | float) else in_words(value)


def in_words(value: Any) -> str:
    """A value on one line: of a table in an array its name first, then its other keys."""
    if isinstance(value, list | tuple):
        return ", ".join(map(in_words, value)) or "none"
    if isinstance(value, dict):
        rest = (f"{key}={in_words(each)}" for key, each in value.items() if key != "name")
        return escape(" ".join([*([str(value["name"])] if "name" in value else []), *rest]))
    return escape(said(value))
