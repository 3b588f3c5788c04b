"""Lets a user write a run's note in their own editor; what cannot become the note is kept."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from tui_trainer.errors import UsageError, told
from tui_trainer.launch.editor import edit_text
from tui_trainer.record.remarks import read_remarks, rewrite_note

if TYPE_CHECKING:
    from tui_trainer.record.run_folder import RunFolder


def write_note(folder: RunFolder, begun: str = "") -> None:
    """Have the whole note written anew.

    Args:
        folder: The run.
        begun: What was typed of it before; it stands below the note that there is.

    Raises:
        UsageError: There is no editor, or it failed; or what was written cannot be the note, and
            the hint says where it lies.
        OSError: The note cannot be read, or there is no room for a file to edit.
    """
    name = f"note-{folder.experiment_name}-{folder.number}"
    before = read_remarks(folder).note
    after = edit_text("\n".join(filter(None, (before, begun))), f"{name}.txt")
    if after == before:
        return
    try:
        rewrite_note(folder, after, was=before)
    except (UsageError, OSError) as error:
        kept = _kept(after, name)
        raise UsageError(told(error).message, hint=f"what you wrote is in {kept}") from error


def _kept(words: str, name: str) -> str:
    """Where the words are from now on."""
    descriptor, path = tempfile.mkstemp(prefix=f"{name}-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{words}\n")
    return path
