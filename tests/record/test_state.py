"""A state is concluded from evidence; a dead run never reads running."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_trainer.errors import ExitCode
from tui_trainer.record.events import (
    Alarmed,
    AttemptEnded,
    AttemptStarted,
    CheckpointSaved,
    Event,
    Extended,
    Launched,
    LaunchFailed,
    TrainingBegan,
    Warned,
)
from tui_trainer.record.heartbeat import Heartbeat, Progress
from tui_trainer.record.owner import Owner
from tui_trainer.record.state import (
    STALLED_SECONDS,
    STALLED_WITHOUT_STEPS_SECONDS,
    Evidence,
    State,
    Verdict,
    exit_cause,
    fold,
    judge,
    stop_cause,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

ME = Owner.of_process(os.getpid())
DEAD = replace(ME, start_ticks=ME.start_ticks - 1)
ELSEWHERE = replace(ME, host="node7", boot_id="another", job_id="4711")
BEFORE_A_REBOOT = replace(ME, boot_id="another")
LAUNCHED = Launched(launcher="local", owner=ME)


def started(owner: Owner = ME, attempt: int = 1) -> AttemptStarted:
    return AttemptStarted(attempt=attempt, owner=owner, threads=2)


def ended(exit_code: int, attempt: int = 1) -> AttemptEnded:
    cause = exit_cause(exit_code)
    return AttemptEnded(attempt=attempt, exit_code=exit_code, cause=cause, peak_memory_bytes=1)


def beat(
    stage: str = "training",
    idle: float = 0.0,
    core: Owner | None = None,
    step_seconds: float | None = 0.5,
    restart_seconds: float | None = None,
) -> Heartbeat:
    return Heartbeat(
        beat=3,
        attempt=1,
        owner=ME,
        core=core,
        progress=Progress(stage=stage, epoch=1, step=2, steps=9),
        idle_seconds=idle,
        step_seconds=step_seconds,
        restart_seconds=restart_seconds,
    )


def evidence(
    events: Sequence[Event] = (LAUNCHED,),
    *,
    owner: Owner | None = ME,
    attempt: int = 1,
    heartbeat: Heartbeat | None = None,
    is_beating: bool | None = None,
    stop_request: bool | None = None,
) -> Evidence:
    return Evidence(
        is_there=True,
        was_prepared=True,
        history=fold(events),
        newest_attempt=attempt,
        owner=owner,
        heartbeat=heartbeat,
        is_beating=is_beating,
        stop_request=stop_request,
    )


RUNNING = (LAUNCHED, started())
BEGAN = TrainingBegan(attempt=1, epoch=1, step=0, checkpoint="")
CASES = {
    "no supervisor yet": (evidence(attempt=0, owner=None), State.QUEUED),
    "no experiment": (replace(evidence(attempt=0), was_prepared=False), State.FAILED),
    "launch failed": (evidence([LAUNCHED, LaunchFailed(cause="x")], attempt=0), State.FAILED),
    "launched by a process that is gone": (
        evidence([Launched(launcher="local", owner=DEAD)], attempt=0, owner=None),
        State.FAILED,
    ),
    "launched before the machine was started anew": (
        evidence([Launched(launcher="local", owner=BEFORE_A_REBOOT)], attempt=0, owner=None),
        State.FAILED,
    ),
    "launched on another machine": (
        evidence([Launched(launcher="local", owner=ELSEWHERE)], attempt=0, owner=None),
        State.QUEUED,
    ),
    "launched on another machine, and taken by nobody for long": (
        evidence([Launched(time=1.0, launcher="local", owner=ELSEWHERE)], attempt=0, owner=None),
        State.FAILED,
    ),
    "owner lives, nothing said yet": (evidence(), State.PREFLIGHT),
    "started by hand, and trains": (evidence([*RUNNING, BEGAN]), State.RUNNING),
    "owner lives and trains": (evidence(RUNNING, heartbeat=beat()), State.RUNNING),
    "starts": (evidence(RUNNING, heartbeat=beat("starting")), State.PREFLIGHT),
    "is about to start": (evidence(RUNNING, heartbeat=beat("waiting")), State.PREFLIGHT),
    "prepares": (evidence(RUNNING, heartbeat=beat("preparing")), State.PREFLIGHT),
    "evaluates": (evidence(RUNNING, heartbeat=beat("evaluating")), State.EVALUATING),
    "no step for long": (
        evidence(RUNNING, heartbeat=beat(idle=STALLED_SECONDS + 1)),
        State.STALLED,
    ),
    "a first step that takes its time": (
        evidence(RUNNING, heartbeat=beat("saving", idle=20 * STALLED_SECONDS)),
        State.RUNNING,
    ),
    "only one step so far": (
        evidence(RUNNING, heartbeat=beat(idle=20 * STALLED_SECONDS, step_seconds=None)),
        State.RUNNING,
    ),
    "slow steps": (
        evidence(RUNNING, heartbeat=beat(idle=19 * 30, step_seconds=30.0)),
        State.RUNNING,
    ),
    "slow steps, and none for long": (
        evidence(RUNNING, heartbeat=beat(idle=21 * 30, step_seconds=30.0)),
        State.STALLED,
    ),
    "decodes images": (
        evidence(RUNNING, heartbeat=beat("preparing", idle=20 * STALLED_SECONDS)),
        State.PREFLIGHT,
    ),
    "a long evaluation": (
        evidence(RUNNING, heartbeat=beat("evaluating", idle=20 * STALLED_SECONDS)),
        State.EVALUATING,
    ),
    "an evaluation that hangs": (
        evidence(RUNNING, heartbeat=beat("evaluating", idle=STALLED_WITHOUT_STEPS_SECONDS + 1)),
        State.STALLED,
    ),
    "waits to start again": (
        evidence(RUNNING, heartbeat=beat("waiting", restart_seconds=3.0)),
        State.STALLED,
    ),
    "its folder is gone": (
        replace(evidence([], attempt=0), is_there=False, was_prepared=False),
        State.FAILED,
    ),
    "asked to stop": (evidence(RUNNING, heartbeat=beat(), stop_request=False), State.STOPPING),
    "owner gone": (evidence(RUNNING, owner=DEAD, heartbeat=beat()), State.CRASHED),
    "owner gone, core saves": (
        evidence(RUNNING, owner=DEAD, heartbeat=beat(core=ME)),
        State.STOPPING,
    ),
    "both gone": (evidence(RUNNING, owner=DEAD, heartbeat=beat(core=DEAD)), State.CRASHED),
    "claim unreadable, not watched yet": (evidence(RUNNING, owner=None), State.PREFLIGHT),
    "claim unreadable, silent": (evidence(RUNNING, owner=None, is_beating=False), State.LOST),
    "elsewhere, not watched yet": (evidence(RUNNING, owner=ELSEWHERE), State.PREFLIGHT),
    "elsewhere, beats": (
        evidence(RUNNING, owner=ELSEWHERE, heartbeat=beat(), is_beating=True),
        State.RUNNING,
    ),
    "elsewhere, silent": (evidence(RUNNING, owner=ELSEWHERE, is_beating=False), State.LOST),
    "done": (evidence([*RUNNING, ended(0)], owner=DEAD), State.FINISHED),
    "crash": (evidence([*RUNNING, ended(1)], owner=DEAD), State.CRASHED),
    "killed": (evidence([*RUNNING, ended(-9)], owner=DEAD), State.CRASHED),
    "refused": (evidence([*RUNNING, ended(3)], owner=DEAD), State.FAILED),
    "stopped by a scheduler": (evidence([*RUNNING, ended(75)], owner=DEAD), State.INTERRUPTED),
    "stopped by request": (
        evidence([*RUNNING, ended(75)], owner=DEAD, stop_request=False),
        State.STOPPED,
    ),
    "stopped at once": (
        evidence([*RUNNING, ended(-9)], owner=DEAD, stop_request=True),
        State.STOPPED,
    ),
    "asked to stop and killed by something else": (
        evidence([*RUNNING, ended(-9)], owner=DEAD, stop_request=False),
        State.CRASHED,
    ),
    "crashed once, starts again": (
        evidence([*RUNNING, BEGAN, ended(1), started(attempt=2)], attempt=2),
        State.PREFLIGHT,
    ),
    "ended elsewhere": (evidence([*RUNNING, ended(0)], owner=ELSEWHERE), State.FINISHED),
}


@pytest.mark.parametrize("case", CASES)
def test_the_state_follows_from_the_evidence(case: str) -> None:
    given_evidence, state = CASES[case]
    verdict = judge(given_evidence)
    assert verdict.state is state
    assert verdict.cause or state in {
        State.RUNNING,
        State.PREFLIGHT,
        State.EVALUATING,
        State.STOPPING,
        State.FINISHED,
    }


def test_a_silent_owner_elsewhere_is_named() -> None:
    cause = judge(evidence(RUNNING, owner=ELSEWHERE, is_beating=False)).cause
    assert "node7" in cause
    assert "4711" in cause


def test_exit_codes_have_words() -> None:
    assert exit_cause(0) == ""
    assert exit_cause(7) == "exit code 7"
    assert exit_cause(-signal.SIGTERM) == "killed by SIGTERM"
    assert "memory" in exit_cause(-signal.SIGKILL)
    assert exit_cause(-200) == "killed by signal 200"


def test_who_sent_a_signal_that_stopped_it_is_guessed_in_words() -> None:
    assert stop_cause(0) == "stopped, resumable"
    assert stop_cause(signal.SIGINT) == "stopped by SIGINT; resumable"
    assert "wall-time" in stop_cause(signal.SIGUSR2)
    assert "processor time" in stop_cause(signal.SIGXCPU)
    assert "job 4711" in stop_cause(signal.SIGTERM, "4711")


def test_a_machine_that_was_started_anew_is_named() -> None:
    rebooted = replace(ME, boot_id="another")
    cause = judge(evidence(RUNNING, owner=rebooted, is_beating=False)).cause
    assert "its machine was started anew" in cause


@given(st.lists(st.floats(-86400, 86400), min_size=4, max_size=4))
def test_clocks_that_jump_change_no_state(jumps: list[float]) -> None:
    """What is compared comes from counters; written times are for people."""
    events: list[Event] = [LAUNCHED, started(), ended(1), started(attempt=2)]
    jumped: list[Event] = [
        replace(event, time=event.time + by) for event, by in zip(events, jumps, strict=True)
    ]
    for count in range(1, 5):
        attempt = max(1, count - 2)
        before = judge(evidence(events[:count], attempt=attempt))
        assert judge(evidence(jumped[:count], attempt=attempt)) == before


def test_a_run_that_waits_for_slots_is_queued_and_nothing_is_wrong_with_it() -> None:
    waits = replace(beat("queued", idle=9000), waits_for="1st in the queue; cnn4/2 has the slots")
    assert judge(evidence(heartbeat=waits)) == Verdict(State.QUEUED, waits.waits_for)
    assert State.QUEUED.is_live
    assert judge(evidence(heartbeat=waits, stop_request=False)) == Verdict(State.STOPPING)
    elsewhere = evidence(owner=ELSEWHERE, heartbeat=waits, is_beating=False)
    assert judge(elsewhere).state is State.LOST
    assert judge(evidence(owner=DEAD, heartbeat=waits)).state is State.CRASHED


def test_live_and_resumable_exclude_each_other() -> None:
    for state in State:
        assert not (state.is_live and state.is_resumable)
    assert not State.FINISHED.is_resumable
    assert State.CRASHED.is_resumable


EVENTS = st.lists(
    st.one_of(
        st.just(LAUNCHED),
        st.builds(started, attempt=st.integers(1, 4)),
        st.builds(ended, st.sampled_from([0, 1, 3, 75, -9]), attempt=st.integers(1, 4)),
        st.builds(
            TrainingBegan,
            attempt=st.integers(1, 4),
            epoch=st.integers(1, 9),
            step=st.integers(0, 9),
            checkpoint=st.just(""),
        ),
    ),
    max_size=12,
)


@given(EVENTS)
def test_folding_a_prefix_and_going_on_equals_folding_all(events: list[Event]) -> None:
    for cut in range(len(events) + 1):
        history = fold(events[:cut])
        for event in events[cut:]:
            history.apply(event)
        assert history == fold(events)


@given(EVENTS, st.integers(1, 4))
def test_no_run_whose_owner_is_gone_reads_live(events: list[Event], attempt: int) -> None:
    verdict = judge(evidence(events, owner=DEAD, attempt=attempt))
    assert not verdict.state.is_live


def test_alarms_are_warnings_that_can_be_told_apart() -> None:
    warned = Warned(attempt=1, message="few cores")
    alarmed = Alarmed(attempt=1, epoch=3, kind="plateau", message="no better")
    history = fold([LAUNCHED, warned, alarmed])
    assert history.warnings == [warned, alarmed]
    assert history.alarms == [alarmed]


def test_an_extended_run_is_not_finished_until_it_went_on() -> None:
    end = (*RUNNING, ended(0))
    extended = (*end, Extended(after=1, epochs=50))
    verdict = judge(evidence(extended))
    assert verdict.state is State.STOPPED
    assert "50 epochs" in verdict.cause
    gone_on = (*extended, started(attempt=2), ended(0, attempt=2))
    assert judge(evidence(gone_on, attempt=2)).state is State.FINISHED


def test_an_extension_counts_only_if_no_attempt_began_since() -> None:
    late: tuple[Event, ...] = (*RUNNING, ended(0), started(attempt=2), Extended(after=1, epochs=50))
    assert fold(late).extended is None
    two: tuple[Event, ...] = (*RUNNING, ended(0), *(Extended(after=1, epochs=n) for n in (50, 60)))
    extended = fold(two).extended
    assert extended is not None
    assert extended.epochs == 60


def test_what_is_refused_after_it_trained_has_crashed_and_can_go_on() -> None:
    saved = CheckpointSaved(
        attempt=1,
        epoch=3,
        step=9,
        checkpoint="epoch-0003.pt",
        sha256="",
        weights_sha256="",
    )
    refused = (started(attempt=2), ended(ExitCode.PREFLIGHT, attempt=2))
    before = judge(evidence([*RUNNING, ended(-9), *refused], attempt=2))
    after = judge(evidence([*RUNNING, saved, ended(-9), *refused], attempt=2))
    assert (before.state, after.state) == (State.FAILED, State.CRASHED)
    assert after.cause == before.cause


def test_how_large_the_network_is_stays_known_after_a_resume() -> None:
    began = TrainingBegan(attempt=1, epoch=1, step=0, checkpoint="", parameters=557, flops=9000)
    resumed = TrainingBegan(attempt=2, epoch=3, step=0, checkpoint="epoch-0002.pt")
    assert fold([LAUNCHED, began, resumed]).complexity == (557, 9000)
    assert fold([LAUNCHED, resumed]).complexity is None
