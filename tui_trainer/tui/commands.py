"""What the command palette offers: the keys of a place, and experiments and runs by their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from textual.fuzzy import FuzzySearch

from tui_trainer.tui import keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.keys import Key
    from tui_trainer.tui.views import RowKey, View

DARK, LIGHT = "trainer-dark", "trainer-light"


class Command(NamedTuple):
    """One thing that can be asked for."""

    words: str
    """What it does, or what it leads to; safe to show."""
    key: str = ""
    """The key that does it too, as the footer names it; empty where none does."""
    action: str = ""
    """What the screen does, as bindings name it."""
    place: RowKey | None = None
    """The row that it leads to."""
    theme: str = ""
    """The colours that it puts on."""
    filter: str | None = None
    """What the list then shows only."""


@dataclass(frozen=True)
class Found:
    """A command that has what was typed."""

    command: Command
    positions: frozenset[int]
    """The characters of its words that were typed."""


def commands_of(shown: Sequence[Key], view: View | None, glyphs: Glyphs) -> tuple[Command, ...]:
    """Everything that can be asked for where these keys do something."""
    return (
        *(command for key in shown if key is not keys.PALETTE for command in _of_key(key)),
        Command("colours: dark", theme=DARK),
        Command("colours: light", theme=LIGHT),
        *(() if view is None else _of_view(view, glyphs)),
    )


def find(commands: Iterable[Command], typed: str) -> list[Found]:
    """Those that have what was typed, the best first; where nothing was, all as they are."""
    if not typed.strip():
        return [Found(command, frozenset()) for command in commands]
    search = FuzzySearch()
    rated = [(*search.match(typed.strip(), command.words), command) for command in commands]
    rated = [each for each in rated if each[0] > 0]
    rated.sort(key=lambda each: -each[0])
    return [Found(command, frozenset(positions)) for _, positions, command in rated]


def _of_key(key: Key) -> Iterator[Command]:
    names = key.keys.split(",")
    if "{}" not in key.action:
        yield Command(key.words, keys.shown(key), key.action)
        return
    for name, words in zip(names, key.words.split(", "), strict=True):
        yield Command(words, name, key.action.format(name))


def _of_view(view: View, glyphs: Glyphs) -> Iterator[Command]:
    states = dict.fromkeys(run.state for run in view.runs)
    for state in states:
        yield Command(f"only {state.value} runs", filter=f"state:{state.value}")
    yield Command("all runs, without a filter", filter="")
    for experiment in view.experiments:
        yield Command(f"go to {experiment.label}", place=experiment.key)
        for run in experiment.runs:
            words = f"go to {run.label}   {glyphs.marks[run.state]} {run.state.value}"
            yield Command(words, place=run.key)
