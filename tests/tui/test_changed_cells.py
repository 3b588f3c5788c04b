"""A terminal that is sent only what changed shows what one shows that is sent everything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from tests.tui.terminal import Display
from tui_trainer.tui.changed_cells import TerminalCells

WIDTH, HEIGHT = 24, 4
WORDS = ("red on black", "bold #82909b on black", "bold underline", "on blue", "none", "reverse")
STYLES = [Style.parse(words) for words in WORDS]
CONSOLE = Console(color_system="256", force_terminal=True)
texts = st.text("ab ⣿─漢字é", max_size=8)
strips = st.lists(st.tuples(texts, st.sampled_from(STYLES)), max_size=5).map(
    lambda parts: Strip([Segment(*part) for part in parts]).adjust_cell_length(WIDTH, STYLES[0])
)
whole = st.lists(strips, min_size=HEIGHT, max_size=HEIGHT)
some_lines = st.dictionaries(st.integers(0, HEIGHT - 1), strips, min_size=1)


def painted(lines: list[Strip]) -> LayoutUpdate:
    return LayoutUpdate([[line] for line in lines], Region(0, 0, WIDTH, HEIGHT))


def repainted(lines: dict[int, Strip]) -> ChopsUpdate:
    chops = [{0: lines.get(y)} for y in range(HEIGHT)]
    spans = [(y, 0, WIDTH) for y in sorted(lines)]
    return ChopsUpdate(chops, spans, [[WIDTH]] * HEIGHT)


class TwoTerminals:
    """One is sent everything, the other one the changes."""

    def __init__(self) -> None:
        self.cells = TerminalCells()
        self.all, self.changes = Display(WIDTH, HEIGHT), Display(WIDTH, HEIGHT)

    def show(self, update: LayoutUpdate | ChopsUpdate) -> str:
        sequence = self.cells.sequence(update, ColorSystem.EIGHT_BIT)
        self.changes.draw(sequence.encode())
        self.all.draw(update.render_segments(CONSOLE).encode())
        assert self.changes.text == self.all.text
        assert self.changes.look() == self.all.look()
        return sequence


@given(whole, st.lists(st.one_of(some_lines, whole), max_size=4))
def test_both_terminals_show_the_same(
    first: list[Strip], updates: list[dict[int, Strip] | list[Strip]]
) -> None:
    terminals = TwoTerminals()
    terminals.show(painted(first))
    for lines in updates:
        terminals.show(painted(lines) if isinstance(lines, list) else repainted(lines))


def line(*parts: tuple[str, Style]) -> Strip:
    return Strip([Segment(*part) for part in parts]).adjust_cell_length(WIDTH, STYLES[0])


def test_what_stands_there_is_not_sent_again() -> None:
    terminals = TwoTerminals()
    begun = [line(("epoch 5", STYLES[0]), ("   eta 12m", STYLES[1]))] * HEIGHT
    terminals.show(painted(begun))
    assert not terminals.show(painted(begun))
    changed = line(("epoch 6", STYLES[0]), ("   eta 11m", STYLES[1]))
    sequence = terminals.show(repainted({2: changed}))
    assert "epoch" not in sequence
    assert "6" in sequence
    assert "\x1b[3;7H" in sequence
    assert len(sequence) < 60


def test_a_terminal_that_was_resized_is_sent_everything() -> None:
    terminals = TwoTerminals()
    begun = [line(("epoch 5", STYLES[0]))] * HEIGHT
    first = terminals.show(painted(begun))
    terminals.cells.forget()
    assert terminals.show(painted(begun)) == first


@pytest.mark.parametrize(
    "joined", ["e\u0301", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "⚠\ufe0f"]
)
def test_signs_that_join_are_sent_as_they_are(joined: str) -> None:
    cells = TerminalCells()
    cells.sequence(painted([line(("plain", STYLES[0]))] * HEIGHT), ColorSystem.EIGHT_BIT)
    update = repainted({1: line((f"a {joined} b", STYLES[0]))})
    assert joined in cells.sequence(update, ColorSystem.EIGHT_BIT)
    assert not cells.sequence(update, ColorSystem.EIGHT_BIT)
