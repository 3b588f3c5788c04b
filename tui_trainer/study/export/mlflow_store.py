"""Writes runs as MLflow's file store: an experiment for each of ours, its runs in it."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, Any

from tui_trainer.errors import UsageError
from tui_trainer.record.plain_text import plain_line
from tui_trainer.spec.summary import said
from tui_trainer.study.export.content import (
    about,
    began,
    ended,
    figures,
    file_name,
    key_name,
    note,
    results,
    settings,
    went_wrong,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tui_trainer.record.index import Run

# What MLflow takes at once, and what of a text it keeps.
_METRICS_AT_ONCE, _OTHERS_AT_ONCE, _LONGEST_VALUE = 1000, 100, 5000
# A store has an experiment for runs that are of none, and no second one of its name.
_UNNAMED = {"Default": "0"}


def write(runs: Iterable[Run], place: Path, destination: Path) -> None:
    """One store with all the runs."""
    # MLflow asks whoever still wants a store of plain files to say so.
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    final = destination.absolute().as_uri()
    client = MlflowClient(tracking_uri=place.absolute().as_uri())
    experiments = dict(_UNNAMED)
    for run in runs:
        name = run.folder.experiment_name
        if name not in experiments:
            artifacts = f"{final}/artifacts/{file_name(name)}"
            experiments[name] = client.create_experiment(file_name(name), artifacts)
        try:
            _write_run(client, experiments[name], run)
        except MlflowException as error:
            words = plain_line(error.message)
            raise UsageError(f"MLflow does not take {run.name}: {words}") from error
    # The store made this one, where it stands at this moment.
    unnamed = place / _UNNAMED["Default"] / "meta.yaml"
    unnamed.write_text(unnamed.read_text().replace(place.absolute().as_uri(), final))


def _write_run(client: Any, experiment: str, run: Run) -> None:
    from mlflow.entities import Param, RunTag

    created = client.create_run(experiment, _milliseconds(began(run)), run_name=about(run)["run"])
    run_id = created.info.run_id
    for metrics in _some(_metrics(run), _METRICS_AT_ONCE):
        client.log_batch(run_id, metrics=metrics)
    parameters = (
        Param(key_name(key), said(value)[:_LONGEST_VALUE]) for key, value in settings(run).items()
    )
    for some in _some(parameters, _OTHERS_AT_ONCE):
        client.log_batch(run_id, params=some)
    tags = [RunTag(f"tui_trainer.{key}", value) for key, value in about(run).items()]
    tags += [RunTag(f"tag.{key_name(tag)}", "true") for tag in run.remarks.tags]
    tags += [RunTag("mlflow.note.content", note(run)[:_LONGEST_VALUE])] * bool(note(run))
    for some_tags in _some(iter(tags), _OTHERS_AT_ONCE):
        client.log_batch(run_id, tags=some_tags)
    client.set_terminated(run_id, _status(run), _milliseconds(ended(run)))


def _metrics(run: Run) -> Iterator[Any]:
    from mlflow.entities import Metric

    for epoch in run.epochs:
        time = _milliseconds(epoch.time or began(run))
        for key, value in figures(epoch).items():
            yield Metric(key_name(key), value, time, epoch.epoch)
    step = run.best.epoch if run.best else 0
    for key, value in results(run).items():
        yield Metric(key_name(key), value, _milliseconds(ended(run)), step)


def _status(run: Run) -> str:
    if run.state.is_live:
        return "RUNNING"
    return "FAILED" if went_wrong(run) else "FINISHED"


def _milliseconds(time: float) -> int:
    return round(1000 * time)


def _some(things: Iterator[Any], count: int) -> Iterator[list[Any]]:
    while some := list(islice(things, count)):
        yield some
