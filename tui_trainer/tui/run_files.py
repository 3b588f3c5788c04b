"""The files of a run's folder, with their sizes and recorded digests; none of them is read."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.record.digest import digest_file
from tui_trainer.record.events import CheckpointSaved, read_events
from tui_trainer.record.plain_text import plain_line
from tui_trainer.record.run_folder import CheckpointName
from tui_trainer.record.tail import read_small
from tui_trainer.record.told import told_results

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tui_trainer.record.run_folder import RunFolder

# Of a folder with more files than a run writes the others are no business of its page.
MOST_FILES = 400
_KINDS = {
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


class RunFile(NamedTuple):
    """What stands in a run's folder."""

    folder: str
    """Below the run's own; empty for that itself."""
    name: str
    size: int
    kind: str
    """What it is, where it is no file."""
    sha256: str
    """As it was recorded when the file was written; empty where nothing was."""
    lacks_digest: bool
    """Whether one should have been recorded: a checkpoint, or a result that events tell of."""


@dataclass(frozen=True)
class Files:
    """The files of a run, folder by folder."""

    path: str
    files: tuple[RunFile, ...]
    left_out: int
    fault: str = ""
    """Why there is nothing to show."""


def traces_of(folder: RunFolder) -> object:
    """What is another where files came, went or grew."""
    places = (folder.path, folder.results, folder.checkpoints, *_attempts(folder))
    growing = (folder.events_file, folder.epochs_file)
    return tuple(map(_stamp, (*places, *growing)))


def read_files(folder: RunFolder) -> Files:
    """What stands in the folder now."""
    path = plain_line(str(folder.path), 1000)
    try:
        found = list(_walk(folder))
    except OSError as error:
        return Files(path, (), 0, plain_line(f"cannot read {path}: {error.strerror}", 1000))
    recorded = _recorded(folder)
    files = (_run_file(file, about, folder, recorded) for file, about in found[:MOST_FILES])
    return Files(path, tuple(files), max(0, len(found) - MOST_FILES))


def _walk(folder: RunFolder) -> Iterator[tuple[Path, os.stat_result]]:
    """The run's own files first; what cannot be looked into is left out."""
    yield from _entries(folder.path)
    for place in (folder.checkpoints, folder.results, *reversed(_attempts(folder))):
        with contextlib.suppress(OSError):
            yield from _entries(place)


def _entries(place: Path) -> list[tuple[Path, os.stat_result]]:
    """Everything but folders of the run's own, and digests, which stand beside what they are of."""
    found = []
    with os.scandir(place) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                about = entry.stat(follow_symlinks=False)
                if not entry.is_dir(follow_symlinks=False) and not _is_digest(entry.name):
                    found.append((Path(entry.path), about))
    return sorted(found)


def _attempts(folder: RunFolder) -> list[Path]:
    try:
        names = [name for name in os.listdir(folder.attempts) if name.isdecimal()]  # noqa: PTH208
    except OSError:
        return []
    return [folder.attempts / name for name in sorted(names, key=int)]


def _is_digest(name: str) -> bool:
    return name.endswith(".sha256")


def _recorded(folder: RunFolder) -> dict[str, str]:
    """Digests by path in the run folder, as the run's events tell them."""
    told = dict[str, str]()
    with contextlib.suppress(OSError):
        told = {name: event.sha256 for name, event in told_results(folder).results.items()}
        for event in read_events(folder.events_file):
            if isinstance(event, CheckpointSaved):
                told[f"{folder.checkpoints.name}/{event.checkpoint}"] = event.sha256
    return told


def _run_file(
    file: Path, about: os.stat_result, folder: RunFolder, recorded: Mapping[str, str]
) -> RunFile:
    relative = file.relative_to(folder.path)
    place = "" if relative.parent == Path() else str(relative.parent)
    digest = recorded.get(str(relative), "") or _beside(file)
    return RunFile(
        folder=plain_line(place),
        name=plain_line(file.name),
        size=about.st_size,
        kind=_KINDS.get(stat.S_IFMT(about.st_mode), ""),
        sha256=plain_line(digest, 64),
        lacks_digest=not digest and CheckpointName.parse(file.name) is not None,
    )


def _beside(file: Path) -> str:
    try:
        line = read_small(digest_file(file), 4096) or b""
    except OSError:
        return ""
    return line.decode(errors="replace").partition(" ")[0]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_ino, about.st_size, about.st_mtime_ns
