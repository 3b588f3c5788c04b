"""A stand-in for the training core: same arguments, same files, no torch, milliseconds per epoch.

Its behaviour is set by TUI_TRAINER_FAKE, a JSON object:
    seconds         per epoch (default 0.05)
    attempts        that misbehave: the first so many (default 1)
    crash_at        raise at the start of this epoch
    exit_at, code   exit with a code at the start of this epoch
    kill_at         SIGKILL itself at the start of this epoch
    eat_at          use up the memory at the start of this epoch
    hang_at         stop making progress at the start of this epoch
    hold_at         stay in the first step of this epoch until the project holds a file `go-on`
    cause           what a crash gives as its cause; false: it cannot say any
    hope            what it says that a second try is worth (default some)
    deaf            ignore SIGTERM
    mute            do not tell the end
    kill_at_end     SIGKILL itself once the end is told
    hurries         attempts after the first take no time
    drifts          weights depend on the attempt
    noise           text to print at the start
    ood             accuracy of every epoch's probe, and of the result out of distribution
    parameters, flops    of the network, as counted when training begins
    dull            what every epoch's validation accuracy is multiplied with
    planted         accuracy on the test images as a function of the settings, {"model.depth": {"4":
                    0.1}}: what each value adds to 0.5; "noise" is the deviation of each seed
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import tomli

from tui_trainer.record.digest import digest_file, digest_line, file_digest
from tui_trainer.record.durable import append_record, write_durably
from tui_trainer.record.epochs import Epoch, EpochsDigest, read_epochs
from tui_trainer.record.events import (
    CheckpointSaved,
    Evaluated,
    TrainingBegan,
    append_event,
    read_events,
)
from tui_trainer.record.heartbeat import Progress
from tui_trainer.record.run_folder import CheckpointName, RunFolder
from tui_trainer.record.state import fold
from tui_trainer.spec.summary import read_summary

STEPS = 10
LONGEST_HOLD = time.monotonic() + 300  # a core that a test forgot does not live for ever
knobs: dict[str, Any] = json.loads(os.environ.get("TUI_TRAINER_FAKE", "{}"))
stop_asked: list[int] = []


def main() -> int:
    folder = RunFolder(Path(sys.argv[1]))
    attempt = int(os.environ["TUI_TRAINER_ATTEMPT"])
    if not knobs.get("deaf"):
        signal.signal(signal.SIGTERM, lambda number, _frame: stop_asked.append(number))
    else:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # every epoch is saved anyway
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGUSR1})
    print(knobs.get("noise", "fake core"), flush=True)
    planned = tomli.loads(folder.experiment_file.read_text())["experiment"]["epochs"]
    extended = fold(read_events(folder.events_file)).extended
    planned = extended.epochs if extended else planned
    done = len(read_epochs(folder.epochs_file))
    append_event(
        folder.events_file,
        TrainingBegan(
            attempt=attempt,
            epoch=done + 1,
            step=0,
            checkpoint="",
            parameters=knobs.get("parameters", 0),
            flops=knobs.get("flops", 0),
        ),
    )
    for epoch in range(done + 1, planned + 1):
        misbehave(epoch, attempt)
        if not train(folder, epoch):
            # As the core does: an interpreter that takes itself apart would die of a second one.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            return 75
        finish(folder, attempt, epoch)
    evaluate(folder, attempt, planned)
    if not knobs.get("mute"):
        tell({"done": True})
    if knobs.get("kill_at_end"):
        os.kill(os.getpid(), signal.SIGKILL)
    return 0


def misbehave(epoch: int, attempt: int) -> None:
    is_bad = attempt <= knobs.get("attempts", 1)
    if knobs.get("crash_at") == epoch and is_bad:
        cause = knobs.get("cause", f"RuntimeError: planted at epoch {epoch}")
        if cause:
            where = Progress(stage="training", epoch=epoch, steps=STEPS).as_record()
            tell({**where, "cause": cause, "hope": knobs.get("hope", "some")})
        raise RuntimeError(f"planted at epoch {epoch}")
    if knobs.get("exit_at") == epoch and is_bad:
        sys.exit(int(knobs["code"]))
    if knobs.get("kill_at") == epoch and is_bad:
        os.kill(os.getpid(), signal.SIGKILL)
    hoard = []
    while knobs.get("eat_at") == epoch and is_bad:
        hoard.append(b"x" * (1 << 22))
    while knobs.get("hang_at") == epoch:
        time.sleep(0.05)


def train(folder: RunFolder, epoch: int) -> bool:
    """One epoch; False where a stop was asked for."""
    for step in range(1, STEPS + 1):
        tell(
            Progress(
                stage="training", epoch=epoch, step=step, steps=STEPS, images_per_second=123.0
            ).as_record()
        )
        until = time.monotonic() + seconds_per_epoch() / STEPS
        while not stop_asked and (time.monotonic() < until or is_held(folder, epoch)):
            time.sleep(0.005)
        if stop_asked:
            return False
    return True


def is_held(folder: RunFolder, epoch: int) -> bool:
    is_let_go = (folder.path.parents[2] / "go-on").exists()
    return knobs.get("hold_at") == epoch and not is_let_go and time.monotonic() < LONGEST_HOLD


def seconds_per_epoch() -> float:
    is_in_a_hurry = knobs.get("hurries") and os.environ["TUI_TRAINER_ATTEMPT"] != "1"
    return 0.0 if is_in_a_hurry else float(knobs.get("seconds", 0.05))


def finish(folder: RunFolder, attempt: int, epoch: int) -> None:
    folder.checkpoints.mkdir(exist_ok=True)
    name = str(CheckpointName(epoch, 0))
    path = folder.checkpoints / name
    write_durably(path, str(epoch).encode())
    digest = file_digest(path)
    shown = [each.as_record() for each in read_epochs(folder.epochs_file)]
    record = measured(attempt, epoch)
    write_durably(digest_file(path), digest_line(path, digest).encode())
    append_event(
        folder.events_file,
        CheckpointSaved(
            attempt=attempt,
            epoch=epoch,
            step=0,
            checkpoint=name,
            sha256=digest,
            weights_sha256=f"{epoch + (attempt if knobs.get('drifts') else 0):064x}",
            epochs_sha256=EpochsDigest().of([*shown, record]),
        ),
    )
    append_record(folder.epochs_file, record)


def measured(attempt: int, epoch: int) -> dict[str, Any]:
    accuracy = 1 - 1 / (epoch + 1)
    return Epoch(
        epoch=epoch,
        attempt=attempt,
        step=epoch * STEPS,
        train_loss=2 / epoch,
        train_accuracy=accuracy,
        validation_loss=2.2 / epoch,
        validation_accuracy=accuracy * knobs.get("dull", 1),
        ood_accuracy=knobs.get("ood"),
        lr=0.1,
        grad_norm=1.0,
        seconds=float(knobs.get("seconds", 0.05)),
        images_per_second=123.0,
        time=time.time(),
    ).as_record()


def evaluate(folder: RunFolder, attempt: int, epoch: int) -> None:
    folder.results.mkdir(exist_ok=True)
    accuracy = planted_accuracy(folder) if "planted" in knobs else 0.9
    result = {"accuracy": accuracy, "loss": 0.3}
    write_durably(folder.clean_results_file, json.dumps(result).encode())
    append_event(
        folder.events_file,
        Evaluated(
            attempt=attempt,
            split="test",
            checkpoint=str(CheckpointName(epoch, 0)),
            loss=0.3,
            accuracy=accuracy,
            file="results/clean.json",
            sha256=file_digest(folder.clean_results_file),
        ),
    )
    if "ood" in knobs:
        evaluate_ood(folder, attempt, epoch, knobs["ood"])


def planted_accuracy(folder: RunFolder) -> float:
    """A known function of the settings, plus noise that is the same whenever the run is trained."""
    plan = read_summary(folder.experiment_file.read_text())
    effects = {key: table for key, table in knobs["planted"].items() if key != "noise"}
    added = (table.get(str(plan.settings.get(key)), 0.0) for key, table in effects.items())
    noise = random.Random(plan.fingerprint).gauss(0, knobs["planted"]["noise"])
    return float(0.5 + sum(added) + noise)


def evaluate_ood(folder: RunFolder, attempt: int, epoch: int, accuracy: float) -> None:
    result = {
        "accuracy": accuracy,
        "gap": 0.9 - accuracy,
        "corruptions": {"fog": {"mean": accuracy}},
    }
    write_durably(folder.ood_results_file, json.dumps(result).encode())
    append_event(
        folder.events_file,
        Evaluated(
            attempt=attempt,
            split="ood",
            checkpoint=str(CheckpointName(epoch, 0)),
            loss=None,
            accuracy=accuracy,
            file="results/ood.json",
            sha256="0" * 64,
        ),
    )


def tell(record: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):  # its supervisor was killed
        os.write(int(os.environ["TUI_TRAINER_PROGRESS_FD"]), json.dumps(record).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
