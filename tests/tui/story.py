"""Plays a user before the app: presses keys of the key table and looks at the screen."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from tests.tui.run_folders import RunWriter
from tui_trainer.errors import OwnedByAnotherError, TuiTrainerError
from tui_trainer.launch.core_question import Withdrawn
from tui_trainer.launch.unattended import Answer
from tui_trainer.tui.app import TrainerApp
from tui_trainer.tui.widgets.run_list import RunList

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from textual.pilot import Pilot

    from tui_trainer.launch.unattended import What
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.spec.experiment import Experiment
    from tui_trainer.spec.project import Project
    from tui_trainer.tui.keys import Key

SECONDS_TO_SHOW = 30.0
FINDINGS = [
    {"subject": "data", "level": "ok", "found": "digits: 1,257 to train on", "cure": ""},
    {
        "subject": "disk",
        "level": "ok",
        "found": "42 MB will be needed at runs, 118 GB are free",
        "cure": "",
    },
    {
        "subject": "time",
        "level": "ok",
        "found": "14 epochs need about 3 minutes, 12 s each",
        "cure": "",
    },
]
_NAMES = {
    ":": "colon",
    "?": "question_mark",
    "|": "vertical_line",
    "/": "slash",
    "=": "equals_sign",
}


class CannedAnswer:
    """Stands in for a question to the core, which takes seconds."""

    def __init__(self, record: dict[str, Any] | TuiTrainerError, seconds: float = 0.0) -> None:
        self._record = record
        self._seconds = seconds
        self.withdrawn = threading.Event()

    def answer(self) -> dict[str, Any]:
        if self.withdrawn.wait(self._seconds):
            raise Withdrawn
        if isinstance(self._record, TuiTrainerError):
            raise self._record
        return self._record

    def withdraw(self) -> None:
        self.withdrawn.set()


class RecordingOperations:
    """Stands in for the launcher: notes what it was asked, and writes run folders as it would."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failure: TuiTrainerError | None = None
        self.unlaunched: dict[str, OSError] = {}
        """Why experiments cannot be launched."""
        self.refused: set[str] = set()
        """Runs that somebody else owns."""
        self.seconds = 0.0
        """What an operation takes; the real ones take up to a second."""
        self.seconds_to_answer = 0.0
        self.findings: dict[str, list[dict[str, str]]] | TuiTrainerError = {}
        """What the preflight of each experiment finds; nothing bad where none is named."""
        self.asked: list[str] = []
        self.questions: list[CannedAnswer] = []

    def launch(self, project: Project, name: str, changes: Sequence[str] = ()) -> RunFolder:
        self._note(" ".join((f"launch {name}", *changes)))
        if name in self.unlaunched:
            raise self.unlaunched[name]
        return RunWriter(project.folder, name).start().train(2).beat().folder

    def resume(self, folder: RunFolder) -> None:
        if folder.run in self.refused:
            raise OwnedByAnotherError("somebody owns it")
        self._note(f"resume {folder.run}")

    def stop(self, folder: RunFolder, *, at_once: bool = False) -> None:
        self._note(f"stop {folder.run}{' at once' if at_once else ''}")

    def assess(
        self, folders: Sequence[RunFolder], what: What, images: Path | None = None
    ) -> Iterable[Answer]:
        on = "" if images is None else f" on {images}"
        self._note(f"{what} {' '.join(folder.run for folder in folders)}{on}")
        return self.answers(folders)

    def answers(self, folders: Sequence[RunFolder]) -> Iterator[Answer]:
        """What the process says of each, one after the other."""
        for folder in folders:
            time.sleep(self.seconds)
            failed = folder.run in self.refused
            words = "there are no images" if failed else "clean: accuracy 96.2 %\nresults: here"
            yield Answer(folder.run, 3 if failed else 0, words, "name their folder" * failed)

    def rehearse(
        self, project: Project, name: str, experiment: Experiment, talk: int | None = None
    ) -> CannedAnswer:
        del project, experiment
        assert talk is not None, "what a user's module prints would stand on the screen"
        if not isinstance(self.findings, dict):
            return self._answer(f"preflight {name}", self.findings)
        found = {"rehearsed": True, "seconds": 7.2, "findings": self.findings.get(name, FINDINGS)}
        return self._answer(f"preflight {name}", found)

    def preview_schedule(
        self, project: Project, experiment: Experiment, talk: int | None = None
    ) -> CannedAnswer:
        del project
        assert talk is not None, "what a user's module prints would stand on the screen"
        epochs, lr = experiment.epochs, getattr(experiment.optimizer, "lr", 0.0)
        record = {
            "scheduler": experiment.scheduler.name,
            "epochs": epochs,
            "steps_per_epoch": None,
            "depends_on_metric": False,
            "points": [[epoch, lr] for epoch in range(epochs)],
        }
        return self._answer(f"schedule {lr:g}", record)

    def _answer(self, asked: str, record: dict[str, Any] | TuiTrainerError) -> CannedAnswer:
        self.asked.append(asked)
        self.questions.append(CannedAnswer(record, self.seconds_to_answer))
        return self.questions[-1]

    def _note(self, words: str) -> None:
        self.done.append(words)
        time.sleep(self.seconds)
        if self.failure is not None:
            raise self.failure


