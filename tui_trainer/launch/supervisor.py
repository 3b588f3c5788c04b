"""Owns a run from a start by a person to its end: attempt after attempt, while there is hope.

`python -m tui_trainer.launch.supervisor RUN_FOLDER` claims the next attempt, answers on standard
output with one JSON line whether it owns it, and lives on in a session of its own, without a
terminal. It waits for its turn in the queue, unless `--no-queue` is said behind the folder. A core
that crashes is started again from the last good checkpoint, as an attempt of its own. The same
program runs on a laptop and inside a cluster's job.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tui_trainer.errors import ExitCode, TuiTrainerError
from tui_trainer.launch.attempt import SupervisedAttempt, log
from tui_trainer.launch.local import NO_QUEUE
from tui_trainer.launch.on_end import run_on_end
from tui_trainer.launch.restarts import Decision, Restarts, wait_before
from tui_trainer.launch.room import want_of_room
from tui_trainer.launch.signals import Signals
from tui_trainer.launch.turn import AtOnce, driver_for, turn_of
from tui_trainer.record.claim import claim
from tui_trainer.record.experiment_file import read_experiment_to_train
from tui_trainer.record.failure import Hope
from tui_trainer.record.owner import Owner
from tui_trainer.record.run_folder import VERIFICATIONS, RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui_trainer.launch.gpu_choice import Driver
    from tui_trainer.launch.restarts import Ending
    from tui_trainer.launch.turn import Turn
    from tui_trainer.record.run_folder import AttemptFolder
    from tui_trainer.spec.experiment import Resources


def main() -> None:
    """Claim, answer, live on alone, supervise."""
    folder = RunFolder(Path(sys.argv[1]).absolute())
    _leave_the_terminal()
    signals = Signals()
    try:
        resources = read_experiment_to_train(folder).experiment.resources
        # Before the claim, after which a run that gives no beat would be taken for lost.
        driver = driver_for(resources)
        attempt, owner = claim(folder)
        # Before the answer, after which others may be launched, who stand behind it.
        turn = _turn(folder, resources, driver)
    except TuiTrainerError as error:
        _answer({"message": error.message, "hint": error.hint, "exit_code": error.exit_code})
        sys.exit(error.exit_code)
    except OSError as error:
        _answer({"message": f"cannot start {folder.run}: {error}", "exit_code": ExitCode.CRASHED})
        sys.exit(ExitCode.CRASHED)
    _answer({"attempt": attempt.number})
    Supervisor(folder, resources, turn, signals).supervise(attempt, owner)


class Supervisor:
    """Everything that happens to a run between a start by a person and its end.

    Args:
        folder: The run.
        resources: What the experiment may use.
        turn: When it may begin.
        signals: What this process is sent.
        goes_on: Whether the run goes on elsewhere by itself after an attempt with this number that
            ended so; asked before the end is recorded.
    """

    def __init__(
        self,
        folder: RunFolder,
        resources: Resources,
        turn: Turn,
        signals: Signals,
        goes_on: Callable[[int, Ending], bool] = lambda _attempt, _ending: False,
    ) -> None:
        self._folder = folder
        self._turn = turn
        self._goes_on = goes_on
        self._restarts = Restarts(resources.max_restarts)
        self._signals = signals

    def supervise(self, claimed: AttemptFolder, owner: Owner) -> None:
        """Bring the run to its end, and record the end of each attempt whatever happens."""
        attempt: SupervisedAttempt | None = self._attempt(claimed, owner)
        wait_seconds, waits_for = 0.0, ""
        while attempt is not None:
            _print_into(attempt.folder.log_file)
            ending = attempt.live(wait_seconds, waits_for)
            decision = self._restarts.after(ending)
            wait_seconds, waits_for = decision.wait_seconds or 0.0, self._waits_for(ending)
            # Claimed first and recorded then: at no moment does the run look as if it were over.
            following = self._following(attempt, decision, waits_for)
            if following is None and decision.wait_seconds and attempt.is_asked_to_stop():
                ending = attempt.stopped_after(ending)
                decision = Decision(ending.cause)
            if following is None:
                self._turn.step_back()
            goes_on = following is None and self._goes_on(attempt.folder.number, ending)
            attempt.record_end(ending, decision.cause, now_owned_by=following or attempt)
            if following is None and not goes_on and self._is_over_with(attempt):
                run_on_end(self._folder, log)
            attempt = following

    def _waits_for(self, ending: Ending) -> str:
        """What has to change before there is another attempt; empty where time is all it needs."""
        if ending.hope is not Hope.ROOM:
            return ""
        with contextlib.suppress(OSError):
            return f"{want_of_room(self._folder)}; it ended: {ending.cause}"
        return ""

    def _following(
        self, attempt: SupervisedAttempt, decision: Decision, waits_for: str
    ) -> SupervisedAttempt | None:
        """The next attempt, if there is to be one and nobody else took it."""
        if decision.wait_seconds is None:
            return None
        owner = Owner.of_process(os.getpid())
        for failed in itertools.count(1):
            try:
                claimed = self._claimed_after(attempt, owner)
            except TuiTrainerError as error:
                log(f"cannot be started again: {error}")
                return None
            except OSError as error:
                log(f"cannot be started again yet: {error}")
                waits_for = waits_for or f"cannot be started again yet: {error}"
            else:
                log(f"attempt {claimed.number} begins in {decision.wait_seconds:.0f} s")
                return self._attempt(claimed, owner)
            if not attempt.wait(wait_before(failed), waits_for):
                return None
        raise AssertionError

    def _is_over_with(self, attempt: SupervisedAttempt) -> bool:
        """Whether nobody took the run over, and it is one of the user's own."""
        is_newest = self._folder.attempts_claimed == attempt.folder.number
        return is_newest and self._folder.experiment_name != VERIFICATIONS

    def _claimed_after(self, attempt: SupervisedAttempt, owner: Owner) -> AttemptFolder:
        claimed = self._folder.claim_attempt(owner, after=attempt.folder.number)
        # Who asked at this very moment meant the run, not the attempt that just ended.
        asked = attempt.folder.stop_request()
        if asked is not None:
            claimed.ask_to_stop(at_once=asked)
        return claimed

    def _attempt(self, claimed: AttemptFolder, owner: Owner) -> SupervisedAttempt:
        return SupervisedAttempt(self._folder, claimed, owner, self._turn, self._signals)


def _turn(folder: RunFolder, resources: Resources, driver: Driver) -> Turn:
    if NO_QUEUE in sys.argv[2:]:
        return AtOnce(resources.slots)
    return turn_of(folder, resources, driver)


def _leave_the_terminal() -> None:
    """Go on in a child with a session of its own, which no terminal or parent can take along."""
    if os.fork():
        os._exit(0)
    os.setsid()


def _answer(record: dict[str, object]) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(record) + "\n")
        sys.stdout.flush()


def _print_into(log_file: Path) -> None:
    """Send everything printed from now on to the log; closes what was printed into before."""
    try:
        descriptor = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    except OSError:
        # A full disk; and whoever waits for the answer waits until its pipe is closed.
        descriptor = os.open(os.devnull, os.O_WRONLY)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)


if __name__ == "__main__":
    main()
