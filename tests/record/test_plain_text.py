"""No control byte of a log or a name reaches a terminal."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from tui_trainer.record.plain_text import LONGEST_SHOWN_LINE, plain_line, plain_text


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    assert not [
        character
        for character in plain_text(text)
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t"
    ]


def test_escape_sequences_lose_their_teeth() -> None:
    hostile = "\x1b]52;c;aGk=\x07 \x1b[6n \x9b2J \u202eevil\u202c a\rb"
    assert plain_text(hostile) == "]52;c;aGk= [6n 2J evil a\nb"


def test_a_line_of_a_megabyte_is_cut() -> None:
    shown = plain_text("x" * 1_000_000 + "\nshort")
    assert [len(line) for line in shown.split("\n")] == [LONGEST_SHOWN_LINE, 5]


def test_one_line_stays_one_line() -> None:
    assert plain_line("a\nb\r\n  c") == "a b c"
