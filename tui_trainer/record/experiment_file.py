"""Reads what a run was launched with, whole."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

from tui_trainer.errors import InvalidExperimentsError, UsageError
from tui_trainer.record.events import read_events
from tui_trainer.record.state import fold
from tui_trainer.record.tail import read_small
from tui_trainer.record.verify_records import Recorded
from tui_trainer.spec.snapshot import experiment_from_toml
from tui_trainer.spec.summary import SNAPSHOT_NAME, read_summary, snapshot_table
from tui_trainer.spec.toml_file import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.spec.experiment import Experiment
    from tui_trainer.spec.summary import Summary


class LaunchedExperiment(NamedTuple):
    """The content of experiment.toml."""

    experiment: Experiment
    """Resolved: defaults, base and changes applied; its epochs are those it was launched for."""
    fingerprint: str
    """As it was at the launch: a later version may know more keys and compute another one."""
    plan: Summary
    """What it is to run by now; the epochs and the fingerprint of a run that was extended differ
    from those that it was launched with."""
    provenance: dict[str, Any]
    """Where, when and with what it was launched."""


def read_experiment(folder: RunFolder) -> LaunchedExperiment:
    """What the run was launched with.

    Raises:
        InvalidExperimentsError: the file is missing, damaged or of another version.
    """
    content = read_small(folder.experiment_file)
    if content is None:
        raise InvalidExperimentsError(
            [f"{folder.experiment_file} is missing or cannot be read"],
            hint=f"launch it anew: tui-trainer run {folder.experiment_name}",
        )
    text = content.decode(errors="replace")
    experiment, provenance = experiment_from_toml(text)
    summary = read_summary(text)
    extended = fold(read_events(folder.events_file)).extended
    plan = summary if extended is None else summary.extended(extended.epochs)
    return LaunchedExperiment(experiment, summary.fingerprint, plan, provenance)


def read_provenance(folder: RunFolder) -> Mapping[str, Any]:
    """Where, when and with what the run was launched; nothing where that cannot be read."""
    with contextlib.suppress(InvalidExperimentsError):
        text = (read_small(folder.experiment_file) or b"").decode(errors="replace")
        return snapshot_table(parse(text, SNAPSHOT_NAME), "provenance")
    return {}


def read_experiment_to_train(folder: RunFolder) -> LaunchedExperiment:
    """What an attempt of the run trains: what it was launched with.

    Raises:
        InvalidExperimentsError: the file is missing, damaged or of another version.
        UsageError: somebody changed in it what decides the result.
    """
    launched = read_experiment(folder)
    # Only in what was edited: a later version may compute another fingerprint of the same content.
    if launched.experiment.fingerprint != launched.fingerprint and was_edited(folder):
        raise UsageError(
            f"{folder.experiment_file} was changed since the launch, in settings that decide the "
            "result: trained further, the run would be a mix of both",
            hint="put back what stood there (what the run was launched with); other settings are "
            f"for a new run: tui-trainer run {folder.experiment_name} --set KEY=VALUE",
        )
    return launched


def was_edited(folder: RunFolder) -> bool:
    """Whether experiment.toml is another file than at the launch, as far as that was recorded."""
    recorded = Recorded.of(read_events(folder.events_file))
    return bool(recorded.compare_experiment(folder.experiment_file).fault)
