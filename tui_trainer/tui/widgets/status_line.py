"""Below the curves, or in their place: where the selected run stands, or how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_trainer.record.state import State
from tui_trainer.tui import figures, keys
from tui_trainer.tui.views import ExperimentView, Row, RunView
from tui_trainer.tui.widgets.bar import bar
from tui_trainer.tui.widgets.headline import STATE_INKS
from tui_trainer.tui.widgets.line import Line, Span, as_text, chop, fit_line, width_of, wrap
from tui_trainer.tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from textual.geometry import Size

    from tui_trainer.record.heartbeat import Progress
    from tui_trainer.tui.glyphs import Glyphs

BAR_WIDTH = 10
# Beside curves, the end of the log is as long as this at the most.
LOG_ROWS_BESIDE_CURVES = 6
GAP = "   "
# Less than this of a warning says nothing; `tui-trainer show` has it whole.
SHORTEST_NOTE = 24


class Cut(tuple[Span, ...]):
    """A fact whose beginning says something."""

    __slots__ = ()


class StatusLine(LineView):
    """Shows the status of a row."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._row: Row | None = None

    def show(self, row: Row | None) -> None:
        """Show this from now on."""
        self._row = row
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """One line, and where there is room for a second one a long warning below it."""
        facts = self.facts()
        if height < 2:
            return [_laid_out(facts, width, self.glyphs)][:height]
        return draw_status_and_note(facts, width, self.glyphs)

    def facts(self) -> Sequence[Line]:
        """The most telling first."""
        return () if self._row is None else tuple(_facts(self._row, self.glyphs))


class FiguresLine(StatusLine):
    """The same below a heading, which tells the state and what was said."""

    def facts(self) -> Sequence[Line]:
        """Without those."""
        row = self._row
        if not isinstance(row, RunView):
            return ()
        told = (_state(row, self.glyphs), *_said(row))
        return tuple(fact for fact in _facts(row, self.glyphs) if fact not in told)


class Ending(LineView):
    """Shows the whole cause of a run that ended badly, and the end of its log."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs, "ending")
        self._run: RunView | None = None

    def show(self, run: RunView | None) -> None:
        """Show this from now on."""
        if run == self._run:
            return
        self._run = run
        self.redraw()
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """What it needs beside curves; in their place it is given more."""
        del container, viewport
        if self._run is None:
            return 0
        cause, log = _ending(self._run, width, self.glyphs)
        return len(cause) + min(len(log), LOG_ROWS_BESIDE_CURVES + 2)

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The cause, and of the log as many of the last rows as there is room for."""
        return [] if self._run is None else draw_ending(self._run, width, height, self.glyphs)


