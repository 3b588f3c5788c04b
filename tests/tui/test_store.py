"""The store looks, tells of changes and of nothing else, and keeps what it last saw."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

from tests.conftest import wait_until
from tests.tui.run_folders import EXPERIMENTS, RunWriter, foreign_owner, write_project
from tui_trainer.launch.slots import Pool
from tui_trainer.launch.turn import InLine
from tui_trainer.record.events import Alarmed, Warned, append_event
from tui_trainer.record.state import State
from tui_trainer.spec.experiment import Resources
from tui_trainer.tui import store as store_module
from tui_trainer.tui.detail import Tab
from tui_trainer.tui.glyphs import UNICODE
from tui_trainer.tui.store import Focus, Store, ViewChanged
from tui_trainer.tui.views import View
from tui_trainer.tui.widgets.headline import draw_headline
from tui_trainer.tui.widgets.line import as_text
from tui_trainer.tui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def states(view: View) -> dict[str, State]:
    return {run.label: run.state for run in view.runs}


def test_a_start_shows_the_first_runs_before_the_last_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "FIRST_PART_SECONDS", 0.0)
    project = write_project(tmp_path)
    for name in ("cnn4", "cnn2"):
        for _ in range(11):
            RunWriter(project, name).start().train(1).end(0)
    store, views = Store(project), list[View]()

    def tell(message: Any) -> None:
        views.append(message.view)
        if not message.view.unread:
            store.close()

    store.watch(tell)
    assert [view.unread for view in views] == [*range(21, -1, -1)]
    assert [run.label for run in views[0].runs] == ["cnn2/11"]
    assert [run.label for run in views[10].runs][:3] == ["cnn2/11", "cnn2/10", "cnn2/9"]
    words = as_text(draw_headline(views[0], 120, UNICODE))
    assert words.endswith("reading 21 more ")
    assert "reading" not in as_text(draw_headline(views[-1], 120, UNICODE))
    assert views[-1].runs == Store(project).look().runs


def test_it_sees_every_state_of_an_ordinary_day(study: Path) -> None:
    assert states(Store(study).look()) == {
        "cnn2/1": State.FINISHED,
        "cnn4/3": State.RUNNING,
        "cnn4/2": State.STOPPED,
        "cnn4/1": State.CRASHED,
        "cnn8/2": State.QUEUED,
        "cnn8/1": State.STALLED,
    }


def test_experiments_stand_in_the_order_of_the_file_and_lost_ones_after_them(study: Path) -> None:
    (study / "experiments.toml").write_text(
        EXPERIMENTS.replace("experiments.cnn2]", "experiments.a]")
    )
    view = Store(study).look()
    assert [each.name for each in view.experiments] == ["a", "cnn4", "cnn8", "resnet18", "cnn2"]
    assert [each.is_defined for each in view.experiments] == [True, True, True, True, False]


def test_a_point_of_a_study_with_a_run_is_an_experiment_of_the_list(tmp_path: Path) -> None:
    study = '[studies.s]\nbase = "cnn2"\ngrid = { epochs = [3] }\n'
    project = write_project(tmp_path, EXPERIMENTS + study)
    RunWriter(project, "s.epochs-3").start().train(3).end(0)
    point = Store(project).look().experiments[-1]
    assert (point.name, point.base, point.is_defined) == ("s.epochs-3", "cnn2", True)
    assert (point.description, point.planned_epochs) == ("epochs 3, seed 0", 3)


def test_two_looks_at_the_same_are_equal_and_a_step_makes_them_differ(study: Path) -> None:
    store = Store(study)
    first = store.look()
    assert store.look() == first
    RunWriter(study, "cnn2")
    assert store.look() != first


def test_a_change_of_the_experiments_is_one_even_where_the_list_looks_the_same(
    study: Path,
) -> None:
    store = Store(study)
    first = store.look()
    (study / "experiments.toml").write_text(EXPERIMENTS.replace("degrees = 10", "degrees = 20"))
    second = store.look()
    assert second.experiments == first.experiments
    assert second != first  # else the old project would be launched


def test_it_tells_of_changes_only_and_ends_at_once(study: Path) -> None:
    store = Store(study)
    told: list[ViewChanged] = []
    thread = threading.Thread(target=store.watch, args=(told.append,))
    thread.start()
    wait_until(lambda: len(told) >= 1)
    time.sleep(0.5)
    assert len(told) == 1
    RunWriter(study, "cnn2").start().train(1).beat()
    store.look_soon()
    wait_until(lambda: len(told) >= 2)
    assert "cnn2/2" in states(told[-1].view)
    store.close()
    thread.join(timeout=30)
    assert not thread.is_alive()


def test_a_run_that_is_looked_at_closely_is_told_of_until_its_page_closes(study: Path) -> None:
    store = Store(study)
    folder = next(run.folder for run in store.look().runs if run.label == "cnn4/3")
    told: list[Any] = []
    others: list[Any] = []
    thread = threading.Thread(target=store.watch, args=(others.append,))
    store.focus(Focus(folder, Tab.LOG, 0), told.append)
    thread.start()
    wait_until(lambda: len(told) == 1)
    assert told[0].detail.lines == ()
    store.unfocus(others.append)  # a page that closes late takes nothing from the next one
    folder.attempt(2).log_file.write_text("one\n\x1btwo\n")
    wait_until(lambda: len(told) == 2)
    assert told[1].detail.lines == ("one", "two")
    store.unfocus(told.append)
    folder.attempt(2).log_file.write_text("three\n")
    time.sleep(0.5)
    assert len(told) == 2
    store.close()
    thread.join(timeout=30)


def test_a_newer_view_replaces_one_that_waits() -> None:
    message = ViewChanged(View(project=None))
    assert message.can_replace(ViewChanged(View(project=None)))


def test_a_file_that_goes_away_leaves_what_was_seen(study: Path) -> None:
    store = Store(study)
    store.look()
    (study / "experiments.toml").unlink()
    view = store.look()
    assert "shown as it was before" in view.warning
    assert "cnn4/3" in states(view)


def test_a_first_file_that_is_broken_says_what_is_wrong(tmp_path: Path) -> None:
    view = Store(write_project(tmp_path, "[experiments.a\n")).look()
    assert view.project is None
    assert view.warning.startswith("experiments.toml:1")


def test_a_folder_that_cannot_be_read_leaves_what_was_seen(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(study)
    store.look()

    def fail() -> Any:
        raise OSError(5, "Input/output error")

    assert store._index is not None
    monkeypatch.setattr(store._index, "look", fail)
    view = store.look()
    assert "Input/output error (runs are shown as they were before)" in view.warning
    assert "cnn4/3" in states(view)


def test_the_end_of_a_log_is_read_once_and_only_where_a_run_ended_badly(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    good, bad = (RunWriter(project, name).start() for name in ("cnn2", "cnn4"))
    for run in (good, bad):
        run.folder.attempt(1).log_file.write_bytes(b"x" * 20_000 + b"\n\ta\xff\x1b[2J\n\n")
    good.train(1).end(0)
    bad.end(1, "broke")
    store = Store(project)
    logs = {run.label: run.end_of_log for run in store.look().runs}
    assert logs == {"cnn2/1": (), "cnn4/1": ("    a\ufffd[2J",)}
    again = {run.label: run.end_of_log for run in store.look().runs}
    assert again["cnn4/1"] is logs["cnn4/1"]


def test_what_is_shown_of_a_run_that_is_over_is_made_once(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    RunWriter(project, "cnn2").start().train(2).end(0)
    live = RunWriter(project, "cnn4").start().train(2)
    store = Store(project)
    over, running = store.look().runs
    live.train(1)
    over_again, running_again = store.look().runs
    assert over_again is over
    assert len(running_again.epochs) == len(running.epochs) + 1


def test_a_log_that_is_none_keeps_nobody_waiting(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    bad = RunWriter(project, "cnn4").start()
    os.mkfifo(bad.folder.attempt(1).log_file)
    bad.end(1, "broke")
    assert Store(project).look().runs[0].end_of_log == ()


def test_when_all_is_done_is_said_only_where_it_is_known(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    RunWriter(project, "cnn2").start().train(3).beat()
    assert Store(project).look().done_at
    RunWriter(project, "cnn4")  # waits; nobody knows for how long
    assert not Store(project).look().done_at


def test_when_all_is_done_counts_what_waits_for_slots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUI_TRAINER_CPU_SLOTS", "1")
    project = write_project(tmp_path)
    trains = RunWriter(project, "cnn2").start().train(3).beat()
    alone = Store(project).look().done_at
    waits = RunWriter(project, "cnn2").start().beat(stage="queued")
    for writer in (trains, waits):
        turn = InLine(writer.folder, Resources(), Pool.here())
        assert turn.has_come() is (writer is trains)
    view = Store(project).look()
    assert states(view) == {"cnn2/2": State.QUEUED, "cnn2/1": State.RUNNING}
    assert view.done_at
    assert view.done_at != alone


def test_a_run_of_another_host_that_may_live_is_not_called_dead(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    RunWriter(project, "cnn2").start(foreign_owner()).train(2).beat()
    assert states(Store(project).look()) == {"cnn2/1": State.RUNNING}


def test_a_project_is_found_from_a_folder_inside_it(study: Path) -> None:
    assert Store(study / "runs").look().title == "digits-study"


def test_alarms_reach_the_status_line(study: Path) -> None:
    run = RunWriter(study, "cnn2").start()
    alarm = Alarmed(attempt=1, epoch=1, kind="chance_level", message="hardly better than chance")
    append_event(run.folder.events_file, alarm)
    (view,) = (each for each in Store(study).look().runs if each.label == "cnn2/2")
    assert view.warnings == ("chance level: hardly better than chance",)
    status = StatusLine(UNICODE)
    status._row = view
    line = "".join(span.text for fact in status.facts() for span in fact)
    assert f"{UNICODE.warning} chance level" in line


def test_an_alarm_about_an_epoch_ends_with_the_epoch_that_would_tell_it_again(study: Path) -> None:
    run = RunWriter(study, "cnn2").start().train(1)
    for kind, over_after in (("nan", 2), ("dead_units", 6)):
        alarm = Alarmed(attempt=1, epoch=1, kind=kind, message="bad", over_after=over_after)
        append_event(run.folder.events_file, alarm)
    store = Store(study)

    def alarms() -> tuple[str, ...]:
        return next(each for each in store.look().runs if each.label == "cnn2/2").alarms

    assert alarms() == ("nan", "dead units")
    run.train(1)
    assert alarms() == ("dead units",)
    run.train(4)
    assert alarms() == ()


def test_an_alarm_that_later_epochs_disprove_is_shown_no_more(study: Path) -> None:
    run = RunWriter(study, "cnn2").start().train(1)
    alarm = Alarmed(attempt=1, epoch=1, kind="chance_level", message="chance", over_above=0.2)
    append_event(run.folder.events_file, alarm)
    append_event(run.folder.events_file, Warned(attempt=1, message="few cores"))
    store = Store(study)
    (view,) = (each for each in store.look().runs if each.label == "cnn2/2")
    assert view.alarms == ("chance level",)
    run.train(9)
    (view,) = (each for each in store.look().runs if each.label == "cnn2/2")
    assert (view.alarms, view.warnings) == ((), ("few cores",))
