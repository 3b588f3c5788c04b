"""The user's own code and data that a run is made of: which files, and whether they changed."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui_trainer.record.digest import file_digest
from tui_trainer.spec.data import ImageFolder, Npz, OwnData
from tui_trainer.spec.model import OwnModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tui_trainer.spec.experiment import Experiment


def named_by(experiment: Experiment, project: Path) -> Iterator[str]:
    """The modules, files and folders that an experiment names, as paths from the project's."""
    for table in (experiment.model, experiment.data):
        if isinstance(table, (OwnModel, OwnData)):
            module = table.name.partition(":")[0].replace(".", "/")
            is_package = (project / module / "__init__.py").is_file()
            yield f"{module}/__init__.py" if is_package else f"{module}.py"
        elif isinstance(table, (Npz, ImageFolder)):
            yield table.path


def _nothing() -> None:
    """Nobody wants to know that a folder is still being read."""


def digests(
    project: Path, names: Iterable[str], alive: Callable[[], None] = _nothing
) -> dict[str, str]:
    """A SHA-256 of each, by name; what is not there or cannot be read is left out.

    That of a module is over its content; of an npz file over the names, sizes and checksums in its
    directory, and of a folder over the names and sizes of its files, after each of which `alive` is
    called; what that raises ends it.
    """
    found = ((name, _digest(project / name, alive)) for name in sorted(set(names)))
    return {name: digest for name, digest in found if digest}


def changes(before: Mapping[str, Any], now: Mapping[str, str]) -> Iterator[str]:
    """In words, what is no longer as it was: `mynets.py has changed`.

    Files that are new to a run say nothing: another one, which was known, makes use of them.
    """
    for name, digest in before.items():
        if name not in now:
            yield f"{name} is gone"
        elif now[name] != digest:
            yield f"{name} has changed"


def _digest(path: Path, alive: Callable[[], None]) -> str:
    """Empty where there is nothing to read."""
    try:
        if path.is_dir():
            return _digest_of_facts(_files_below(path, alive))
        if not path.is_file():
            return ""
        return _digest_of_facts(_members(path)) if zipfile.is_zipfile(path) else file_digest(path)
    except (OSError, zipfile.BadZipFile):
        return ""


def _files_below(folder: Path, alive: Callable[[], None]) -> Iterator[tuple[str, int]]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            alive()
            if not name.startswith("."):
                file = Path(place, name)
                yield str(file.relative_to(folder)), file.stat().st_size


def _members(archive: Path) -> Iterator[tuple[str, int, int]]:
    with zipfile.ZipFile(archive) as opened:
        yield from ((each.filename, each.file_size, each.CRC) for each in opened.infolist())


def _digest_of_facts(facts: Iterable[tuple[Any, ...]]) -> str:
    digest = hashlib.sha256()
    for fact in facts:
        digest.update(f"{json.dumps(fact)}\n".encode())
    return digest.hexdigest()
