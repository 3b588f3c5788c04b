"""The app is killed wherever its user is: runs do not notice, and the next start shows all."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import owners_in, trains
from tests.tui.terminal import terminal

if TYPE_CHECKING:
    from tests.conftest import CommandLine

PAGES = ("curves", "log", "config", "attempts", "preflight", "results")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("", "1 running"),
        ("j\r", "2 log"),
        ("j\r2", "fake core"),
        ("?", "Esc closes this help"),
        ("/", "keeps"),
    ],
    ids=["list", "run", "log", "help", "filter"],
)
def test_a_run_outlives_the_app_on_every_screen(
    tui_trainer: CommandLine, keys: str, words: str
) -> None:
    tui_trainer.fake(hold_at=1)("run", "one", "--detach")
    run = tui_trainer.wait("one", trains)
    owners = owners_in(run.folder.heartbeat_file)
    with terminal(tui_trainer.folder) as shown:
        shown.sees("1 running")
        for key in keys:
            shown.press(key)
            shown.read(0.5)
        shown.sees(words)
        shown.process.send_signal(signal.SIGKILL)
        shown.process.wait(timeout=60)
    assert owners_in(run.folder.heartbeat_file) == owners
    with terminal(tui_trainer.folder) as shown:
        shown.sees("1 running")


def test_no_screen_loads_torch_numpy_or_scikit_learn(tui_trainer: CommandLine) -> None:
    tui_trainer.fake(seconds=0.01)("run", "one")
    tui_trainer.fake(seconds=0.01)("run", "two")
    with terminal(tui_trainer.folder) as shown:
        shown.sees("2 finished")
        shown.press("j\r")
        for key, title in zip("123456", PAGES, strict=True):
            shown.press(key)
            shown.sees(f"[{key} {title}]")
        shown.press("\x1b")
        shown.sees("2 finished")
        shown.press("?")
        shown.sees("Esc closes this help")
        shown.press("\x1b")
        shown.sees("2 finished")
        shown.press("g G c")
        shown.sees("compared")
        maps = Path(f"/proc/{shown.process.pid}/maps").read_text(encoding="utf-8")
    assert "/msgspec/" in maps
    for name in ("torch", "numpy", "sklearn", "scipy"):
        assert f"/{name}/" not in maps
