"""A run that is over goes on to more epochs; what it had found until then stays as it was."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import claim_next
from tests.train.conftest import events_of, new_run, train, without_times
from tests.train.test_loop import StopAt, digest_of
from tui_trainer.errors import OwnedByAnotherError
from tui_trainer.record.epochs import best_epoch, read_epochs
from tui_trainer.record.events import Evaluated, Extended, Warned, append_event
from tui_trainer.record.experiment_file import read_experiment
from tui_trainer.record.index import RunReader
from tui_trainer.record.owner import Owner
from tui_trainer.record.verify import verify
from tui_trainer.train import assess, loop
from tui_trainer.train.loop import Stopped
from tui_trainer.train.reporter import Reporter
from tui_trainer.train.signals import Requests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tui_trainer.record.run_folder import RunFolder

CONSTANT: dict[str, Any] = {"scheduler": {"name": "none"}}


def extend(folder: RunFolder, epochs: int) -> None:
    newest = folder.newest_attempt()
    assert newest is not None
    append_event(folder.events_file, Extended(after=newest.number, epochs=epochs))


def bytes_below(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def best_of(folder: RunFolder) -> int:
    best = best_epoch(read_epochs(folder.epochs_file))
    assert best is not None
    return best.epoch


def test_one_cycle_is_extended_from_6_epochs_to_10(project: Path) -> None:
    folder = new_run(project, epochs=6)
    train(folder)
    before = without_times(read_epochs(folder.epochs_file))
    extend(folder, 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(folder)
    epochs = read_epochs(folder.epochs_file)
    assert [epoch.epoch for epoch in epochs] == list(range(1, 11))
    assert without_times(epochs)[:6] == before
    assert {epoch.lr for epoch in epochs[6:]} == {epochs[5].lr}
    (warned,) = (event for event in events_of(folder) if isinstance(event, Warned))
    assert "one_cycle_lr was laid out for 6 epochs and has ended" in warned.message
    assert f"stays at {epochs[5].lr:.3g}" in warned.message


@pytest.mark.parametrize(
    "scheduler", [{"name": "none"}, {"name": "step_lr", "step_size": 2, "gamma": 0.5}]
)
def test_extended_is_as_if_it_had_been_planned_so(project: Path, scheduler: Any) -> None:
    whole, extended = (new_run(project, epochs=n, scheduler=scheduler) for n in (5, 2))
    train(whole)
    for epochs in (3, 5):
        train(extended)
        extend(extended, epochs)
    train(extended)
    assert digest_of(extended, "epoch-0005.pt") == digest_of(whole, "epoch-0005.pt")
    assert without_times(read_epochs(extended.epochs_file)) == without_times(
        read_epochs(whole.epochs_file)
    )
    found, wanted = (json.loads(run.clean_results_file.read_text()) for run in (extended, whole))
    assert found.pop("fingerprint") != wanted.pop("fingerprint")
    assert found == wanted


@pytest.mark.parametrize("at", [1, 3, 7, 11, 13])
def test_an_extension_that_is_stopped_and_resumed_is_as_uninterrupted(
    project: Path, at: int
) -> None:
    whole, interrupted = (new_run(project) for _ in range(2))
    for folder in (whole, interrupted):
        train(folder)
        extend(folder, 4)
    train(whole)
    with pytest.raises(Stopped):
        train(interrupted, StopAt(at))
    train(interrupted)
    assert digest_of(interrupted, "epoch-0004.pt") == digest_of(whole, "epoch-0004.pt")
    assert bytes_below(interrupted.results).keys() == bytes_below(whole.results).keys()
    assert interrupted.clean_results_file.read_bytes() == whole.clean_results_file.read_bytes()
    assert bytes_below(interrupted.results_until(2)) == bytes_below(whole.results_until(2))


def test_the_former_results_are_kept_aside_byte_for_byte(project: Path) -> None:
    folder = new_run(project, ood={"corruptions": ["contrast"], "severities": [3]}, **CONSTANT)
    train(folder)
    before, epochs = bytes_below(folder.results), folder.epochs_file.read_bytes()
    assert {"clean.json", "ood.json", "predictions.npz"} <= before.keys()
    extend(folder, 4)
    train(folder)
    assert bytes_below(folder.results_until(2)) == before
    assert folder.epochs_file.read_bytes().startswith(epochs)
    assert json.loads(folder.clean_results_file.read_text())["epoch"] == best_of(folder)
    told = {e.file: e.sha256 for e in events_of(folder) if isinstance(e, Evaluated)}
    assert len(told) == 4
    for name, digest in told.items():
        assert hashlib.sha256((folder.path / name).read_bytes()).hexdigest() == digest


def test_results_of_the_present_end_stay_where_they_are(project: Path) -> None:
    folder = new_run(project, ood={"corruptions": ["contrast"], "severities": [3]}, **CONSTANT)
    train(folder)
    extend(folder, 3)
    # The tests of the clean images, then those of the corruption: the last look comes in between.
    with pytest.raises(Stopped):
        train(folder, StopAt(9))
    assert folder.clean_results_file.exists()
    found = folder.clean_results_file.stat().st_ino
    train(folder)
    assert folder.clean_results_file.stat().st_ino == found
    assert [path.name for path in folder.path.glob("results*")].count("results") == 1
    assert len(list(folder.path.glob("results*"))) == 2


def test_the_list_shows_the_plan_and_the_result_of_the_present_end(project: Path) -> None:
    folder = new_run(project, **CONSTANT)
    train(folder)
    reader = RunReader(folder)
    run = reader.look()
    assert (run.planned_epochs, run.clean_accuracy is None) == (2, False)
    fingerprint = run.summary()["fingerprint"]
    extend(folder, 4)
    run = reader.look()
    assert (run.planned_epochs, run.clean_accuracy) == (4, None)
    train(folder)
    run = reader.look()
    found = json.loads(folder.clean_results_file.read_text())
    assert run.clean_accuracy == found["accuracy"]
    assert run.summary()["fingerprint"] == found["fingerprint"] != fingerprint
    assert run.history.evaluations.keys() == {"results-until-epoch-0002/clean", "test"}


def test_an_extension_that_an_attempt_could_not_know_of_counts_nowhere(project: Path) -> None:
    folder = new_run(project, **CONSTANT)
    train(folder)
    extend(folder, 3)
    train(folder)
    append_event(folder.events_file, Extended(after=1, epochs=9))
    # The core records the beginning of its training, which is later than the wish.
    assert read_experiment(folder).plan.epochs == 3
    assert RunReader(folder).look().planned_epochs == 3


def damaged(folder: RunFolder) -> dict[str, str]:
    return {file.file: file.fault for file in verify(folder) if file.fault}


def make_invalid(file: Path) -> None:
    file.write_text("{")


def change_a_digit(file: Path) -> None:
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "accuracy": content["accuracy"] / 2 + 0.01}))


@pytest.mark.parametrize("damage", [make_invalid, change_a_digit])
def test_a_damaged_result_is_set_aside_and_stays_damaged(
    project: Path, damage: Callable[[Path], None]
) -> None:
    folder = new_run(project, **CONSTANT)
    train(folder)
    damage(folder.clean_results_file)
    extend(folder, 3)
    assert damaged(folder).keys() == {"results/clean.json"}
    train(folder)
    assert damaged(folder).keys() == {"results-until-epoch-0002/clean.json"}
    assert json.loads(folder.clean_results_file.read_text())["epoch"] == best_of(folder)
    assert RunReader(folder).look().clean_accuracy is not None


def test_a_result_that_was_gone_before_the_run_went_on_stays_gone(project: Path) -> None:
    folder = new_run(project, **CONSTANT)
    train(folder)
    submission = folder.results / "submission_ood.csv"
    submission.write_text("id,label\n")
    folder.clean_results_file.unlink()
    extend(folder, 3)
    train(folder)
    assert not submission.exists()
    assert (folder.results_until(2) / submission.name).read_text() == "id,label\n"
    assert damaged(folder) == {"results-until-epoch-0002/clean.json": "it is gone"}


def test_a_result_that_a_kill_kept_from_the_events_is_set_aside_too(project: Path) -> None:
    folder = new_run(project, **CONSTANT)
    train(folder)
    lines = folder.events_file.read_text().splitlines(keepends=True)
    assert '"evaluated"' in lines.pop()
    folder.events_file.write_text("".join(lines))
    before = bytes_below(folder.results)
    extend(folder, 3)
    train(folder)
    assert bytes_below(folder.results_until(2)) == before
    assert not damaged(folder)


def test_a_kill_between_setting_aside_and_telling_loses_nothing(project: Path) -> None:
    folder = new_run(project, ood={"corruptions": ["contrast"], "severities": [3]}, **CONSTANT)
    train(folder)
    change_a_digit(folder.ood_results_file)
    extend(folder, 3)
    folder.results.rename(folder.results_until(2))
    # Meanwhile somebody looks at a checkpoint by itself.
    assert assess.main([str(folder.path), "evaluate", "--checkpoint", "1"]) == 0
    assert damaged(folder).keys() == {"results-until-epoch-0002/ood.json"}
    train(folder)
    assert damaged(folder).keys() == {"results-until-epoch-0002/ood.json"}


def test_a_checkpoint_looked_at_before_the_run_goes_on_is_set_aside_with_the_others(
    project: Path,
) -> None:
    folder = new_run(project, **CONSTANT)
    train(folder)
    extend(folder, 3)
    (other,) = {1, 2} - {best_of(folder)}
    assert assess.main([str(folder.path), "evaluate", "--checkpoint", str(other)]) == 0
    train(folder)
    assert (folder.results_until(2) / f"epoch-{other:04d}" / "clean.json").exists()
    assert not damaged(folder)


def test_who_lost_the_run_leaves_its_results_where_they_are(project: Path) -> None:
    folder = new_run(project, **CONSTANT)
    train(folder)
    extend(folder, 3)
    lost = claim_next(folder, Owner.of_process(os.getpid()))
    claim_next(folder, Owner.of_process(1))
    before = bytes_below(folder.path)
    with pytest.raises(OwnedByAnotherError):
        loop.run(folder, lost.number, Requests(), Reporter())
    assert bytes_below(folder.path) == before


def test_predictions_that_stand_are_those_that_the_result_names(project: Path) -> None:
    folder = new_run(project, **CONSTANT)
    train(folder)
    lines = folder.events_file.read_text().splitlines(keepends=True)
    folder.events_file.write_text("".join(lines[:-1]))
    folder.clean_results_file.unlink()
    predictions = folder.results / "predictions.npz"
    # Those of another machine, which differ in their last bits.
    predictions.write_bytes(b"others")
    train(folder)
    assert predictions.read_bytes() == b"others"
    assert not damaged(folder)
