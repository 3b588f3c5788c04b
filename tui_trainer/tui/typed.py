"""A line that is being typed: its text and its cursor; every edit makes a new one."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST = 1000


@dataclass(frozen=True)
class Typed:
    """What was typed; every character of it can be printed."""

    text: str = ""
    at: int = 0
    """The character, from 0, that the cursor stands before."""

    @classmethod
    def of(cls, text: str) -> Typed:
        """A text with the cursor behind it."""
        return cls(text, len(text))

    def insert(self, text: str) -> Typed:
        """With more at the cursor."""
        new = f"{self.text[: self.at]}{text}{self.text[self.at :]}"
        return self if len(new) > LONGEST else Typed(new, self.at + len(text))

    def erase(self) -> Typed:
        """Without the character before the cursor."""
        before = max(0, self.at - 1)
        return Typed(self.text[:before] + self.text[self.at :], before)

    def delete(self) -> Typed:
        """Without the character at the cursor."""
        return Typed(self.text[: self.at] + self.text[self.at + 1 :], self.at)

    def move(self, characters: int) -> Typed:
        """With the cursor further to the right, or to the left for a negative number."""
        return Typed(self.text, min(max(0, self.at + characters), len(self.text)))
