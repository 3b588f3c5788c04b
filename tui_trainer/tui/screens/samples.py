"""Pictures of what a run would be trained and tested on, made by a short-lived core process."""

from __future__ import annotations

import subprocess
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import SuspendNotSupported
from textual.message import Message
from textual.screen import Screen

from tui_trainer.errors import TuiTrainerError, told
from tui_trainer.launch.core_question import Conversation, Withdrawn
from tui_trainer.record.experiment_file import read_experiment
from tui_trainer.record.plain_text import plain_line
from tui_trainer.spec.snapshot import experiment_to_toml
from tui_trainer.tui import keys
from tui_trainer.tui.gallery import Gallery
from tui_trainer.tui.graphics import PIXELS, graphics_here
from tui_trainer.tui.screens.help import Help
from tui_trainer.tui.screens.palette import open_palette
from tui_trainer.tui.screens.scrolling import Scrolling
from tui_trainer.tui.terminal import terminal_has_colours
from tui_trainer.tui.views import RunView
from tui_trainer.tui.widgets.key_bar import KeyBar, Offer
from tui_trainer.tui.widgets.page_view import PageView
from tui_trainer.tui.widgets.pictures import Look, Sheet
from tui_trainer.tui.widgets.rule import Rule
from tui_trainer.tui.widgets.sheet_page import SheetPage, WordsPage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from tui_trainer.spec.project import Project
    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.views import ExperimentView

# As many as are looked through in one go; the batch may have more.
IMAGES = 16
IMAGES_TOGETHER, CORRUPTED_TOGETHER = 4, 6
ZOOMS = (1.0, 2.0, 0.5)
NO_PIXELS = "this terminal is not known to draw pixels (kitty, sixel): blocks stand for them"


@dataclass(frozen=True)
class Subject:
    """What pictures are wanted of."""

    label: str
    project: Path
    read: Callable[[], str]
    """The experiment as TOML; may take a moment and raise TuiTrainerError."""


def subject_of(row: ExperimentView | RunView, project: Project) -> Subject:
    """An experiment as it is now, or a run as it was launched."""

    def read() -> str:
        if isinstance(row, RunView):
            return experiment_to_toml(read_experiment(row.folder).experiment, {})
        return experiment_to_toml(project.experiment(row.name), {})

    return Subject(row.label, project.folder, read)


@dataclass(frozen=True)
class Place:
    """Which pictures are looked at."""

    epoch: int = 1
    batch: int = 1
    image: int = 1
    """Of the test images, from 1."""
    is_corrupted: bool = False

    @property
    def question(self) -> dict[str, Any]:
        """What the core is asked."""
        if self.is_corrupted:
            return {"kind": "table", "first": self.image - 1}
        return {"kind": "augmented", "epoch": self.epoch, "batch": self.batch, "count": IMAGES}


