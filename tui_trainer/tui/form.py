"""What is filled in before a launch or a new experiment: its lines, and the changes they make."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tui_trainer.spec.addition import written
from tui_trainer.tui.typed import Typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui_trainer.spec.known import KnownKey


NOTHING = Typed()


@dataclass(frozen=True)
class Field:
    """A line that is filled in."""

    key: str = ""
    """The key that it sets."""
    label: str = ""
    """What stands before it; empty for a line that takes any change, `key=value`."""
    typed: Typed = NOTHING
    choices: tuple[str, ...] = ()
    """What one chooses from, where it is not typed."""
    is_text: bool = False
    """Whether its value is a text, which TOML has in quotes."""

    @property
    def change(self) -> str:
        """What it changes, as `--set` takes it; empty for nothing."""
        text = self.typed.text.strip()
        if not text or not self.label:
            return text
        return f"{self.key}={written(text) if self.is_text else text}" if self.key else ""

    def chosen(self, step: int, now: str) -> Field:
        """With the next of its choices, or the one before; what it is `now` changes nothing."""
        here = self.typed.text or now
        at = self.choices.index(here) if here in self.choices else 0
        choice = self.choices[(at + step) % len(self.choices)]
        return replace(self, typed=Typed() if choice == now else Typed.of(choice))


@dataclass(frozen=True)
class Form:
    """Lines to fill in, below them what can be done, and where the cursor is."""

    fields: tuple[Field, ...]
    actions: tuple[str, ...]
    at: int = 0
    """The line of the cursor; those of the actions count on."""

    @property
    def field(self) -> Field | None:
        """The field at the cursor."""
        return self.fields[self.at] if self.at < len(self.fields) else None

    @property
    def action(self) -> str:
        """The action at the cursor, or an empty text."""
        return "" if self.at < len(self.fields) else self.actions[self.at - len(self.fields)]

    @property
    def changes(self) -> tuple[str, ...]:
        """What all fields change, from top to bottom."""
        return tuple(field.change for field in self.fields if field.change)

    def with_field(self, field: Field) -> Form:
        """With another field at the cursor; there always is an empty line for one more change."""
        fields = (*self.fields[: self.at], field, *self.fields[self.at + 1 :])
        filled = [place for place, each in enumerate(fields) if each.label or each.typed.text]
        end = max(filled[-1] + 1 if filled else 0, self.at)
        return replace(self, fields=(*fields[:end], Field()))

    def go_to(self, line: int) -> Form:
        """With the cursor on another line; an empty change that it left is gone."""
        line = min(max(0, line), len(self.fields) + len(self.actions) - 1)
        here = self.field
        is_left = here is not None and line != self.at and self.at < len(self.fields) - 1
        if here is None or not is_left or here.label or here.typed.text:
            return replace(self, at=line)
        fields = (*self.fields[: self.at], *self.fields[self.at + 1 :])
        return replace(self, fields=fields, at=line - (line > self.at))


def completions(text: str, keys: Sequence[KnownKey]) -> tuple[str, ...]:
    """What a change could become that is begun so, the likeliest first."""
    key, equals, value = text.partition("=")
    key = key.strip()
    if equals:
        known = next((known for known in keys if known.key == key), None)
        choices = known.choices if known else ()
        begun = value.strip()
        return tuple(
            f"{key}={each}" for each in choices if each.startswith(begun) and each != begun
        )
    if not key:
        return ()
    names = [known.key for known in keys]
    begin = [name for name in names if name.startswith(key)]
    inner = [name for name in names if name.rpartition(".")[2].startswith(key)]
    anywhere = [name for name in names if key in name]
    return tuple(f"{name}=" for name in dict.fromkeys((*begin, *inner, *anywhere)))
