"""Writes runs as wandb does offline; started with the interpreter that wandb is installed for.

    python wandb_files.py FOLDER

Each line of standard input is a JSON object: `run` (`cnn4/3`), `epochs` (a list of figures by name,
to be appended), `is_over` (whether it ends in order). Each is answered with a line. The records are
wandb's own; around them is the log format of LevelDB.
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from wandb.proto import wandb_internal_pb2 as wandb

BLOCK, HEADER = 32768, struct.Struct("<IHB")
FILE_HEADER = struct.pack("<4sHB", b":W&B", 0xBEE1, 0)
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4
BEGAN = 1_767_225_600  # a second of 2026


class Run:
    """The log of one run, open to be appended to."""

    def __init__(self, folder: Path, name: str, number: int) -> None:
        run = name.replace("/", "-")
        minutes, seconds = divmod(number, 60)
        place = folder / f"offline-run-20260101_00{minutes:02d}{seconds:02d}-{run}"
        (place / "files").mkdir(parents=True)
        self._file: BinaryIO = (place / f"run-{run}.wandb").open("wb")
        self._file.write(FILE_HEADER)
        self._records = self._epochs = 0
        record = self._record()
        record.run.run_id, record.run.display_name, record.run.project = run, name, "benchmark"
        record.run.start_time.FromSeconds(BEGAN + number)
        self._append(record)

    def add_epoch(self, figures: dict[str, Any]) -> None:
        """One step of its history."""
        record = self._record()
        record.history.step.num = self._epochs
        for key, value in {**figures, "_step": self._epochs, "_timestamp": BEGAN}.items():
            item = record.history.item.add()
            item.key, item.value_json = key, json.dumps(value)
        self._epochs += 1
        self._append(record)

    def end(self) -> None:
        """It exits in order."""
        record = self._record()
        record.exit.exit_code = 0
        self._append(record)
        self._file.close()

    def _record(self) -> Any:
        self._records += 1
        return wandb.Record(num=self._records)

    def _append(self, record: Any) -> None:
        rest, is_first = record.SerializeToString(), True
        while rest or is_first:
            left = BLOCK - self._file.tell() % BLOCK
            if left < HEADER.size:
                self._file.write(bytes(left))
                left = BLOCK
            part, rest = rest[: left - HEADER.size], rest[left - HEADER.size :]
            kind = (MIDDLE if rest else LAST) if not is_first else (FIRST if rest else WHOLE)
            check = zlib.crc32(bytes([kind]) + part)
            self._file.write(HEADER.pack(check, len(part), kind) + part)
            is_first = False
        self._file.flush()


def main() -> None:
    """Write what is asked for until nothing more is."""
    folder, runs = Path(sys.argv[1]), dict[str, Run]()
    for line in sys.stdin:
        asked = json.loads(line)
        name = asked["run"]
        run = runs.get(name) or Run(folder, name, len(runs))
        runs[name] = run
        for figures in asked["epochs"]:
            run.add_epoch(figures)
        if asked["is_over"]:
            run.end()
        print("written", flush=True)


if __name__ == "__main__":
    main()
