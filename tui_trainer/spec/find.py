"""Finds the project that a folder belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tui_trainer.errors import UsageError
from tui_trainer.spec.wording import escape

if TYPE_CHECKING:
    from pathlib import Path

PROJECT_FILE: Final = "experiments.toml"


def find_project(folder: Path) -> Path:
    """The nearest experiments.toml, in the folder or above it, the way git finds its own.

    Raises:
        UsageError: There is none.
    """
    start = folder.absolute()
    if not start.is_dir():
        raise UsageError(f"{escape(str(start))} is no folder")
    for candidate in (start, *start.parents):
        if (candidate / PROJECT_FILE).exists():
            return candidate / PROJECT_FILE
    raise UsageError(
        f"no {PROJECT_FILE} in {escape(str(start))} or above it",
        hint="write one with: tui-trainer init",
    )
