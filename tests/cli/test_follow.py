"""What `tui-trainer run` draws, on real terminals of several widths."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from typing import TYPE_CHECKING

import pyte
import pytest

if TYPE_CHECKING:
    from tests.conftest import CommandLine

ROWS = 30


def drawn(command_line: CommandLine, width: int, *arguments: str) -> tuple[str, list[str]]:
    """All that a command sends to a terminal of its own until it ends, and its last screen."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, width, 0, 0))
    environment = {k: v for k, v in command_line.environment.items() if k != "COLUMNS"}
    process = subprocess.Popen(
        command_line.command(*arguments),
        cwd=command_line.folder,
        env={**environment, "TERM": "xterm"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    sent = b""
    try:
        while piece := os.read(master, 1 << 16):
            sent += piece
    except OSError:  # it has ended, and its side is closed
        pass
    finally:
        os.close(master)
    assert process.wait(30) == 0, sent
    screen = pyte.Screen(width, ROWS)
    pyte.ByteStream(screen).feed(sent)
    return sent.decode(), list(screen.display)


@pytest.mark.parametrize(("width", "has_lr"), [(60, False), (80, True)])
def test_a_row_is_a_line_of_the_terminal(
    tui_trainer: CommandLine, width: int, *, has_lr: bool
) -> None:
    command_line = tui_trainer.fake(seconds=0.6, ood=0.314)
    sent, screen = drawn(command_line, width, "run", "one", "--set", "epochs=3")
    header = next(at for at, line in enumerate(screen) if "train loss" in line)
    assert ("lr" in screen[header].split()) is has_lr
    assert [line.split()[0] for line in screen[header + 1 : header + 4]] == ["1/3", "2/3", "3/3"]
    ends = {len(line.rstrip()) for line in screen[header : header + 4]}
    assert len(ends) == 1
    moving = {
        line
        for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", sent))
        if "ETA" in line
    }
    assert moving
    assert all("one/1" in line and len(line) <= width for line in moving), moving
