"""Commands that judge what a run has learnt: evaluate, predict."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  typer evaluates the annotations
from typing import Annotated, Optional

import typer

from tui_trainer.cli.look import RunArgument, find

CheckpointOption = Annotated[
    str,
    typer.Option("--checkpoint", metavar="best|last|N", help="The best epoch's, the newest, N's."),
]


def evaluate(
    context: typer.Context,
    run: RunArgument,
    checkpoint: CheckpointOption = "best",
    folder: Annotated[
        Optional[Path],  # noqa: UP045  typer evaluates this, also on Python 3.10
        typer.Option(
            "--folder",
            metavar="FOLDER",
            help="Measure on these files, in place of what the experiment names.",
        ),
    ] = None,
) -> None:
    """Measure a run on clean images and out of distribution, also while it trains."""
    from tui_trainer.launch.assessment import assess

    options = _options(checkpoint, {"--folder": folder})
    raise typer.Exit(assess(find(context, run), "evaluate", options))


def predict(
    context: typer.Context,
    run: RunArgument,
    checkpoint: CheckpointOption = "best",
    folder: Annotated[
        Optional[Path],  # noqa: UP045  typer evaluates this, also on Python 3.10
        typer.Option(
            "--folder", metavar="FOLDER", help="distortion00.npy and so on. Default: ood.folder."
        ),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045  typer evaluates this, also on Python 3.10
        typer.Option(
            "--output",
            metavar="FILE",
            help="Default: among the run's results. Other ways to look get files beside it.",
        ),
    ] = None,
) -> None:
    """Write submission_ood.csv: a label for every image of a folder, also while it trains."""
    from tui_trainer.launch.assessment import assess

    options = _options(checkpoint, {"--folder": folder, "--output": output})
    raise typer.Exit(assess(find(context, run), "predict", options))


def _options(checkpoint: str, paths: dict[str, Path | None]) -> list[str]:
    given = [f"{name}={path.resolve()}" for name, path in paths.items() if path is not None]
    return [f"--checkpoint={checkpoint}", *given]


COMMANDS = (evaluate, predict)
