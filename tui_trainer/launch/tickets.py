"""Places in the queue of this machine: files that who waits keeps locked, named after them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tui_trainer.launch.slots import Want, is_locked, locked
from tui_trainer.record.durable import temporary_beside
from tui_trainer.record.fields import integer, table, text
from tui_trainer.record.owner import Owner
from tui_trainer.record.place import Place
from tui_trainer.record.run_folder import RunFolder
from tui_trainer.record.tail import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tui_trainer.launch.slots import Pool


class Ticket(NamedTuple):
    """A place in the queue of this machine; the name of a file that its holder keeps locked."""

    path: Path
    place: Place
    kinds: str
    token: str

    @classmethod
    def parse(cls, path: Path) -> Ticket | None:
        """What a file's name says, or None for another file."""
        try:
            priority, rank, kinds, held, token = path.name.split("_")
            place = Place(priority=int(priority), rank=int(rank), held=held == "held")
        except ValueError:
            return None
        return cls(path, place, kinds, token)

    @property
    def key(self) -> tuple[int, int, str]:
        """What sorts tickets, the first of them first."""
        return (*self.place.key, self.token)

    def wants_some_of(self, kinds: str) -> bool:
        """Whether it is in the way of who wants these kinds."""
        return any(kind in self.kinds for kind in kinds)

    def moved_to(self, place: Place) -> Ticket:
        """The ticket at another place; the lock goes with the file."""
        path = self.path.with_name(_file_name(place, self.kinds, self.token))
        self.path.rename(path)
        return self._replace(path=path, place=place)

    def is_of_the_living(self) -> bool:
        """Whether its holder lives and is awake; a dead one's ticket is removed."""
        if not is_locked(self.path):
            self.path.unlink(missing_ok=True)
            return False
        # Who is held by SIGSTOP takes nothing, and must not be waited for.
        return not Owner.from_record(table(self._content(), "owner")).is_suspended()

    def folder(self) -> RunFolder:
        """Whose it is."""
        return RunFolder(Path(text(self._content(), "folder") or "/?/?/?"))

    def want(self) -> Want:
        """What it waits for."""
        content = self._content()
        return Want(integer(content, "cpus"), integer(content, "gpus"))

    def _content(self) -> Mapping[str, Any]:
        return read_json(self.path) or {}


def tickets(pool: Pool) -> list[Ticket]:
    """Of all that wait on this machine, in order; some may be of the dead."""
    try:
        paths = list(_waiting(pool).iterdir())
    except FileNotFoundError:
        return []
    found = [ticket for ticket in map(Ticket.parse, paths) if ticket is not None]
    return sorted(found, key=lambda ticket: ticket.key)


def issue(pool: Pool, place: Place, want: Want, folder: RunFolder) -> tuple[Ticket, int]:
    """A new ticket and the descriptor that keeps it locked: before anybody sees it, it is."""
    owner = Owner.of_process(os.getpid())
    waiting = _waiting(pool)
    waiting.mkdir(mode=0o700, exist_ok=True)
    path = waiting / _file_name(place, want.kinds, owner.token)
    content = {"folder": str(folder.path), "owner": owner.as_record(), **want._asdict()}
    aside = temporary_beside(path)
    descriptor = locked(aside, content)
    if descriptor is None:
        raise BlockingIOError(f"somebody else holds {aside}")
    try:
        aside.rename(path)
    except OSError:
        os.close(descriptor)
        raise
    return Ticket(path, place, want.kinds, owner.token), descriptor


def _file_name(place: Place, kinds: str, token: str) -> str:
    held = "held" if place.held else "waits"
    return f"{place.priority}_{place.rank}_{kinds}_{held}_{token}"


def _waiting(pool: Pool) -> Path:
    return pool.folder / "waiting"
