"""Looks at experiments and runs in one thread and tells the screen what changed.

What is shown is read nowhere else: a disk that hangs makes figures old, not keys slow.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from textual.message import Message

from tui_trainer.errors import InvalidExperimentsError, TuiTrainerError
from tui_trainer.record.index import Index, Run
from tui_trainer.record.plain_text import plain_line, plain_text
from tui_trainer.record.run_folder import all_runs
from tui_trainer.record.tail import identity, read_end
from tui_trainer.spec.find import find_project
from tui_trainer.spec.project import Project, load_project
from tui_trainer.tui.detail import Detail, DetailReader, Tab
from tui_trainer.tui.end_of_all import EndOfAll
from tui_trainer.tui.missing_data import missing_data
from tui_trainer.tui.views import (
    EXPLAINED_BY_LOG,
    PointView,
    RowKey,
    RunView,
    View,
    experiment_views,
    points_of,
    problems_in_a_line,
    run_view,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tui_trainer.launch.clusters.watch import Watch
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.tui.form import Form

POLL_SECONDS = 1.0
# Where nothing is live, only another terminal's launch or an edit can change what is shown.
QUIET_POLLS = 3
# Of one core at the most, however many runs there are: a login node belongs to everybody.
POLL_SHARE = 0.1
# A start shows what it has read by then; each next part may take twice as long as the one before.
FIRST_PART_SECONDS = 0.1
LOG_BYTES, LOG_LINES = 8192, 40


class EndOfLog(NamedTuple):
    """What was last read of a log."""

    log: tuple[Path, tuple[int, int, int] | None]
    """The file and what stood there when it was read."""
    lines: tuple[str, ...]


class SeenRun(NamedTuple):
    """A run, the end of its log, and what is shown of them."""

    run: Run
    log: EndOfLog | None
    view: RunView


class ViewChanged(Message):
    """There is something new to show."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view

    def can_replace(self, message: Message) -> bool:
        """A slow terminal skips to the newest view instead of working off a queue of old ones."""
        return isinstance(message, ViewChanged)


class Focus(NamedTuple):
    """The run whose page is open, and what of it is shown there."""

    folder: RunFolder
    tab: Tab
    attempt: int
    """Of the pages that are about one attempt; 0: the newest."""
    log_end: int | None = None
    """Where the shown part of a log ends; None: at the log's own end."""


class FocusChanged(Message):
    """There is something new to show on a run's page."""

    def __init__(self, focus: Focus, run: RunView, detail: Detail) -> None:
        super().__init__()
        self.focus = focus
        self.run = run
        self.detail = detail

    def can_replace(self, message: Message) -> bool:
        """As `ViewChanged.can_replace`."""
        return isinstance(message, FocusChanged)


class Question(Protocol):
    """What a screen wants to know of all runs, for as long as it is open."""

    def answer(self, project: Project, runs: Sequence[Run]) -> object:
        """What there is to show now; the same object where nothing changed costs nothing."""


class Answered(Message):
    """There is something new to show of what a screen wants to know."""

    def __init__(self, question: Question, answer: object) -> None:
        super().__init__()
        self.question = question
        self.answer = answer

    def can_replace(self, message: Message) -> bool:
        """As `ViewChanged.can_replace`."""
        return isinstance(message, Answered) and message.question == self.question


