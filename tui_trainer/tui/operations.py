"""What the app can do to runs; the launcher does it, a test's stand-in records it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tui_trainer.launch.unattended import Answer, What
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.spec.experiment import Experiment
    from tui_trainer.spec.project import Project


class Asked(Protocol):
    """A question that takes a process seconds or minutes to answer."""

    def answer(self) -> Any:
        """Wait for it; raises TuiTrainerError, and Withdrawn where nobody wants it any more."""

    def withdraw(self) -> None:
        """Let it be; returns at once."""


class Operations(Protocol):
    """The launcher's functions. Each may take a second and raise TuiTrainerError."""

    def launch(self, project: Project, name: str, changes: Sequence[str] = ()) -> RunFolder:
        """Start a new run of an experiment."""

    def resume(self, folder: RunFolder) -> None:
        """Start the next attempt of a run that is not finished."""

    def stop(self, folder: RunFolder, *, at_once: bool = False) -> None:
        """Ask a run to stop, after a checkpoint or `at_once` without one."""

    def assess(
        self, folders: Sequence[RunFolder], what: What, images: Path | None = None
    ) -> Iterable[Answer]:
        """Begin to evaluate or predict run after run; how each went, as soon as it is over."""

    def rehearse(
        self, project: Project, name: str, experiment: Experiment, talk: int | None = None
    ) -> Asked:
        """The preflight of an experiment, not asked yet."""

    def preview_schedule(
        self, project: Project, experiment: Experiment, talk: int | None = None
    ) -> Asked:
        """Its learning rate over the epochs, not asked yet."""
