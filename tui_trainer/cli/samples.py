"""The command that shows pictures of what would be trained and tested on: samples."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path  # noqa: TC003  typer evaluates the annotations
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from tui_trainer.cli.manage import complete_experiments
from tui_trainer.cli.project import load
from tui_trainer.tui.graphics import Graphics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui_trainer.tui.widgets.pictures import Sheet

_ALL = "all"
_TOGETHER = 6


def samples(
    context: typer.Context,
    experiment: Annotated[
        str, typer.Argument(metavar="EXPERIMENT", autocompletion=complete_experiments)
    ],
    changes: Annotated[
        Optional[list[str]],  # noqa: UP045  typer evaluates this, also on Python 3.10
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key first; TOML."),
    ] = None,
    epoch: Annotated[int, typer.Option(help="Whose draws are shown.", min=1)] = 1,
    *,
    batch: Annotated[int, typer.Option(help="Of the epoch, from 1.", min=1)] = 1,
    corruption: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Test images with this corruption instead; all: one with each."
        ),
    ] = "",
    severity: Annotated[
        int, typer.Option(help="Of the corruption, only this one: 1 to 5.", min=0, max=5)
    ] = 0,
    first: Annotated[int, typer.Option(help="The first test image, from 1.", min=1)] = 1,
    count: Annotated[int, typer.Option(help="How many images.", min=1, max=64)] = 8,
    graphics: Annotated[
        Graphics, typer.Option(help="What the terminal draws. auto: what it says of itself.")
    ] = Graphics.AUTO,
    png: Annotated[
        Optional[Path],  # noqa: UP045  as above
        typer.Option(metavar="FILE", help="Write a PNG file instead."),
    ] = None,
) -> None:
    """Show training images as an epoch would draw them, or corrupted test images."""
    from tui_trainer.launch.core_question import Conversation
    from tui_trainer.spec.snapshot import experiment_to_toml
    from tui_trainer.tui.widgets.pictures import Sheet

    project = load(context.obj)
    text = experiment_to_toml(project.experiment(experiment, changes or ()), {})
    question = _question(corruption, epoch, batch, first - 1, count)
    if png is not None:
        _check_is_new(png)
        question["side"] = 1 << 16
    with closing(Conversation("samples", str(project.folder))) as core:
        core.ask({"experiment": text})
        record = core.ask(question)
    sheet = _only(Sheet.from_record(record), severity)
    if png is not None:
        _write(sheet, png)
    else:
        _print(sheet, graphics)


def _question(corruption: str, epoch: int, batch: int, first: int, count: int) -> dict[str, Any]:
    if corruption == _ALL:
        return {"kind": "table", "first": first}
    if corruption:
        return {"kind": "corrupted", "corruption": corruption, "first": first, "count": count}
    return {"kind": "augmented", "epoch": epoch, "batch": batch, "count": count}


def _only(sheet: Sheet, severity: int) -> Sheet:
    """The originals and one severity, where only one is wanted."""
    from dataclasses import replace

    if not severity:
        return sheet
    rows = [
        row for row in sheet.rows if row.name == "original" or row.name.endswith(f" {severity}")
    ]
    return replace(sheet, rows=tuple(rows))


def _print(sheet: Sheet, graphics: Graphics) -> None:
    from tui_trainer.cli.words import results
    from tui_trainer.tui.graphics import PIXELS, environment, sheet_in_pixels, terminals_graphics
    from tui_trainer.tui.terminal import terminal_is_light, terminal_speaks_unicode
    from tui_trainer.tui.widgets.pictures import Look, columns_for, side_for

    is_terminal = results.is_terminal
    width = results.width if is_terminal else 120
    if graphics is Graphics.AUTO:
        graphics = terminals_graphics(environment(), is_terminal=is_terminal)
    side = side_for(sheet, width, _TOGETHER)
    columns = columns_for(side, width)
    if graphics in PIXELS:
        for name, drawing in sheet_in_pixels(sheet, graphics, side, columns):
            results.say(name)
            results.file.write(f"{drawing}\n")
        results.say("".join(f"{label[:side]:<{side + 2}}" for label in sheet.labels[:columns]))
        return
    look = Look(
        has_colours=graphics is Graphics.BLOCKS,
        is_dark=not terminal_is_light(),
        ellipsis="…" if terminal_speaks_unicode() else "~",
    )
    for line in look.lines(sheet, side, width):
        _print_line(line)


def _print_line(line: Sequence[tuple[str, str]]) -> None:
    from rich.text import Text

    from tui_trainer.cli.words import results
    from tui_trainer.tui.widgets.pixel_style import pixel_style

    text = Text(no_wrap=True)
    for part, ink in line:
        text.append(part, pixel_style(ink) if ink.startswith("#") else "")
    text.rstrip()
    results.print(text, soft_wrap=True)


def _check_is_new(file: Path) -> None:
    """Before the core is asked, which takes seconds."""
    from tui_trainer.errors import UsageError

    if os.path.lexists(file):
        raise UsageError(f"{file} exists; it is left as it is")


def _write(sheet: Sheet, file: Path) -> None:
    from tui_trainer.cli.words import results
    from tui_trainer.errors import UsageError
    from tui_trainer.record.durable import write_once
    from tui_trainer.tui.graphics import as_png

    try:
        write_once(file, as_png(sheet))
    except FileExistsError as error:
        raise UsageError(f"{file} exists; it is left as it is") from error
    rows, labels = ", ".join(row.name for row in sheet.rows), ", ".join(sheet.labels)
    results.say(f"wrote {file}\nfrom top to bottom  {rows}\nfrom left to right  {labels}")


COMMANDS = (samples,)
