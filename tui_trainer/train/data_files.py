"""Fetches CIFAR-10 and CIFAR-100 with torchvision's code, and verifies what lies there.

python -m tui_trainer.train.data_files fetch|verify NAME ROOT
"""

from __future__ import annotations

import hashlib
import socket
import sys
import urllib.error
import urllib.request
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from torchvision import datasets

from tui_trainer.errors import PreflightError
from tui_trainer.train.answer import answer
from tui_trainer.train.cifar import FORMS
from tui_trainer.train.impostors import impostor, open_regular

if TYPE_CHECKING:
    from tui_trainer.spec.choices import CifarName

SETS: Final[dict[CifarName, Any]] = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}
# Of the archives, in bytes; for messages.
_SIZES: Final[dict[CifarName, int]] = {"cifar10": 170_498_071, "cifar100": 169_001_437}
_BLOCK = 1 << 20
_SECONDS_OF_SILENCE = 30.0


def verify(name: CifarName, root: Path) -> list[dict[str, Any]]:
    """Each file of the data set: `path`, `bytes`, and what is wrong with it or an empty text."""
    folder, form = root / FORMS[name].folder, SETS[name]
    meta = (form.meta["filename"], form.meta["md5"])
    return [
        {"path": str(path), "bytes": _size(path), "fault": fault_of(path, md5)}
        for path, md5 in (
            (folder / file, md5) for file, md5 in (*form.train_list, *form.test_list, meta)
        )
    ]


def fetch(name: CifarName, root: Path) -> list[dict[str, Any]]:
    """Bring the data set to `root`, as far as it is not there: fetch, check, unpack, verify.

    A download that was cut off goes on where it stopped, if the server can.

    Raises:
        PreflightError: It cannot be fetched; what was fetched is kept for the next time, unless it
            is no part of the archive.
    """
    archive = root / SETS[name].filename
    try:
        root.mkdir(parents=True, exist_ok=True)
        _refuse_what_is_no_file(name, root)
        if _faults(name, root):
            _prepare(name, archive)
            SETS[name](str(root), download=True)
    except urllib.error.HTTPError as error:
        raise _refused(name, archive, f"the server says {error.code} {error.reason}") from error
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise _refused(name, archive, str(getattr(error, "reason", error))) from error
    except OSError as error:
        raise PreflightError(f"cannot write to {root}: {error.strerror or error}") from error
    except RuntimeError as error:
        raise _refused(name, archive, _what_came(name, archive, error)) from error
    faults = _faults(name, root)
    if faults:
        raise PreflightError("; ".join(faults), hint="remove what is there and fetch it again")
    return verify(name, root)


def fault_of(path: Path, md5: str) -> str:
    """What is wrong with a file of which the MD5 is published, or an empty text."""
    try:
        with open_regular(path) as file:
            what, _ = impostor(file.read(200))
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if what:
        return what
    found = _md5(path)
    return "" if found == md5 else f"is cut off or not the published file: its MD5 is {found}"


def _refuse_what_is_no_file(name: CifarName, root: Path) -> None:
    """Neither torchvision's code nor an archive can put a file in its place, or read it."""
    places = [root / SETS[name].filename, *(Path(file["path"]) for file in verify(name, root))]
    for path in places:
        if path.exists() and not path.is_file():
            raise PreflightError(f"{path} is no regular file", hint="remove it, then fetch again")


def _prepare(name: CifarName, archive: Path) -> None:
    """Go on with an archive that was cut off; remove what is no archive."""
    fault = fault_of(archive, SETS[name].tgz_md5)
    if not fault or not archive.exists():
        return
    if _is_begun(archive):
        _say(f"{archive} is cut off after {_size(archive):,} bytes: going on")
        _go_on(SETS[name].url, archive)
        fault = fault_of(archive, SETS[name].tgz_md5)
    if fault:
        _say(f"{archive} {fault}: fetching it anew")
        archive.unlink()


def _go_on(url: str, archive: Path) -> None:
    """Append what is missing, if the server sends parts of files; torchvision's code cannot.

    Raises:
        ConnectionError: It was cut off again; what came is kept.
    """
    start = _size(archive)
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"})  # noqa: S310
    try:
        with urllib.request.urlopen(request) as reply, archive.open("ab") as file:  # noqa: S310
            if reply.status != HTTPStatus.PARTIAL_CONTENT:
                return
            whole = start + int(reply.headers["Content-Length"] or 0)
            while block := reply.read(_BLOCK):
                file.write(block)
    except urllib.error.HTTPError as error:
        # It is as long as the server's or longer, so it is another file.
        if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        return
    if _size(archive) < whole:
        raise ConnectionError(f"cut off after {_size(archive):,} of {whole:,} bytes")


def _what_came(name: CifarName, archive: Path, error: RuntimeError) -> str:
    """What the server sent instead of the archive; only a part of the archive is kept."""
    fault = fault_of(archive, SETS[name].tgz_md5)
    if not archive.exists() or not fault:
        return str(error)
    if _is_begun(archive):
        return f"{archive} {fault}; after {_size(archive):,} bytes"
    archive.unlink()
    return f"what the server sent {fault}"


def _refused(name: CifarName, archive: Path, why: str) -> PreflightError:
    url = SETS[name].url
    return PreflightError(
        f"{name} cannot be fetched from {url}: {why}",
        hint=f"run it again to go on; or fetch {url} ({_SIZES[name] / 1e6:.0f} MB) where there is "
        f"a network, put it at {archive}, and run this again: it unpacks and verifies it",
    )


def _faults(name: CifarName, root: Path) -> list[str]:
    return [f"{file['path']} {file['fault']}" for file in verify(name, root) if file["fault"]]


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _is_begun(archive: Path) -> bool:
    """Whether a file begins as gzip does; anything else is no part of the archive."""
    with archive.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _asked() -> list[dict[str, Any]]:
    command, name, root = sys.argv[1:]
    socket.setdefaulttimeout(_SECONDS_OF_SILENCE)
    act = {"fetch": fetch, "verify": verify}[command]
    return act(name, Path(root))  # type: ignore[arg-type]  # the command line knows the names


if __name__ == "__main__":
    sys.exit(answer(_asked))
