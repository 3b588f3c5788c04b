"""One thing that is wrong: where it was written, and what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from tui_trainer.spec.wording import escape, shorten, show_keys

if TYPE_CHECKING:
    from tui_trainer.spec.wording import Keys


class Problem(Struct, frozen=True):
    """One thing that is wrong in a TOML file, or in a change from the command line."""

    keys: Keys
    """Where, from the top of the tree that was checked."""
    message: str
    related: tuple[Keys, ...] = ()
    """The other keys that a broken rule binds."""
    line: int = 0
    """Line of the file, from 1; 0 where no file is known."""
    change: str = ""
    """The `--set` change that brought it, if one did."""
    near: str = ""
    """The key of the same table that the message says was meant, if it does."""

    def text(self, file_name: str) -> str:
        """The problem as one line for the user."""
        key, message = show_keys(self.keys), self.message
        if self.change:
            where = show_change(self.change)
            if self.near:
                # A change names its key from the top.
                whole = show_keys((*self.keys[:-1], self.near))
                message = message.replace(f"`{escape(self.near)}`", f"`{whole}`", 1)
            key = "" if self.change.partition("=")[0].strip() == key else key
        else:
            where = f"{escape(file_name)}:{self.line}" if self.line else escape(file_name)
        return ": ".join(filter(None, (where, key, message)))


def show_change(text: str) -> str:
    """A `--set` change as messages name it."""
    return f"--set {escape(shorten(text))}"
