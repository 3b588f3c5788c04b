"""The command that shows a network before it is trained: model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from tui_trainer.cli.manage import ExperimentArgument  # noqa: TC001  typer
from tui_trainer.cli.project import ChangesOption, JsonOption, load
from tui_trainer.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator


def model(
    context: typer.Context,
    experiment: ExperimentArgument,
    changes: ChangesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the layers of an experiment's network, its shapes, operations and memory."""
    from tui_trainer.cli.for_programs import print_json
    from tui_trainer.launch.core_question import ask_core
    from tui_trainer.spec.snapshot import experiment_to_toml

    project = load(context.obj)
    text = experiment_to_toml(project.experiment(experiment, changes or ()), {})
    anatomy = ask_core("anatomy", str(project.folder), text=text)
    if as_json:
        print_json(anatomy)
    else:
        _print(anatomy)
    weights = anatomy["weights"]
    raise typer.Exit(ExitCode.PREFLIGHT if weights and weights["fault"] else ExitCode.DONE)


def _print(anatomy: dict[str, Any]) -> None:
    from tui_trainer.cli.words import print_table, results

    print_table(
        ["layer", "kind", ">in", ">out", ">parameters"],
        [
            [step["layer"], step["kind"], step["before"], step["after"], _count(step["parameters"])]
            for step in anatomy["layers"]
        ],
    )
    for line in _summary(anatomy):
        results.say(line)


def _summary(anatomy: dict[str, Any]) -> Iterator[str]:
    from tui_trainer.tui.figures import size

    side, classes = anatomy["size"], anatomy["classes"]
    yield f"\n{anatomy['model']} for {side}x{side} pixels and {classes} classes"
    yield f"parameters  {anatomy['parameters']:,}"
    forward, training = anatomy["forward_flops"] / 1e6, anatomy["training_flops"] / 1e6
    yield f"operations  {forward:,.1f} MFLOP an image, {training:,.1f} to train on it"
    memory = {purpose: size(count) for purpose, count in anatomy["memory"].items()}
    parts = ", ".join(f"{purpose} {count}" for purpose, count in memory.items())
    yield f"memory      a step of {anatomy['batch_size']} images, at least: {parts}"
    weights = anatomy["weights"]
    if weights:
        yield f"weights     {weights['path']}: {_standing(weights)}"
        if weights["cure"]:
            yield f"            -> {weights['cure']}"


def _standing(weights: dict[str, Any]) -> str:
    if not weights["fault"]:
        return "fit this network"
    if not weights["there"]:
        return "NOT THERE: training would be refused"
    return f"training would be refused: {weights['fault']}"


def _count(parameters: int) -> str:
    return f"{parameters:,}" if parameters else ""


COMMANDS = (model,)
