"""The error family: what went wrong, what to do, and the exit code it ends the program with.

TuiTrainerError
├── UsageError               2   a command or a name that cannot be meant
├── InvalidExperimentsError  2   experiments.toml, every problem at once
├── PreflightError           3   something the run needs is not there
├── OwnedByAnotherError      4   somebody else runs it already
└── RunCrashedError          1   training ended with an error
"""

from __future__ import annotations

import errno
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ExitCode(IntEnum):
    """Every code that a tui-trainer program exits with."""

    DONE = 0
    CRASHED = 1
    USAGE = 2
    PREFLIGHT = 3
    OWNED = 4
    STOPPED = 75  # EX_TEMPFAIL of sysexits.h: stopped, but resumable


class TuiTrainerError(Exception):
    """An error that a user can cause and mend.

    Args:
        message: What is wrong and where, as one sentence without a full stop.
        hint: What to do about it, or an empty string.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.CRASHED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(TuiTrainerError):
    """A command, name or option that cannot be meant."""

    exit_code = ExitCode.USAGE

    @classmethod
    def of_system(cls, error: OSError) -> UsageError:
        """What the system says to a command, in words: a disk, a folder, a permission."""
        words = f"{error.filename or 'input or output'}: {error.strerror or error}"
        return cls(words, hint=_CURES.get(error.errno, ""))


_FORBIDDEN = "your user may not: ask the owner for the permission, or choose another folder"
_FULL = "make room, by tui-trainer prune say, or choose another folder"
_CURES: Final[Mapping[int | None, str]] = MappingProxyType(
    {
        errno.EROFS: "it is mounted read-only: remount it for writing, or choose another folder",
        errno.EACCES: _FORBIDDEN,
        errno.EPERM: _FORBIDDEN,
        errno.ENOSPC: _FULL,
        errno.EDQUOT: _FULL,
        errno.EIO: "is the disk failing? its kernel log tells: dmesg",
        errno.ENOENT: "is its path right?",
        errno.ENOTDIR: "move away what stands where a folder should",
    }
)


def told(error: TuiTrainerError | OSError) -> TuiTrainerError:
    """An error as a user is told of it: what the system says is put in words."""
    return UsageError.of_system(error) if isinstance(error, OSError) else error


class InvalidExperimentsError(TuiTrainerError):
    """experiments.toml, or a change given on the command line, is wrong.

    Args:
        problems: One line each, with file, line, key and what is allowed.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, problems: Sequence[str], *, hint: str = "") -> None:
        super().__init__("\n".join(problems), hint=hint)
        self.problems = tuple(problems)


class PreflightError(TuiTrainerError):
    """Something that the run needs is missing or damaged; training has not begun."""

    exit_code = ExitCode.PREFLIGHT


class OwnedByAnotherError(TuiTrainerError):
    """The run has a living owner, who alone may write to it."""

    exit_code = ExitCode.OWNED


class RunCrashedError(TuiTrainerError):
    """Training ended with an error; what was saved can be resumed."""

    exit_code = ExitCode.CRASHED
