"""File systems that are full soon: a tmpfs of few bytes or few inodes, or one that is read-only."""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class SmallDisk:
    """A tmpfs at a place of its own."""

    place: Path

    @classmethod
    @contextlib.contextmanager
    def mounted(cls, place: Path, options: str) -> Iterator[SmallDisk]:
        """One with `size=8m` and the like; a test that may not mount it, as only root may, skips.

        What only root meets: permission bits do not stop who runs these tests.
        """
        place.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(place)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting a tmpfs needs root")
        try:
            yield cls(place)
        finally:
            subprocess.run(["umount", "--lazy", str(place)], check=True)  # noqa: S607

    def change(self, options: str) -> None:
        """Mount it otherwise while it is in use: `size=16m`, `ro`, `rw`."""
        command = ["mount", "-o", f"remount,{options}", str(self.place)]
        subprocess.run(command, check=True)

    def fill(self, spare: int = 0) -> Path:
        """Leave no more than so many bytes; removing the file that comes back makes room again."""
        filler = self.place / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 12))
            except OSError:
                file.truncate(max(0, file.tell() - spare))
        return filler

    @property
    def inodes(self) -> int:
        """How many are in use."""
        about = os.statvfs(self.place)
        return about.f_files - about.f_ffree
