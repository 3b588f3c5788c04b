"""Whether what failed may go well when it is tried again: the core says it, others act on it."""

from __future__ import annotations

import errno
from enum import Enum


class Hope(str, Enum):
    """What a second try is worth."""

    NONE = "none"
    """Nothing: the core refused, and only a person changes why."""
    ONCE = "once"
    """An error of the code. Training is deterministic: twice at the same step is every time."""
    ROOM = "room"
    """A disk is full. That changes, and no number of tries makes it hopeless."""
    SOME = "some"
    """Circumstances, which change: memory, a disk, whoever sent a signal."""

    @classmethod
    def after(cls, error: OSError) -> Hope:
        """What is to be hoped after an error of the system."""
        return cls.ROOM if error.errno in {errno.ENOSPC, errno.EDQUOT} else cls.SOME

    @classmethod
    def of(cls, word: str) -> Hope:
        """What a record says; of a word that nobody knows, nothing is hoped."""
        return cls(word) if word in set(cls) else cls.NONE
