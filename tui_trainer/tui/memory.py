"""Keeps how the list was arranged from one sitting to the next, in the user's state folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui_trainer.errors import TuiTrainerError
from tui_trainer.record.durable import replace_quickly
from tui_trainer.record.fields import table, text
from tui_trainer.record.tail import read_json
from tui_trainer.spec.find import find_project
from tui_trainer.tui.arrangement import GROUPS, SORTABLE, Arrangement, Order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Further back `tui-trainer restore` lists what there is.
MOST_THROWN_AWAY = 50


@dataclass
class Memory:
    """What is remembered of the project in or above `folder`.

    Its functions touch the disk, so they are for a thread; what cannot be kept is not kept.
    """

    folder: Path
    wanted: Arrangement = field(default_factory=Arrangement)
    """What is to be remembered."""
    _kept: Arrangement | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def recall(self) -> Arrangement:
        """How it was left; as at the first start where nothing readable says that."""
        with self._lock:
            file = self._file()
            record = None if file is None else read_json(file)
            self._kept = Arrangement() if record is None else _arrangement(record)
            return self._kept

    def keep(self) -> None:
        """Remember what is wanted by now: of several threads that come late, each does."""
        with self._lock:
            file, wanted = self._file(), self.wanted
            if file is None or wanted == self._kept:
                return
            with contextlib.suppress(OSError):
                file.parent.mkdir(parents=True, exist_ok=True)
                replace_quickly(file, json.dumps(_record(wanted), indent=1).encode())
                self._kept = wanted

    def _file(self) -> Path | None:
        """The project's file; None where there is no project, or no home."""
        try:
            project = find_project(self.folder).parent.resolve()
            state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        except (TuiTrainerError, OSError, RuntimeError):
            return None
        digest = hashlib.sha256(os.fsencode(project)).hexdigest()[:16]
        return state / "tui-trainer" / f"{digest}.json"


def _record(arrangement: Arrangement) -> dict[str, Any]:
    return {
        "filter": arrangement.filter,
        "sort": arrangement.order.column,
        "reversed": arrangement.order.is_reversed,
        "hide_finished": arrangement.hides_finished,
        "marked": [f"{experiment}/{number}" for experiment, number in sorted(arrangement.marked)],
        "folded": dict(arrangement.folded),
        "theme": arrangement.theme,
        "group": arrangement.group,
        "thrown_away": arrangement.thrown_away[-MOST_THROWN_AWAY:],
    }


def _arrangement(record: Mapping[str, Any]) -> Arrangement:
    """What a file says that anybody may have edited."""
    marked, column = record.get("marked"), text(record, "sort")
    folded = table(record, "folded")
    return Arrangement(
        filter=text(record, "filter"),
        order=Order(column if column in SORTABLE else "", record.get("reversed") is True),
        hides_finished=record.get("hide_finished") is True,
        marked=frozenset(map(_row_key, marked)) if isinstance(marked, list) else frozenset(),
        folded={name: value for name, value in folded.items() if isinstance(value, bool)},
        theme=text(record, "theme"),
        group=group if (group := text(record, "group")) in GROUPS else "",
        thrown_away=tuple(_thrown_away(record.get("thrown_away"))),
    )


def _thrown_away(moves: object) -> Iterator[tuple[str, ...]]:
    for move in moves if isinstance(moves, list) else ():
        known = move if isinstance(move, list) else []
        names = tuple(name for name in known if isinstance(name, str))
        if names:
            yield names


def _row_key(run: object) -> tuple[str, int]:
    experiment, _, number = str(run).rpartition("/")
    is_number = number.isascii() and number.isdigit() and len(number) < 10
    return (experiment, int(number) if is_number else 0)
