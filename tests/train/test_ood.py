"""Runs that are measured out of distribution, while they train, at their end and afterwards."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.train.conftest import events_of, new_run, train, without_times
from tests.train.test_loop import StopAt, assert_same
from tests.train.test_ood_files import labelled, unlabelled
from tests.train.test_pipeline import pipeline_of
from tui_trainer.errors import ExitCode, PreflightError, RunCrashedError
from tui_trainer.record.epochs import best_epoch, read_epochs
from tui_trainer.record.events import Evaluated
from tui_trainer.record.index import RunReader
from tui_trainer.record.preflight import Preflight
from tui_trainer.spec.data import Cifar, Npz
from tui_trainer.spec.ood import Ood
from tui_trainer.train import assess, loop, sources
from tui_trainer.train.corruptions import corrupted
from tui_trainer.train.loop import Stopped
from tui_trainer.train.ood import OodSource, Tools, images_of, measure_ood

if TYPE_CHECKING:
    from pathlib import Path

    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.train.dataset import Dataset

SMALL_OOD = {"corruptions": ["fog", "gaussian_noise"], "severities": [1, 5], "probe": 6}


def dataset(project: Path) -> Dataset:
    return sources.load(Cifar(name="cifar10", verify="shape", validation_fraction=0.2), project)


def results_of(folder: RunFolder, name: str = "ood.json") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder.results / name).read_text())
    return content


class Brightest(nn.Module):
    """Takes an image for the class of its mean brightness, in tenths."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> Tensor:
        classes = (images.mean((1, 2, 3)) * 10).long().clamp(0, 9)
        return nn.functional.one_hot(classes, 10).float()


def tools_of(network: nn.Module) -> Tools:
    return Tools(network, pipeline_of(32), lambda: None, lambda _: None)


def guess(images: Any) -> Any:
    tensor = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2)
    return Brightest()(pipeline_of(32)(tensor)).argmax(1).numpy()


@pytest.mark.parametrize("split", ["test", "validation"])
def test_the_table_is_the_accuracy_on_each_corrupted_split(project: Path, split: Any) -> None:
    data = dataset(project)
    settings = Ood(corruptions=("fog", "contrast"), severities=(2, 4), split=split)
    measured = measure_ood(OodSource(settings, data, project, 32), tools_of(Brightest()))
    chosen = getattr(data, split)
    clean, labels = images_of(chosen, 0, len(chosen)), chosen.labels.numpy()
    table = {
        name: {
            str(severity): (guess(corrupted(clean, range(len(clean)), name, severity)) == labels)
            .mean()
            .item()
            for severity in (2, 4)
        }
        for name in ("fog", "contrast")
    }
    for name, row in table.items():
        assert measured["corruptions"][name] == {**row, "mean": sum(row.values()) / 2}
    everything = [value for row in table.values() for value in row.values()]
    assert measured["accuracy"] == pytest.approx(sum(everything) / 4)
    assert measured["clean_accuracy"] == (guess(clean) == labels).mean()
    assert measured["gap"] == measured["clean_accuracy"] - measured["accuracy"]
    assert measured["images"] == 4 * len(chosen)


def written(project: Path, side: int, channels: tuple[int, ...]) -> dict[str, Any]:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (60, side, side, *channels), np.uint8)
    np.savez(project / "mine.npz", images=images, labels=np.arange(60) % 10)
    return {"name": "npz", "path": "mine.npz"}


@pytest.mark.parametrize(("side", "channels"), [(28, ()), (64, (3,))])
def test_own_images_of_another_size_are_corrupted_at_the_pipelines_32(
    project: Path, side: int, channels: tuple[int, ...]
) -> None:
    data = written(project, side, channels)
    folder = new_run(project, data=data, pipeline={"size": 32}, ood=SMALL_OOD, epochs=1)
    folder.experiment_file.write_text(
        folder.experiment_file.read_text().replace("preflight = false", "preflight = true")
    )
    train(folder)
    table = Preflight.read(folder.attempt(1).preflight_file)
    assert table is not None
    assert [warning.found for warning in table.warnings if warning.subject == "ood files"] == [
        f"corruptions are computed of images brought from {side} to 32 pixels"
    ]
    ood = results_of(folder)
    assert ood["images_are"].endswith(f", of images brought from {side} to 32 pixels")
    assert 0 <= ood["accuracy"] <= 1


