"""Follows a run in the foreground: a live display on a terminal, a plain line per epoch elsewhere.

The run itself lives in its supervisor; whatever ends this process, the run does not notice.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tui_trainer.cli.words import closing_line, errors, results, state_text, time_left
from tui_trainer.errors import TuiTrainerError
from tui_trainer.record.index import Run, RunReader
from tui_trainer.record.plain_text import plain_line, plain_text
from tui_trainer.record.state import State
from tui_trainer.record.tail import LONGEST_LINE
from tui_trainer.record.words import epoch_header, epoch_line, epoch_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO, TextIO

    from tui_trainer.record.epochs import Epoch
    from tui_trainer.record.run_folder import AttemptFolder, RunFolder

SECONDS_PER_LOOK = 0.25
LOG_LINES_AT_A_CRASH = 20
# Columns from which on there is room for more than the essentials.
WIDE = 100
NARROW = 80


class Display(Protocol):
    """Something that shows a run as it goes."""

    def show(self, run: Run) -> None:
        """Show what is new."""


class PlainDisplay:
    """One line per finished epoch."""

    def __init__(self) -> None:
        self._shown = 0
        self._warned = 0
        self._waited_for = ""

    def show(self, run: Run) -> None:
        """Print the epochs and, of this attempt, the warnings that were not printed yet."""
        self._tell_wait(run)
        warnings = [each for each in run.history.warnings if each.attempt == run.newest_attempt]
        for warning in warnings[self._warned :]:
            label = "alarm: " if warning in run.history.alarms else "warning: "
            errors.say(warning.message, label=label, style="yellow")
        self._warned = len(warnings)
        for epoch in run.epochs:
            if epoch.epoch > self._shown:
                results.say(self._line(epoch, run.planned_epochs))
                self._shown = epoch.epoch

    def _tell_wait(self, run: Run) -> None:
        """Say what is waited for, once for each that it is."""
        waits_for = run.cause if run.state is State.QUEUED else ""
        if waits_for and waits_for != self._waited_for:
            errors.say(waits_for, label="queued: ")
        self._waited_for = waits_for

    def _line(self, epoch: Epoch, planned: int) -> str:
        return epoch_line(epoch, planned)


class LiveDisplay(PlainDisplay):
    """A table of finished epochs that grows above a line that moves."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self._live = live
        self._header = ""

    def show(self, run: Run) -> None:
        """Add new epochs to the table, and redraw the moving line."""
        super().show(run)
        waits = run.state is State.QUEUED
        self._live.update(_waiting_line(run) if waits else _moving_line(run))

    def _tell_wait(self, run: Run) -> None:
        """The moving line does."""

    def _line(self, epoch: Epoch, planned: int) -> str:
        """The row, under a header anew where the terminal's width changes the columns."""
        header = epoch_header(epoch, results.width)
        if header != self._header:
            self._header = header
            results.say("", label=header, style="bold")
        return epoch_row(epoch, planned, results.width)


def follow(folder: RunFolder, interrupts: Sequence[int]) -> Run:
    """Show the run until it is no longer live; returns how it then is.

    The first Ctrl-C asks it to stop with a checkpoint, the second leaves it alone.

    Args:
        folder: The run.
        interrupts: Signals as they come, from `interrupts_noted`.
    """
    with _display() as display, _asking_schedulers(folder):
        reader, asked = RunReader(folder), False
        run = reader.look()
        while run.state.is_live and not (asked and len(interrupts) > 1):
            display.show(run)
            if interrupts and not asked:
                asked = _ask_to_stop(folder)
            time.sleep(SECONDS_PER_LOOK)
            run = reader.look()
        display.show(run)
    return run


def tell_end(run: Run) -> None:
    """Say how the run ended, and what can be done."""
    if run.state.is_live:
        errors.say(
            f"{run.name} goes on without this terminal and stops after its checkpoint; "
            f"watch it: tui-trainer logs -f {run.name}"
        )
        return
    if run.state.value in {"crashed", "failed"}:
        _print_end_of_log(run.folder)
    results.say(closing_line(run))
    if run.state.value == "failed":
        errors.say(f"once that is mended: tui-trainer resume {run.name}")
        errors.say(
            f"a resume keeps the settings of {run.name}; where experiments.toml or --set is to be "
            f"mended: tui-trainer run {run.folder.experiment_name}"
        )
    elif run.state.is_resumable:
        errors.say(f"resume it: tui-trainer resume {run.name}")