def draw_ending(run: RunView, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """How a run ended as at most `height` lines of at most `width` cells."""
    cause, log = _ending(run, width, glyphs)
    room = height - len(cause) - 2  # under a blank line and a title
    if not log or room < 1:
        return cause[:height]
    return [*cause, *log[:2], *log[2:][-room:]]


def _ending(run: RunView, width: int, glyphs: Glyphs) -> tuple[list[Line], list[Line]]:
    """The cause, and the end of the log with a blank line and a title above it."""
    words = wrap(f"{run.state.value}: {run.cause or 'nobody knows why'}", width - 4)
    mark = Span(f" {glyphs.marks[run.state]} ", STATE_INKS[run.state])
    cause: list[Line] = [
        (Span("   ") if row else mark, Span(text)) for row, text in enumerate(words)
    ]
    rows = [row for line in run.end_of_log for row in chop(line, width - 4)]
    if not rows:
        return cause, []
    title = fit_line([Span(f"   the end of its log, attempt {run.attempt}", "muted")], width)
    return cause, [(), title, *((Span("   "), Span(row, "muted")) for row in rows)]


def draw_status_and_note(facts: Sequence[Line], width: int, glyphs: Glyphs) -> list[Line]:
    """Two lines: a blank one above the status, or below it the warning that would be cut in it."""
    status = _laid_out(facts, width, glyphs)
    note = next((fact for fact in facts if isinstance(fact, Cut)), ())
    if as_text(note) in as_text(status):
        return [(), status]
    others = [fact for fact in facts if fact is not note and not _is_begun_by(note, fact)]
    below = fit_line([Span(" "), *note], width, glyphs.ellipsis)
    return [_laid_out(others, width, glyphs), below]


def _is_begun_by(note: Line, fact: Line) -> bool:
    """Whether a note says at length what a fact says."""
    return bool(note) and as_text(note).startswith(f"{as_text(fact)}:")


def _laid_out(facts: Sequence[Line], width: int, glyphs: Glyphs) -> Line:
    """One line, where nothing that a note in it says at length is said in short as well."""
    note = next((fact for fact in facts if isinstance(fact, Cut)), ())
    others = [fact for fact in facts if not _is_begun_by(note, fact)]
    line = _in_a_line(others, width, glyphs)
    if len(others) == len(facts) or as_text(note)[:SHORTEST_NOTE] in as_text(line):
        return line
    return _in_a_line(facts, width, glyphs)


def _in_a_line(facts: Iterable[Line], width: int, glyphs: Glyphs) -> Line:
    line: list[Span] = []
    for fact in facts:
        room = width - width_of(line) - len(GAP)
        is_cut = isinstance(fact, Cut)
        if not line:
            line += [Span(" "), *fact]
        elif width_of(fact) <= room or (is_cut and room >= SHORTEST_NOTE):
            line += [Span(GAP), *fit_line(fact, room, glyphs.ellipsis)]
    return fit_line(line, width, glyphs.ellipsis)


def _facts(row: Row, glyphs: Glyphs) -> Iterator[Line]:
    if isinstance(row, ExperimentView):
        if row.fault:
            yield Span(f"{glyphs.invalid} invalid: ", "bad"), Span(row.fault)
        elif not row.is_defined:
            yield (Span("no longer in experiments.toml; its runs stay", "muted"),)
        elif row.missing:
            yield Span(f"{glyphs.warning} no data: ", "warn"), Span(row.missing)
        elif not row.runs:
            enter = keys.shown(keys.OPEN)
            yield Span(enter, "key"), Span(f" launches it: {row.planned_epochs} epochs", "muted")
    elif row.state.is_live:
        yield from _live_facts(row, glyphs)
    else:
        yield from _ended_facts(row, glyphs)


def _live_facts(run: RunView, glyphs: Glyphs) -> Iterator[Line]:
    if run.state in {State.QUEUED, State.STALLED, State.STOPPING}:
        yield _state(run, glyphs)
    if run.progress is not None and run.state is not State.QUEUED:
        yield from _progress(run, run.progress, glyphs)
    yield from _alarms(run, glyphs)
    yield from _ood(run)
    yield from _said(run)
    yield from _usage(run)
    yield from _newest_epoch(run)
    yield from _attempt(run)
    yield from _skipped(run, glyphs)
    yield from _warnings(run, glyphs)


def _progress(run: RunView, progress: Progress, glyphs: Glyphs) -> Iterator[Line]:
    stage: Line = (Span(progress.stage, "accent"),)
    # That it starts, or trains, is no longer so of a run that is to stop.
    says_stage = run.state is not State.STOPPING or progress.stage == "saving"
    if progress.epoch < 1:
        if says_stage:
            yield stage
        return
    epoch = Span(f"epoch {progress.epoch}/{run.planned_epochs}", "strong")
    if progress.stage == "evaluating":  # which has steps of its own that nobody counts
        yield (epoch,)
    else:
        share = progress.step / progress.steps if progress.steps else 0.0
        step = Span(f" step {progress.step:>{len(str(progress.steps))}}/{progress.steps}")
        yield epoch, Span(" "), *bar(share, BAR_WIDTH, glyphs), step
    if progress.stage != "training" and says_stage:
        yield stage
    if progress.images_per_second and run.state is not State.STALLED:
        yield _fact(f"{progress.images_per_second:.0f}", "img/s", word_first=False)


def _usage(run: RunView) -> Iterator[Line]:
    """In percent of one processor, as `top` says it, and of the GPUs, as `nvidia-smi` does."""
    usage = run.usage
    if usage is None:
        return
    memory = figures.size(usage.memory_bytes)
    yield (*_fact(f"{100 * usage.processors:.0f} %", "cpu"), *_fact(memory, ", memory"))
    if usage.gpu_busy is not None or usage.gpu_memory_bytes:
        busy = "?" if usage.gpu_busy is None else f"{100 * usage.gpu_busy:.0f}"
        memory = figures.size(usage.gpu_memory_bytes)
        yield (*_fact(f"{busy} %", "gpu"), *_fact(memory, ", memory"))


def _newest_epoch(run: RunView) -> Iterator[Line]:
    if not run.epochs:
        return
    newest = run.epochs[-1]
    if newest.lr is not None:
        yield _fact(figures.learning_rate(newest.lr), "lr")
    if newest.grad_norm is not None:
        yield _fact(figures.loss(newest.grad_norm), "grad norm")
    if newest.peak_memory_bytes:
        yield _fact(figures.size(newest.peak_memory_bytes), "peak memory")


def _ended_facts(run: RunView, glyphs: Glyphs) -> Iterator[Line]:
    yield _state(run, glyphs)
    yield from _alarms(run, glyphs)
    yield from _skipped(run, glyphs)
    if run.state is State.FINISHED and run.clean_accuracy is not None:
        yield _fact(f"{figures.percent(run.clean_accuracy)} %", "test")
    yield from _ood(run)
    if run.best is not None:
        best = f"{figures.percent(run.best.validation_accuracy)} %"
        yield _fact(f"{best} at epoch {run.best.epoch}", "best")
    yield from _said(run)
    yield from _warnings(run, glyphs)
    seconds = sum(epoch.seconds or 0.0 for epoch in run.epochs)
    if seconds:
        yield _fact(figures.duration(seconds), "trained")
    yield from _attempt(run)
    if run.peak_memory_bytes:
        yield _fact(figures.size(run.peak_memory_bytes), "peak memory")


def _ood(run: RunView) -> Iterator[Line]:
    """Accuracy out of distribution and how far that is below clean, kept together."""
    if run.ood is None:
        return
    word = "ood probe" if run.ood.is_probe else "ood"
    accuracy = _fact(f"{figures.percent(run.ood.accuracy)} %", word)
    gap = () if run.ood.gap is None else _fact(f"{figures.percent(run.ood.gap)} pt", ", gap")
    yield (*accuracy, *gap)


def _said(run: RunView) -> Iterator[Line]:
    """What people said of it, but the note."""
    if run.facts.tags:
        yield (Span(" ".join(f"#{tag}" for tag in run.facts.tags), "accent"),)
    if run.scores:
        yield _fact(run.scores[0], "score")


def draw_said(run: RunView) -> list[Line]:
    """All that people said of it, as one line; none where nobody did."""
    facts = list(_said(run))
    if run.facts.note:
        facts.append(_fact(run.facts.note, "note"))
    spans = [span for fact in facts for span in (*fact, Span(GAP))]
    return [(Span(" "), *spans)] if spans else []


def _state(run: RunView, glyphs: Glyphs) -> Line:
    ink = STATE_INKS[run.state]
    words = [Span(f"{glyphs.marks[run.state]} {run.state.value}", ink)]
    if run.cause:
        apart = ": " if run.new_in_cause == run.cause else " "
        words.append(Span(apart + run.new_in_cause))
    if run.state.is_resumable:
        resume = keys.shown(keys.RESUME)
        words += [Span(f" {glyphs.dot} ", "muted"), Span(resume, "key"), Span(" resumes", "muted")]
    return tuple(words)


def _attempt(run: RunView) -> Iterator[Line]:
    if run.attempt > 1:
        since = f" (resumed at epoch {run.began_at_epoch})" if run.began_at_epoch else ""
        yield _fact(f"{run.attempt}{since}", "attempt")


def _alarms(run: RunView, glyphs: Glyphs) -> Iterator[Line]:
    if run.alarms:
        yield Span(f"{glyphs.warning} ", "warn"), Span(run.alarms[-1], "warn")


def _skipped(run: RunView, glyphs: Glyphs) -> Iterator[Line]:
    if run.skipped_lines:
        lines = figures.plural(run.skipped_lines, "unreadable line")
        yield Span(f"{glyphs.warning} ", "warn"), Span(f"{lines} skipped")


def _warnings(run: RunView, glyphs: Glyphs) -> Iterator[Line]:
    if run.warnings:
        yield Cut((Span(f"{glyphs.warning} ", "warn"), Span(run.warnings[-1])))


def _fact(figure: str, word: str, *, word_first: bool = True) -> Line:
    if word_first:
        return Span(f"{word} ", "muted"), Span(figure)
    return Span(figure), Span(f" {word}", "muted")
