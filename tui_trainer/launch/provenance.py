"""Where a run comes from: code, packages, host and command, recorded at its launch."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from tui_trainer import __version__
from tui_trainer.record import own_files

if TYPE_CHECKING:
    from pathlib import Path

    from tui_trainer.spec.experiment import Experiment

PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "msgspec", "textual")
# A repository on a slow network file system must not hold a launch up.
GIT_SECONDS = 5.0


def provenance(project: Path, experiment: Experiment) -> dict[str, Any]:
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
        "own_files": _own_files(project, experiment) or None,
    }
    return {key: _utf8(value) for key, value in facts.items()}


def _own_files(project: Path, experiment: Experiment) -> dict[str, str]:
    """Digests of what is told apart at once: a folder of images is left to the core."""
    named = own_files.named_by(experiment, project)
    return own_files.digests(project, (name for name in named if (project / name).is_file()))


def _utf8(value: Any) -> Any:
    """Paths may hold bytes that are no UTF-8, which TOML cannot."""
    if isinstance(value, list):
        return [_utf8(entry) for entry in value]
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _version(package: str) -> str:
    # Twenty milliseconds that the app's first frame need not wait for.
    from importlib import metadata

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
