"""What other tools read of an export is what the run measured, and no name does any harm."""

from __future__ import annotations

import csv
import errno
import gc
import importlib.util
import json
import shutil
import struct
import subprocess
import sys
import weakref
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.tui.run_folders import RunWriter, write_project
from tui_trainer.errors import UsageError
from tui_trainer.record.index import Index, Run, RunReader
from tui_trainer.record.remarks import add_to_note, tag
from tui_trainer.record.run_folder import RunFolder, all_runs
from tui_trainer.study.export.content import figures, file_name, key_name, results
from tui_trainer.study.export.target import Target, export
from tui_trainer.study.export.targets import TOOLS, bundle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HOSTILE = "=1+1 [red]é\x1b[31m"
"""A folder that a person made; experiments cannot be called so."""


def needs(package: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"the extra that installs {package} is not here")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, and a crashed one of a name that is none."""
    project = write_project(tmp_path_factory.mktemp("made") / "my project")
    finished = RunWriter(project, "cnn2").start().train(3, ood_gap=0.3)
    folder = finished.evaluate(0.9617).evaluate_ood(0.5132, 0.4486).end(0)
    tag(folder, ["baseline"])
    add_to_note(folder, "=HYPERLINK(1)")
    RunWriter(project, "cnn4").start().train(2).end(1, "@broken")
    (project / "runs" / "cnn4").rename(project / "runs" / HOSTILE)
    return project / "runs"


@pytest.fixture
def finished(runs: Path) -> Run:
    return RunReader(RunFolder(runs / "cnn2" / "1")).look()


def exported(tool: str, runs: Path, to: Path) -> Path:
    export(TOOLS[tool], all_runs(runs), to)
    return to


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def single(value: float) -> float:
    """As TensorBoard keeps it: in 32 bits."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def test_csv_has_a_row_for_each_epoch_and_each_run(
    runs: Path, finished: Run, tmp_path: Path
) -> None:
    place = exported("csv", runs, tmp_path / "csv")
    epochs = [row for row in rows_of(place / "epochs.csv") if row["run"] == "cnn2/1"]
    assert [float(row["validation_loss"]) for row in epochs] == [
        epoch.validation_loss for epoch in finished.epochs
    ]
    assert [int(row["epoch"]) for row in epochs] == [1, 2, 3]
    assert epochs[0]["data_seconds"] == ""
    by_name = {row["run"]: row for row in rows_of(place / "runs.csv")}
    row = by_name["cnn2/1"]
    assert (row["state"], row["test_accuracy"], row["tags"]) == ("finished", "0.9617", "baseline")
    assert (row["settings.model.depth"], row["settings.augment"]) == ("2", "none")


def test_no_cell_of_a_csv_is_a_formula(runs: Path, tmp_path: Path) -> None:
    place = exported("csv", runs, tmp_path / "csv")
    rows = [*rows_of(place / "runs.csv"), *rows_of(place / "epochs.csv")]
    texts = [text for row in rows for text in row.values()]
    assert "'=1+1 [red]é[31m/1" in texts
    assert {"'=HYPERLINK(1)", "'@broken"} <= set(texts)
    assert not [text for text in texts if text.startswith(("=", "@", "+", "\t"))]


