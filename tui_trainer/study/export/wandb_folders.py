"""Writes runs as the folders that wandb leaves offline, which `wandb sync` takes."""

from __future__ import annotations

import logging
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

from tui_trainer.errors import UsageError
from tui_trainer.record.plain_text import plain_line
from tui_trainer.study.export.content import (
    about,
    began,
    figures,
    file_name,
    identifier,
    key_name,
    note,
    results,
    settings,
    went_wrong,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tui_trainer.record.index import Run
    from tui_trainer.spec.summary import Setting

# Only what the run says goes out: of the machine that exports nothing is looked at.
_ONLY_THE_RUN = {
    "console": "off",
    "disable_code": True,
    "disable_git": True,
    "disable_job_creation": True,
    "quiet": True,
    "silent": True,
    "x_disable_machine_info": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_save_requirements": False,
}


def write(runs: Iterable[Run], place: Path, _destination: Path) -> None:
    """One folder for each run: `offline-run-LAUNCHED-ID`."""
    # wandb tells its makers of its crashes.
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    # Its log is thrown away; that a full disk does not take it is no news, at the exit neither.
    logging.raiseExceptions = False
    import wandb

    place.mkdir()
    # wandb puts all into a folder of this name, where there is one.
    inside = place / "wandb"
    inside.mkdir()
    for run in runs:
        try:
            _write_run(run, place)
        except wandb.Error as error:
            raise UsageError(f"wandb does not take {run.name}: {plain_line(str(error))}") from error
        written = next(inside.glob(f"offline-run-*-{identifier(run)}"), None)
        if written is None:
            raise UsageError(
                f"wandb wrote nothing for {run.name}",
                hint="does WANDB_DISABLED or another of its variables forbid it? env | grep WANDB",
            )
        # What wandb said meanwhile tells of this machine, and nothing of the run.
        for told in ("logs", "tmp"):
            shutil.rmtree(written / told, ignore_errors=True)
        launched = time.strftime("%Y%m%d_%H%M%S", time.gmtime(began(run)))
        written.rename(place / f"offline-run-{launched}-{identifier(run)}")
    shutil.rmtree(inside)


def _write_run(run: Run, place: Path) -> None:
    import wandb

    words = about(run)
    logged = wandb.init(
        mode="offline",
        dir=str(place),
        id=identifier(run),
        project=file_name(run.folder.project.name),
        group=words["experiment"],
        name=words["run"],
        tags=list(run.remarks.tags),
        notes=note(run) or None,
        config={**_nested(settings(run)), "tui_trainer": words},
        reinit="create_new",
        # Where it ran; of an empty name wandb would make that of this machine.
        settings=wandb.Settings(host=words.get("host", "unknown"), **_ONLY_THE_RUN),
    )
    logged.define_metric("epoch")
    logged.define_metric("*", step_metric="epoch")
    for epoch in run.epochs:
        values: dict[str, Any] = {key_name(key): value for key, value in figures(epoch).items()}
        values |= {"epoch": epoch.epoch, "_timestamp": epoch.time or began(run)}
        logged.log(values, step=epoch.epoch)
    logged.summary.update({key_name(key): value for key, value in results(run).items()})
    logged.finish(exit_code=int(went_wrong(run)))


def _nested(flat: Mapping[str, Setting]) -> dict[str, Any]:
    """Tables in tables, as wandb wants them: to its queries a dot in a key is such a step."""
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        table, *rest = tree, *key.split(".")
        for part in rest[:-1]:
            below = table.setdefault(part, {})
            table = below if isinstance(below, dict) else tree
        table[rest[-1]] = value
    return tree
