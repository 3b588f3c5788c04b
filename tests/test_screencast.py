"""The screencast of the docs plays to its end, with a core that takes no time."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.tui.terminal import program_in_terminal

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux plays it")
SCRIPT = str(ROOT / "docs" / "screencast.sh")


@pytest.fixture
def environment() -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "TUI_TRAINER_CORE_MODULE": "tests.fakes.core",
        "TUI_TRAINER_FAKE": '{"seconds": 0.5}',
        "PAUSE": "0.1",
    }


def test_it_prints_each_scene(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [SCRIPT],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    scenes = re.split(r"^== ", done.stdout, flags=re.MULTILINE)
    assert len(scenes) == 11
    killed = next(scene for scene in scenes if scene.startswith("Somebody killed"))
    assert re.search(r"cnn4/1 +✕ crashed", killed)
    assert "2 runs compared" in scenes[-1]
    assert "model.depth" in scenes[-1]


def test_who_watches_it_is_let_go_in_the_end(environment: dict[str, str], tmp_path: Path) -> None:
    with program_in_terminal([SCRIPT], tmp_path, environment) as shown:
        shown.sees("digits-study")
        while shown.process.poll() is None:
            shown.read(1)
        assert shown.process.returncode == 0, shown.screen()
