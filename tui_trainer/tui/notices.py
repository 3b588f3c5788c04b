"""Which runs came to their end between two looks, and how a terminal tells its user of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tui_trainer.record.plain_text import plain_line
from tui_trainer.tui import figures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tui_trainer.tui.views import RunView, View

# Who shows a notification for OSC 9, as iTerm2 had it first, and for OSC 777, as rxvt-unicode;
# others would show the text itself, or nothing. TERM and LC_* are what SSH brings along.
OSC_9 = ("xterm-kitty", "xterm-ghostty", "wezterm", "iTerm2", "iTerm.app", "WezTerm", "ghostty")
OSC_777 = ("rxvt-unicode", "rxvt-unicode-256color", "foot", "foot-extra")


def ended(before: View | None, after: View) -> list[RunView]:
    """The runs that were live or queued when last seen, and now are over."""
    if before is None:
        return []
    active = {run.key for run in before.runs if _is_active(run)}
    return [run for run in after.runs if run.key in active and not _is_active(run)]


def words(runs: list[RunView]) -> str:
    """`cnn4/3 crashed: out of memory`, and how many others; safe to show."""
    first, *others = sorted(runs, key=lambda run: not run.ended_badly)
    text = f"{first.label} {first.state.value}"
    if first.ended_badly and first.new_in_cause:
        text += f": {first.new_in_cause}"
    elif first.clean_accuracy is not None:
        text += f", test accuracy {figures.percent(first.clean_accuracy)} %"
    more = f", and {figures.plural(len(others), 'other run')}" if others else ""
    return plain_line(text + more)


def notification(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """What makes the terminal show a notification; empty where it is not known to."""
    names = {environment.get(name, "") for name in ("TERM", "TERM_PROGRAM", "LC_TERMINAL")}
    if environment.get("TMUX") or environment.get("STY"):
        return ""  # a multiplexer shows bells alone
    if names & set(OSC_9):
        return f"\x1b]9;{text}\x1b\\"
    if names & set(OSC_777):
        return f"\x1b]777;notify;tui-trainer;{text.replace(';', ',')}\x1b\\"
    return ""


def _is_active(run: RunView) -> bool:
    return run.state.is_live
