"""Every sign that the app draws, in Unicode and in ASCII."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_trainer.record.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Glyphs:
    """One set of signs; each is one cell wide."""

    is_ascii: bool
    marks: Mapping[State, str]
    never_run: str
    invalid: str
    warning: str
    marked: str
    ascending: str
    descending: str
    unfolded: str
    folded: str
    cursor: str
    rule: str
    dot: str
    dash: str
    ellipsis: str
    bar_done: str
    bar_half: str
    bar_left: str
    scroll: str
    axis_y: str
    axis_tick_y: str
    axis_corner: str
    axis_x: str
    axis_tick_x: str
    good: str
    unlike: str
    best: str
    begin: str
    point: str
    band: str
    low_end: str
    high_end: str


UNICODE = Glyphs(
    is_ascii=False,
    marks={
        State.QUEUED: "◌",
        State.PREFLIGHT: "◔",
        State.RUNNING: "●",
        State.EVALUATING: "◕",
        State.STALLED: "◍",
        State.STOPPING: "◐",
        State.STOPPED: "■",
        State.INTERRUPTED: "▪",
        State.CRASHED: "✕",
        State.LOST: "?",
        State.FAILED: "✕",
        State.FINISHED: "✓",
    },
    never_run="○",
    invalid="✕",
    warning="▲",
    marked="◆",
    ascending="▲",
    descending="▼",
    unfolded="▾",
    folded="▸",
    cursor="▌",
    rule="─",
    dot="·",
    dash="–",  # noqa: RUF001 - a real dash
    ellipsis="…",
    bar_done="━",
    bar_half="╸",
    bar_left="─",
    scroll="▐",
    axis_y="│",
    axis_tick_y="┤",
    axis_corner="└",
    axis_x="─",
    axis_tick_x="┬",
    good="✓",
    unlike="≠",
    best="◆",
    begin="┊",
    point="●",
    band="░",
    low_end="├",
    high_end="┤",
)
ASCII = Glyphs(
    is_ascii=True,
    marks={
        State.QUEUED: ".",
        State.PREFLIGHT: "o",
        State.RUNNING: "*",
        State.EVALUATING: "*",
        State.STALLED: "!",
        State.STOPPING: "~",
        State.STOPPED: "#",
        State.INTERRUPTED: "=",
        State.CRASHED: "x",
        State.LOST: "?",
        State.FAILED: "x",
        State.FINISHED: "+",
    },
    never_run="o",
    invalid="x",
    warning="!",
    marked="@",
    ascending="^",
    descending="v",
    unfolded="v",
    folded=">",
    cursor=">",
    rule="-",
    dot="-",
    dash="-",
    ellipsis="~",
    bar_done="=",
    bar_half="=",
    bar_left=".",
    scroll="|",
    axis_y="|",
    axis_tick_y="+",
    axis_corner="+",
    axis_x="-",
    axis_tick_x="+",
    good="+",
    unlike="!",
    best="^",
    begin=":",
    point="o",
    band=":",
    low_end="[",
    high_end="]",
)