class Samples(Scrolling, Screen[None]):
    """Shows pictures of one experiment.

    Args:
        subject: Which one.
        glyphs: The signs that the terminal can show.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.SAMPLES_KEYS)]

    class Answered(Message):
        """The core made pictures, or could not."""

        def __init__(self, place: Place, answer: dict[str, Any] | TuiTrainerError) -> None:
            super().__init__()
            self.place = place
            self.answer = answer

    def __init__(self, subject: Subject, glyphs: Glyphs) -> None:
        super().__init__()
        self._subject = subject
        self._glyphs = glyphs
        self._place = self._shown_place = Place()
        self._sheet: Sheet | None = None
        self._counts: dict[str, int] = {}
        self._zoom = 0
        self._graphics = graphics_here()
        self._is_waiting = True
        self._wanted: SimpleQueue[Place | None] = SimpleQueue()
        # What the user's own modules print would stand on the screen.
        project, nowhere = str(subject.project), subprocess.DEVNULL
        self._core = Conversation("samples", project, talk=nowhere)

    def compose(self) -> ComposeResult:
        """The widgets, from top to bottom."""
        yield Rule(self._glyphs, widget_id="sampled")
        yield PageView(self._glyphs)
        yield KeyBar(self._glyphs)

    def on_mount(self) -> None:
        """Ask for the first pictures."""
        words = f"the training core makes them; it takes some seconds to start {self._ellipsis}"
        self._page.show(WordsPage(words))
        # Of the app: a screen that is left would wait for its threads.
        self.app.run_worker(self._converse, thread=True)
        self._go_to(self._place)

    def on_unmount(self) -> None:
        """Let the core go, whatever it is doing."""
        self._core.withdraw()
        self._wanted.put(None)

    def on_samples_answered(self, message: Answered) -> None:
        """Show it, unless something else is wanted by now."""
        if message.place != self._place:
            return
        self._is_waiting = False
        if isinstance(message.answer, TuiTrainerError):
            self._sheet = None
            error = message.answer
            self._page.show(
                WordsPage(plain_line(error.message, 1000), plain_line(error.hint, 1000), "bad")
            )
        else:
            self._sheet = Sheet.from_record(message.answer)
            counts = {key: value for key, value in message.answer.items() if isinstance(value, int)}
            self._counts.update(counts)
            is_other = self._shown_place.is_corrupted != self._place.is_corrupted
            self._shown_place = self._place
            self._show_sheet(from_top=is_other)
        self._show_place()

    # What keys do, in the order of the key table.

    def action_back(self) -> None:
        """Back to the list."""
        self.dismiss()

    def action_kind(self) -> None:
        """Corrupted test images, and back to training images."""
        self._go_to(replace(self._place, is_corrupted=not self._place.is_corrupted))

    def action_turn(self, step: int) -> None:
        """The next batch, or the next test image."""
        place = self._place
        if place.is_corrupted:
            self._go_to(replace(place, image=self._within("images", place.image + step)))
        else:
            self._go_to(replace(place, batch=self._within("batches", place.batch + step)))

    def action_epoch(self, step: int) -> None:
        """The same batch number of the next epoch: other images, drawn anew."""
        epoch = self._within("epochs", self._place.epoch + step)
        self._go_to(replace(self._place, epoch=epoch, is_corrupted=False))

    def action_size(self) -> None:
        """Larger, smaller, as fits."""
        self._zoom = (self._zoom + 1) % len(ZOOMS)
        self._show_sheet(from_top=False)

    def action_pixels(self) -> None:
        """On a screen of the terminal's own, if it draws pixels; the app waits below it."""
        if self._sheet is None:
            return
        page = self._page_of(self._sheet)
        if self._graphics not in PIXELS:
            self._page.update(replace(page, words=NO_PIXELS))
            return
        side = page.side(self._page.row_width)
        gallery = Gallery(self._sheet, self._graphics, side, self._ellipsis)
        try:
            with self.app.suspend():
                gallery.look_through()
        except SuspendNotSupported:
            self._page.update(replace(page, words=NO_PIXELS))

    def action_palette(self) -> None:
        """Find anything by its name."""
        open_palette(self, keys.SAMPLES_KEYS, self._glyphs)

    def action_help(self) -> None:
        """Show what keys do."""
        self.app.push_screen(Help(self._glyphs, keys.SAMPLES_KEYS))

    # What is asked and shown.

    @property
    def _scrolled(self) -> PageView:
        return self._page

    @property
    def _page(self) -> PageView:
        return self.query_one(PageView)

    @property
    def _ellipsis(self) -> str:
        return self._glyphs.ellipsis

    def _within(self, what: str, number: int) -> int:
        """A number of those that there are; the core says how many."""
        return max(1, min(number, self._counts.get(what, 1)))

    def _go_to(self, place: Place) -> None:
        if place == self._place and not self._is_waiting:
            return
        self._place, self._is_waiting = place, True
        self._wanted.put(place)
        self._show_place()

    def _show_place(self) -> None:
        place, counts = self._place, self._counts
        if place.is_corrupted:
            about = [f"test image {place.image}{_of(counts, 'images')}"]
        else:
            about = [
                f"epoch {place.epoch}{_of(counts, 'epochs')}",
                f"batch {place.batch}{_of(counts, 'batches')}",
            ]
        about += [self._ellipsis] if self._is_waiting else []
        self.query_one("#sampled", Rule).show(
            self._subject.label, f" {self._glyphs.dot} ".join(about)
        )
        self.query_one(KeyBar).show(self._offers())

    def _show_sheet(self, *, from_top: bool) -> None:
        if self._sheet is not None:
            page = self._page_of(self._sheet)
            (self._page.show if from_top else self._page.update)(page)

    def _page_of(self, sheet: Sheet) -> SheetPage:
        look = Look(
            has_colours=terminal_has_colours()
            and not self.app.no_color
            and not self._glyphs.is_ascii,
            is_dark=self.app.current_theme.dark,
            ellipsis=self._ellipsis,
        )
        is_corrupted = self._shown_place.is_corrupted
        words = (
            f"class {sheet.labels[0]}: plain, and with each corruption at severities 1 to 5"
            if is_corrupted
            else "what training will be shown, drawn exactly as that epoch will draw it"
        )
        together = CORRUPTED_TOGETHER if is_corrupted else IMAGES_TOGETHER
        return SheetPage(sheet, look, words, together, ZOOMS[self._zoom])

    def _offers(self) -> list[Offer]:
        place, counts = self._place, self._counts
        what, number = ("images", place.image) if place.is_corrupted else ("batches", place.batch)
        next_, last = (keys.NEXT_SAMPLES, keys.LAST_SAMPLES)
        kind = "augmented" if place.is_corrupted else "corrupted"
        unit = "image" if place.is_corrupted else "batch"
        offers = [
            Offer(keys.shown(keys.CLOSE_SAMPLES), keys.CLOSE_SAMPLES.short),
            Offer(keys.shown(next_), f"next {unit}", number < counts.get(what, 1)),
            Offer(keys.shown(keys.SAMPLES_KIND), kind),
        ]
        if not place.is_corrupted:
            can = place.epoch < counts.get("epochs", 1)
            offers.append(Offer(keys.shown(keys.NEXT_EPOCH), keys.NEXT_EPOCH.short, can))
        if self._graphics in PIXELS and self._sheet is not None:
            offers.append(Offer(keys.shown(keys.PIXELS), keys.PIXELS.short))
        rest = (keys.SAMPLES_SIZE, keys.HELP)
        offers += [Offer(keys.shown(key), key.short) for key in rest]
        return [*offers, Offer(keys.shown(last), f"{unit} before", number > 1)]

    # The core, in a thread of its own.

    def _converse(self) -> None:
        """Ask for what is wanted, the newest first, until the screen is closed."""
        with closing(self._core), suppress(Withdrawn):
            try:
                self._core.ask({"experiment": self._subject.read()})
            except (TuiTrainerError, OSError) as error:
                self._tell(self._place, error)
                return
            while (place := self._newest_wanted()) is not None:
                self._answer(place)

    def _answer(self, place: Place) -> None:
        try:
            self.post_message(self.Answered(place, self._core.ask(place.question)))
        except (TuiTrainerError, OSError) as error:
            self._tell(place, error)

    def _tell(self, place: Place, error: TuiTrainerError | OSError) -> None:
        self.post_message(self.Answered(place, told(error)))

    def _newest_wanted(self) -> Place | None:
        place = self._wanted.get()
        while place is not None and not self._wanted.empty():
            place = self._wanted.get()
        return place


def _of(counts: dict[str, int], what: str) -> str:
    return f" of {counts[what]:,}" if what in counts else ""