@needs("pyarrow")
def test_parquet_has_the_same_tables(runs: Path, finished: Run, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    place = exported("parquet", runs, tmp_path / "parquet")
    epochs = pq.read_table(place / "epochs.parquet").to_pylist()
    measured = [row["train_loss"] for row in epochs if row["run"] == "cnn2/1"]
    assert measured == [epoch.train_loss for epoch in finished.epochs]
    table = pq.read_table(place / "runs.parquet")
    row = next(row for row in table.to_pylist() if row["run"] == "cnn2/1")
    assert row["settings.optimizer.lr"] == 0.1
    assert row["settings.evaluation.flip"] is False
    assert row["settings.model.depth"] == 2
    assert row["ood_gap"] == 0.4486


@needs("tensorboard")
def test_tensorboard_reads_what_was_measured(runs: Path, finished: Run, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.metadata import (
        PLUGIN_NAME,
        SESSION_START_INFO_TAG,
        parse_session_start_info_plugin_data,
    )

    place = exported("tensorboard", runs, tmp_path / "logs")
    read = EventAccumulator(str(place / "cnn2" / "1"))
    read.Reload()
    for name, value in figures(finished.epochs[-1]).items():
        newest = read.Scalars(name)[-1]
        assert (newest.step, newest.value) == (3, single(value)), name
        assert newest.wall_time == finished.epochs[-1].time
    assert len(read.Scalars("train/loss")) == 3
    for name, value in results(finished).items():
        assert [scalar.value for scalar in read.Scalars(name)] == [single(value)]
    content = read.PluginTagToContent(PLUGIN_NAME)[SESSION_START_INFO_TAG]
    chosen = parse_session_start_info_plugin_data(content).hparams
    assert chosen["model.depth"].number_value == 2
    assert chosen["evaluation.flip"].HasField("bool_value")
    assert chosen["optimizer.name"].string_value == "sgd"
    names = {path.name for path in place.iterdir()}
    assert names == {"cnn2", file_name(HOSTILE)}


@needs("wandb")
def test_wandb_reads_what_was_measured(
    runs: Path, finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    script = (
        "from pathlib import Path\nfrom tests.study.test_export import exported\n"
        f"exported('wandb', Path({str(runs)!r}), Path({str(tmp_path / 'offline')!r}))"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    folders = sorted((tmp_path / "offline").iterdir())
    assert all(folder.name.startswith("offline-run-") for folder in folders)
    told = wandb("sync", "--dry-run", *map(str, folders))
    assert "Would sync 2 run(s)" in told.stderr
    logs = [records_of(folder) for folder in folders]
    records = next(log for log in logs if log["run"][0]["display_name"] == "cnn2/1")
    (about,) = records["run"]
    assert about["config"]["update"]["model"]["depth"] == 2
    assert about["config"]["update"]["tui_trainer"]["state"] == "finished"
    assert (about["tags"], about["notes"]) == (["baseline"], "=HYPERLINK(1)")
    assert len(records["history"]) == 3
    for epoch, record in zip(finished.epochs, records["history"], strict=True):
        assert figures(epoch).items() <= record["item"].items()
        assert (record["item"]["_step"], record["item"]["_timestamp"]) == (epoch.epoch, epoch.time)
    summary: dict[str, Any] = {}
    for record in records["summary"]:
        summary |= record["update"]
    assert results(finished).items() <= summary.items()
    codes = [log["exit"][0].get("exit_code", 0) for log in logs]
    assert sorted(codes) == [0, 1]


@needs("wandb")
def test_a_log_that_wandb_cannot_write_is_not_told_about(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    script = (
        "import logging, pathlib\nfrom tests.study.test_export import exported\n"
        "full = logging.StreamHandler(open('/dev/full', 'w', buffering=1))\n"
        "logging.getLogger('wandb').addHandler(full)\n"
        f"exported('wandb', pathlib.Path({str(runs)!r}), pathlib.Path({str(tmp_path / 'to')!r}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert (tmp_path / "to").is_dir()
    assert "Logging error" not in done.stderr


def wandb(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wandb", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def records_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The run's log by wandb's own reader, by the kind of record."""
    records: dict[str, list[dict[str, Any]]] = {}
    for line in wandb("leet", "inspect", "--json", str(folder)).stdout.splitlines():
        record = json.loads(line)
        records.setdefault(record["type"], []).append(record[record["type"]])
    return records


@needs("mlflow")
def test_mlflow_reads_what_was_measured(runs: Path, finished: Run, tmp_path: Path) -> None:
    # Each store has an experiment of this name already.
    shutil.copytree(runs / "cnn2", shutil.copytree(runs, tmp_path / "runs") / "Default")
    runs = tmp_path / "runs"
    script = (
        "import json, sys\nfrom pathlib import Path\n"
        "from tests.study.test_export import exported\n"
        f"place = exported('mlflow', Path({str(runs)!r}), Path({str(tmp_path / 'mlruns')!r}))\n"
        "from mlflow.tracking import MlflowClient\n"
        "client = MlflowClient(place.as_uri())\n"
        "known = client.search_experiments()\n"
        "runs = client.search_runs([each.experiment_id for each in known])\n"
        "print(json.dumps({run.info.run_name: [run.info.status, run.data.params, run.data.tags, "
        "run.data.metrics, [(metric.step, metric.timestamp, metric.value) for metric in "
        "client.get_metric_history(run.info.run_id, 'train/loss')]] for run in runs}))\n"
        "print(json.dumps([each.artifact_location for each in known]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    by_name, places = map(json.loads, done.stdout.splitlines())
    status, parameters, tags, metrics, losses = by_name["cnn2/1"]
    assert status == "FINISHED"
    assert parameters["model.depth"] == "2"
    assert (tags["tui_trainer.run"], tags["tag.baseline"]) == ("cnn2/1", "true")
    assert {**figures(finished.epochs[-1]), **results(finished)} == metrics
    assert losses == [
        [epoch.epoch, round(1000 * (epoch.time or 0)), epoch.train_loss]
        for epoch in finished.epochs
    ]
    assert {status for status, *_ in by_name.values()} == {"FINISHED", "FAILED"}
    assert by_name["Default/1"][3] == metrics
    assert all(place.startswith((tmp_path / "mlruns").as_uri()) for place in places)


@pytest.mark.parametrize("name", ["..", ".hidden", "a/b", "a b", "é", "", "x" * 300, "a\nb"])
def test_any_name_is_safe_as_a_file(name: str) -> None:
    safe = file_name(name)
    assert Path(safe).name == safe
    assert safe.isascii()
    assert not safe.startswith(".")
    assert len(safe) < 120
    assert safe != file_name(f"{name}!")


def test_a_key_keeps_its_groups_and_leads_nowhere() -> None:
    assert key_name("train/loss") == "train/loss"
    assert key_name("optimizer.lr") == "optimizer.lr"
    assert ".." not in key_name("../../etc/passwd").split("/")


def test_a_second_export_is_refused(runs: Path, tmp_path: Path) -> None:
    place = exported("csv", runs, tmp_path / "csv")
    before = (place / "epochs.csv").stat().st_mtime_ns
    with pytest.raises(UsageError, match="csv exists; it is left as it is"):
        exported("csv", runs, place)
    assert (place / "epochs.csv").stat().st_mtime_ns == before
    assert list(tmp_path.iterdir()) == [place]


def test_no_runs_are_no_export(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no runs to export"):
        export(bundle("needed"), [], tmp_path / "place")
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_fails_leaves_nothing(runs: Path, tmp_path: Path) -> None:
    def fails(runs: Iterable[Run], place: Path, _destination: Path) -> None:
        TOOLS["csv"].write(runs, place, place)
        raise OSError(errno.ENOSPC, "the disk is full")

    with pytest.raises(OSError, match=r"the disk is full: '.*/csv'"):
        export(Target("csv", "", fails, ""), all_runs(runs), tmp_path / "csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("spec", [None, ModuleSpec("wandb", None)], ids=["absent", "a folder"])
def test_without_its_package_a_tool_says_what_to_install(
    spec: ModuleSpec | None, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui_trainer.study.export.target.find_spec", lambda _name: spec)
    with pytest.raises(UsageError, match="by the package wandb, which is not here") as refused:
        exported("wandb", runs, tmp_path / "wandb")
    assert refused.value.hint == "pip install 'tui-trainer[wandb]'"


@pytest.mark.parametrize("tool", ["csv", "tensorboard"])
def test_of_many_runs_one_is_in_memory(tool: str, runs: Path, tmp_path: Path) -> None:
    pytest.importorskip(TOOLS[tool].needs or "csv")
    seen: list[weakref.ref[Run]] = []

    def one_by_one() -> Iterator[Run]:
        for number in range(4):
            run = Index(runs).look()[0]
            object.__setattr__(run, "folder", RunFolder(runs / "cnn2" / str(number + 1)))
            seen.append(weakref.ref(run))
            yield run
            del run
            gc.collect()
            assert sum(each() is not None for each in seen) <= 1

    TOOLS[tool].write(one_by_one(), tmp_path / "place", tmp_path / "place")
    assert len(seen) == 4
