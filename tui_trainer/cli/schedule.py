"""The command that shows the learning rate of a run before it is trained: schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer  # noqa: TC002  typer evaluates the annotations

from tui_trainer.cli.manage import ExperimentArgument  # noqa: TC001  typer
from tui_trainer.cli.project import ChangesOption, JsonOption, load

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDEST, HEIGHT = 100, 16


def schedule(
    context: typer.Context,
    experiment: ExperimentArgument,
    changes: ChangesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw the learning rate over the epochs of an experiment, as its scheduler has it."""
    from tui_trainer.cli.for_programs import print_json
    from tui_trainer.launch.launcher import preview_schedule

    project = load(context.obj)
    resolved = project.experiment(experiment, changes or ())
    record = preview_schedule(project, resolved).answer()
    if as_json:
        print_json(record)
    else:
        _print(record)


def _print(record: dict[str, Any]) -> None:
    from tui_trainer.cli.words import results
    from tui_trainer.tui.glyphs import ASCII, UNICODE
    from tui_trainer.tui.schedule_chart import schedule_chart
    from tui_trainer.tui.terminal import terminal_speaks_unicode
    from tui_trainer.tui.widgets.line import as_text
    from tui_trainer.tui.widgets.plot import draw_chart

    glyphs = UNICODE if terminal_speaks_unicode() else ASCII
    chart = schedule_chart(record)
    for line in draw_chart(chart, min(WIDEST, results.width), HEIGHT, glyphs):
        results.say(as_text(line).rstrip())
    for words in _summary(record):
        results.say(words)


def _summary(record: dict[str, Any]) -> Iterator[str]:
    from tui_trainer.tui.figures import learning_rate
    from tui_trainer.tui.schedule_chart import PLATEAU_WORDS

    ends = {name: learning_rate(record[name]) for name in ("first", "highest", "last")}
    steps = record["steps_per_epoch"]
    by_step = f", {steps:,} steps each" if steps else ""
    yield f"\n{record['scheduler']} over {record['epochs']:,} epochs{by_step}"
    yield ", ".join(f"{name} {rate}" for name, rate in ends.items())
    if record["depends_on_metric"]:
        yield PLATEAU_WORDS


COMMANDS = (schedule,)