class Story:
    """One sitting at the terminal."""

    def __init__(self, pilot: Pilot[Any], operations: RecordingOperations) -> None:
        self.pilot = pilot
        self.operations = operations

    @property
    def app(self) -> TrainerApp:
        app = self.pilot.app
        assert isinstance(app, TrainerApp)
        return app

    @property
    def screen(self) -> str:
        """What stands on the terminal."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    @property
    def selected(self) -> str:
        row = self._list.selected
        assert row is not None
        return row.label

    async def press(self, *pressed: Key) -> Story:
        """Press each key by the first of its names."""
        for key in pressed:
            name = key.keys.split(",")[0]
            await self.pilot.press(_NAMES.get(name, name))
        await self.pilot.pause()
        return self

    async def type(self, text: str) -> Story:
        """Type into the line that has the cursor."""
        await self.pilot.press(*("space" if sign == " " else sign for sign in text))
        await self.pilot.pause()
        return self

    async def go_to(self, label: str) -> Story:
        """Move the cursor down from the top to a row, once it is there, as a user does."""
        from tui_trainer.tui import keys

        await self._until(lambda: label in self._labels, f"the row {label}")
        await self.press(keys.TOP)
        for _ in range(100):
            if self.selected == label:
                return self
            await self.press(keys.DOWN)
        raise AssertionError(f"no row {label} on\n{self.screen}")

    async def sees(self, *words: str) -> Story:
        """Wait until all of this is on the screen."""
        await self._until(lambda: all(word in self.screen for word in words), f"{words}")
        return self

    async def sees_no(self, *words: str) -> Story:
        """Wait until none of this is on the screen."""
        await self._until(lambda: not any(word in self.screen for word in words), f"no {words}")
        return self

    async def did(self, *operations: str) -> Story:
        """Wait until exactly this was asked of the launcher."""
        await self._until(
            lambda: self.operations.done == list(operations),
            f"{operations} and not {self.operations.done}",
        )
        return self

    @property
    def _labels(self) -> list[str]:
        return [row.label for row in self._list.rows]

    @property
    def _list(self) -> RunList:
        return self.app.screen_stack[1].query_one(RunList)

    async def _until(self, is_so: Callable[[], bool], words: str) -> None:
        deadline = time.monotonic() + SECONDS_TO_SHOW
        while not is_so():
            assert time.monotonic() < deadline, f"waited for {words} on\n{self.screen}"
            await self.pilot.pause(0.05)


@contextlib.asynccontextmanager
async def story(project: Path, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Story]:
    """The app, open on a project."""
    operations = RecordingOperations()
    app = TrainerApp(project, operations)
    async with app.run_test(size=size) as pilot:
        told = Story(pilot, operations)
        await told._until(lambda: app.is_attached and len(app.screen_stack) > 1, "the app")
        yield told
