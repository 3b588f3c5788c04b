"""A run's page: its curves large, and whatever else its folder tells of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Horizontal
from textual.worker import get_current_worker

from tui_trainer.tui import charts, keys
from tui_trainer.tui.detail import (
    Attempts,
    Config,
    Detail,
    Log,
    PreflightTable,
    Tab,
    earlier_parts,
)
from tui_trainer.tui.run_files import Files
from tui_trainer.tui.screens.planning import Planning
from tui_trainer.tui.screens.scrolling import Scrolling
from tui_trainer.tui.screens.search import Search
from tui_trainer.tui.screens.speaking import Speaking, edit_copy
from tui_trainer.tui.store import Focus, FocusChanged, Store
from tui_trainer.tui.widgets.attempts_page import AttemptsPage
from tui_trainer.tui.widgets.config_page import ConfigPage
from tui_trainer.tui.widgets.files_page import FilesPage
from tui_trainer.tui.widgets.key_bar import KeyBar, Offer
from tui_trainer.tui.widgets.log_page import TRACEBACK, LogPage
from tui_trainer.tui.widgets.page_view import NoPage, PageView
from tui_trainer.tui.widgets.plot import Plot
from tui_trainer.tui.widgets.preflight_page import PreflightPage
from tui_trainer.tui.widgets.results_page import ResultsPage
from tui_trainer.tui.widgets.run_heading import RunHeading
from tui_trainer.tui.widgets.status_line import Ending, FiguresLine, draw_said
from tui_trainer.tui.widgets.words import Words

if TYPE_CHECKING:
    import threading

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.operations import Operations
    from tui_trainer.tui.views import RunView
    from tui_trainer.tui.widgets.page_view import Page

# What led to a line stands above it.
ROWS_ABOVE_MATCH = 3
# Keys whose names mean something else on other pages: n, t.
_OF_SOME_PAGES = {key.action.partition("(")[0] for key in (*keys.LOG_KEYS, keys.TAG, keys.NOTE)}


class RunPage(Scrolling, Planning, Speaking):
    """Shows one run and acts on it.

    Args:
        store: What is looked at.
        operations: What is done to runs.
        operating: Held while something is done to a run.
        glyphs: The signs that the terminal can show.
        run: The run as it was last seen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.PAGE_KEYS)]

    def __init__(
        self,
        store: Store,
        operations: Operations,
        operating: threading.Lock,
        glyphs: Glyphs,
        run: RunView,
    ) -> None:
        super().__init__(store, operations, operating, glyphs)
        self._shown_run = run
        self._tab = Tab.CURVES
        self._look = charts.Look(marks=True)
        self._attempt = 0
        self._wanted = ""
        self._found_at = -1
        self._log_end: int | None = None
        self._detail: Detail = None

    def compose(self) -> ComposeResult:
        """The widgets, from top to bottom."""
        glyphs = self._glyphs
        yield RunHeading(glyphs)
        yield Words(glyphs, widget_id="said")
        with Horizontal(id="plots"):
            yield Plot(glyphs, widget_id="loss")
            yield Plot(glyphs, widget_id="accuracy")
        yield Ending(glyphs)
        yield PageView(glyphs)
        yield FiguresLine(glyphs)
        yield Words(glyphs, widget_id="notice")
        yield KeyBar(glyphs)

    def on_mount(self) -> None:
        """Show what was seen of the run, and look closely."""
        self._open(Tab.CURVES)

    def on_unmount(self) -> None:
        """Look no longer."""
        self._store.unfocus(self.post_message)

    def on_focus_changed(self, message: FocusChanged) -> None:
        """Show what the store saw."""
        self._shown_run = message.run
        if message.focus == self._focus:
            self._take_detail(message.detail)
        self._show_selected()

    def on_resize(self) -> None:
        """Whether one plot or two have room decides what is said about the other one."""
        self._show_selected()

    # What keys do, in the order of the key table.

    def action_back(self) -> None:
        """Back to the list."""
        self.dismiss()

    def action_tab(self, number: int) -> None:
        """Show one of the pages."""
        if Tab(number) is not self._tab:
            self._open(Tab(number))

    def action_next_plot(self) -> None:
        """Show the other plot, where only one has room."""
        self.toggle_class("-accuracy")
        self._show_selected()

    def action_log_scale(self) -> None:
        """Loss on a logarithmic scale, and back."""
        self._look_at(replace(self._look, log=not self._look.log))

    def action_smoothing(self) -> None:
        """Smooth the curves more, or not at all."""
        self._look_at(self._look.change_smoothing())

    def action_x_axis(self) -> None:
        """Over epochs or over time."""
        self._look_at(replace(self._look, by_time=not self._look.by_time))

    def action_zoom(self) -> None:
        """Less of the epochs, or all of them."""
        self._look_at(self._look.change_zoom())

    def action_series(self) -> None:
        """One curve alone, or all of them."""
        has_ood = any(epoch.ood_accuracy is not None for epoch in self._shown_run.epochs)
        self._look_at(self._look.change_series(has_ood=has_ood))

    def action_change_attempt(self, step: int) -> None:
        """Show the page of another attempt."""
        detail = self._detail
        if not isinstance(detail, (Log, PreflightTable)):
            return
        number = min(max(1, detail.attempt + step), detail.attempts)
        if number != detail.attempt:
            self._attempt = 0 if number == detail.attempts else number
            self._open(self._tab)

    def action_search(self) -> None:
        """Ask for words, and go to where they are in the log."""
        if isinstance(self._detail, Log):
            self.app.push_screen(Search(self._glyphs), self._search)

    def action_next_match(self, step: int) -> None:
        """To the next line with the words that are looked for, around the end."""
        detail = self._detail
        if not isinstance(detail, Log) or not self._wanted:
            return
        page = LogPage(detail, self._wanted, self._found_at)
        found = page.found
        is_before_all = step < 0 and self._found_at >= 0 and self._found_at <= min(found, default=0)
        if detail.bytes_before and (is_before_all or not found):
            self._look_in_other_parts(detail, self._wanted)
            return
        if not found:
            self._say(f"{self._wanted} is not in the log")
            return
        after = [at for at in found if at > self._found_at]
        before = [at for at in found if at < self._found_at]
        self._found_at = (after[0] if after else found[0]) if step > 0 else (before or found)[-1]
        self._go_to_line(self._found_at)

    def action_to_traceback(self) -> None:
        """To the last traceback of the log."""
        if not isinstance(self._detail, Log):
            return
        line = LogPage(self._detail).last_traceback
        if line is None and self._detail.bytes_before:
            self._look_in_other_parts(self._detail, TRACEBACK)
        elif line is None:
            self._say("no traceback is in the log")
        else:
            self._found_at = line
            self._go_to_line(line)

    def action_bottom(self) -> None:
        """To the last row; of a log to its own end."""
        if self._log_end is None:
            super().action_bottom()
        else:
            self._open(self._tab)

    def action_edit(self) -> None:
        """Open a copy of what is shown of the log; from the other pages experiments.toml."""
        detail = self._detail
        if isinstance(detail, Log):
            name = f"{self._shown_run.experiment}-{self._shown_run.folder.number}-log.txt"
            self._in_editor(lambda: edit_copy(name, "\n".join(detail.lines)))
        else:
            super().action_edit()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key does it on this page: of two with one name the other one does."""
        del parameters
        return action not in _OF_SOME_PAGES or action in {
            key.action.partition("(")[0] for key in self._keys_here
        }

    # What is shown.

    @property
    def _scrolled(self) -> PageView:
        return self._page

    @property
    def _page(self) -> PageView:
        return self.query_one(PageView)

    @property
    def _focus(self) -> Focus:
        attempt = self._attempt if self._tab.is_of_one_attempt else 0
        return Focus(self._shown_run.folder, self._tab, attempt, self._log_end)

    def _search(self, wanted: str | None) -> None:
        detail = self._detail
        if wanted and isinstance(detail, Log):
            self._wanted = wanted
            seen_first = LogPage(detail).line_at(self._page.top, self._page.row_width)
            self._found_at = seen_first - 1
            self.action_next_match(1)

    def _look_in_other_parts(self, log: Log, wanted: str) -> None:
        """Find words in what is not shown of the log, however long it is."""
        self._say(f"looking for {wanted} in the whole log {self._glyphs.ellipsis}")
        file = self._shown_run.folder.attempt(log.attempt).log_file
        focus = self._focus

        def look() -> None:
            worker = get_current_worker()
            for part in earlier_parts(file, log):
                if worker.is_cancelled:
                    return
                if part.has(wanted):
                    self.app.call_from_thread(self._show_part, focus, part, wanted)
                    return
            self.app.call_from_thread(self._say, f"{wanted} is not in the log")

        self.run_worker(look, thread=True, exclusive=True, group="log")

    def _show_part(self, looked_from: Focus, part: Log, wanted: str) -> None:
        if self._focus != looked_from:  # another page was opened meanwhile
            return
        self._say_nothing()
        self._log_end, self._found_at = part.end, LogPage(part, wanted).found[-1]
        self._store.focus(self._focus, self.post_message)
        self._detail = part
        self._go_to_line(self._found_at)

    def _go_to_line(self, line: int) -> None:
        if isinstance(self._detail, Log):
            page = LogPage(self._detail, self._wanted, self._found_at)
            self._page.update(page)
            self._page.go_to(page.row_of(line, self._page.row_width) - ROWS_ABOVE_MATCH)

    def _take_detail(self, detail: Detail) -> None:
        before, is_new = self._detail, self._detail is None
        if isinstance(before, Log) and isinstance(detail, Log):
            is_moved = before.bytes_before != detail.bytes_before
            self._found_at = -1 if is_moved else self._found_at
        self._detail = detail
        page = self._page_of(detail)
        if page is not None:
            (self._page.show if is_new else self._page.update)(page)

    def _page_of(self, detail: Detail) -> Page | None:
        if isinstance(detail, Log):
            return LogPage(detail, self._wanted, self._found_at)
        if isinstance(detail, Config):
            return ConfigPage(detail)
        if isinstance(detail, Attempts):
            return AttemptsPage(detail)
        if isinstance(detail, PreflightTable):
            return PreflightPage(detail)
        if isinstance(detail, Files):
            return FilesPage(detail)
        return None if detail is None else ResultsPage(detail)

    @property
    def _selected_run(self) -> RunView:
        return self._shown_run

    @property
    def _meant(self) -> list[RunView]:
        return [self._shown_run]

    @property
    def _selected_experiment(self) -> str:
        return self._shown_run.experiment

    @property
    def _keys_here(self) -> tuple[keys.Key, ...]:
        if self._tab is Tab.CURVES:
            return (*keys.RUN_KEYS, *keys.CURVES_KEYS, *keys.SPOKEN_KEYS)
        of_log = keys.LOG_KEYS if self._tab is Tab.LOG else ()
        of_attempt = keys.ATTEMPT_KEYS if self._tab.is_of_one_attempt else ()
        spoken = keys.left_by(of_log, keys.SPOKEN_KEYS)
        return (*keys.RUN_KEYS, *of_log, *of_attempt, *spoken, *keys.SCROLL_KEYS)

    @property
    def _idle_keys(self) -> set[keys.Key]:
        detail = self._detail
        attempts = detail.attempts if isinstance(detail, (Log, PreflightTable)) else 1
        return super()._idle_keys | (set(keys.ATTEMPT_KEYS) if attempts == 1 else set())

    def _open(self, tab: Tab) -> None:
        """Show a page as soon as the store has read it."""
        self._tab, self._detail, self._found_at, self._log_end = tab, None, -1, None
        self.set_class(tab is not Tab.CURVES, "-page")
        self._page.show(NoPage())
        self._store.focus(self._focus, self.post_message)
        self._show_selected()

    def _look_at(self, look: charts.Look) -> None:
        self._look = look
        self._show_charts()

    def _show_selected(self) -> None:
        run = self._shown_run
        read_only = bool(self._store.seen.read_only)
        self.query_one(RunHeading).show(run, self._tab, is_read_only=read_only)
        self.query_one("#said", Words).show(draw_said(run))
        self._show_charts()
        self._show_ending()
        self.query_one(FiguresLine).show(run)
        self._show_keys()
        self.call_after_refresh(self._show_keys)  # what has room is known once it is laid out

    def _show_keys(self) -> None:
        self.query_one(KeyBar).show(self._offers())

    def _show_charts(self) -> None:
        loss, accuracy = self.query_one("#loss", Plot), self.query_one("#accuracy", Plot)
        tab = f"{keys.shown(keys.NEXT_PLOT)}: " if self._shows_one_plot else ""
        look, run = replace(self._look, dashed=self.app.no_color), self._shown_run
        loss.show(charts.loss_chart(run, look, hint=tab and f"{tab}accuracy"))
        of_accuracy = charts.accuracy_chart(run, look, hint=tab and f"{tab}loss")
        # Beside each other, the first one's title says of both how they are looked at.
        notes = of_accuracy.notes if self._shows_one_plot else ()
        accuracy.show(replace(of_accuracy, notes=notes))

    def _show_ending(self) -> None:
        """Why a run ended badly: below its curves, or in place of those that it does not have."""
        bad = self._shown_run if self._shown_run.ended_badly else None
        self.set_class(bad is not None and not bad.epochs, "-no-curves")
        self.set_class(bad is not None and bool(bad.epochs), "-bad-end")
        self.query_one(Ending).show(bad)

    def _offers(self) -> list[Offer]:
        if self._is_asking:
            return []
        state = self._shown_run.state
        possible = {keys.RESUME: state.is_resumable, keys.STOP: state.is_live}
        left_out = {keys.PLAN} | self._idle_keys
        return [
            Offer(keys.shown(key), key.short, possible.get(key, True))
            for key in self._keys_here
            if key.short and key not in left_out
        ]
