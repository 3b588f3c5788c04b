"""When everything that runs and waits will be done, as a time of day."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from tui_trainer.errors import TuiTrainerError
from tui_trainer.launch.queue import standing
from tui_trainer.launch.slots import Pool
from tui_trainer.study.queue_forecast import outlook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui_trainer.record.index import Run


class EndOfAll:
    """Looks at the slots of this machine only where a run waits for some."""

    def __init__(self) -> None:
        self._pool: Pool | None = None

    def words(self, runs: Sequence[Run]) -> str:
        """`07:40`; empty where nothing is live, or the end of something cannot be told."""
        live = [run for run in runs if run.state.is_live]
        if any(run.queue is not None for run in live):
            seconds = self._end_of_queue(runs)
        else:
            etas = [run.eta_seconds for run in live]
            known = [eta for eta in etas if eta is not None]
            seconds = max(known) if known and len(known) == len(etas) else None
        if seconds is None:
            return ""
        # A minute that has begun counts as the one that it is nearer to.
        return time.strftime("%H:%M", time.localtime(time.time() + seconds + 30))

    def _end_of_queue(self, runs: Sequence[Run]) -> float | None:
        with contextlib.suppress(TuiTrainerError, OSError):
            self._pool = self._pool or Pool.here()
            now = standing(self._pool)
            known = now.with_runs_from_elsewhere(runs)
            return outlook(known, now.taken, now.line, now.room).expected.all_done
        return None
