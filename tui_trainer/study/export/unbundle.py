"""Takes a run out of a bundle: every byte checked, whole, and never over another run."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
import struct
import time
import zipfile
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from tui_trainer.errors import ExitCode, UsageError
from tui_trainer.record.digest import file_digest
from tui_trainer.record.durable import sync_folder, temporary_beside, write_once
from tui_trainer.record.events import AttemptEnded, append_event
from tui_trainer.record.fields import integer, text
from tui_trainer.record.imported import Imported
from tui_trainer.record.index import RunReader
from tui_trainer.record.plain_text import plain_line
from tui_trainer.record.run_folder import RunFolder, is_file_of_run, settle_run
from tui_trainer.record.tail import parse_record
from tui_trainer.spec.loader import name_problem
from tui_trainer.study.export.bundle import BLOCK, CONTENTS, FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

# A run of 100,000 epochs has a few files for each attempt and some results; what says more than
# this of itself is none, and is not read.
MOST_FILES = 10_000
MOST_BYTES_OF_CONTENTS = 4 << 20
# Left on the disk for those who train there.
_SPARE_BYTES = 64 << 20
_END, _END_64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = 20
# A password is wanted, a name is no text, a field is cut off: zipfile has no one word for it.
_FAULTS_OF_ZIPS = (zipfile.BadZipFile, RuntimeError, ValueError, EOFError, struct.error)


class _Promised(NamedTuple):
    """A file, as the bundle's contents tell of it."""

    path: str
    bytes: int
    sha256: str


class _Contents(NamedTuple):
    experiment_name: str
    files: Sequence[_Promised]
    imported: Imported


