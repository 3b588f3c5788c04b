"""Writes runs as TensorBoard's event files; started with the interpreter that it is installed for.

    python tensorboard_files.py FOLDER

Speaks as `wandb_files.py` does, by TensorBoard's own writer.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

BEGAN = 1_767_225_600  # a second of 2026


class Run:
    """The events of one run, open to be appended to."""

    def __init__(self, folder: Path) -> None:
        self._writer = EventFileWriter(str(folder))
        self._epochs = 0

    def add_epochs(self, epochs: list[dict[str, float]]) -> None:
        """Scalars of some steps, which are in the file when this returns."""
        for figures in epochs:
            values = [Summary.Value(tag=tag, simple_value=value) for tag, value in figures.items()]
            event = Event(step=self._epochs, wall_time=BEGAN, summary=Summary(value=values))
            self._writer.add_event(event)
            self._epochs += 1
        self._writer.flush()

    def end(self) -> None:
        """Nothing more comes."""
        self._writer.close()


def main() -> None:
    """Write what is asked for until nothing more is."""
    folder, runs = Path(sys.argv[1]), dict[str, Run]()
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        name = asked["run"]
        run = runs.get(name) or Run(folder / name)
        runs[name] = run
        run.add_epochs(asked["epochs"])
        if asked["is_over"]:
            run.end()
        print("written", flush=True)


if __name__ == "__main__":
    main()
