"""What screens share that lie over the first one and show all its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui_trainer.tui.views import RunView


class Following:
    """A screen that the first one tells of the runs whenever there is something new."""

    def show(self, runs: Sequence[RunView]) -> None:
        """Show them as they are now."""
        raise NotImplementedError
