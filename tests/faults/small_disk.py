"""File systems that are full soon: a tmpfs of few bytes or few inodes, or one that is read-only."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class SmallDisk:
    """A tmpfs at a place of its own."""

    place: Path

    def mount(self, options: str) -> bool:
        """Mount it, with `size=8m` and the like; False where that is not allowed."""
        self.place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(self.place)]
        return not subprocess.run(command, capture_output=True, check=False).returncode

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

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.place)], check=True)  # noqa: S607