@pytest.mark.parametrize("side", [28, 64, 224])
def test_own_images_are_not_corrupted_at_a_size_without_strengths(project: Path, side: int) -> None:
    data = sources.load(Npz(**written(project, side, (3,))), project)
    with pytest.raises(PreflightError, match=f"of 32 pixels, not of {side}") as error:
        OodSource(Ood(), data, project, side)
    assert "with pipeline.size = 32 images are brought to 32 pixels" in error.value.hint


def test_images_of_32_are_corrupted_before_they_are_enlarged(project: Path) -> None:
    settings = Ood(corruptions=("fog",), severities=(5,))
    (part,) = OodSource(settings, dataset(project), project, 224).parts()
    assert part.read(0, 4).shape == (4, 32, 32, 3)


def test_a_grey_square_stays_one_when_it_is_brought_to_another_size(project: Path) -> None:
    images = np.full((60, 28, 28), 77, np.uint8)
    np.savez(project / "mine.npz", images=images, labels=np.arange(60) % 10)
    data = sources.load(Npz(name="npz", path="mine.npz"), project)
    settings = Ood(corruptions=("contrast",), severities=(1,))
    (part,) = OodSource(settings, data, project, 32).parts()
    assert set(part.read(0, 6).ravel().tolist()) <= {76, 77}


def test_a_labelled_folder_is_measured_severity_by_severity(project: Path) -> None:
    folder = labelled(project / "c", count=50)
    source = OodSource(Ood(folder="c"), dataset(project), project, 32)
    measured = measure_ood(source, tools_of(Brightest()))
    for name in ("fog", "snow"):
        images = np.load(folder / f"{name}.npy")
        right = guess(images) == np.load(folder / "labels.npy")
        for severity in range(5):
            share = right[severity * 10 : severity * 10 + 10].mean()
            assert measured["corruptions"][name][str(severity + 1)] == share
    assert measured["images"] == 100


def test_the_probe_is_validation_images_each_corrupted_once(project: Path) -> None:
    data = dataset(project)
    settings = Ood(corruptions=("fog", "snow"), severities=(1, 5), probe=6)
    probe = OodSource(settings, data, project, 32).probe()
    assert probe is not None
    clean = images_of(data.validation, 0, 6)
    pairs: list[tuple[Any, int]] = [("fog", 1), ("fog", 5), ("snow", 1), ("snow", 5)]
    for index, image in enumerate(images_of(probe, 0, 6)):
        wanted = corrupted(clean[index : index + 1], [index], *pairs[index % 4])[0]
        assert (image == wanted).all()
    assert probe.labels.tolist() == data.validation.labels[:6].tolist()
    assert OodSource(Ood(), data, project, 32).probe() is None


def test_a_run_writes_its_table_once_and_tells_its_digest(project: Path) -> None:
    folder = new_run(project, ood=SMALL_OOD)
    train(folder)
    result = results_of(folder)
    best = best_epoch(read_epochs(folder.epochs_file))
    assert best is not None
    assert (result["epoch"], result["split"]) == (best.epoch, "test")
    assert set(result["corruptions"]) == {"fog", "gaussian_noise"}
    assert result["clean_accuracy"] == results_of(folder, "clean.json")["accuracy"]
    event = events_of(folder)[-1]
    assert isinstance(event, Evaluated)
    assert (event.split, event.file) == ("ood", "results/ood.json")
    assert event.accuracy == result["accuracy"]
    assert event.sha256 == hashlib.sha256((folder.results / "ood.json").read_bytes()).hexdigest()
    run = RunReader(folder).look()
    assert (run.ood_accuracy, run.ood_gap) == (result["accuracy"], result["gap"])


def test_the_probe_stands_in_every_epoch_and_changes_nothing_else(project: Path) -> None:
    plain, probed = new_run(project), new_run(project, ood=SMALL_OOD)
    train(plain)
    train(probed)
    epochs = read_epochs(probed.epochs_file)
    assert all(epoch.ood_accuracy in {count / 6 for count in range(7)} for epoch in epochs)
    without = [{**epoch, "ood": None} for epoch in without_times(epochs)]
    assert without == without_times(read_epochs(plain.epochs_file))


