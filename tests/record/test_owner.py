"""A process is known by more than its pid."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

from tui_trainer.record.owner import Owner, Presence


def test_a_living_process_is_alive_and_a_dead_one_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = Owner.of_process(process.pid)
    assert owner.presence() is Presence.ALIVE
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert owner.presence() is Presence.DEAD  # not even reaped yet
    process.wait()
    assert owner.presence() is Presence.DEAD
    if process.stdin:
        process.stdin.close()


def test_a_pid_that_another_program_got_is_not_the_owner() -> None:
    owner = Owner.of_process(os.getpid())
    assert replace(owner, start_ticks=owner.start_ticks - 1).presence() is Presence.DEAD


def test_another_boot_or_pid_namespace_is_out_of_sight() -> None:
    owner = Owner.of_process(os.getpid())
    assert replace(owner, boot_id="other").presence() is Presence.OUT_OF_SIGHT
    assert replace(owner, pid_namespace="pid:[1]").presence() is Presence.OUT_OF_SIGHT


def test_an_owner_survives_json_and_damage() -> None:
    owner = Owner.of_process(os.getpid())
    assert Owner.from_record(owner.as_record()) == owner
    assert Owner.from_record({"pid": "7", "host": 3}).pid == 0


def test_two_ownerships_of_one_process_are_told_apart() -> None:
    assert Owner.of_process(os.getpid()).token != Owner.of_process(os.getpid()).token
