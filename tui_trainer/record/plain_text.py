"""Text from logs, names and files, made safe for a terminal."""

from __future__ import annotations

import re

# C0 but newline and tab, DEL, C1, and the bidirectional controls of Unicode: each can move the
# cursor, set the clipboard or turn a line around.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
LONGEST_SHOWN_LINE = 4096


def plain_text(text: str, longest_line: int = LONGEST_SHOWN_LINE) -> str:
    """The text without control characters, each line cut to `longest_line` characters."""
    lines = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    return "\n".join(
        line if len(line) <= longest_line else line[: longest_line - 1] + "…" for line in lines
    )


def plain_line(text: str, longest: int = 200) -> str:
    """The text as one line of at most `longest` characters."""
    return plain_text(" ".join(text.split()), longest)
