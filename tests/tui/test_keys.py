"""One table of keys: bindings, help and docs say the same."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.tui.snapshot import agrees_with
from tui_trainer.tui import keys
from tui_trainer.tui.detail import Tab
from tui_trainer.tui.screens.ask import Ask, AskForNote
from tui_trainer.tui.screens.compare import Compare
from tui_trainer.tui.screens.confirm import Confirm
from tui_trainer.tui.screens.help import Help
from tui_trainer.tui.screens.home import Home
from tui_trainer.tui.screens.launch import LaunchScreen
from tui_trainer.tui.screens.new import NewExperiment
from tui_trainer.tui.screens.palette import Palette
from tui_trainer.tui.screens.queue import Queue
from tui_trainer.tui.screens.run import RunPage
from tui_trainer.tui.screens.samples import Samples
from tui_trainer.tui.screens.scores import Scores
from tui_trainer.tui.screens.search import Search
from tui_trainer.tui.screens.study import StudyPage

DOCS = Path(__file__).parents[2] / "docs" / "keys.md"


def keys_of(tab: Tab) -> tuple[keys.Key, ...]:
    """What is bound on one page of a run."""
    page = object.__new__(RunPage)
    page._tab = tab
    return page._keys_here


PAGES = {tab: keys_of(tab) for tab in Tab}


def test_the_docs_are_made_from_the_table() -> None:
    agrees_with(DOCS, keys.as_markdown())


def test_every_key_has_an_action_and_no_key_has_two() -> None:
    screens = (
        (Home, keys.HOME_KEYS),
        *((RunPage, PAGES[tab]) for tab in PAGES),
        (Ask, keys.ASK_KEYS),
        (AskForNote, keys.NOTE_KEYS),
        (Confirm, keys.CONFIRM_KEYS),
        (Help, keys.HELP_KEYS),
        (Compare, keys.COMPARE_KEYS),
        (Samples, keys.SAMPLES_KEYS),
        (Queue, keys.QUEUE_KEYS),
        (StudyPage, keys.STUDY_KEYS),
        (Scores, keys.SCORES_KEYS),
        (Palette, keys.PALETTE_KEYS),
        (Search, keys.SEARCH_KEYS),
        (LaunchScreen, keys.LAUNCH_KEYS),
        (NewExperiment, keys.NEW_KEYS),
    )
    for screen, table in screens:
        names = Counter(name for key in table for name in key.keys.split(","))
        assert max(names.values()) == 1
        for key in table:
            assert callable(getattr(screen, f"action_{key.action.partition('(')[0]}"))


def test_the_table_is_complete() -> None:
    assert set(keys.KEYS) == {value for value in vars(keys).values() if isinstance(value, keys.Key)}
