"""Writes runs as TensorBoard's event files: scalars by epoch, results and hyper-parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui_trainer.study.export.content import (
    began,
    ended,
    figures,
    file_name,
    identifier,
    key_name,
    results,
    settings,
    went_wrong,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tui_trainer.record.index import Run


def write(runs: Iterable[Run], place: Path, _destination: Path) -> None:
    """One event file for each run, at EXPERIMENT/NUMBER."""
    place.mkdir()
    for run in runs:
        folder = place / file_name(run.folder.experiment_name) / run.folder.path.name
        folder.mkdir(parents=True)
        # What TensorBoard looks for in a name; it reads files in their order.
        name = f"events.out.tfevents.{int(began(run))}.tui-trainer"
        _write_run(run, folder / name)


def _write_run(run: Run, path: Path) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    first, last, best = began(run), ended(run), run.best
    with path.open("wb") as file:
        writer = RecordWriter(file)

        def add(time: float, step: int, summary: Any) -> None:
            event = Event(wall_time=time, step=step, summary=summary)
            writer.write(event.SerializeToString())

        writer.write(Event(wall_time=first, file_version="brain.Event:2").SerializeToString())
        add(first, 0, _session_start(run))
        for epoch in run.epochs:
            add(epoch.time or first, epoch.epoch, _scalars(figures(epoch)))
        add(last, best.epoch if best else 0, _scalars(results(run)))
        add(last, 0, _session_end(run))


def _scalars(values: Mapping[str, float]) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(
        value=[
            Summary.Value(tag=key_name(key), simple_value=value) for key, value in values.items()
        ]
    )


def _session_start(run: Run) -> Any:
    from tensorboard.plugins.hparams.metadata import SESSION_START_INFO_TAG
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo

    info = SessionStartInfo(start_time_secs=began(run), group_name=identifier(run))
    for key, value in settings(run).items():
        chosen = info.hparams[key_name(key)]
        if isinstance(value, bool):
            chosen.bool_value = value
        elif isinstance(value, str):
            chosen.string_value = value
        else:
            chosen.number_value = value
    return _hyper_parameters(SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=info))


def _session_end(run: Run) -> Any:
    from tensorboard.plugins.hparams import api_pb2
    from tensorboard.plugins.hparams.metadata import SESSION_END_INFO_TAG
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo

    status = api_pb2.STATUS_RUNNING if run.state.is_live else api_pb2.STATUS_SUCCESS
    status = api_pb2.STATUS_FAILURE if went_wrong(run) else status
    info = SessionEndInfo(status=status, end_time_secs=ended(run))
    return _hyper_parameters(SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=info))


def _hyper_parameters(tag: str, content: Any) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.metadata import NULL_TENSOR, create_summary_metadata

    metadata = create_summary_metadata(content)
    return Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=NULL_TENSOR)])
