"""Every test of the app runs in a UTF-8 locale unless it says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import write_study
from tui_trainer.tui import store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _plain_terminal(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setattr(store, "POLL_SECONDS", 0.1)
    for name in ("NO_COLOR", "COLORFGBG", "TEXTUAL_THEME", "TEXTUAL_ANIMATIONS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def workstation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the host that the screen shows, wherever the tests run."""
    monkeypatch.setattr("socket.gethostname", lambda: "workstation")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A project with a run in every state that a person meets on an ordinary day."""
    return write_study(tmp_path / "digits")
