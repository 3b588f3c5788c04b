"""What is compared: each is given the same runs in its own form, and is started on them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.tui.run_folders import RunWriter, write_project
from tui_trainer.record.epochs import read_epochs
from tui_trainer.record.run_folder import all_runs

if TYPE_CHECKING:
    from collections.abc import Mapping

EXPERIMENTS = """\
[project]
name = "benchmark"
[defaults]
data = { name = "digits" }
epochs = 200
[experiments.cnn2]
model = { name = "cnn", depth = 2 }
[experiments.cnn4]
model = { name = "cnn", depth = 4 }
[experiments.cnn8]
model = { name = "cnn", depth = 8 }
[experiments.resnet18]
model = { name = "resnet18" }
"""
# The first experiment's newest run is the one that every contender shows when it starts.
NAMES = ("cnn4", "cnn8", "resnet18", "cnn2")
EPOCHS, EPOCHS_OF_THE_KILLED = 200, 60
FIGURES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
KILLED = "killed by SIGKILL: by a person, the scheduler, or for lack of memory"
DOTS_OF_A_CURVE = re.compile("[\u2801-\u28ff]{3}")


class Runs:
    """The runs, in our form; all are finished but one, which was killed and may go on."""

    def __init__(self, project: Path, count: int) -> None:
        self.project = write_project(project, EXPERIMENTS)
        originals = dict[str, Path]()
        for number in range(count - 1):
            name = NAMES[number % len(NAMES)]
            if name in originals:
                beside = len(list(originals[name].parent.iterdir()))
                shutil.copytree(originals[name], originals[name].with_name(str(beside + 1)))
            else:
                writer = RunWriter(project, name).start().train(EPOCHS, rate=0.03 + number / 100)
                originals[name] = writer.evaluate(0.9).end(0).path
        self._killed = RunWriter(project, NAMES[-1]).start().train(EPOCHS_OF_THE_KILLED, rate=0.03)
        self._killed.end(-9, KILLED)
        self.killed = self._killed.folder.run

    def each(self) -> list[dict[str, Any]]:
        """Name and figures of every run, the one that was killed at last."""
        folders = list(all_runs(self.project / "runs"))
        folders.sort(key=lambda folder: folder.run == self.killed)
        return [
            {
                "run": folder.run,
                "epochs": [_figures(epoch) for epoch in read_epochs(folder.epochs_file)],
                "is_over": folder.run != self.killed,
            }
            for folder in folders
        ]

    def resume(self) -> None:
        """The run that was killed goes on."""
        self._killed.start().beat()

    def train(self) -> dict[str, Any]:
        """It finishes an epoch; returns what to tell other contenders."""
        self._killed.train(1, rate=0.03).beat(step=1)
        newest = read_epochs(self._killed.folder.epochs_file)[-1]
        return {"run": self.killed, "epochs": [_figures(newest)], "is_over": False}

    def kill(self) -> None:
        """And is killed again."""
        self._killed.end(-9, KILLED)


def _figures(epoch: Any) -> dict[str, float]:
    return {name: getattr(epoch, name) for name in FIGURES}


@dataclass
class Peer:
    """A program that reads runs in a form of its own, which its own writer makes."""

    name: str
    program: Path
    script: str
    folder: Path
    _writer: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        """Start the writer, by the interpreter that the program was installed for."""
        python = self.program.resolve().with_name("python")
        self.folder.mkdir(parents=True)
        self._writer = subprocess.Popen(
            [str(python), str(Path(__file__).with_name(self.script)), str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def write(self, run: Mapping[str, Any]) -> None:
        """Append to a run, and return once it is in the file."""
        writer = self._writer
        if writer.stdin is None or writer.stdout is None:
            raise RuntimeError("the writer has no pipes")
        print(json.dumps(run), file=writer.stdin, flush=True)
        if not writer.stdout.readline():
            raise SystemExit(f"cannot write runs for {self.name}: see its error above")

    def close(self) -> None:
        """End the writer."""
        self._writer.communicate()


def environment(home: Path) -> dict[str, str]:
    """What every contender is started with: no settings of this user, nothing on the network."""
    home.mkdir(exist_ok=True)
    return {
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "WANDB_MODE": "offline",
        "WANDB_ERROR_REPORTING": "false",
    }


def our_command() -> list[str]:
    """The app, as it is installed beside this interpreter."""
    return [sys.executable, "-m", "tui_trainer"]


def leet_command(program: Path, folder: Path) -> list[str]:
    """Wandb's terminal app on a folder of offline runs."""
    return [str(program), "leet", "run", str(folder)]


def tensorboard_command(program: Path, folder: Path, port: int) -> list[str]:
    """The server, for this machine alone."""
    options = ["--logdir", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    return [str(program), *options]


def found(program: str, given: str | None) -> Path | None:
    """A peer's program: the one that was named, or the one on the path."""
    path = shutil.which(given or program)
    if given and path is None:
        raise SystemExit(f"{given} is no program; install {program} or leave the option out")
    return None if path is None else Path(path)
