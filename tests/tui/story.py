"""Plays a user before the app: presses keys of the key table and looks at the screen."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from tests.tui.run_folders import RunWriter
from tui_trainer.errors import OwnedByAnotherError
from tui_trainer.tui.app import TrainerApp
from tui_trainer.tui.widgets.run_list import RunList

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from textual.pilot import Pilot

    from tui_trainer.errors import TuiTrainerError
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.spec.project import Project
    from tui_trainer.tui.keys import Key

SECONDS_TO_SHOW = 10.0
_NAMES = {":": "colon", "?": "question_mark", "|": "vertical_line", "/": "slash"}


class RecordingOperations:
    """Stands in for the launcher: notes what it was asked, and writes run folders as it would."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failure: TuiTrainerError | None = None
        self.refused: set[str] = set()
        """Runs that somebody else owns."""
        self.seconds = 0.0
        """What an operation takes; the real ones take up to a second."""

    def launch(self, project: Project, name: str, changes: Sequence[str] = ()) -> RunFolder:
        assert not changes
        self._note(f"launch {name}")
        return RunWriter(project.folder, name).start().train(2).beat().folder

    def resume(self, folder: RunFolder) -> None:
        if folder.run in self.refused:
            raise OwnedByAnotherError("somebody owns it")
        self._note(f"resume {folder.run}")

    def stop(self, folder: RunFolder, *, at_once: bool = False) -> None:
        self._note(f"stop {folder.run}{' at once' if at_once else ''}")

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
        row = self.app.screen_stack[1].query_one(RunList).selected
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
        """Move the cursor down from the top to a row, as a user does."""
        from tui_trainer.tui import keys

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