@dataclass
class Store:
    """The project in or above `folder`, looked at again and again."""

    folder: Path
    seen: View = field(default_factory=lambda: View(project=None))
    """The newest that was told of."""
    assessed: set[tuple[str, RowKey]] = field(default_factory=set)
    """What is being evaluated or predicted with at this moment, as asked from this app."""
    forms: dict[tuple[str, ...], Form] = field(default_factory=dict)
    """Forms as they were left, by what they are for; whichever screen they were opened on."""
    _path: Path | None = None
    _stamp: tuple[int, int, int] | None = None
    _project: Project | None = None
    _points: dict[str, PointView] = field(default_factory=dict)
    _project_warning: str = ""
    _index: Index | None = None
    _runs: list[Run] = field(default_factory=list)
    _logs: dict[Path, EndOfLog] = field(default_factory=dict)
    _seen: dict[Path, SeenRun] = field(default_factory=dict)
    _focus: tuple[Focus, Callable[[Message], object]] | None = None
    _told_of_focus: object = None
    _questions: dict[Callable[[Message], object], Question] = field(default_factory=dict)
    _answers: dict[Callable[[Message], object], tuple[Question, object]] = field(
        default_factory=dict
    )
    _details: DetailReader = field(default_factory=DetailReader)
    _end: EndOfAll = field(default_factory=EndOfAll)
    _wake: threading.Event = field(default_factory=threading.Event)
    _closed: bool = False
    _schedulers: Watch | None = None

    def watch(self, tell: Callable[[Message], object]) -> None:
        """Look until `close`, and tell of each change; for a thread of its own."""
        told: View | None = None
        for part in self._first_parts():
            self.seen = told = part
            tell(ViewChanged(part))
        while not self._closed:
            began, worked = time.monotonic(), time.thread_time()
            view = self.look()
            if view != told:
                self.seen = told = view
                tell(ViewChanged(view))
            self._tell_of_focus()
            self._answer_questions()
            self._ask_schedulers()
            spent, worked = time.monotonic() - began, time.thread_time() - worked
            is_quiet = not any(run.state.is_live for run in view.runs)
            seconds = POLL_SECONDS * (QUIET_POLLS if is_quiet else 1)
            # On a busy machine a look takes long and little; a slow disk is left alone as long.
            self._wake.wait(max(seconds, worked / POLL_SHARE, spent))
            self._wake.clear()

    def look_soon(self) -> None:
        """Do not wait for the next look's time: something was done to a run."""
        self._wake.set()

    def focus(self, focus: Focus, tell: Callable[[Message], object]) -> None:
        """From now on look at one run closely, too, and tell of each change there."""
        self._focus = (focus, tell)
        self.look_soon()

    def unfocus(self, tell: Callable[[Message], object]) -> None:
        """Look at no run closely any more, unless somebody else wants that by now."""
        if self._focus is not None and self._focus[1] == tell:
            self._focus = None

    def ask(self, question: Question, tell: Callable[[Message], object]) -> None:
        """From now on answer this one, too, in place of another one of the same screen's."""
        self._questions[tell] = question
        self.look_soon()

    def ask_no_more(self, tell: Callable[[Message], object]) -> None:
        """Answer nothing any more to this screen."""
        self._questions.pop(tell, None)

    def close(self) -> None:
        """End `watch`."""
        self._closed = True
        self._wake.set()
        if self._schedulers is not None:
            self._schedulers.end()

    def _ask_schedulers(self) -> None:
        """From the first run on that is a scheduler's job; in a thread, as one may hang."""
        if self._schedulers is None and any(run.history.job for run in self._runs):
            from tui_trainer.launch.clusters.watch import Watch

            self._schedulers = Watch(lambda: self._runs)
            self._schedulers.begin()

    def look(self) -> View:
        """The project as it is now; what cannot be read now is shown as it last was."""
        self._read_project()
        return self._view(self._read_runs() or self._project_warning)

    def _view(self, warning: str) -> View:
        if self._project is None:
            return View(project=None, warning=self._project_warning)
        return View(
            project=self._project,
            title=plain_line(self._project.name),
            experiments=experiment_views(
                self._project,
                self._points,
                self._view_runs(self._read_logs()),
                missing_data(self._project),
            ),
            warning=plain_line(warning),
            done_at=self._end.words(self._runs),
            read_only=_read_only(self._project.folder),
        )

    def _first_parts(self) -> Iterator[View]:
        """While runs are read for the first time, now and then what is known of them so far."""
        self._read_project()
        if self._project is None:
            return
        runs = self._project.folder / "runs"
        self._index, read, patience = Index(runs), list[Run](), FIRST_PART_SECONDS
        told_at = time.monotonic()
        with contextlib.suppress(OSError):  # which `look` tells of
            folders = sorted(all_runs(runs), key=self._place)
            for folder in folders:
                if self._closed:
                    return
                read.append(self._index.look_at(folder))
                if time.monotonic() - told_at > patience:
                    self._runs = sorted(read, key=_by_name_and_number)
                    view = self._view(self._project_warning)
                    yield replace(view, done_at="", unread=len(folders) - len(read))
                    told_at, patience = time.monotonic(), 2 * patience

    def _place(self, folder: RunFolder) -> tuple[int, int]:
        """What stands higher in the list is read earlier."""
        names = () if self._project is None else (*self._project.bases, *self._points)
        name = folder.experiment_name
        return (names.index(name) if name in names else len(names), -folder.number)

    def _tell_of_focus(self) -> None:
        wanted = self._focus
        if wanted is None:
            self._told_of_focus = None
            return
        focus, tell = wanted
        run = next((run for run in self._runs if run.folder == focus.folder), None)
        if run is None:
            return
        detail = self._details.read(focus.tab, focus.attempt, run, self._project, focus.log_end)
        new = (wanted, self._seen[run.folder.path].view, detail)
        if new != self._told_of_focus:
            self._told_of_focus = new
            tell(FocusChanged(focus, new[1], detail))

    def _answer_questions(self) -> None:
        if self._project is None:
            return
        before, self._answers = self._answers, {}
        for tell, question in list(self._questions.items()):
            new = (question, question.answer(self._project, self._runs))
            self._answers[tell] = new
            if before.get(tell) != new:
                tell(Answered(*new))

    def _read_project(self) -> None:
        try:
            self._path = self._path or find_project(self.folder)
            about = self._path.stat()
            stamp = (about.st_mtime_ns, about.st_size, about.st_ino)
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._project = load_project(self._path)
            self._points = points_of(self._project)
            self._project_warning = problems_in_a_line(self._project)
        except InvalidExperimentsError as error:
            self._project_warning = self._unreadable(error)
        except (TuiTrainerError, OSError) as error:
            self._stamp = None
            self._project_warning = self._unreadable(error)

    def _unreadable(self, error: TuiTrainerError | OSError) -> str:
        if self._path is None:
            return ""
        if isinstance(error, InvalidExperimentsError):
            reason = error.problems[0]
        elif isinstance(error, TuiTrainerError):
            reason = error.message
        else:
            reason = f"cannot read {self._path.name}: {error.strerror}"
        return reason if self._project is None else f"shown as it was before: {reason}"

    def _read_runs(self) -> str:
        """Read the runs, or say why they are shown as they were."""
        if self._project is None:
            return ""
        runs = self._project.folder / "runs"
        if self._index is None or self._index.runs != runs:
            self._index = Index(runs)
        try:
            self._runs = self._index.look()
        except OSError as error:
            return f"cannot read {runs}: {error.strerror} (runs are shown as they were before)"
        return ""

    def _read_logs(self) -> dict[Path, EndOfLog]:
        """The ends of the logs of runs that ended badly, by run folder; each is read once."""
        files = {
            run.folder.path: run.folder.attempt(run.newest_attempt).log_file
            for run in self._runs
            if run.state in EXPLAINED_BY_LOG and run.newest_attempt
        }
        before = self._logs
        self._logs = {path: _end_of_log(file, before.get(path)) for path, file in files.items()}
        return self._logs

    def _view_runs(self, logs: dict[Path, EndOfLog]) -> list[RunView]:
        """What is shown of each run; the index gives a run that is over as the same object."""
        before = self._seen
        folders = [run.folder.path for run in self._runs]
        self._seen = {
            path: _see(run, logs.get(path), before.get(path))
            for path, run in zip(folders, self._runs, strict=True)
        }
        return [self._seen[path].view for path in folders]


def _by_name_and_number(run: Run) -> tuple[str, int]:
    return (run.folder.experiment_name, run.folder.number)


def _read_only(project: Path) -> str:
    """The folder of runs, or of the project where that has none yet, if it may not be written."""
    runs = project / "runs"
    place = runs if runs.is_dir() else project
    return "" if os.access(place, os.W_OK | os.X_OK) else plain_line(str(place))


def _see(run: Run, log: EndOfLog | None, before: SeenRun | None) -> SeenRun:
    if before is not None and before.run is run and before.log is log:
        return before
    return SeenRun(run, log, run_view(run, () if log is None else log.lines))


def _end_of_log(file: Path, before: EndOfLog | None) -> EndOfLog:
    log = (file, identity(file))
    return before if before is not None and before.log == log else EndOfLog(log, _last_lines(file))


def _last_lines(file: Path) -> tuple[str, ...]:
    """The last lines of a log, safe to show; none where it cannot be read."""
    end = read_end(file, LOG_BYTES)
    content = b"" if end is None else end.whole_lines
    lines = plain_text(content.decode(errors="replace")).expandtabs(4).split("\n")
    return tuple(line.rstrip() for line in lines if line.strip())[-LOG_LINES:]