@pytest.mark.parametrize("at", [1, 6, 7, 14, 15, 16, 17, 18, 19])
def test_stopped_anywhere_and_resumed_it_has_the_same_table(project: Path, at: int) -> None:
    whole, folder = (new_run(project, ood=SMALL_OOD) for _ in range(2))
    train(whole)
    with pytest.raises(Stopped):
        train(folder, StopAt(at))
    train(folder)
    assert_same(folder, whole)
    for name in ("ood.json", "clean.json"):
        assert results_of(folder, name) == results_of(whole, name)
    names = [event.file for event in events_of(folder) if isinstance(event, Evaluated)]
    assert sorted(names) == ["results/clean.json", "results/ood.json"]


def test_the_predictions_are_what_the_accuracy_was_counted_from(project: Path) -> None:
    folder = new_run(project)
    train(folder)
    clean = results_of(folder, "clean.json")
    file = folder.results / "predictions.npz"
    with np.load(file, allow_pickle=False) as arrays:
        assert arrays["logits"].shape == (10, 10)
        assert (arrays["predicted"] == arrays["logits"].argmax(1)).all()
        assert (arrays["predicted"] == arrays["labels"]).mean() == clean["accuracy"]
    assert clean["predictions_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert np.sum(clean["confusion"]) == 10


def test_files_that_are_missing_are_missed_before_the_first_epoch(project: Path) -> None:
    folder = new_run(project, ood={"folder": "absent"})
    with pytest.raises(PreflightError, match="there is no folder"):
        train(folder)
    assert not folder.epochs_file.exists()


def test_a_folder_that_vanishes_leaves_the_run_trained_and_the_result_can_be_had_later(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = labelled(project / "c")
    folder = new_run(project, ood={"folder": "c"})
    evaluate = loop.Training._evaluate

    def without_files(training: loop.Training) -> None:
        files.rename(project / "away")
        evaluate(training)

    monkeypatch.setattr(loop.Training, "_evaluate", without_files)
    with pytest.raises(RunCrashedError, match="trained, but not measured"):
        train(folder)
    before = (folder.checkpoints / "epoch-0002.pt").read_bytes()
    assert results_of(folder, "clean.json")["images"] == 10
    (project / "away").rename(files)
    monkeypatch.setattr(loop.Training, "_evaluate", evaluate)
    train(folder)
    assert set(results_of(folder)["corruptions"]) == {"fog", "snow"}
    assert (folder.checkpoints / "epoch-0002.pt").read_bytes() == before


def test_a_folder_without_labels_becomes_a_submission(project: Path) -> None:
    unlabelled(project / "challenge", files=3)
    folder = new_run(project, ood={"folder": "challenge"})
    train(folder)
    path = folder.results / "submission_ood.csv"
    lines = path.read_text().splitlines()
    assert len(lines) == 31
    assert lines[0] == "id,label"
    assert lines[11].startswith("distortion01_1_0,")
    event = events_of(folder)[-1]
    assert isinstance(event, Evaluated)
    assert event.file == "results/submission_ood.csv"
    assert event.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert not (folder.results / "ood.json").exists()


def state_of(folder: RunFolder) -> dict[str, bytes]:
    """Everything of a run that training wrote."""
    kept = (*folder.checkpoints.iterdir(), folder.epochs_file, folder.experiment_file)
    return {path.name: path.read_bytes() for path in kept}


def test_evaluated_afterwards_it_has_the_table_and_is_otherwise_as_it_was(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, declared = new_run(project), new_run(project, ood={})
    train(folder)
    train(declared)
    before = state_of(folder)
    for _ in range(2):
        assert assess.main([str(folder.path), "evaluate"]) is ExitCode.DONE
        assert "out of distribution: accuracy" in capfd.readouterr().out
    assert state_of(folder) == before
    table, theirs = results_of(folder), results_of(declared)
    for result in (table, theirs):
        del result["fingerprint"]
    assert table == theirs
    events = [event for event in events_of(folder) if isinstance(event, Evaluated)]
    assert [event.split for event in events] == ["test", "ood"]
    assert RunReader(folder).look().ood_accuracy == table["accuracy"]


def test_a_run_that_trains_is_evaluated_beside_its_results(project: Path) -> None:
    folder = new_run(project, ood=SMALL_OOD)
    with pytest.raises(Stopped):
        train(folder, StopAt(10))
    before = state_of(folder)
    assert assess.main([str(folder.path), "evaluate"]) is ExitCode.DONE
    assert state_of(folder) == before
    assert results_of(folder, "epoch-0001/ood.json")["epoch"] == 1
    assert not folder.clean_results_file.exists()
    run = RunReader(folder).look()
    assert (run.clean_accuracy, run.ood) == (None, None)
    assert run.ood_accuracy == read_epochs(folder.epochs_file)[0].ood_accuracy
    assert assess.main([str(folder.path), "evaluate", "--checkpoint=last"]) is ExitCode.DONE
    assert len(list(folder.results.glob("epoch-0002-step-*/clean.json"))) == 1
    train(folder)
    assert results_of(folder)["checkpoint"] == results_of(folder, "clean.json")["checkpoint"]


def test_predictions_are_written_once_and_a_second_time_compared(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = unlabelled(project / "challenge")
    folder = new_run(project)
    train(folder)
    command = [str(folder.path), "predict", f"--folder={files}"]
    assert assess.main(command) is ExitCode.DONE
    path = folder.results / "submission_ood.csv"
    written = path.read_bytes()
    assert f"20 rows, checked: {path}" in capfd.readouterr().out
    assert assess.main(command) is ExitCode.DONE
    assert "says the same" in capfd.readouterr().out
    path.write_bytes(written.replace(b"distortion00_1_0,", b"distortion00_1_0,1"))
    assert assess.main(command) is ExitCode.USAGE
    assert "says something else" in capfd.readouterr().err
    other = project / "mine.csv"
    assert assess.main([*command, f"--output={other}"]) is ExitCode.DONE
    assert other.read_bytes() == written
    assert sorted(item.name for item in folder.results.iterdir()) == [
        "clean.json",
        "predictions.npz",
        "submission_ood.csv",
    ]


@pytest.mark.parametrize(
    ("output", "message"),
    [("absent/deep/mine.csv", "there is no folder"), ("challenge", "is no file")],
)
def test_an_output_that_cannot_be_meant_is_refused(
    project: Path, capfd: pytest.CaptureFixture[str], output: str, message: str
) -> None:
    files = unlabelled(project / "challenge")
    folder = new_run(project)
    train(folder)
    before = sorted(project.rglob("*"))
    command = [str(folder.path), "predict", f"--folder={files}", f"--output={project / output}"]
    assert assess.main(command) is ExitCode.USAGE
    assert message in capfd.readouterr().err
    assert sorted(project.rglob("*")) == before


def test_a_folder_named_on_the_command_line_has_a_result_of_its_own(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    labelled(project / "one" / "c")
    labelled(project / "two" / "c", count=20)
    folder = new_run(project)
    train(folder)
    command = [str(folder.path), "evaluate"]
    assert assess.main([*command, f"--folder={project / 'one' / 'c'}"]) is ExitCode.DONE
    assert results_of(folder, "ood-c.json")["images"] == 20
    assert not (folder.results / "ood.json").exists()
    assert assess.main([*command, f"--folder={project / 'two' / 'c'}"]) is ExitCode.USAGE
    assert "stands and is about" in capfd.readouterr().err
    plain = unlabelled(project / "challenge")
    assert assess.main([*command, f"--folder={plain}"]) is ExitCode.USAGE
    assert "has no labels.npy" in capfd.readouterr().err
    assert not (folder.results / "submission_ood.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "--checkpoint=7"], "epoch-0007.pt cannot be used: it is not there"),
        (["evaluate", "--checkpoint=worst"], "a checkpoint is `best`, `last` or an epoch"),
        (["predict"], "there are no images to predict"),
    ],
)
def test_what_cannot_be_meant_is_told(
    project: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    folder = new_run(project)
    train(folder)
    assert assess.main([str(folder.path), *arguments]) is ExitCode.USAGE
    assert message in capfd.readouterr().err


def test_a_damaged_checkpoint_is_told_and_left_where_it_is(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = new_run(project)
    train(folder)
    file = folder.checkpoints / "epoch-0002.pt"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    before = state_of(folder)
    assert assess.main([str(folder.path), "evaluate", "--checkpoint=2"]) is ExitCode.USAGE
    assert "its bytes are not those that were written" in capfd.readouterr().err
    assert state_of(folder) == before
