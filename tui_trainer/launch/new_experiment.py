"""Writes a new experiment into experiments.toml: whole, and never over somebody else's edit."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from typing import TYPE_CHECKING

from tui_trainer.errors import InvalidExperimentsError, UsageError
from tui_trainer.record.durable import write_durably
from tui_trainer.spec.addition import appended
from tui_trainer.spec.toml_file import parse_bytes, read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tui_trainer.spec.addition import Addition
    from tui_trainer.spec.project import Project


def write_experiment(project: Project, added: Addition) -> None:
    """Add the table to the project's file, which must still be as the project has it.

    Raises:
        UsageError: The file was changed meanwhile, may not be written, or runs of another
            experiment lie where those of this one would.
        OSError: The disk is full or failing; the file is as it was.
    """
    path = project.path.resolve()  # a link stays one
    runs = project.folder / "runs" / added.name
    if runs.exists():
        raise UsageError(
            f"{runs} holds runs of an experiment that experiments.toml has no longer",
            hint="take another name, so that its numbers go on for nobody else",
        )
    about = path.stat()
    if not about.st_mode & 0o222 or not os.access(path, os.W_OK):
        raise UsageError(f"{path.name} is read-only; nothing was written", hint=f"chmod u+w {path}")
    with _alone(path):
        content = read_bytes(path)
        if _text_of(content, path) != project.text:
            raise UsageError(
                f"{path.name} was changed meanwhile; nothing was written",
                hint="try again: it is read anew",
            )
        write_durably(path, appended(content, added), stat.S_IMODE(about.st_mode))


def _text_of(content: bytes, path: Path) -> str:
    try:
        return parse_bytes(content, path.name).text
    except InvalidExperimentsError as error:
        raise UsageError(
            f"{path.name} cannot be read any more; nothing was written: {error.problems[0]}"
        ) from error


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other writers of ours away; where there are no locks, the comparison has to do."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"somebody is writing {path.name} at this moment; nothing was written",
                hint="try again",
            ) from None
        except OSError:
            pass
        yield
    finally:
        os.close(descriptor)
