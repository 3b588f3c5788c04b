"""Every key of the app, once: bindings, footer, help and docs/keys.md are made from this table."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.binding import Binding

if TYPE_CHECKING:
    from collections.abc import Iterator


class Key(NamedTuple):
    """What one key does."""

    keys: str
    """Textual's names of the keys that do it, the one to show first."""
    action: str
    words: str
    """What it does, for help and docs."""
    group: str
    short: str = ""
    """Its word in the footer; empty keeps it out."""


MOVE, RUNS, LOOK, APP, QUESTION = "Move", "Runs", "Look", "App", "Question"

OPEN = Key("enter", "open", "launch the experiment; show the run large", RUNS, "launch")
RESUME = Key("r", "resume", "resume the run from its last good checkpoint", RUNS, "resume")
STOP = Key("s", "stop", "save a checkpoint, then stop the run", RUNS, "stop")
STOP_NOW = Key("S", "stop_now", "stop the run at once, without a checkpoint (asks)", RUNS)
HELP = Key("?", "help", "this help", APP, "help")
LEAVE = Key("q,ctrl+q,ctrl+c", "leave", "leave; runs go on", APP, "leave")
DOWN = Key("j,down", "move(1)", "one row down", MOVE)
UP = Key("k,up", "move(-1)", "one row up", MOVE)
PAGE_DOWN = Key("pagedown,ctrl+f", "page(1)", "one page down", MOVE)
PAGE_UP = Key("pageup,ctrl+b", "page(-1)", "one page up", MOVE)
TOP = Key("g,home", "top", "first row", MOVE)
BOTTOM = Key("G,end", "bottom", "last row", MOVE)
FOLD = Key("h,left", "fold", "fold the experiment's runs", MOVE, "fold")
UNFOLD = Key("l,right", "unfold", "unfold the experiment's runs", MOVE)
NEXT_PLOT = Key("tab", "next_plot", "loss or accuracy, where only one has room", LOOK, "loss/acc")
LOG_SCALE = Key("|", "log_scale", "loss on a logarithmic scale, and back", LOOK, "log loss")
BACK = Key("escape", "back", "back to the list", LOOK, "back")
THEME = Key("T", "theme", "dark or light colours", LOOK)
YES = Key("y", "answer(True)", "yes, do it", QUESTION)
NO = Key("n,escape,q,ctrl+c", "answer(False)", "no, leave everything as it is", QUESTION)
CLOSE_HELP = Key("escape,q,?,enter,ctrl+c", "close", "close the help", QUESTION)

HOME_KEYS = (
    *(OPEN, RESUME, STOP, STOP_NOW),
    *(HELP, LEAVE),
    *(DOWN, UP, PAGE_DOWN, PAGE_UP, TOP, BOTTOM, FOLD, UNFOLD),
    *(NEXT_PLOT, LOG_SCALE, BACK, THEME),
)
CONFIRM_KEYS = (YES, NO)
HELP_KEYS = (CLOSE_HELP,)
KEYS = (*HOME_KEYS, *CONFIRM_KEYS, *HELP_KEYS)

_SHOWN = {
    "enter": "Enter",
    "escape": "Esc",
    "tab": "Tab",
    "down": "Down",
    "up": "Up",
    "left": "Left",
    "right": "Right",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "home": "Home",
    "end": "End",
}
_TEXTUAL = {"|": "vertical_line", "?": "question_mark"}


def bindings(keys: tuple[Key, ...]) -> list[Binding]:
    """What Textual binds for these keys."""
    return [
        Binding(",".join(_TEXTUAL.get(name, name) for name in key.keys.split(",")), key.action)
        for key in keys
    ]


def shown(key: Key) -> str:
    """The key as the footer names it: `Enter`, `Ctrl+Q`, `S`."""
    return next(_names(key))


def shown_all(key: Key) -> str:
    """Every key that does it, as help and docs name them."""
    return "  ".join(_names(key))


def groups(keys: tuple[Key, ...]) -> dict[str, list[Key]]:
    """The keys by group, both in the order of the table."""
    grouped: dict[str, list[Key]] = {}
    for key in keys:
        grouped.setdefault(key.group, []).append(key)
    return grouped


def as_markdown() -> str:
    """docs/keys.md."""
    lines = ["# Keys", "", "Made from `tui_trainer/tui/keys.py`; a test keeps the two equal.", ""]
    for group, keys in groups(KEYS).items():
        lines += [f"## {group}", "", "| key | what it does |", "|---|---|"]
        for key in keys:
            names = " ".join(f"`{name}`".replace("|", "\\|") for name in _names(key))
            lines.append(f"| {names} | {key.words} |")
        lines.append("")
    lines += [
        "The mouse: a click selects a row, a click on its fold mark folds, the wheel scrolls."
    ]
    return "\n".join(lines) + "\n"


def _names(key: Key) -> Iterator[str]:
    for name in key.keys.split(","):
        yield f"Ctrl+{name[5:].upper()}" if name.startswith("ctrl+") else _SHOWN.get(name, name)
