"""What people say of a run: tags, a note, scores from elsewhere; the lines of remarks.jsonl."""

from __future__ import annotations

import math
import re
import time as clock
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from tui_trainer.errors import UsageError
from tui_trainer.record.durable import append_record, sync_folder
from tui_trainer.record.fields import number, text
from tui_trainer.record.plain_text import plain_text
from tui_trainer.record.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tui_trainer.record.run_folder import RunFolder

LONGEST_TAG, LONGEST_BOARD = 40, 60
# A page of text; of what is longer a file of one's own knows better.
LONGEST_NOTE = 16_384
# Of a file that somebody else wrote no more than this is believed.
MOST_TAGS, MOST_BOARDS = 100, 100
# What a filter can ask for as one word, and what no command takes for an option or for a run.
_TAG = re.compile(r'[^\s"\',/:=<>!-][^\s"\',/]*')


class Score(NamedTuple):
    """What a leaderboard said."""

    board: str
    """Which one; empty where there is no need to tell it apart."""
    value: float
    time: float

    @property
    def words(self) -> str:
        """`0.41 on public`."""
        return f"{self.value:g}{f' on {self.board}' if self.board else ''}"


@dataclass(frozen=True, kw_only=True)
class Remarks:
    """The fold of a run's remarks; any prefix of them gives remarks of its own."""

    tags: tuple[str, ...] = ()
    """By name."""
    note: str = ""
    scores: tuple[Score, ...] = ()
    """The newest of each board, the newest of all last."""

    def and_then(self, record: Mapping[str, Any]) -> Remarks:
        """With one more line; a line of another version changes nothing."""
        kind = text(record, "remark")
        if kind == "tagged":
            tags = {*self.tags, *_texts(record, "add")} - set(_texts(record, "remove"))
            return replace(self, tags=tuple(sorted(tags)[:MOST_TAGS]))
        if kind == "noted":
            before = f"{self.note}\n" if self.note and record.get("adds") is True else ""
            return replace(self, note=(before + text(record, "text"))[:LONGEST_NOTE])
        value = number(record, "value")
        if kind == "scored" and value is not None:
            board = text(record, "board")[:LONGEST_BOARD]
            others = tuple(score for score in self.scores if score.board != board)
            newest = Score(board, value, number(record, "time") or 0.0)
            return replace(self, scores=(*others, newest)[-MOST_BOARDS:])
        return self

    @property
    def score(self) -> float | None:
        """The newest, whichever board it is of."""
        return self.scores[-1].value if self.scores else None

    def as_record(self) -> dict[str, Any]:
        """For programs."""
        return {
            "tags": list(self.tags),
            "note": self.note,
            "scores": [score._asdict() for score in self.scores],
        }


def fold(records: Iterable[Mapping[str, Any]]) -> Remarks:
    """What all these lines come to."""
    remarks = Remarks()
    for record in records:
        remarks = remarks.and_then(record)
    return remarks


def read_remarks(folder: RunFolder) -> Remarks:
    """What was said of the run until now."""
    batches = Tail(folder.remarks_file).batches()
    return fold(record for records, _ in batches for record in records)


def tag(folder: RunFolder, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
    """Give the run tags, and take some away.

    Raises:
        UsageError: One cannot be a tag.
        OSError: The disk is full, read-only or failing.
    """
    new = [_checked_tag(name) for name in add]
    _append(folder, {"remark": "tagged", "add": new, "remove": list(remove)})


def add_to_note(folder: RunFolder, words: str) -> None:
    """Add a line to the note: of two people who add at once, neither loses anything.

    Raises:
        UsageError: There are no words, or the note would be too long.
        OSError: As for `tag`.
    """
    if not plain_text(words).strip():
        raise UsageError("there are no words to add to the note")
    _note(folder, words, adds=True, before=read_remarks(folder).note)


def rewrite_note(folder: RunFolder, words: str, *, was: str) -> None:
    """Put a note in place of the one that `was` there; an empty one takes it away.

    Raises:
        UsageError: The note is too long, or somebody changed it meanwhile.
        OSError: As for `tag`.
    """
    if read_remarks(folder).note != was:
        raise UsageError(f"somebody changed the note of {folder.run} meanwhile; it stays as it is")
    _note(folder, words, adds=False, before="")


def score(folder: RunFolder, value: float, board: str = "") -> None:
    """Record what a leaderboard said.

    Raises:
        UsageError: It is no finite number, or the board's name is too long.
        OSError: As for `tag`.
    """
    if fault := fault_of_score(value, board):
        raise UsageError(fault)
    _append(folder, {"remark": "scored", "value": value, "board": _board(board)})


def fault_of_score(value: float, board: str) -> str:
    """Why this cannot be a score; empty where it can."""
    if not math.isfinite(value):
        return f"a score is a finite number, not {value}"
    if len(_board(board)) > LONGEST_BOARD:
        return f"a board's name has at most {LONGEST_BOARD} characters"
    return ""


def score_value(words: str) -> float:
    """The number that somebody wrote, with a decimal point or comma.

    Raises:
        UsageError: It is none.
    """
    if words.endswith("%"):
        raise UsageError(
            f"a score is a plain number, not {plain_text(words)[:LONGEST_BOARD]!r}",
            hint="without %, and for all runs on the leaderboard's own scale: 45 or 0.45",
        )
    try:
        return float(words.replace(",", "."))
    except ValueError:
        raise UsageError(
            f"{plain_text(words)[:LONGEST_BOARD]!r} is no number, which a score begins with",
            hint="like 0.45",
        ) from None


def is_tag(name: str) -> bool:
    """Whether a run can have this tag."""
    is_plain = plain_text(name) == name and name.isprintable()
    return is_plain and len(name) <= LONGEST_TAG and bool(_TAG.fullmatch(name))


def _board(name: str) -> str:
    return " ".join(plain_text(name).split())


def _checked_tag(name: str) -> str:
    if not is_tag(name):
        raise UsageError(
            f"{plain_text(name)[:LONGEST_TAG]!r} cannot be a tag",
            hint=f"a tag is one word of at most {LONGEST_TAG} characters, without / , and quotes; "
            "its first is none of - ! : < = >",
        )
    return name


def _note(folder: RunFolder, words: str, *, adds: bool, before: str) -> None:
    content = plain_text(words, len(words)).strip()
    if len(f"{before}\n" if before else "") + len(content) > LONGEST_NOTE:
        raise UsageError(
            f"a note has at most {LONGEST_NOTE:,} characters",
            hint="write it into a file of your own, and its name into the note",
        )
    _append(folder, {"remark": "noted", "text": content, "adds": adds})


def _append(folder: RunFolder, record: dict[str, Any]) -> None:
    if not folder.path.is_dir():
        raise UsageError(f"{folder.run} is no longer there", hint="the runs: tui-trainer runs")
    is_first = not folder.remarks_file.exists()
    append_record(folder.remarks_file, {**record, "time": clock.time()})
    if is_first:
        sync_folder(folder.path)


def _texts(record: Mapping[str, Any], key: str) -> list[str]:
    entries = record.get(key)
    known = entries if isinstance(entries, list) else []
    return [entry for entry in known if isinstance(entry, str) and is_tag(entry)]
