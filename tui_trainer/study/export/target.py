"""What every target of an export keeps to, and how what it wrote comes to stand there whole."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tui_trainer.errors import UsageError
from tui_trainer.record.durable import give_name, temporary_beside
from tui_trainer.record.index import RunReader, look_until_sure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tui_trainer.record.index import Run
    from tui_trainer.record.run_folder import RunFolder

# Runs on other hosts are watched together, for ten seconds at most; their epochs are in memory.
_RUNS_AT_ONCE = 50


class Writes(Protocol):
    """Writes runs in the form of one tool."""

    def __call__(self, runs: Iterable[Run], place: Path, destination: Path, /) -> None:
        """Write the runs.

        Args:
            runs: They come one by one, and are not kept.
            place: Where to write: nothing stands there yet.
            destination: What `place` will be called when all is written.

        Raises:
            UsageError: These runs cannot be written in this form.
            OSError: The disk is full, read-only or failing.
        """


class Target(NamedTuple):
    """A tool that runs are exported to."""

    name: str
    """Also that of the extra which installs what it needs."""
    needs: str
    """The package that writes the tool's files; empty for one that needs none."""
    write: Writes
    then: str
    """What to do with what was written; `{}` is where it stands."""


def export(target: Target, folders: Iterable[RunFolder], destination: Path) -> None:
    """Write runs for a tool; nothing stands at `destination` before all is written.

    Raises:
        UsageError: Something stands there already, the tool's package is not installed, there are
            no runs, or they cannot be written in this form.
        OSError: The disk is full, read-only or failing; nothing stands there.
    """
    _check_installed(target)
    _refuse_second(destination)
    folders = list(folders)
    if not folders:
        raise UsageError("there are no runs to export", hint="tui-trainer run EXPERIMENT")
    if destination.name == "-":
        raise UsageError("nothing is exported to standard output", hint="-o DEST is a name")
    # One folder may be new; a path of which more is missing is a slip of the keyboard.
    destination.parent.mkdir(exist_ok=True)
    place = temporary_beside(destination)
    try:
        target.write(_looked_at(folders), place, destination)
        give_name(place, destination)
    except FileExistsError:
        _refuse_second(destination)
        raise
    except OSError as error:
        # What it was writing has a name that nobody gave it, or none at all.
        if str(error.filename or place).startswith(str(place)):
            error.filename, error.filename2 = str(destination), None
        raise
    finally:
        _remove(place)


def _check_installed(target: Target) -> None:
    # A folder of the package's name, which wandb leaves in projects, is an empty package to Python.
    spec = find_spec(target.needs) if target.needs else None
    if target.needs and (spec is None or spec.origin is None):
        raise UsageError(
            f"files for {target.name} are written by the package {target.needs}, which is not here",
            hint=f"pip install 'tui-trainer[{target.name}]'",
        )


def _looked_at(folders: Iterable[RunFolder]) -> Iterator[Run]:
    left = iter(folders)
    while some := list(islice(left, _RUNS_AT_ONCE)):
        yield from look_until_sure([RunReader(folder) for folder in some])


def _refuse_second(destination: Path) -> None:
    if destination.exists() or destination.is_symlink():
        raise UsageError(
            f"{destination} exists; it is left as it is, and nothing was exported",
            hint="a second export is another file or folder: name one that is not there with -o",
        )


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)
