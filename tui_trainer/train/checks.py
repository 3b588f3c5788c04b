"""Goes through the checks of a preflight: each gives a line, and one that fails ends no other."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, NamedTuple

import torch

from tui_trainer.errors import TuiTrainerError, UsageError
from tui_trainer.record.finding import Finding
from tui_trainer.train import own

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tui_trainer.train.reporter import Reporter


class Interrupted(Exception):  # noqa: N818  somebody asked for it
    """The run is to stop."""


class Check(NamedTuple):
    """One line of the table, and how it comes about."""

    subject: str
    look: Callable[[], Finding]
    needs: tuple[str, ...] = ()
    """Checks without which this one cannot be."""


def tabulate(
    checks: Sequence[Check], go_on: Callable[[], None], reporter: Reporter
) -> list[Finding]:
    """What each check found; those that lack what they need are named in a line of their own.

    Args:
        checks: In order.
        go_on: Called before each.
        reporter: Hears tracebacks of what nobody expected.

    Raises:
        Interrupted: By `go_on`, or in a check.
    """
    failed, left_out, findings = set[str](), list[str](), list[Finding]()
    for check in checks:
        go_on()
        if failed.intersection(check.needs):
            left_out.append(check.subject)
            failed.add(check.subject)
            continue
        finding = _look(check, reporter)
        if finding.level == "error":
            failed.add(check.subject)
        # A piece that several checks ask for is missing once.
        if finding.level != "error" or all(finding.found != other.found for other in findings):
            findings.append(finding)
    if left_out:
        found = f"not rehearsed after the errors above: {', '.join(left_out)}"
        findings.append(Finding("the rest", "warning", found))
    return findings


def _look(check: Check, reporter: Reporter) -> Finding:
    try:
        return check.look()
    except Interrupted:
        raise
    except TuiTrainerError as error:
        return Finding(check.subject, "error", error.message, error.hint)
    except OSError as error:
        return Finding(check.subject, "error", str(error), UsageError.of_system(error).hint)
    except torch.OutOfMemoryError as error:
        found = f"the device has too little memory: {str(error).partition('. ')[0]}"
        return Finding(check.subject, "error", found, "lower batch_size")
    except own.FAILURES as error:  # whatever the run would end with
        reporter.complain(traceback.format_exc().rstrip())
        cure = "the whole traceback stands in a run's log: tui-trainer run, then tui-trainer logs"
        return Finding(check.subject, "error", own.describe_shortly(error), cure)
