"""Opens files in the user's own editor, chosen as git chooses it: VISUAL, EDITOR, what there is."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tui_trainer.errors import UsageError
from tui_trainer.record.plain_text import plain_line

if TYPE_CHECKING:
    from collections.abc import Iterator

FALLBACKS = ("vi", "nano", "vim", "emacs")
# Editors that begin at a line with `+LINE`; others are given the file alone.
TAKE_A_LINE = {
    *("vi", "vim", "nvim", "view", "nano", "pico", "emacs", "emacsclient"),
    *("joe", "mg", "ne", "micro", "kak"),
}


def editor() -> str:
    """The editor's command, as a shell takes it.

    Raises:
        UsageError: None is set and none is installed.
    """
    for variable in ("VISUAL", "EDITOR"):
        if command := os.environ.get(variable, "").strip():
            return command
    for name in FALLBACKS:
        if shutil.which(name):
            return name
    raise UsageError(
        "there is no editor: VISUAL and EDITOR are not set, and neither vi nor nano is installed",
        hint="name yours: export EDITOR=...",
    )


def edit(file: Path, line: int = 0) -> None:
    """Let the user edit a file on this terminal, beginning at a line, until the editor ends.

    Raises:
        UsageError: There is no editor, or it failed.
    """
    command = editor()
    name = Path(command.split()[0]).name
    begin = [f"+{line}"] if line > 0 and name in TAKE_A_LINE else []
    # As git does it: what is set may have options, quotes and a tilde.
    shell = ["/bin/sh", "-c", f'{command} "$@"', name, *begin, str(file)]
    with _keys_are_the_editors():
        code = subprocess.run(shell, check=False).returncode
    if code:
        said = "cannot be run" if code in {126, 127} else f"ended with exit code {code}"
        raise UsageError(
            f"the editor `{plain_line(command)}` {said}", hint="EDITOR and VISUAL say which it is"
        )


@contextlib.contextmanager
def _keys_are_the_editors() -> Iterator[None]:
    """What Ctrl-C sends to all processes of the terminal is meant for the editor alone."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGQUIT)}
    for number in kept:
        signal.signal(number, lambda *_: None)  # unlike SIG_IGN this is not inherited
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def edit_text(words: str, name: str) -> str:
    """What the user makes of a text, in a file of this name that is gone afterwards.

    Raises:
        UsageError: As for `edit`; the text is as it was.
    """
    with tempfile.TemporaryDirectory(prefix="tui-trainer-") as folder:
        file = Path(folder, name)
        file.write_text(f"{words}\n" if words else "", encoding="utf-8")
        edit(file)
        with contextlib.suppress(FileNotFoundError):
            return file.read_text(encoding="utf-8", errors="replace").strip()
        return words