def import_run(path: Path, runs: Path) -> RunFolder:
    """Take the run into a project's runs, under the next number of its experiment.

    Raises:
        UsageError: The file is no bundle, is damaged, holds what no run has, or finds no room.
        OSError: The disk fails, or the file cannot be read.
    """
    prepared = RunFolder(temporary_beside(runs / "import"))
    try:
        with _opened(path) as file, _zip_in(file, path) as bundle:
            contents = _read_contents(bundle, path, os.fstat(file.fileno()).st_size)
            _check_room(runs, contents.files)
            runs.mkdir(exist_ok=True)
            prepared.path.mkdir()
            for promised in contents.files:
                _take(bundle, promised, prepared.path / promised.path, path)
        _finish(prepared, contents.imported, path)
        return settle_run(runs, contents.experiment_name, prepared.path)
    finally:
        shutil.rmtree(prepared.path, ignore_errors=True)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """A regular file; a pipe would be waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(f"{path} is no file, and so no bundle of a run")
    with os.fdopen(descriptor, "rb") as file:
        yield file


@contextlib.contextmanager
def _zip_in(file: IO[bytes], path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        if _size_of_directory(file) > MOST_BYTES_OF_CONTENTS:
            raise _refused(path, "its list of files is longer than that of any run")
        with zipfile.ZipFile(file) as bundle:
            yield bundle
    except _FAULTS_OF_ZIPS as error:
        raise _refused(path, plain_line(str(error)) or "it ends too early") from error
    except OSError as error:
        # What zipfile says of places before the file's beginning; a disk that fails says another.
        if error.errno != errno.EINVAL:
            raise
        raise _refused(path, "its list of files does not stand where it says") from error


def _size_of_directory(file: IO[bytes]) -> int:
    """How long the zip's list of files says it is: Python's zipfile reads it whole."""
    length = _END_64.size + _LOCATOR_64 + _END.size
    file.seek(max(0, file.seek(0, os.SEEK_END) - length))
    tail = file.read(length)
    if len(tail) < _END.size or not tail[-_END.size :].startswith(b"PK\x05\x06"):
        raise zipfile.BadZipFile("it is no zip file that ends where it should")
    size: int = _END.unpack(tail[-_END.size :])[5]
    if len(tail) == length and tail[_END_64.size :].startswith(b"PK\x06\x07"):
        if not tail.startswith(b"PK\x06\x06"):
            raise zipfile.BadZipFile("its list of files does not stand where it should")
        size = _END_64.unpack(tail[: _END_64.size])[8]
    return size


def _read_contents(bundle: zipfile.ZipFile, path: Path, size: int) -> _Contents:
    entries = {entry.filename: entry for entry in bundle.infolist()}
    about = entries.pop(CONTENTS, None)
    if about is None or about.file_size > MOST_BYTES_OF_CONTENTS or about.compress_type:
        raise _refused(path, f"it has no {CONTENTS}")
    record = parse_record(bundle.read(about)) or {}
    if integer(record, "format") > FORMAT:
        raise _refused(path, "a newer tui-trainer made it", hint="pip install -U tui-trainer")
    experiment_name, _, number = text(record, "run").partition("/")
    files = list(_promised(record, path))
    _check_names([file.path for file in files], path)
    if name_problem(experiment_name) or not number.isdecimal():
        raise _refused(path, "it does not say which run it holds")
    if len(entries) + 1 != len(bundle.infolist()) or set(entries) != {file.path for file in files}:
        raise _refused(path, "it holds other files than it says")
    for file in files:
        _check_entry(entries[file.path], file, path)
    # Nothing is compressed: more than the bundle itself holds comes out of none.
    if sum(file.bytes for file in files) > size:
        raise _refused(path, "its files are larger than itself")
    return _Contents(experiment_name, files, _origin(record))


def _promised(record: Mapping[str, Any], path: Path) -> Iterator[_Promised]:
    files = record.get("files")
    if not isinstance(files, list) or len(files) > MOST_FILES:
        raise _refused(path, f"it does not say what it holds, or more than {MOST_FILES:,} files")
    for file in files:
        known = file if isinstance(file, dict) else {}
        yield _Promised(text(known, "path"), integer(known, "bytes"), text(known, "sha256"))


def _check_names(names: Sequence[str], path: Path) -> None:
    foreign = [name for name in names if not is_file_of_run(name)]
    if foreign:
        raise _refused(path, f"no run has a file `{plain_line(foreign[0])}`")
    if len({name.casefold() for name in names}) != len(names):
        raise _refused(path, "two of its files have one name")
    if not {"experiment.toml", "events.jsonl"} <= set(names):
        raise _refused(path, "a run has an experiment.toml and an events.jsonl, which it has not")


def _check_entry(entry: zipfile.ZipInfo, file: _Promised, path: Path) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    is_plain = entry.compress_type == zipfile.ZIP_STORED and not entry.flag_bits & 1
    if not is_plain or kind not in {0, stat.S_IFREG}:
        raise _refused(path, f"{file.path} in it is no plain file")
    if not file.bytes == entry.file_size == entry.compress_size:
        raise _refused(path, f"{file.path} in it has not the size that it should have")


def _origin(record: Mapping[str, Any]) -> Imported:
    """What the new run keeps of where it came from; when and by which file is known later."""
    before = record.get("imported")
    kept = {key: record.get(key) for key in ("run", "host", "version", "left_out")}
    return Imported.from_record({**kept, "before": before})


def _check_room(runs: Path, files: Sequence[_Promised]) -> None:
    needed = sum(file.bytes for file in files) + _SPARE_BYTES
    free = shutil.disk_usage(runs if runs.is_dir() else runs.parent).free
    if needed > free:
        raise UsageError(
            f"the run needs {needed:,} bytes, and {free:,} are free where {runs} is",
            hint="tui-trainer prune frees space",
        )


def _take(bundle: zipfile.ZipFile, file: _Promised, target: Path, path: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    with bundle.open(file.path) as source, os.fdopen(descriptor, "wb") as written:
        while block := source.read(BLOCK):
            digest.update(block)
            written.write(block)
        written.flush()
        os.fsync(descriptor)
    if digest.hexdigest() != file.sha256:
        raise _refused(path, f"{file.path} in it is not what was put in")


def _finish(prepared: RunFolder, origin: Imported, path: Path) -> None:
    """A run that is over, which says where it came from."""
    run = RunReader(prepared).look()
    if run.plan is None:
        raise _refused(path, "its experiment.toml cannot be read")
    if not run.newest_attempt:
        raise _refused(path, "its run has not begun")
    attempt = run.history.attempts.get(run.newest_attempt)
    if attempt is None or attempt.exit_code is None:
        # Here nobody could ever see whether its owner lives; there somebody saw that it does not.
        ended = AttemptEnded(
            attempt=run.newest_attempt,
            exit_code=ExitCode.CRASHED,
            cause="no end of it was recorded where it ran",
            peak_memory_bytes=0,
        )
        append_event(prepared.events_file, ended)
    imported = replace(origin, bundle_sha256=file_digest(path), time=time.time())
    write_once(prepared.imported_file, json.dumps(imported.as_record()).encode())
    for folder in (path for path in prepared.path.rglob("*") if path.is_dir()):
        sync_folder(folder)


def _refused(path: Path, why: str, *, hint: str = "") -> UsageError:
    return UsageError(
        f"{path} cannot be imported: {why}; nothing was",
        hint=hint or "a bundle is made by tui-trainer export bundle RUN -o FILE; copy it again",
    )