def follow_log(
    folder: RunFolder, attempt: AttemptFolder, output: TextIO, *, until_end: bool
) -> None:
    """Copy an attempt's log to `output`, made safe for a terminal.

    Args:
        folder: The run.
        attempt: The attempt.
        output: Where to.
        until_end: Go on until the run ends, also into the attempts that follow.
    """
    reader, offset = RunReader(folder), 0
    while True:
        run = reader.look()
        for piece in _pieces(attempt, offset):
            offset += len(piece)
            output.write(plain_text(piece.decode(errors="replace")))
        output.flush()
        if until_end and run.newest_attempt > attempt.number:
            attempt, offset = folder.attempt(attempt.number + 1), 0
        elif until_end and run.state.is_live:
            time.sleep(SECONDS_PER_LOOK)
        else:
            return


def _pieces(attempt: AttemptFolder, offset: int) -> Iterator[bytes]:
    """What the log has from `offset` on, in whole lines where they are not absurdly long."""
    with contextlib.suppress(FileNotFoundError), _open_log(attempt) as log:
        log.seek(offset)
        while piece := log.readline(LONGEST_LINE):
            yield piece


def _open_log(attempt: AttemptFolder) -> BinaryIO:
    return os.fdopen(os.open(attempt.log_file, os.O_RDONLY | os.O_NONBLOCK), "rb")


def _print_end_of_log(folder: RunFolder) -> None:
    attempt = folder.newest_attempt()
    lines = () if attempt is None else deque(_pieces(attempt, 0), maxlen=LOG_LINES_AT_A_CRASH)
    for line in lines:
        errors.say(line.decode(errors="replace").rstrip("\n"), label="  | ", style="dim")


def _ask_to_stop(folder: RunFolder) -> bool:
    attempt = folder.newest_attempt()
    if RunReader(folder).look().awaited_job is not None:
        return _cancel(folder)
    if attempt is not None:
        attempt.ask_to_stop(at_once=False)
    errors.say(f"asked {folder.run} to stop after a checkpoint; Ctrl-C again leaves it to itself")
    return True


def _cancel(folder: RunFolder) -> bool:
    from tui_trainer.launch.launcher import stop

    try:
        stop(folder)
    except TuiTrainerError as error:
        errors.tell(error)
    return True


def _asking_schedulers(folder: RunFolder) -> contextlib.AbstractContextManager[None]:
    """Meanwhile a scheduler that the run waits for is asked."""
    from tui_trainer.launch.clusters.watch import watching

    reader = RunReader(folder)
    is_a_job = reader.look().history.job is not None
    return watching(lambda: [reader.look()]) if is_a_job else contextlib.nullcontext()


@contextlib.contextmanager
def _display() -> Iterator[Display]:
    if not results.is_terminal:
        yield PlainDisplay()
        return
    with Live(console=results, refresh_per_second=4, transient=True) as live:
        yield LiveDisplay(live)


@contextlib.contextmanager
def interrupts_noted() -> Iterator[list[int]]:
    """SIGINT and SIGTERM as they come, instead of an exception in the middle of something."""
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda got, _frame: came.append(got)) for number in numbers]
    try:
        yield came
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _waiting_line(run: Run) -> Text:
    """The run, and what it waits for; that gives way."""
    line = Text.assemble((run.name, "bold"), "  ", state_text(run), f": {plain_line(run.cause)}")
    line.truncate(results.width, overflow="ellipsis")
    return line


def _moving_line(run: Run) -> Table:
    """State, name, how far the whole run is, and when it ends; the name gives way."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    is_wide, is_narrow = results.width >= WIDE, results.width < NARROW
    bar_width = 24 if is_wide else 8
    words = [
        state_text(run),
        Text(f"epoch {min(len(run.epochs) + 1, run.planned_epochs)}/{run.planned_epochs}"),
        *([] if is_narrow else [Text(_step(run))]),
        Text(f"ETA {time_left(run)}"),
        *([Text(_speed(run))] if is_wide else []),
    ]
    cells: list[Text | ProgressBar] = [Text(run.name, style="bold"), *words]
    grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    if not is_narrow:
        grid.add_column(no_wrap=True, width=bar_width)
        cells.insert(1, ProgressBar(total=1.0, completed=run.share_done, width=bar_width))
    for word in words:
        grid.add_column(no_wrap=True, width=len(word))
    grid.add_row(*cells)
    return grid


def _step(run: Run) -> str:
    progress = run.progress
    return f"{progress.step}/{progress.steps}" if progress and progress.steps else _stage(run)


def _stage(run: Run) -> str:
    return run.progress.stage if run.progress else run.state.value


def _speed(run: Run) -> str:
    speed = run.progress.images_per_second if run.progress else None
    return "" if speed is None else f"{speed:,.0f} images/s"


def follow_silently(folder: RunFolder) -> Run:
    """Wait until the run is no longer live; Ctrl-C ends the waiting only."""
    reader = RunReader(folder)
    run = reader.look()
    with interrupts_noted() as interrupts, _asking_schedulers(folder):
        while run.state.is_live and not interrupts:
            time.sleep(SECONDS_PER_LOOK)
            run = reader.look()
    return run
