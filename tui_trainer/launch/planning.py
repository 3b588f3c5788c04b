"""One at a time decides what of a project's studies is to be started: a lock of the kernel."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import time
from typing import TYPE_CHECKING

from tui_trainer.errors import OwnedByAnotherError
from tui_trainer.launch.slots import own_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_NAME = ".planning.lock"
DOOR_NAME = ".planning.door"
SEARCHES = ".search"
# A start takes a second or two; who holds the lock for longer hangs, or its file system does.
PATIENCE_SECONDS = 60.0
SECONDS_TO_LOOK = 0.05
_NO_LOCKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK}


@contextlib.contextmanager
def planning(runs: Path, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Be the only process that starts points, from looking at the runs until one is claimed.

    The kernel lets go of the lock however this process ends.

    Args:
        runs: The folder of all runs.
        patience: Seconds to wait for another process.

    Raises:
        OwnedByAnotherError: Other processes held the lock for all that time.
        OSError: The file cannot be made or locked.
        UsageError: The disk knows no locks, nor has this machine a place for them.
    """
    doing = "has been starting points"
    with contextlib.ExitStack() as inside:
        # Who stands at the door is next: who starts point after point cannot go in again before.
        with _alone(runs / DOOR_NAME, patience, doing):
            inside.enter_context(_alone(runs / LOCK_NAME, patience, doing))
        yield


@contextlib.contextmanager
def driving(runs: Path, search: str) -> Iterator[Path]:
    """Be the only process that drives a search, for as long as that takes; yields its folder.

    Raises:
        OwnedByAnotherError: Another one drives it.
        OSError: As `planning`.
        UsageError: As `planning`.
    """
    folder = runs / SEARCHES
    with _alone(folder / f"{search}.lock", 0.0, f"drives {search}"):
        yield folder


@contextlib.contextmanager
def _alone(path: Path, patience: float, doing: str) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _locked(path, patience, doing, elsewhere=True)
    try:
        yield
    finally:
        os.close(descriptor)


def _locked(path: Path, patience: float, doing: str, *, elsewhere: bool = False) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    try:
        _wait_for(descriptor, path, patience, doing)
    except BaseException as error:
        os.close(descriptor)
        # A Lustre without `flock`, an NFS without its lock server: then this machine's own locks.
        if elsewhere and isinstance(error, OSError) and error.errno in _NO_LOCKS:
            return _locked(_beside(path), patience, doing)
        raise
    return descriptor


def _beside(path: Path) -> Path:
    """A file of this user on a disk of this machine that stands for one elsewhere."""
    digest = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
    return own_folder() / f"planning-{digest}"


def _wait_for(descriptor: int, path: Path, patience: float, doing: str) -> None:
    deadline = time.monotonic() + patience
    while not _is_locked(descriptor):
        if time.monotonic() >= deadline:
            raise OwnedByAnotherError(
                f"another command {doing}",
                hint=f"who that is: fuser -v {path}",
            )
        time.sleep(SECONDS_TO_LOOK)


def _is_locked(descriptor: int) -> bool:
    """Whether it is this process's from now on."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
