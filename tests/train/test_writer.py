"""Writing from a copy in memory, with tensors of this machine: order, equality, failures."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.train.conftest import EVERY_STEP, events_of, new_run, train
from tests.train.test_learning import kept
from tests.train.test_loop import StopAt
from tui_trainer.record.epochs import read_epochs
from tui_trainer.record.events import CheckpointSaved, Warned
from tui_trainer.train import loop
from tui_trainer.train.checkpoint import Checkpoints
from tui_trainer.train.ledger import Ledger
from tui_trainer.train.loop import Stopped
from tui_trainer.train.writer import AtOnce, Background, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tui_trainer.record.run_folder import RunFolder

GENEROUS = 60.0


def digests(folder: RunFolder) -> list[tuple[str, str]]:
    saved = (event for event in events_of(folder) if isinstance(event, CheckpointSaved))
    return [(event.checkpoint, event.weights_sha256) for event in saved]


def look_until_it_raises(writer: Background) -> None:
    deadline = time.monotonic() + GENEROUS
    while time.monotonic() < deadline:
        writer.look()


@pytest.fixture
def background() -> Iterator[Background]:
    writer = Background()
    yield writer
    writer.close()


@pytest.fixture
def in_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this process write as they do on a GPU."""
    monkeypatch.setattr(loop, "writer_for", lambda _device: Background())


class TestSnapshot:
    def test_it_keeps_what_was_while_training_goes_on(self) -> None:
        weights = OrderedDict(
            a=torch.ones(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
        )
        weights._metadata = {"": {"version": 2}}  # type: ignore[attr-defined]
        content: dict[str, Any] = {
            "model": weights,
            "rates": [torch.tensor(1.0), (torch.tensor(2), "x")],
            "n": 3,
        }
        taken = Snapshot().take(content)
        weights["a"].zero_()
        content["rates"][0].fill_(9)
        assert torch.equal(taken["model"]["a"], torch.ones(2, 3, 4, 4))
        assert taken["model"]["a"].is_contiguous(memory_format=torch.channels_last)
        assert taken["model"]._metadata == {"": {"version": 2}}
        assert taken["rates"] == [torch.tensor(1.0), (torch.tensor(2), "x")]
        assert taken["n"] == 3

    def test_the_memory_is_used_again_and_replaced_where_it_no_longer_fits(self) -> None:
        snapshot = Snapshot()
        first = snapshot.take({"a": torch.zeros(4), "b": torch.zeros(4)})
        again = snapshot.take({"a": torch.ones(4), "b": torch.ones(5)})
        assert again["a"].data_ptr() == first["a"].data_ptr()
        assert again["b"].tolist() == [1] * 5


class TestBackground:
    def test_it_returns_before_the_disk_does(self, background: Background) -> None:
        may_write, written = threading.Event(), []

        def write(content: Mapping[str, Any]) -> None:
            may_write.wait(GENEROUS)
            written.append(content["a"].item())

        tensor = torch.tensor(1)
        background.write({"a": tensor}, write)
        background.look()
        tensor.fill_(2)
        assert not written
        may_write.set()
        background.write({"a": tensor}, write)
        assert written[0] == 1
        background.finish()
        assert written == [1, 2]

    def test_a_failure_is_met_at_the_next_look(self, background: Background) -> None:
        def fail(_content: Mapping[str, Any]) -> None:
            raise OSError("planted")

        background.write({}, fail)
        with pytest.raises(OSError, match="planted"):
            look_until_it_raises(background)
        background.look()

    def test_a_failure_is_met_before_the_next_write(self, background: Background) -> None:
        def fail(_content: Mapping[str, Any]) -> None:
            raise OSError("planted")

        background.write({}, fail)
        with pytest.raises(OSError, match="planted"):
            background.write({}, lambda _content: pytest.fail("written after a failure"))


@pytest.mark.usefixtures("in_background")
class TestRun:
    @pytest.mark.parametrize("changes", [{}, EVERY_STEP])
    def test_it_leaves_what_a_run_that_waits_leaves(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
    ) -> None:
        there = new_run(project, ema={"decay": 0.9}, **changes)
        train(there)
        here = new_run(project, ema={"decay": 0.9}, **changes)
        monkeypatch.setattr(loop, "writer_for", lambda _device: AtOnce())
        train(here)
        assert kept(there) == kept(here)
        saved = [
            [
                (e.checkpoint, e.weights_sha256)
                for e in events_of(run)
                if isinstance(e, CheckpointSaved)
            ]
            for run in (there, here)
        ]
        assert saved[0] == saved[1]

    def test_an_epoch_is_shown_only_after_its_checkpoint_is_durable(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def slow(self: Checkpoints, *arguments: Any) -> None:
            assert threading.current_thread() is not threading.main_thread()
            orders.append(f"saving {arguments[0].epochs}")
            save(self, *arguments)

        def shown(ledger: Ledger, epoch: Any) -> None:
            assert (ledger.folder.checkpoints / f"epoch-{epoch.epoch:04d}.pt.sha256").exists()
            assert (ledger.folder.checkpoints / f"epoch-{epoch.epoch:04d}.pt").exists()
            orders.append(f"shown {epoch.epoch}")

        orders: list[str] = []
        save = Checkpoints.save
        monkeypatch.setattr(Checkpoints, "save", slow)
        monkeypatch.setattr(Ledger, "epoch", shown)
        train(new_run(project))
        assert orders == ["saving 1", "shown 1", "saving 2", "shown 2"]

    def test_stopped_and_resumed_it_is_as_uninterrupted(self, project: Path) -> None:
        whole, stopped = new_run(project), new_run(project)
        train(whole)
        for at in (3, 5, 3):
            with pytest.raises(Stopped):
                train(stopped, StopAt(at))
        train(stopped)
        assert kept(stopped) == kept(whole)

    def test_a_write_that_fails_ends_the_run_resumable_and_its_epoch_is_not_shown(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(self: Checkpoints, name: Any, content: Any) -> None:
            if name.epochs == 2:
                raise OSError(28, "No space left on device")
            save(self, name, content)

        whole, folder = new_run(project), new_run(project)
        train(whole)
        save = Checkpoints.save
        with monkeypatch.context() as patch:
            patch.setattr(Checkpoints, "save", full)
            with pytest.raises(OSError, match="No space left"):
                train(folder)
        assert [epoch.epoch for epoch in read_epochs(folder.epochs_file)] == [1]
        (warned,) = (event for event in events_of(folder) if isinstance(event, Warned))
        assert "epoch-0002.pt could not be saved" in warned.message
        train(folder)
        assert kept(folder) == kept(whole)
