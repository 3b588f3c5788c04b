"""Where a run comes from: code version, packages, host and command, recorded at its launch."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
from datetime import datetime, timezone
from importlib import metadata
from typing import TYPE_CHECKING, Any

from tui_trainer import __version__

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "msgspec", "textual")
# A repository on a slow network file system must not hold a launch up.
GIT_SECONDS = 5.0


def provenance(project: Path) -> dict[str, Any]:
    """What is to be known of this launch when its result is read in a year."""
    facts = {
        "launched": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "project": str(project),
        "host": socket.gethostname(),
        "argv": sys.argv,
        "working_directory": os.getcwd(),  # noqa: PTH109  a string for TOML
        "python": platform.python_version(),
        "platform": platform.platform(),
        "tui_trainer": __version__,
        "git_commit": _git(project, "rev-parse", "HEAD"),
        "git_changed": bool(_git(project, "status", "--porcelain", "--untracked-files=no")),
        "packages": {name: _version(name) for name in PACKAGES},
    }
    return {key: _utf8(value) for key, value in facts.items()}


def _utf8(value: Any) -> Any:
    """Paths may hold bytes that are no UTF-8, which TOML cannot."""
    if isinstance(value, list):
        return [_utf8(entry) for entry in value]
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _git(folder: Path, *arguments: str) -> str:
    """What git says of the project's folder; empty where there is no git or no repository."""
    git = shutil.which("git")
    if git is None:
        return ""
    try:
        answer = subprocess.run(
            [git, "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=GIT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
