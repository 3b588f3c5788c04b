"""The few facts that a list of runs shows of the experiment that a run was started with."""

from __future__ import annotations

import hashlib
from typing import Any, Final, NamedTuple

from tui_trainer.errors import InvalidExperimentsError
from tui_trainer.spec.toml_file import TomlDocument, parse

SNAPSHOT_NAME: Final = "experiment.toml"
SNAPSHOT_HINT: Final = "the snapshot was edited, or written by another version of tui-trainer"


class Summary(NamedTuple):
    """What a list of runs needs of a snapshot; read without loading or checking the rest."""

    fingerprint: str
    epochs: int
    description: str

    def extended(self, epochs: int) -> Summary:
        """The same with more epochs; as another schedule leads there, by another fingerprint."""
        if epochs <= self.epochs:
            return self
        named = f"{self.fingerprint} extended to {epochs} epochs"
        fingerprint = hashlib.sha256(named.encode()).hexdigest()[:16]
        return self._replace(fingerprint=fingerprint, epochs=epochs)


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
    )


def snapshot_table(document: TomlDocument, name: str) -> dict[str, Any]:
    """A top-level table of a snapshot.

    Raises:
        InvalidExperimentsError: The snapshot has none of that name.
    """
    value = document.tree.get(name)
    if isinstance(value, dict):
        return value
    raise InvalidExperimentsError([f"{SNAPSHOT_NAME}: has no [{name}] table"], hint=SNAPSHOT_HINT)
