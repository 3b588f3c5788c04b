"""Compares the screen, as plain text, with a file beside the tests.

`UPDATE_SNAPSHOTS=1 pytest tests/tui` writes the files; look at what git says has changed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

FOLDER = Path(__file__).parent / "snapshots"


def agrees_with(file: Path, text: str) -> None:
    """Fail where the file says something else, or rewrite it where that was asked for."""
    text = re.sub(r"all done by \d\d:\d\d", "all done by 07:40", text).rstrip("\n") + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert file.exists(), f"no {file}; UPDATE_SNAPSHOTS=1 writes it"
    assert text == file.read_text(encoding="utf-8"), f"differs from {file}"


def screen_agrees(name: str, screen: str) -> None:
    """The screen is the one of the snapshot."""
    agrees_with(FOLDER / f"{name}.txt", screen)
