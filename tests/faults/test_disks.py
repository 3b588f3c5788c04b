"""Disks that are full, fail or go read-only: nothing that stood is lost, and the run can go on."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from tests.faults.shim import FILL_UP, Fault

if TYPE_CHECKING:
    from tests.faults.trial import Bench, Trial

ERRORS = {"ENOSPC": errno.ENOSPC, "EDQUOT": errno.EDQUOT, "EIO": errno.EIO}
CALLS = ("write", "fsync", "rename", "close")
NTH = range(1, 21)


def sweep(bench: Bench, fault: Fault) -> Trial:
    """Let one call fail, check, resume, compare."""
    trial = bench.trial()
    ended = trial.suffer(fault)
    assert ended.code in {0, 1}, trial.log()
    if ended.code:
        assert os.strerror(fault.do if fault.do > 0 else errno.ENOSPC) in trial.log()
    trial.finish()
    return trial


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("error", ERRORS)
def test_any_call_may_fail(bench: Bench, error: str, call: str) -> None:
    for n in NTH:
        fault = Fault(match=f"{bench.project}/runs/*", call=call, at=n, do=ERRORS[error])
        trial = sweep(bench, fault)
        assert trial.faults == [], f"{error} at {call} {n}: {trial.log()}"
        trial.remove()


def test_any_write_may_find_room_for_its_beginning_alone(bench: Bench) -> None:
    for n in NTH:
        fault = Fault(match=f"{bench.project}/runs/*", call="write", at=n, do=FILL_UP)
        trial = sweep(bench, fault)
        assert trial.faults == [], f"write {n}: {trial.log()}"
        trial.remove()
