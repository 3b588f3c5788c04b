"""The learning rate over the epochs of a run that has not begun."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from tui_trainer.tui import figures
from tui_trainer.tui.widgets.plot import Chart, Series

if TYPE_CHECKING:
    from collections.abc import Mapping

PLATEAU_WORDS = "falls when validation stops improving, drawn as if it never did"


def schedule_chart(record: Mapping[str, Any], of: str = "") -> Chart:
    """What the core answered, as a chart.

    Args:
        record: The answer of `tui_trainer.train.schedule`.
        of: Whose it is, before the scheduler's name, where there could be doubt.
    """
    points = tuple((float(x), float(rate)) for x, rate in record["points"])
    if not record["steps_per_epoch"]:
        # Constant within each epoch, so it is stairs and no slope.
        ends = zip(points, [*points[1:], (float(record["epochs"]), 0.0)], strict=True)
        pairs = (((x, rate), (end, rate)) for (x, rate), (end, _) in ends)
        points = tuple(chain.from_iterable(pairs))
    about = [PLATEAU_WORDS] if record["depends_on_metric"] else []
    notes = (f"{of}{record['scheduler']}", *about)
    return Chart(
        title="learning rate",
        series=(Series("lr", "accent", points),),
        first_x=0,
        last_x=float(record["epochs"]),
        show_value=figures.learning_rate,
        notes=notes,
        empty="it is 0 throughout",
    )
