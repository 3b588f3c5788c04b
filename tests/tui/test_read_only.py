"""A folder that this user may not write to is shown, and nothing is tried that cannot be done."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import write_study
from tests.tui.story import story
from tests.tui.terminal import terminal
from tests.tui.test_run import open_page
from tui_trainer.tui import keys
from tui_trainer.tui.screens import telling

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def others_study() -> Iterator[Path]:
    """A study that everybody may read and nobody may write."""
    place = Path(tempfile.mkdtemp())
    try:
        study = write_study(place / "digits")
        place.chmod(0o755)
        for folder, _, files in os.walk(study):
            Path(folder).chmod(0o555)
            for file in files:
                Path(folder, file).chmod(0o444)
        yield study
    finally:
        for folder, _, _ in os.walk(place):
            Path(folder).chmod(0o755)
        shutil.rmtree(place)


def test_another_user_sees_everything_and_is_told_what_cannot_be_done(others_study: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in others_study.rglob("*")}
    with terminal(others_study, {"HOME": "/nonexistent"}, like_anybody=True) as shown:
        shown.sees("digits-study · read only")
        shown.sees("cnn4/3")
        for key in "rsSRDtn=ep\r":
            shown.press(f"G{key}" if key == "\r" else key)
            shown.sees("is read only for you")
            shown.read(0.6)  # what is typed at once is for a prompt, which did not open
            shown.press("?")
            shown.sees("closes this help")
            shown.press("\x1b")
            shown.read(0.3)
        shown.press("q")
        shown.read(2)
        assert shown.process.wait(timeout=60) == 0
    assert {path: path.stat().st_mtime_ns for path in others_study.rglob("*")} == before


async def test_every_key_that_would_change_something_says_so(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui_trainer.tui.store.os.access", lambda *_: False)
    monkeypatch.setattr(telling, "NOTICE_SECONDS", 0.5)  # so that none is the one before
    async with story(study) as told:
        await told.sees("digits-study · read only")
        await told.go_to("cnn4")
        acting = (keys.OPEN, keys.RESUME, keys.RESUME_DEAD, keys.STOP, keys.STOP_NOW, keys.TRASH)
        for key in (*acting, *keys.SPOKEN_KEYS[:-1]):
            await told.press(key)
            await told.sees("nothing can be changed")
            await told.sees_no("nothing can be changed")
        await told.did()


async def test_the_page_of_a_run_says_it_too(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui_trainer.tui.store.os.access", lambda *_: False)
    async with story(study, (80, 24)) as told:
        await told.sees("digits-study · read only")
        await open_page(told, "cnn4/3")
        await told.sees("read only   attempt 2")
        await told.press(keys.STOP)
        await told.sees("nothing can be changed")
        await told.did()
