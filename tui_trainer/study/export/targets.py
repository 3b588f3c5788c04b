"""Every tool that runs can be exported to, by its name."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tui_trainer.study.export import (
    csv_tables,
    mlflow_store,
    parquet_tables,
    tensorboard_files,
    wandb_folders,
)
from tui_trainer.study.export.bundle import write_bundle
from tui_trainer.study.export.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tui_trainer.study.export.bundle import Checkpoints

_TOOLS = (
    Target("tensorboard", "tensorboard", tensorboard_files.write, "tensorboard --logdir {}"),
    Target("wandb", "wandb", wandb_folders.write, "wandb sync {}/offline-run-*"),
    Target(
        "mlflow",
        "mlflow",
        mlflow_store.write,
        "MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri {}",
    ),
    Target("csv", "", csv_tables.write, ""),
    Target("parquet", "pyarrow", parquet_tables.write, ""),
)
TOOLS: Final[Mapping[str, Target]] = MappingProxyType({tool.name: tool for tool in _TOOLS})
BUNDLE: Final = "bundle"


def bundle(checkpoints: Checkpoints) -> Target:
    """The file that `import` takes on another machine."""
    write = partial(write_bundle, checkpoints=checkpoints)
    return Target(BUNDLE, "", write, "there: tui-trainer import {}")
