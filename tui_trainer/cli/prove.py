"""The command that proves a promise on this machine: verify-resume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tui_trainer.cli.manage import ExperimentArgument  # noqa: TC001  typer
from tui_trainer.cli.project import ChangesOption, JsonOption, load

if TYPE_CHECKING:
    from tui_trainer.launch.verify_resume import Comparison

LIMITS = (
    "equality is promised for the same machine, thread count, torch and Python; not across these, "
    "and not for compiled kernels (training.compile): a resume under other conditions says so"
)


def verify_resume(
    context: typer.Context,
    experiment: ExperimentArgument,
    kills: Annotated[
        int, typer.Option("--kills", metavar="N", help="How often to kill it.", min=1)
    ] = 3,
    changes: ChangesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train twice, once with kills and resumes, and compare to the last bit."""
    import random

    from tui_trainer.cli.for_programs import print_json
    from tui_trainer.cli.words import errors
    from tui_trainer.launch.verify_resume import verify_resume as compare

    moment = random.SystemRandom()
    project = load(context.obj)
    comparison = compare(project, experiment, changes or (), kills, moment, errors.say)
    if as_json:
        print_json(comparison.as_record())
    else:
        _print(comparison)
    raise typer.Exit(0 if comparison.is_equal else 1)


def _print(comparison: Comparison) -> None:
    from tui_trainer.cli.words import errors, print_table, results
    from tui_trainer.tui.figures import plural

    words = {True: "equal", False: "DIFFERENT"}
    print_table(
        [">epoch", "measured", "weights"],
        [
            [
                str(epoch["epoch"]),
                words[epoch["measured_equal"]],
                words[epoch["weights_equal"]],
            ]
            for epoch in comparison.epochs()
        ],
    )
    straight, killed = comparison.straight, comparison.killed
    resumed = ", ".join(name or "the start" for name in killed.resumed_from) or "nothing"
    results.say(f"uninterrupted  weights {straight.weights_sha256}")
    results.say(f"interrupted    weights {killed.weights_sha256}")
    results.say(f"killed {plural(comparison.kills, 'time')}, resumed from {resumed}")
    if comparison.kills < comparison.kills_asked:
        errors.say(
            f"{comparison.kills_asked} kills were asked for: the run was done before the others "
            "could hit it; more epochs give them time (--set epochs=N)",
            label="warning: ",
            style="yellow",
        )
    for warning in killed.warnings:
        errors.say(warning, label="warning: ", style="yellow")
    if comparison.is_equal:
        results.say("every epoch, the weights and the result are equal, bit for bit")
    else:
        results.say(f"they differ; both stay: {straight.folder.path} and {killed.folder.path}")
    errors.say(LIMITS)


COMMANDS = (verify_resume,)
